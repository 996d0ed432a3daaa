# SPDX-License-Identifier: MIT
"""What the mount says of itself: .crmfs/status, .crmfs/errors, .crmfs/version."""
import contextlib
import os
import re
import sqlite3
import subprocess

import pytest

import views
from folder import slurp
from mounting import BINARY, eventually, is_alive


def test_status(mount, crm_db, chinook_db):
    top = mount(f"crm={crm_db}", f"music={chinook_db}", options="spool-size=100M,max-memory=48M")
    slurp(top.path("live/crm/accounts.csv"))
    status = top.status()
    assert is_alive(status["pid"])
    assert status["version"] == version()
    assert {each["name"]: each["url"] for each in status["live"]} == {"crm": str(crm_db), "music": str(chinook_db)}
    crm = next(each for each in status["live"] if each["name"] == "crm")
    assert crm["tables"] == 5 and 1 <= crm["tables_read"] <= 5 and crm["tables_failed"] == 0
    assert crm["rows_read"] >= 2000
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", crm["changed"])
    assert status["spool"]["directory"] == str(top.spool)
    assert status["spool"]["limit_bytes"] == 100 << 20
    assert 0 < status["spool"]["used_bytes"] < 100 << 20
    assert status["memory"]["limit_bytes"] == 48 << 20
    assert status["errors"] == 0


def test_status_tells_of_errors(mount, broken_db):
    top = mount(broken_db)
    subprocess.run(["cat", top.live() / "failing_late.csv"], capture_output=True, check=False)
    status = top.status()
    assert status["errors"] >= 1
    assert status["live"][0]["tables_failed"] >= 1


def test_status_tells_what_is_read(mount, work):
    """The table, and how far it has come; and nothing when that is over. Always JSON."""
    with contextlib.closing(views.make(work / "crm.db")):
        top = mount(work / "crm.db", options="view-timeout=0")
        before = top.status()
        assert before["live"][0]["reading_now"] is None and before["live"][0]["last_error"] is None
        assert 1 << 20 < before["memory"]["resident_bytes"] < 64 << 20
        reader = subprocess.Popen(["cat", top.live() / "b_talking.csv"], stdout=subprocess.DEVNULL)
        assert eventually(lambda: (top.status()["live"][0]["reading_now"] or {}).get("rows", 0) > 10000)
        now = top.status()["live"][0]["reading_now"]
        assert now["table"] == "b_talking" and now["rows"] > 10000
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", now["since"])
        reader.kill()
        reader.wait()
        assert eventually(lambda: top.status()["live"][0]["reading_now"] is None)


def test_status_tells_the_last_error(mount, copy_of, crm_db):
    """It stays, with its time, after all is well again."""
    database = copy_of(crm_db)
    top = mount(database, options="refresh=0.1")
    database.rename(f"{database}.away")
    assert eventually(lambda: subprocess.run(["ls", top.live()], capture_output=True, check=False).returncode != 0)
    gone = top.status()["live"][0]
    assert str(database) in gone["error"] and gone["last_error"]["text"] == gone["error"]
    assert "put it back" in gone["error"]
    os.rename(f"{database}.away", database)
    assert eventually(lambda: subprocess.run(["ls", top.live()], capture_output=True, check=False).returncode == 0)
    back = top.status()["live"][0]
    assert back["error"] is None and back["last_error"]["text"] == gone["error"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", back["last_error"]["time"])


def test_names_that_are_no_text(mount, work):
    """Whatever a table is called: the errors are lines of UTF-8, the status is JSON."""
    path = work / "odd.db"
    conn = sqlite3.connect(path)
    conn.execute("CREATE TABLE t (x)")
    conn.execute("CREATE VIEW vvv AS SELECT * FROM gone")
    conn.execute("PRAGMA writable_schema = on")
    conn.execute("UPDATE sqlite_schema SET name = CAST(x'76ff76' AS TEXT), tbl_name = CAST(x'76ff76' AS TEXT), "
                 "sql = CAST('CREATE VIEW \"' || CAST(x'76ff76' AS TEXT) || '\" AS SELECT * FROM gone' AS TEXT) "
                 "WHERE name = 'vvv'")
    conn.commit()
    conn.close()
    top = mount(path)
    for name in os.listdir(os.fsencode(top.live())):
        subprocess.run([b"cat", os.fsencode(top.live()) + b"/" + name], capture_output=True, check=False)
    assert len(top.read(".crmfs/errors").decode().splitlines()) == 1
    assert top.status()["live"][0]["tables_failed"] == 1


def version():
    said = subprocess.check_output([BINARY, "--version"], text=True)
    return re.search(r"\d+\.\d+\.\d+", said).group()


def test_version(mount, crm_db):
    assert slurp(mount(crm_db).path(".crmfs/version")).decode() == f"crmfs {version()}\n"


@pytest.mark.sanitize
def test_errors(mount, broken_db):
    """A refusal is one line: when, path, errno, cause."""
    top = mount(broken_db)
    assert top.errors() == ""
    assert subprocess.run(["cat", top.live() / "failing_late.csv"], capture_output=True,
                          check=False).returncode != 0
    lines = top.errors().splitlines()
    assert len(lines) >= 1
    assert "failing_late" in lines[-1] and "overflow" in lines[-1]
    assert re.match(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d", lines[-1])
    assert re.search(r"\bE[A-Z]+\b", lines[-1]), "no errno"


def test_errors_are_bounded(mount, work):
    """The last 1,000 stay, of more tables than that."""
    with contextlib.closing(sqlite3.connect(work / "broken.db")) as conn:
        conn.execute("CREATE TABLE gone (x)")
        for number in range(1100):
            conn.execute(f"CREATE VIEW v{number} AS SELECT x FROM gone")
        conn.execute("DROP TABLE gone")
        conn.commit()
    top = mount(work / "broken.db")
    for number in range(1100):
        with pytest.raises(OSError):
            slurp(top.live() / f"v{number}.csv")
    lines = top.errors().splitlines()
    assert len(lines) == 1000
    assert "/v100.csv" in lines[0] and "/v1099.csv" in lines[-1]


def test_errors_are_told_once(mount, broken_db):
    """However often one looks: a line each fault, and the status counts the lines."""
    top = mount(broken_db)
    for _ in range(4):
        subprocess.run(["ls", "-l", top.live()], capture_output=True, check=False)
    lines = top.errors().splitlines()
    assert len(lines) == len({line.split(" ", 2)[2].split(" (")[0] for line in lines}) >= 2
    assert all(re.search(r" \(\d+ times, last \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\)$", line) for line in lines)
    assert top.status()["errors"] == len(lines)


def test_sizes_of_moving_files(mount, broken_db):
    """status and errors change: each open sees one state of them, of the size that fstat says."""
    top = mount(broken_db)
    for name in ("status", "errors", "version"):
        path = top.path(".crmfs", name)
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            assert len(file.read()) == size
        subprocess.run(["cat", top.live() / "failing_late.csv"], capture_output=True, check=False)
        assert subprocess.check_output(["cat", path]) == slurp(path) or name == "status"
        assert subprocess.check_output(["tail", "-c", "20", path]) == slurp(path)[-20:] or name == "status"
    assert eventually(lambda: b"failing_late" in subprocess.check_output(["cat", top.path(".crmfs/errors")]))


def test_status_while_scanning(mount, large_crm_db):
    """ls and status answer while a large table is being read through."""
    top = mount(large_crm_db)
    folder = top.live()
    reader = subprocess.Popen(["cat", folder / "activities.csv"], stdout=subprocess.DEVNULL)
    looks = 0
    try:
        while reader.poll() is None:
            done = subprocess.run(["timeout", "5", "ls", top.point], capture_output=True, check=False)
            assert done.returncode == 0
            looks += (top.status()["live"][0]["reading_now"] or {}).get("table") == "activities"
    finally:
        assert reader.wait(60) == 0
    assert looks > 0


@pytest.mark.parametrize("name", ["status", "errors"])
def test_what_was_looked_up_is_opened(mount, crm_db, name):
    """tar and cp look before they open: size, inode and time are then those of what they read."""
    top = mount(crm_db)
    path = top.path(".crmfs", name)
    inodes = set()
    for table in ("accounts", "contacts", "opportunities", "activities"):
        before = os.stat(path)
        slurp(top.live() / f"{table}.csv")  # meanwhile there is more to tell
        subprocess.run(["cat", top.live() / "none.csv"], capture_output=True, check=False)
        with open(path, "rb") as file:
            content = file.read()
            after = os.fstat(file.fileno())
        assert after == before and len(content) == after.st_size
        inodes.add(after.st_ino)
    assert len(inodes) == (4 if name == "status" else 1), "the content of an inode has changed"


def test_archived_whole(mount, crm_db):
    """tar has nothing to say of the mount, its own files among it."""
    top = mount(crm_db)
    for command in ("tar cf /dev/null .", "tar cf - . | cat > /dev/null"):
        done = subprocess.run(command, shell=True, cwd=top.point, capture_output=True, text=True, check=True)
        assert done.stderr == ""
