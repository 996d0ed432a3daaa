# SPDX-License-Identifier: MIT
"""However it ends, nothing is left behind and the next mount works."""
import os
import select
import signal
import sqlite3
import subprocess
import time

import pytest

from folder import slurp
from mounting import as_user, eventually, is_alive, is_mounted


def still_works(mount, database, point):
    again = mount(database, mountpoint=point)
    assert slurp(again.live() / "accounts.csv").startswith(b"id,")
    again.unmount()


@pytest.mark.sanitize
def test_unmount(mount, crm_db):
    top = mount(crm_db)
    slurp(top.live() / "activities.csv")
    top.unmount()
    assert os.listdir(top.point) == []
    still_works(mount, crm_db, top.point)


def test_umount(mount, root, crm_db):
    top = mount(crm_db)
    subprocess.run(["umount", top.point], check=True)
    top.assert_gone()


def test_busy_unmount_is_refused(mount, crm_db):
    """As for any file system: EBUSY while a file is open, and it goes on serving."""
    top = mount(crm_db)
    with open(top.live() / "accounts.csv", "rb") as held:
        assert top.run(["fusermount3", "-u", top.point]).status != 0
        assert held.read().startswith(b"id,")


@pytest.mark.sanitize
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_unmount(mount, crm_db, sign):
    top = mount(crm_db)
    slurp(top.live() / "accounts.csv")
    os.kill(top.pid, sign)
    top.assert_gone()
    still_works(mount, crm_db, top.point)


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_foreground(mount, crm_db, sign):
    """-f stays in front, and ends with status 0 when told to."""
    top = mount(crm_db, start="front")
    assert top.pid == top.process.pid
    assert slurp(top.live() / "accounts.csv").startswith(b"id,")
    top.process.send_signal(sign)
    assert top.process.wait(20) == 0
    top.assert_gone()


def test_foreground_unmounted(mount, crm_db):
    top = mount(crm_db, start="front")
    subprocess.run(["fusermount3", "-u", top.point], check=True)
    assert top.process.wait(20) == 0


def test_sigterm_while_in_use(mount, crm_db):
    """A held file does not keep the daemon: it ends, and the holder gets an error."""
    top = mount(crm_db)
    with open(top.live() / "activities.csv", "rb", buffering=0) as held:
        held.read(10)
        os.kill(top.pid, signal.SIGTERM)
        assert eventually(lambda: not is_alive(top.pid), 20)
    top.assert_gone()


@pytest.mark.parametrize("when", ["idle", "reading", "scanning"])
def test_kill_9(mount, crm_db, large_crm_db, when):
    """Nothing mounted afterwards, nothing in the spool's directory, and the next mount works."""
    top = mount(large_crm_db if when == "scanning" else crm_db)
    folder = top.live()
    reader = None
    if when == "scanning":
        reader = subprocess.Popen(["cat", folder / "activities.csv"], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        time.sleep(0.2)
    elif when == "reading":
        slurp(folder / "activities.csv")
        reader = subprocess.Popen(["sh", "-c", 'while cat "$0" >/dev/null; do :; done', folder / "accounts.csv"],
                                  stderr=subprocess.DEVNULL)
        time.sleep(0.2)
    os.kill(top.pid, signal.SIGKILL)
    top.assert_gone(15)
    if reader:
        reader.wait(20)
    still_works(mount, crm_db, top.point)


@pytest.mark.sanitize
def test_killed_readers(mount, large_crm_db):
    """Readers that die midway, in the scan and after, harm nobody."""
    top = mount(large_crm_db)
    path = top.live() / "activities.json"
    for delay in (0.05, 0.1, 0.2, 0.4):
        readers = [subprocess.Popen(["cat", path], stdout=subprocess.DEVNULL) for _ in range(4)]
        time.sleep(delay)
        for reader in readers:
            reader.kill()
        for reader in readers:
            assert reader.wait(30) is not None
    assert len(slurp(path)) == os.stat(path).st_size
    assert top.errors() == ""


def test_killed_writer(mount, copy_of, crm_db):
    """A writer that dies in a transaction: the last committed state goes on showing."""
    database = copy_of(crm_db)
    sqlite3.connect(database).execute("PRAGMA journal_mode = wal")
    top = mount(database, options="refresh=0.2")
    wanted = slurp(top.live() / "accounts.csv")
    writer = subprocess.Popen(["sqlite3", database], stdin=subprocess.PIPE)
    writer.stdin.write(b"PRAGMA cache_size = 5; BEGIN; UPDATE accounts SET name = 'torn';\n")
    writer.stdin.flush()
    time.sleep(0.5)
    writer.kill()
    writer.wait()
    time.sleep(0.5)
    assert slurp(top.live() / "accounts.csv") == wanted


def test_pipes_are_closed(mount, crm_db):
    """`out=$(crmfs mount …)` and `ssh host crmfs mount …` come back: the daemon lets its pipes go."""
    top = mount(crm_db, start=None)
    done = subprocess.run(as_user(None, top.command), env=top.environment, capture_output=True, timeout=30,
                          check=False)
    assert done.returncode == 0 and done.stdout == b"" and done.stderr == b""
    top.pid = top.status()["pid"]


def test_daemon_lets_go_of_its_surroundings(mount, root, crm_db, work):
    """Its own session, the root as directory, no terminal, no descriptors of the caller."""
    read_end, write_end = os.pipe()
    os.set_inheritable(write_end, True)
    top = mount(crm_db, start=None)
    with open(work / "out", "wb") as out:
        subprocess.run(top.command, env=top.environment, stdout=out, stderr=out, pass_fds=[write_end],
                       timeout=30, check=True)
    os.close(write_end)
    top.pid = top.status()["pid"]
    assert os.readlink(f"/proc/{top.pid}/cwd") == "/"
    assert os.getsid(top.pid) != os.getsid(0)
    for number in (0, 1, 2):
        assert os.readlink(f"/proc/{top.pid}/fd/{number}") == "/dev/null"
    readable, _, _ = select.select([read_end], [], [], 10)
    assert readable and os.read(read_end, 1) == b"", "a process of crmfs keeps its caller's pipe open"
    os.close(read_end)


def test_many_times(mount, crm_db):
    """Mounted and unmounted at once, over and over: no race leaves anything."""
    for _ in range(15):
        top = mount(crm_db)
        top.unmount()
    assert not is_mounted(top.point)
