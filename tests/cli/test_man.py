# SPDX-License-Identifier: MIT
"""The manual pages render without a warning, and name every option."""
import os
import subprocess

import pytest

from mounting import ROOT

PAGES = {"crmfs.1": "crmfs", "crmfs.conf.5": "crmfs.conf"}


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The pages, made by scdoc as `make man` makes them."""
    directory = tmp_path_factory.mktemp("man")
    for page in PAGES:
        with open(ROOT / f"tools/man/{page}.scd", "rb") as source, open(directory / page, "wb") as made:
            subprocess.run(["scdoc"], stdin=source, stdout=made, check=True)
    return directory


def render(path):
    environment = {**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8", "MAN_KEEP_FORMATTING": "",
                   "MANROFFSEQ": ""}
    return subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", path], capture_output=True, text=True,
                          env=environment, check=True)


@pytest.mark.parametrize("page", PAGES)
def test_renders(pages, page):
    done = render(pages / page)
    warnings = [line for line in done.stderr.splitlines() if "Syslog" not in line]
    assert warnings == []
    assert "NAME" in done.stdout and PAGES[page] in done.stdout and "SEE ALSO" in done.stdout


@pytest.mark.parametrize("page", PAGES)
def test_shows_what_was_written(pages, page):
    """Roff takes a dot off the beginning of a line; and tables have no frames."""
    written = (ROOT / f"tools/man/{page}.scd").read_text(encoding="utf-8")
    assert not [line for line in written.splitlines() if line.strip().startswith(".")]
    assert "\N{BOX DRAWINGS LIGHT VERTICAL}" not in render(pages / page).stdout


def test_names_every_option(pages):
    text = render(pages / "crmfs.1").stdout
    for option in ("allow_other", "allow_root", "default_permissions", "auto_unmount", "uid=", "gid=", "umask=",
                   "max-memory=", "refresh=", "spool=", "spool-size=", "busy-timeout=", "fsname=", "subtype=",
                   "debug", "--config", "--foreground", "--version"):
        assert option in text, option
    for file in ("datapackage.json", "schema.sql", ".crmfs/errors", ".crmfs/status"):
        assert file in text, file
