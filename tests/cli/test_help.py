# SPDX-License-Identifier: MIT
"""--help, --version, and what a wrong command line says."""
import re
import subprocess

import pytest

from command import crmfs
from mounting import BINARY


@pytest.mark.sanitize
@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["help"], ["mount", "--help"], ["help", "mount"],
                                       ["mount", "-h"]])
def test_help(arguments):
    done = crmfs(*arguments)
    assert done.returncode == 0 and done.stderr == ""
    assert "mount" in done.stdout and "sage" in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    assert not re.search(r"[ \t]\n", done.stdout)


def test_every_help_fits_a_terminal():
    names = re.findall(r"^  ([a-z-]+)  ", crmfs("--help").stdout, re.MULTILINE)
    assert "verify-restore" in names
    for name in names:
        text = crmfs("help", name).stdout
        assert text.startswith(f"usage: crmfs {name} ")
        assert not [line for line in text.splitlines() if len(line) > 80]


def test_mount_help_names_every_option():
    text = crmfs("mount", "--help").stdout
    for option in ("allow_other", "uid=", "gid=", "umask=", "max-memory=", "refresh=", "spool=", "spool-size=",
                   "busy-timeout=", "--config", "-f"):
        assert option in text, option


def test_version():
    done = crmfs("--version")
    assert done.returncode == 0
    assert re.fullmatch(r"crmfs \d+\.\d+\.\d+\S*\n", done.stdout.split("\n")[0] + "\n")


@pytest.mark.sanitize
@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["--nonsense"], ["help", "nonsense"], ["Mount"], [""],
                                       ["mount", "--version=3"], ["--help=x"]])
def test_wrong(arguments):
    done = crmfs(*arguments)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("crmfs: ") and "--help" in done.stderr
    if arguments and arguments[-1]:
        assert arguments[-1].split("=")[0] in done.stderr


def test_output_that_cannot_be_written():
    """A full disk behind standard output is a failure."""
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([BINARY, "--help"], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1 and b"No space" in done.stderr


def test_words_are_written_once():
    """A message is what was tried, what failed and what to do, on as many lines as it needs."""
    done = crmfs("mount", "/nonexistent.db", "/nonexistent")
    assert done.returncode == 1
    assert done.stderr.startswith("crmfs: ") and done.stderr.endswith("\n")
    assert len(done.stderr.splitlines()) <= 3
