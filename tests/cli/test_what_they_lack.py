# SPDX-License-Identifier: MIT
"""What listings say of snapshots beyond their records: what they lack, and what files/ weighs."""
import json
import os
import re
import sqlite3

import pytest

from command import crmfs
from mounting import eventually
from storing import make_people, memory, store  # noqa: F401
from test_keeping import mounted


@pytest.fixture(name="database")
def make_database(work):
    return make_people(work / "crm.db", "CREATE TABLE soon (x); CREATE VIEW bad AS SELECT * FROM soon; DROP TABLE soon;")


def ask(*words, status=0):
    done = crmfs(*map(str, words))
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    return done.stdout


def test_a_view_that_fails(store, database, work):  # noqa: F811
    """The snapshot says that it lacks it, keeps its statement, and a restore makes it."""
    with mounted(store, work / "mnt", database) as mount:
        (mount / "snapshots/part").mkdir()
        assert os.getxattr(mount / "snapshots/part", "user.crmfs.partial") == b"crm/bad\n"
        assert sorted(path.name for path in (mount / "snapshots/part/crm").glob("*.csv")) == ["people.csv"]
        assert "CREATE VIEW bad AS SELECT * FROM soon" in (mount / "snapshots/part/crm/schema.sql").read_text()
        with sqlite3.connect(database) as connection:
            connection.execute("DROP VIEW bad")
        connection.close()
        ask("snapshot", "--quiet", "--store", store, "--name", "whole", database)
        eventually((mount / "snapshots/whole").exists)
        assert os.getxattr(mount / "snapshots/whole", "user.crmfs.partial") == b""
    text = ask("snapshots", store).splitlines()
    assert text[1].endswith("  (in part: crm/bad)") and "part" not in text[2] and "FILES" not in text[0]
    assert "(in part: crm/bad)" in ask("stats", store)
    for listed in (json.loads(ask("snapshots", "--json", store)), json.loads(ask("stats", "--json", store))["snapshots"]):
        assert [(one["partial"], one["lacking"]) for one in listed] == [
            (True, [{"source": "crm", "table": "bad"}]), (False, [])]
    ask("check", "--read-data", store)
    ask("restore", "--store", store, "--to", work / "new.db", "part")
    with sqlite3.connect(work / "new.db") as connection:
        assert connection.execute("SELECT sql FROM sqlite_schema WHERE name = 'bad'").fetchall() == [
            ("CREATE VIEW bad AS SELECT * FROM soon",)]
    connection.close()


def test_who_wants_all_of_it_is_told(store, database, work):  # noqa: F811
    """What the snapshot lacks is not exported: named, with status 3. A restore makes the view, as its check does."""
    ask("snapshot", "--quiet", "--store", store, "--name", "part", database, status=3)
    ask("snapshot", "--quiet", "--store", store, "--name", "few", "--table", "people", database)
    done = crmfs("export", str(store), "part", "-o", str(work / "out"))
    assert done.returncode == 3 and done.stderr == (
        "crmfs: crm, table bad is left out: it could not be read when the snapshot was taken\n"
        "crmfs: exported without what is left out or is wrong, therefore status 3\n"), done
    assert (work / "out/crm/people.csv").exists() and (work / "out/crm/schema.sql").exists()
    for words in (["part", "people"], ["few", "-o", str(work / "few")]):
        done = crmfs("export", str(store), *words)
        assert (done.returncode, done.stderr) == (0, ""), done
    ask("verify-restore", "--store", store, "part")


def test_a_comma_in_a_name(store, work):  # noqa: F811
    """It is told from the one between two names by a backslash, which is itself anywhere else."""
    database = make_people(work / "crm.db", r'CREATE TABLE "a,b" (x); CREATE TABLE a (x); CREATE TABLE "c\d" (x); CREATE TABLE "e\,f" (x);')

    def named(*words):
        ask("snapshot", "-q", "--store", store, "--name", str(named.count), *words, database)
        ask("export", store, str(named.count), "-o", work / str(named.count))
        found = {path.name[:-4] for path in (work / str(named.count) / "crm").glob("*.csv")}
        named.count += 1
        return found

    named.count = 0
    assert named("--table", r"a\,b,people") == {"a,b", "people"}
    assert named("--table", r"a,crm.a\,b") == {"a", "a,b"}
    assert named("--table", r"c\d,e\\,f") == {"c\\d", "e\\,f"}
    assert named("--exclude-table", r"crm.a\,b,people", "--exclude-table", r"c\d") == {"a", "e\\,f"}
    for option in ("--table", "--exclude-table"):
        done = crmfs("snapshot", "-q", "--store", str(store), option, ",a", str(database))
        assert done.returncode == 2 and "empty name" in done.stderr
        assert "no source has a table b" in crmfs("snapshot", "-q", "--store", str(store), option, "a,b", str(database)).stderr
    ask("restore", "-q", "--store", store, "--to", work / "new.db", "--table", r"a\,b", "1")
    with sqlite3.connect(work / "new.db") as connection:
        assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == [("a,b",)]
    connection.close()


def test_what_files_weigh(store, work):  # noqa: F811
    """Of each snapshot, and now, what has a name; and a ratio over all."""
    with mounted(store, work / "mnt") as mount:
        (mount / "files/folder").mkdir()
        for i in range(300):
            (mount / f"files/folder/{i}").write_bytes(b"x" * 1000)
        os.link(mount / "files/folder/0", mount / "files/again")
        with open(mount / "files/removed", "wb") as removed:
            removed.write(b"z" * 7000)
            os.unlink(mount / "files/removed")
            (mount / "snapshots/one").mkdir()
        (mount / "files/more").write_bytes(b"y" * 5000)
    (one,) = json.loads(ask("snapshots", "--json", store))
    assert (one["files"], one["files_bytes"], one["partial"]) == (300, 300000, False)
    stats = json.loads(ask("stats", "--json", store))
    assert stats["now"] == {"files": 301, "files_bytes": 305000} and stats["files_bytes"] == 300000
    assert stats["snapshots"][0]["files_bytes"] == 300000
    text = ask("stats", store)
    assert "0 B as CSV and 292.9 KiB of files in" in text and "a ratio of 0.0" not in text, text
    assert re.search(r"^files. now +301 +297.8 KiB$", text, re.M), text


def test_holes_are_no_gain(store, work):  # noqa: F811
    """The ratio is of what would take room on a disk."""
    with mounted(store, work / "mnt") as mount:
        (mount / "files/image").write_bytes(b"x" * 300000)
        os.truncate(mount / "files/image", 3 << 40)
        (mount / "snapshots/one").mkdir()
    assert json.loads(ask("stats", "--json", store))["files_bytes"] == 3 << 40
    assert "and 292.9 KiB of files in" in ask("stats", store)
    assert "FILES" in ask("snapshots", store).splitlines()[0]
