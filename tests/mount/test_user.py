# SPDX-License-Identifier: MIT
"""Everything an ordinary user does: no root, no allow_other."""
import os
import signal
import subprocess

import pytest

import reference
from mounting import NOBODY, as_user

pytestmark = pytest.mark.usefixtures("root")


def as_nobody(*command):
    return subprocess.run(as_user(NOBODY, command), capture_output=True, check=False)


def test_mount_read_unmount(mount, crm_db):
    top = mount(crm_db, user=NOBODY)
    about = as_nobody("stat", "-c", "%u %g %a", top.path("live/crm_db/accounts.csv"))
    assert about.stdout.split() == [b"%d" % NOBODY.pw_uid, b"%d" % NOBODY.pw_gid, b"444"]
    conn = reference.connect(crm_db)
    for table in reference.tables(conn):
        for form in reference.FORMATS:
            assert top.read("live/crm_db", f"{table}.{form}") == reference.render(conn, table, form)
    top.unmount()
    assert os.listdir(top.point) == []


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL])
def test_end(mount, crm_db, sign):
    top = mount(crm_db, user=NOBODY)
    top.read("live/crm_db/activities.csv")
    os.kill(top.pid, sign)
    top.assert_gone(15)


def test_foreground(mount, crm_db):
    top = mount(crm_db, user=NOBODY, start=None)
    command = [*top.command[:2], "-f", *top.command[2:]]
    process = subprocess.Popen(as_user(NOBODY, command), env=top.environment)
    top.process = process
    from mounting import eventually, is_mounted

    assert eventually(lambda: is_mounted(top.point))
    assert eventually(lambda: as_nobody("cat", top.path(".crmfs/status")).returncode == 0)
    process.terminate()
    assert process.wait(20) == 0


def test_rsync(mount, crm_db, work):
    top = mount(crm_db, user=NOBODY)
    (work / "theirs").mkdir()
    os.chown(work / "theirs", NOBODY.pw_uid, NOBODY.pw_gid)
    for _ in range(2):
        done = as_nobody("rsync", "-a", "--checksum", "--out-format=%i %n", f"{top.point}/live/", work / "theirs")
        assert done.returncode == 0, done.stderr
    assert not [line for line in done.stdout.splitlines() if line.startswith(b">")]


def test_a_backup_that_may_not_be_read(mount, work):
    """It is said to be that, and not to be none."""
    (work / "old").mkdir()
    for name in "a.sql", "b.sql":
        (work / "old" / name).write_text("CREATE TABLE t (a int);\n")
    (work / "old" / "b.sql").chmod(0o600)
    top = mount(work / "old", user=NOBODY)
    assert as_nobody("ls", top.path("archives")).stdout == b"a.sql\n"
    assert "EACCES archives: " in (told := as_nobody("cat", top.path(".crmfs/errors")).stdout.decode())
    assert "b.sql: Permission denied" in told and "no backup" not in told
