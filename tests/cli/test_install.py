# SPDX-License-Identifier: MIT
"""make install and uninstall, below DESTDIR."""
import os
import subprocess

from mounting import ROOT


def make(*words):
    # Not as a part of the make that may be running these tests.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(["make", "-C", ROOT, *words], capture_output=True, text=True, env=environment,
                          check=True)


def everything(top):
    return sorted(os.path.relpath(os.path.join(where, name), top)
                  for where, _, names in os.walk(top) for name in names)


def test_install_and_uninstall(work):
    make("install", f"DESTDIR={work}")
    assert everything(work) == [
        "sbin/mount.crmfs",
        "sbin/mount.fuse.crmfs",
        "usr/local/bin/crmfs",
        "usr/local/lib/systemd/system/crmfs-prune@.service",
        "usr/local/lib/systemd/system/crmfs-prune@.timer",
        "usr/local/lib/systemd/system/crmfs-snapshot@.service",
        "usr/local/lib/systemd/system/crmfs-snapshot@.timer",
        "usr/local/share/bash-completion/completions/crmfs",
        "usr/local/share/man/man1/crmfs.1",
        "usr/local/share/man/man5/crmfs.conf.5",
    ]
    binary = work / "usr/local/bin/crmfs"
    assert binary.stat().st_mode & 0o777 == 0o755
    said = subprocess.check_output([binary, "--version"], text=True)
    assert said.startswith("crmfs ")
    assert os.readlink(work / "sbin/mount.crmfs") == "/usr/local/bin/crmfs"
    make("uninstall", f"DESTDIR={work}")
    assert everything(work) == []


def test_prefix(work):
    make("install", f"DESTDIR={work}", "PREFIX=/usr", "SBINDIR=/usr/sbin")
    assert (work / "usr/bin/crmfs").exists()
    assert os.readlink(work / "usr/sbin/mount.crmfs") == "/usr/bin/crmfs"
