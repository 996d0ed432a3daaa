# SPDX-License-Identifier: MIT
"""snapshots/ in a mount: what mkdir, ls, diff, rsync, mv and rmdir do with it."""
import errno
import os
import sqlite3
import subprocess
import threading
import time
from pathlib import Path

import pytest

import reference
from mounting import NOBODY, PATIENCE, as_user, eventually, is_alive
from stores import Kept, differences

TABLES = {"accounts", "activities", "contacts", "opportunities", "pipeline"}


def sql(database, text, *values):
    conn = sqlite3.connect(database, isolation_level=None, timeout=20)
    conn.execute(text, values)
    conn.close()


def snapshots_of(top):
    """What ls shows of snapshots/ but the link."""
    return sorted(set(os.listdir(top.path("snapshots"))) - {"latest"})


def refused_with(*codes):
    """A context that must end in an OSError of one of these codes."""

    class Refused:
        def __enter__(self):
            return self

        def __exit__(self, kind, problem, trace):
            assert isinstance(problem, OSError), f"nothing was refused: {problem!r}"
            assert problem.errno in codes, problem
            return True

    return Refused()


@pytest.fixture
def database(copy_of, crm_db):
    return copy_of(crm_db)


@pytest.fixture
def top(mount_store, store, database):
    """A mount of crm.db with a store; what changes shows at once."""
    return mount_store(store, database, options="refresh=0")


# --- taking, looking, forgetting ---------------------------------------------------------------


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


# --- renaming ----------------------------------------------------------------------------------


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


# --- what is refused ---------------------------------------------------------------------------


def test_names(top, store):
    """A name is taken once; what is no name is refused; all others are kept as they are."""
    good = ["2026-11-20", "with blank", "Übersicht", "李小龍", ".hidden", "-n", "x" * 200, "a%b", "'\"\\", "*"]
    for name in good:
        top.path("snapshots", name).mkdir()
    assert snapshots_of(top) == sorted(good) == sorted(store.names())
    for name in good + ["latest"]:
        with refused_with(errno.EEXIST):
            top.path("snapshots", name).mkdir()
    bad = [b"tab\there", b"line\nend", b"\x01", b"\x7f", b"\xff\xfe", b"a\xc3", b"x" * 201, b"x" * 255]
    for name in bad:
        with refused_with(errno.EINVAL, errno.ENAMETOOLONG, errno.EILSEQ):
            os.mkdir(os.path.join(os.fsencode(top.path("snapshots")), name))
    assert snapshots_of(top) == sorted(good)
    assert b"EINVAL" in top.read(".crmfs/errors")


def test_latest_is_no_name(top):
    """Not even before there is one."""
    with refused_with(errno.EINVAL, errno.EEXIST):
        top.path("snapshots/latest").mkdir()
    assert os.listdir(top.path("snapshots")) == []


def test_nothing_else_can_be_done(top):
    """No file is made, changed or removed anywhere, and no folder but in snapshots/."""
    top.path("snapshots/a").mkdir()
    before = differences(top.path("snapshots/a"), top.path("live"))
    attempts = [
        lambda: top.path("snapshots/file").write_text("x"),
        lambda: top.path("snapshots/a/file").write_text("x"),
        lambda: top.path("snapshots/a/crm/accounts.csv").write_text("x"),
        lambda: top.path("snapshots/a/crm/accounts.csv").unlink(),
        lambda: top.path("snapshots/a/crm").rmdir(),
        lambda: top.path("snapshots/a/more").mkdir(),
        lambda: top.path("snapshots/latest").unlink(),
        lambda: os.symlink("a", top.path("snapshots/b")),
        lambda: os.link(top.path("snapshots/a/crm/accounts.csv"), top.path("snapshots/link")),
        lambda: os.truncate(top.path("snapshots/a/crm/accounts.csv"), 0),
        lambda: os.chmod(top.path("snapshots/a"), 0o777),
        lambda: top.path("live/more").mkdir(),
        lambda: top.path("more").mkdir(),
        lambda: top.path("live").rmdir(),
        lambda: top.path("snapshots").rmdir(),
    ]
    for attempt in attempts:
        with refused_with(errno.EROFS, errno.EPERM, errno.EACCES, errno.ENOSYS, errno.ENOTSUP, errno.EBUSY,
                          errno.ENOTEMPTY):
            attempt()
    assert snapshots_of(top) == ["a"]
    assert differences(top.path("snapshots/a"), top.path("live")) == before


def test_rmdir_refused(top):
    with refused_with(errno.ENOENT):
        top.path("snapshots/nothing").rmdir()
    with refused_with(errno.ENOTDIR, errno.ENOENT, errno.EPERM):
        top.path("snapshots/latest").rmdir()


@pytest.mark.parametrize("harm", ["missing", "overwritten", "locked"])
def test_failing_source(mount_store, store, database, crm_db, harm):
    """One of two sources fails: its error, no snapshot of the other, and the next try works."""
    top = mount_store(store, f"good={crm_db}", f"crm={database}", options="refresh=0,busy-timeout=0.2")
    top.path("snapshots/before").mkdir()
    sound, locker = database.read_bytes(), None
    if harm == "missing":
        database.unlink()
    elif harm == "overwritten":
        database.write_bytes(sound[:8192] + b"\xa5" * (len(sound) - 8192))
    else:
        locker = sqlite3.connect(database, isolation_level=None)
        locker.execute("PRAGMA locking_mode = EXCLUSIVE")
        locker.execute("BEGIN EXCLUSIVE")
    files = set(store.files())
    with refused_with(errno.ENOENT, errno.EIO, errno.EBUSY, errno.EAGAIN, errno.EILSEQ, errno.ESTALE):
        top.path("snapshots/half").mkdir()
    assert snapshots_of(top) == store.names() == ["before"]
    assert {name for name in set(store.files()) - files if name.startswith("log/")} == set()
    assert "half" in top.errors()
    if locker is not None:
        locker.close()
    database.write_bytes(sound)
    assert eventually(lambda: not top.path("snapshots/half").exists() and mkdir_works(top.path("snapshots/half")), 5)
    assert snapshots_of(top) == ["before", "half"]
    assert differences(top.path("snapshots/half"), top.path("snapshots/before")) == ""
    store.check()


def mkdir_works(path):
    try:
        path.mkdir()
        return True
    except OSError:
        return False


def test_full_disk(root, mount_store, work, crm_db):
    """No room for the store: ENOSPC, nothing half-made; with room it works."""
    small = work / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", small], check=True)
    try:
        store = Kept(small)
        filler = small / "filler"
        filler.write_bytes(b"x" * 2500000)
        top = mount_store(store, crm_db)
        with refused_with(errno.ENOSPC):
            top.path("snapshots/a").mkdir()
        assert snapshots_of(top) == store.names() == []
        filler.unlink()
        top.path("snapshots/a").mkdir()
        assert differences(top.path("snapshots/a"), top.path("live")) == ""
        top.unmount()
    finally:
        subprocess.run(["umount", "-l", small], check=True)


# --- others ------------------------------------------------------------------------------------


@pytest.mark.sanitize
def test_of_another_process(top, store, database):
    """What the command takes, renames and forgets shows within a second."""
    assert snapshots_of(top) == []
    store.take("theirs", database)
    assert eventually(lambda: snapshots_of(top) == ["theirs"], 1.0)
    assert differences(top.path("snapshots/theirs"), top.path("live")) == ""
    store.run("forget", store.path, "theirs")
    assert eventually(lambda: snapshots_of(top) == [], 1.0)
    assert not top.path("snapshots/theirs").exists()


def test_name_that_was_missing(top, store, database):
    """A name that was looked for in vain is there within a second of being taken."""
    assert not top.path("snapshots/theirs").exists()
    store.take("theirs", database)
    assert eventually(top.path("snapshots/theirs/crm/accounts.csv").exists, 1.0)


def test_two_mounts(mount_store, store, database, odd_db):
    """Of one store: each sees what the other does, and both may take at once."""
    one = mount_store(store, database, options="refresh=0")
    two = mount_store(store, f"odd={odd_db}")
    one.path("snapshots/a").mkdir()
    assert eventually(lambda: snapshots_of(two) == ["a"], 1.0)
    assert differences(one.path("snapshots/a"), two.path("snapshots/a")) == ""
    with refused_with(errno.EEXIST):
        two.path("snapshots/a").mkdir()
    failed = []

    def take(top, names):
        for name in names:
            try:
                top.path("snapshots", name).mkdir()
            except OSError as problem:
                failed.append(problem)

    threads = [threading.Thread(target=take, args=(top, [f"{which}{n}" for n in range(8)]))
               for top, which in ((one, "one"), (two, "two"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not failed
    want = sorted(["a"] + [f"{which}{n}" for which in ("one", "two") for n in range(8)])
    assert sorted(store.names()) == want
    assert eventually(lambda: snapshots_of(one) == want and snapshots_of(two) == want, 1.5)
    assert differences(two.path("snapshots/one7/crm"), one.path("live/crm")) == ""
    assert differences(one.path("snapshots/two7/odd"), two.path("live/odd")) == ""
    two.path("snapshots/a").rename(two.path("snapshots/b"))
    assert eventually(lambda: "b" in snapshots_of(one) and "a" not in snapshots_of(one), 1.5)
    store.check()


def test_same_name_at_once(mount_store, store, database):
    """Two mounts, one name: exactly one of them takes it."""
    tops = [mount_store(store, database) for _ in range(2)]
    for number in range(5):
        answers = []

        def take(top, number=number, answers=answers):
            answers.append(mkdir_works(top.path("snapshots", f"same{number}")))

        threads = [threading.Thread(target=take, args=(top,)) for top in tops]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert sorted(answers) == [False, True]
    assert len(store.names()) == 5


def test_taking_while_reading(top, database):
    """Readers of a snapshot and of live go on, with the right bytes, while others are taken."""
    top.path("snapshots/a").mkdir()
    want = top.path("snapshots/a/crm/activities.csv").read_bytes()
    stop, problems, reads = threading.Event(), [], [0]

    def read():
        while not stop.is_set():
            try:
                if top.path("snapshots/a/crm/activities.csv").read_bytes() != want:
                    problems.append("other bytes")
                if len(list(top.path("live/crm").iterdir())) != 17:
                    problems.append("live")
                reads[0] += 1
            except OSError as problem:
                problems.append(problem)

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for number in range(10):
            sql(database, "UPDATE activities SET minutes = ? WHERE id % 50 = ?", number, number)
            top.path("snapshots", f"b{number}").mkdir()
    finally:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)
    assert not problems
    assert reads[0] > 2
    assert len(snapshots_of(top)) == 11


def test_forgotten_while_open(top, store):
    """An open file of a snapshot that is forgotten goes on being read; its name is gone."""
    top.path("snapshots/a").mkdir()
    want = top.path("snapshots/a/crm/activities.csv").read_bytes()
    with open(top.path("snapshots/a/crm/activities.csv"), "rb", buffering=0) as file:
        begun = file.read(1000)
        top.path("snapshots/a").rmdir()
        store.run("prune", store.path)
        rest = bytearray()
        while piece := file.read(1 << 20):
            rest += piece
        assert begun + rest == want
    assert not top.path("snapshots/a").exists()


def test_killed_while_taking(mount_store, store, large_crm_db):
    """kill -9 in the middle of mkdir: no snapshot, no harm."""
    top = mount_store(store, large_crm_db)
    process = subprocess.Popen(["mkdir", top.path("snapshots/a")], stderr=subprocess.DEVNULL)
    assert eventually(lambda: store.size("tmp/") + store.size("packs/") > 1 << 20, 20, 0.001)
    os.kill(top.pid, 9)
    assert process.wait(PATIENCE) != 0
    top.assert_gone()
    assert store.names() == []
    again = mount_store(store, large_crm_db)
    assert snapshots_of(again) == []
    again.path("snapshots/a").mkdir()
    again.unmount()
    store.check()


def test_unmounted_while_taking(mount_store, store, large_crm_db):
    """A mount that is told to end gives up what it takes, and ends."""
    top = mount_store(store, large_crm_db)
    process = subprocess.Popen(["mkdir", top.path("snapshots/a")], stderr=subprocess.DEVNULL)
    assert eventually(lambda: store.size("tmp/") + store.size("packs/") > 1 << 20, 20, 0.001)
    os.kill(top.pid, 15)
    status = process.wait(PATIENCE)
    top.assert_gone()
    assert not is_alive(process.pid)
    assert store.names() == ([] if status else ["a"])
    store.check()


# --- browsing ----------------------------------------------------------------------------------


@pytest.mark.sanitize
def test_browse_only(mount_store, store, database):
    """`crmfs mount STORE MNT`: no live/, nothing can be taken; the rest is as ever."""
    store.take("a", database)
    top = mount_store(store)
    assert sorted(os.listdir(top.point)) == ["snapshots"] or sorted(os.listdir(top.point)) == [".crmfs", "snapshots"]
    with refused_with(errno.EROFS, errno.EPERM, errno.ENOTSUP, errno.EACCES):
        top.path("snapshots/b").mkdir()
    assert top.errors()
    conn = reference.connect(database)
    for table in TABLES:
        for form in reference.FORMATS:
            assert top.read("snapshots/a/crm", f"{table}.{form}") == reference.render(conn, table, form)
    top.path("snapshots/a").rename(top.path("snapshots/c"))
    assert store.names() == ["c"]
    top.path("snapshots/c").rmdir()
    assert store.names() == []


def test_read_only(mount_store, store, database):
    """-o ro: looked at, and not changed."""
    store.take("a", database)
    top = mount_store(store, database, options="ro")
    for attempt in (lambda: top.path("snapshots/b").mkdir(), lambda: top.path("snapshots/a").rmdir(),
                    lambda: top.path("snapshots/a").rename(top.path("snapshots/b"))):
        with refused_with(errno.EROFS, errno.EPERM, errno.EACCES):
            attempt()
    assert snapshots_of(top) == store.names() == ["a"]


def test_store_that_may_not_be_written(root, mount_store, work, crm_db):
    """A store on a read-only file system is browsed all the same."""
    inner = work / "inner"
    inner.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", inner], check=True)
    try:
        store = Kept(inner)
        store.environment["XDG_STATE_HOME"] = str(work / "state")
        store.take("a", crm_db)
        subprocess.run(["mount", "-o", "remount,ro", inner], check=True)
        top = mount_store(store, crm_db)
        assert differences(top.path("snapshots/a"), top.path("live")) == ""
        with refused_with(errno.EROFS):
            top.path("snapshots/b").mkdir()
        top.unmount()
    finally:
        subprocess.run(["umount", "-l", inner], check=True)


def test_wrong_passphrase(refused, store, work, crm_db):
    point = work / "point"
    point.mkdir()
    answer = refused("mount", "--store", store.path, crm_db, point,
                     environment={**store.environment, "CRMFS_PASSPHRASE": "wrong"})
    assert "passphrase" in answer.err
    for missing in (work / "nothing", work):
        answer = refused("mount", "--store", missing, crm_db, point, environment=store.environment)
        assert str(missing) in answer.err


def test_unprivileged(root, work, crm_db, mount_store):
    """The whole of it as an ordinary user."""
    theirs = work / "theirs"
    theirs.mkdir()
    os.chown(theirs, NOBODY.pw_uid, NOBODY.pw_gid)
    store = Kept(theirs, user=NOBODY)
    assert all(path.stat().st_uid == NOBODY.pw_uid for path in store.path.rglob("*"))
    assert all(not path.stat().st_mode & 0o077 for path in store.path.rglob("*"))
    top = mount_store(store, crm_db, user=NOBODY)

    def run(*command):
        return subprocess.run(as_user(NOBODY, command), capture_output=True, text=True, check=False, timeout=PATIENCE)

    assert run("mkdir", top.path("snapshots/a")).returncode == 0
    assert run("mv", top.path("snapshots/a"), top.path("snapshots/b")).returncode == 0
    assert run("ls", top.path("snapshots")).stdout.split() == ["b", "latest"]
    assert run("diff", "-r", top.path("snapshots/b"), top.path("live")).stdout == ""
    assert run("rsync", "-a", f"{top.path('snapshots/latest')}/", theirs / "out").returncode == 0
    assert run("rmdir", top.path("snapshots/b")).returncode == 0
    assert store.names() == []


# --- under a writer ----------------------------------------------------------------------------

ACCOUNTS, START = 300, 100
TRANSFERS = """
import os, sqlite3, sys, time
sys.path.insert(0, %r)
from test_snapshots_mount import transfer
conn = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
number = 0
while not os.path.exists(sys.argv[2]):
    number += 1
    transfer(conn, number)
    time.sleep(0.001)  # or, with a rollback journal, nobody else ever gets the lock
print(number)
""" % str(Path(__file__).parent)


def make_bank(path, journal):
    conn = sqlite3.connect(path, isolation_level=None)
    conn.execute(f"PRAGMA journal_mode = {journal}")
    conn.execute("PRAGMA synchronous = OFF")
    conn.execute("CREATE TABLE log (id INTEGER PRIMARY KEY, amount INTEGER)")
    for table in ("a", "b"):
        conn.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, balance INTEGER, note TEXT)")
        conn.execute("BEGIN")
        conn.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)",
                         ((n, START, "x" * 200) for n in range(ACCOUNTS)))
        conn.execute("COMMIT")
    return conn


def transfer(conn, number):
    """Transaction NUMBER, always the same: so that the state after it can be made again."""
    amount, one, two = number * 7 % 50 + 1, number * 31 % ACCOUNTS, number * 17 % ACCOUNTS
    conn.execute("BEGIN IMMEDIATE")
    conn.execute("UPDATE a SET balance = balance - ? WHERE id = ?", (amount, one))
    conn.execute("UPDATE b SET balance = balance + ?, note = note || ? WHERE id = ?", (amount, number % 10, two))
    conn.execute("INSERT INTO log VALUES (?, ?)", (number, amount))
    conn.execute("COMMIT")


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_under_a_writer(mount_store, store, work, journal):
    """Each snapshot is one moment: its sums agree, and it is to the byte the state after some transaction."""
    import sys

    database, stop = work / "bank.db", work / "stop"
    make_bank(database, journal).close()
    top = mount_store(store, database, options="refresh=0")
    writer = subprocess.Popen([sys.executable, "-c", TRANSFERS, database, stop], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True,
                              env={**os.environ, "PYTHONPATH": ":".join(map(str, sys.path))})
    try:
        time.sleep(0.5)
        for number in range(12):
            top.path("snapshots", f"{number:02}").mkdir()
            time.sleep(0.05)
    finally:
        stop.touch()
        out, err = writer.communicate(timeout=PATIENCE)
    assert writer.returncode == 0, err
    again, done, moments = make_bank(work / "again.db", "memory"), 0, []
    replayed = reference.connect(work / "again.db")
    for number in range(12):
        folder = top.path("snapshots", f"{number:02}", "bank")
        log = (folder / "log.ndjson").read_bytes()
        moments.append(log.count(b"\n"))
        while done < moments[-1]:
            done += 1
            transfer(again, done)
        for table in ("a", "b", "log"):
            for form in reference.FORMATS:
                shown = (folder / f"{table}.{form}").read_bytes()
                assert shown == reference.render(replayed, table, form), f"{number}: {table}.{form}"
        balances = [int(line.split(b",")[1]) for table in "ab"
                    for line in (folder / f"{table}.csv").read_bytes().splitlines()[1:]]
        assert sum(balances) == 2 * ACCOUNTS * START
    assert moments == sorted(moments) and moments[-1] <= int(out)
    assert len(set(moments)) > 3, f"the snapshots stand still: {moments}"
    again.close()
