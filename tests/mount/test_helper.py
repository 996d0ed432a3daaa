# SPDX-License-Identifier: MIT
"""mount(8) and /etc/fstab, by way of the mount.crmfs helper."""
import os
import subprocess

import pytest

import mounting

ROOT = mounting.ROOT


@pytest.fixture
def helper(work):
    """A link to the binary under the helper's name."""
    link = work / "mount.crmfs"
    link.symlink_to(mounting.BINARY)
    return link


def called(mount, helper, *arguments):
    """A mount whose start is a call of the helper; the last argument is the mountpoint."""
    top = mount(start=None)
    top.command = [helper, *arguments[:1], top.point, *arguments[1:]]
    answer = top.start()
    assert answer.status == 0, answer
    return top


def test_direct(mount, helper, crm_db):
    top = called(mount, helper, crm_db, "-o", "rw,uid=5")
    assert os.stat(top.path("live/crm_db/accounts.csv")).st_uid == 5


@pytest.mark.parametrize("flags", [["-s"], ["-n"], ["-v"], ["-sn"], ["-sv", "-o", "ro"], ["-o", "rw", "-n", "-v"],
                                   ["-r"], ["-w"], ["-t", "fuse.crmfs", "-N", "/proc/self/ns/mnt"]])
def test_flags(mount, helper, crm_db, flags):
    assert os.listdir(called(mount, helper, crm_db, *flags).path("live")) == ["crm_db"]


def test_fake(helper, work, crm_db):
    """-f: everything but the mount itself."""
    (work / "point").mkdir()
    subprocess.run([helper, crm_db, work / "point", "-f"], check=True)
    assert not mounting.is_mounted(work / "point")


def test_sloppy(mount, helper, work, crm_db):
    """-s: options that are not known are let pass; without, refused by name."""
    (work / "point").mkdir()
    done = subprocess.run([helper, crm_db, work / "point", "-o", "nonsense"], capture_output=True, check=False)
    assert done.returncode != 0 and b"nonsense" in done.stderr
    top = called(mount, helper, crm_db, "-s", "-o", "nonsense")
    assert os.listdir(top.path("live")) == ["crm_db"]


@pytest.mark.parametrize("word", ["-h", "--help"])
def test_help(helper, word):
    done = subprocess.run([helper, word], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: mount.crmfs ") and done.stderr == ""


@pytest.mark.parametrize("word", ["-V", "--version"])
def test_version(helper, word):
    done = subprocess.run([helper, word], capture_output=True, text=True, check=True)
    assert done.stdout == subprocess.check_output([mounting.BINARY, "--version"], text=True)


def test_remount(mount, helper, crm_db):
    """What a mount cannot do is said, and leaves it as it is."""
    top = called(mount, helper, crm_db)
    done = subprocess.run([helper, crm_db, top.point, "-o", "remount,ro"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "remount" in done.stderr and "unmount it" in done.stderr
    assert os.listdir(top.path("live")) == ["crm_db"]


def test_config(mount, helper, work, crm_db):
    (work / "crmfs.conf").write_text(f"[source a]\nurl = {crm_db}\n")
    top = called(mount, helper, "none", "-o", f"config={work}/crmfs.conf")
    assert os.listdir(top.path("live")) == ["a"]


# With its own mounts nothing of the system's /sbin and /etc is touched.
SCRIPT = """
set -eu
sbin=$(readlink -f /sbin)
mount -t overlay overlay -o "lowerdir=$DEST/usr/local:/usr/local" /usr/local
mount -t overlay overlay -o "lowerdir=$DEST/sbin:$sbin" "$sbin"
mount -t crmfs -o uid=7 "$DB" "$POINT"
stat -c %u "$POINT/live/crm_db/accounts.csv"
umount "$POINT"
printf '%s %s crmfs umask=077,nofail,x-test 0 0\\n' "$DB" "$POINT" >"$FSTAB"
mount -T "$FSTAB" "$POINT"
stat -c %a "$POINT/live/crm_db/accounts.csv"
findmnt -n -o FSTYPE "$POINT"
mount -o remount,ro "$POINT" 2>&1 | grep -c 'unmount it'
umount "$POINT"
mount -t fuse.crmfs "$DB" "$POINT"
ls "$POINT/live"
umount "$POINT"
"""


def test_mount_command_and_fstab(root, work, crm_db):
    """Installed with DESTDIR and shown to mount(8) in a namespace of its own."""
    dest = work / "dest"
    dest.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    subprocess.run(["make", "-C", ROOT, "install", f"DESTDIR={dest}"], check=True, capture_output=True,
                   env=environment)
    (work / "point").mkdir()
    variables = {"DEST": str(dest), "DB": str(crm_db), "POINT": str(work / "point"),
                 "FSTAB": str(work / "fstab"), "TMPDIR": str(work)}
    done = subprocess.run(mounting.alone(SCRIPT),
                          env={**os.environ, **variables}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["7", "400", "fuse.crmfs", "1", "crm_db"]
