# SPDX-License-Identifier: MIT
"""snapshots/ in a mount: what mkdir, ls, diff, rsync, mv and rmdir do with it."""
import errno
import os
import sqlite3
import subprocess
import time

import pytest

import reference
from stores import differences, refused_with, snapshots_of, sql

TABLES = {"accounts", "activities", "contacts", "opportunities", "pipeline"}


@pytest.mark.sanitize
def test_a_day(top, store, database, work):
    """mkdir, change, mkdir, diff -r, rsync, rmdir, prune, check."""
    snapshots = top.path("snapshots")
    assert os.listdir(snapshots) == []
    (snapshots / "a").mkdir()
    sql(database, "UPDATE contacts SET phone = '+46 8 765 43 21' WHERE id = 7")
    (snapshots / "b").mkdir()
    assert sorted(os.listdir(snapshots)) == ["a", "b", "latest"]
    changes = differences(snapshots / "a/crm", snapshots / "b/crm").splitlines()
    assert [line.split()[-1].rpartition("/")[2] for line in changes if line.startswith("diff")] \
        == ["contacts.csv", "contacts.json", "contacts.ndjson"]
    assert len([line for line in changes if line[0] in "<>"]) == 6
    for _ in range(2):
        done = subprocess.run(["rsync", "-a", "--out-format=%i %n", f"{snapshots}/a/", work / "out"],
                              capture_output=True, text=True, check=True)
    assert not [line for line in done.stdout.splitlines() if line.startswith(">")], "the second copied again"
    assert differences(snapshots / "a", work / "out") == ""
    (snapshots / "a").rmdir()
    assert sorted(os.listdir(snapshots)) == ["b", "latest"]
    store.run("prune", store.path)
    store.check()
    assert store.names() == ["b"]


def test_equal_to_live(mount_store, store, odd_db, database):
    """Every byte of every file of every source: the tables, datapackage.json, schema.sql."""
    top = mount_store(store, f"crm={database}", f"odd={odd_db}")
    top.path("snapshots/now").mkdir()
    assert differences(top.path("live"), top.path("snapshots/now")) == ""
    assert sorted(os.listdir(top.path("snapshots/now"))) == ["crm", "odd"]
    for folder in ("live/crm", "snapshots/now/crm"):
        assert sorted(os.listdir(top.path(folder))) == sorted(
            [f"{table}.{form}" for table in TABLES for form in reference.FORMATS] + ["datapackage.json", "schema.sql"])
    conn = reference.connect(odd_db)
    for name in os.listdir(os.fsencode(top.path("snapshots/now/odd"))):
        if name.endswith(b".ndjson"):
            path = os.path.join(os.fsencode(top.path("snapshots/now/odd")), name)
            table = os.getxattr(path, "user.crmfs.table").decode()
            with open(path, "rb") as file:
                assert file.read() == reference.render(conn, table, "ndjson"), table


def test_frozen(top, database):
    """A snapshot stays what it was, and so does the number and time of each of its files."""
    folder = top.path("snapshots/a/crm")
    top.path("snapshots/a").mkdir()
    before = {path.name: (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes())
              for path in folder.iterdir()}
    sql(database, "DELETE FROM activities WHERE id % 2")
    sql(database, "ALTER TABLE contacts ADD COLUMN more TEXT DEFAULT 'more'")
    sql(database, "DROP TABLE opportunities")
    top.path("snapshots/b").mkdir()
    after = {path.name: (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes())
             for path in folder.iterdir()}
    assert before == after
    assert not top.path("snapshots/b/crm/opportunities.csv").exists()
    assert b"more" in top.path("snapshots/b/crm/contacts.csv").read_bytes()


def test_without_the_database(top, database):
    """What was kept needs the database no more."""
    top.path("snapshots/a").mkdir()
    want = top.path("snapshots/a/crm/contacts.csv").read_bytes()
    database.unlink()
    assert top.path("snapshots/a/crm/contacts.csv").read_bytes() == want
    with refused_with(errno.ENOENT, errno.EIO, errno.ESTALE):
        top.path("snapshots/b").mkdir()
    assert snapshots_of(top) == ["a"]


def test_seek(top, dice):
    """Any piece, in any order, of any format is what the whole has there."""
    top.path("snapshots/a").mkdir()
    for form in reference.FORMATS:
        path = top.path("snapshots/a/crm", f"activities.{form}")
        whole = path.read_bytes()
        assert len(whole) == path.stat().st_size
        with open(path, "rb", buffering=0) as file:
            for _ in range(100):
                at, size = dice.randrange(len(whole) + 100), dice.choice([1, 100, 4096, 200000])
                assert os.pread(file.fileno(), size, at) == whole[at:at + size]


@pytest.mark.sanitize
def test_latest(top, database):
    latest = top.path("snapshots/latest")
    assert not os.path.lexists(latest)
    for name in ("one", "two"):
        top.path("snapshots", name).mkdir()
        assert os.readlink(latest) == name
    assert (latest / "crm/accounts.csv").read_bytes() == top.path("live/crm/accounts.csv").read_bytes()
    top.path("snapshots/two").rmdir()
    assert os.readlink(latest) == "one"
    top.path("snapshots/one").rename(top.path("snapshots/another"))
    assert os.readlink(latest) == "another"
    top.path("snapshots/another").rmdir()
    assert os.listdir(top.path("snapshots")) == []


def test_attributes(top, store, database):
    """Rows, table, digest, stored bytes of a file; id, host, sizes of a snapshot; and in the status."""
    top.path("snapshots/a").mkdir()

    def attributes(*parts):
        path = top.path("snapshots", *parts)
        return {name: os.getxattr(path, name) for name in os.listxattr(path)}

    file = attributes("a/crm/accounts.csv")
    rows = sqlite3.connect(database).execute("SELECT count(*) FROM accounts").fetchone()[0]
    assert file["user.crmfs.rows"] == b"%d" % rows and file["user.crmfs.table"] == b"accounts"
    folder, (listed,) = attributes("a"), store.snapshots()
    assert folder["user.crmfs.id"].decode() == listed["id"]
    assert int(folder["user.crmfs.raw"]) == listed["raw_bytes"]
    assert int(folder["user.crmfs.stored"]) == listed["stored_bytes"]
    assert folder["user.crmfs.host"].decode() == os.uname().nodename
    assert listed["raw_bytes"] == sum(path.stat().st_size for path in top.path("snapshots/a/crm").glob("*.csv"))
    digests = {form: attributes(f"a/crm/activities.{form}")["user.crmfs.digest"] for form in reference.FORMATS}
    top.path("snapshots/b").mkdir()
    assert attributes("b/crm/activities.csv")["user.crmfs.digest"] == digests["csv"]
    sql(database, "UPDATE activities SET minutes = 1234.5 WHERE id = 5")
    top.path("snapshots/c").mkdir()
    assert attributes("c/crm/activities.csv")["user.crmfs.digest"] != digests["csv"]
    assert attributes("c/crm/contacts.csv")["user.crmfs.digest"] \
        == attributes("a/crm/contacts.csv")["user.crmfs.digest"]
    status = top.status()["store"]
    assert (status["snapshots"], status["latest"], status["path"]) == (3, "c", str(store.path))


def test_modes(top):
    """To be looked at by whoever mounted; nothing to be written into."""
    top.path("snapshots/a").mkdir()
    for path, mode in (("snapshots/a", 0o40555), ("snapshots/a/crm", 0o40555),
                       ("snapshots/a/crm/accounts.csv", 0o100444)):
        about = top.path(path).stat()
        assert about.st_mode == mode and about.st_uid == os.getuid(), path
    about = top.path("snapshots").stat()
    assert about.st_mode & 0o700 == 0o700, "mkdir needs it"
    assert abs(top.path("snapshots/a").stat().st_mtime - time.time()) < 60


def test_rename(top, store):
    """mv keeps everything but the name; what is open stays open."""
    top.path("snapshots/a").mkdir()
    want = top.path("snapshots/a/crm/activities.csv").read_bytes()
    number = top.path("snapshots/a/crm/activities.csv").stat().st_ino
    with open(top.path("snapshots/a/crm/activities.csv"), "rb", buffering=0) as file:
        half = file.read(len(want) // 2)
        subprocess.run(["mv", top.path("snapshots/a"), top.path("snapshots/b c")], check=True)
        assert half + file.read(len(want)) == want
    assert snapshots_of(top) == store.names() == ["b c"]
    assert not top.path("snapshots/a").exists()
    assert top.path("snapshots/b c/crm/activities.csv").stat().st_ino == number
    assert top.path("snapshots/b c/crm/activities.csv").read_bytes() == want
    top.path("snapshots/a").mkdir()
    assert snapshots_of(top) == ["a", "b c"]


def test_rename_refused(top):
    for name in ("a", "b"):
        top.path("snapshots", name).mkdir()
    with refused_with(errno.EEXIST, errno.ENOTEMPTY):
        os.rename(top.path("snapshots/a"), top.path("snapshots/b"))
    with refused_with(errno.EEXIST, errno.EINVAL, errno.ENOTDIR, errno.EPERM):
        os.rename(top.path("snapshots/a"), top.path("snapshots/latest"))
    with refused_with(errno.ENOENT):
        os.rename(top.path("snapshots/c"), top.path("snapshots/d"))
    for target in ("live/a", "a", "snapshots/b/a"):
        with refused_with(errno.EXDEV, errno.EPERM, errno.EROFS, errno.EACCES):
            os.rename(top.path("snapshots/a"), top.path(target))
    with refused_with(errno.EXDEV, errno.EPERM, errno.EROFS, errno.EACCES):
        os.rename(top.path("live/crm"), top.path("snapshots/live"))
    with refused_with(errno.EINVAL):
        os.rename(top.path("snapshots/a"), top.path("snapshots/tab\there"))
    assert snapshots_of(top) == ["a", "b"]
