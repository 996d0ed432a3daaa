# SPDX-License-Identifier: MIT
"""Whose a store's files are: its owner's, though root, or somebody else who may, has written to it."""
import os
import re
import subprocess

import pytest

from mounting import NOBODY, ROOT, as_user
from stores import Kept, sql

pytestmark = pytest.mark.usefixtures("root")


def owners(directory):
    """uid and gid of all that is in it."""
    return {(status.st_uid, status.st_gid) for status in (path.lstat() for path in directory.rglob("*"))}


@pytest.fixture
def theirs(work):
    """A store of nobody's, with what nobody remembers of it."""
    store = Kept.copied(work)
    for path in [store.path, store.directory / "state", *store.path.rglob("*"), *(work / "state").rglob("*")]:
        os.chown(path, NOBODY.pw_uid, NOBODY.pw_gid)
    return store


def test_what_root_writes_belongs_to_the_owner(theirs, work, mount):
    """It has mode 0400: nobody else's mount and commands could read anything."""
    database = work / "a.db"
    sql(database, "CREATE TABLE a (id INTEGER PRIMARY KEY, b)")
    database.chmod(0o644)
    theirs.take("by-root", database)
    top = mount("--store", theirs.path, database, environment=theirs.environment)
    top.path("live/a/a.csv").read_bytes()
    top.path("files/a").write_bytes(b"root's")
    os.mkdir(top.path("snapshots/mounted"))
    assert owners(theirs.path) == {(NOBODY.pw_uid, NOBODY.pw_gid)}
    top.unmount()
    assert owners(theirs.path) == owners(work / "state") == {(NOBODY.pw_uid, NOBODY.pw_gid)}
    theirs.user = NOBODY
    theirs.take("by-nobody", database)
    assert theirs.names() == ["by-root", "mounted", "by-nobody"]
    theirs.check()
    assert theirs.export("by-root", "a") == b"id,b\n"


def by_nobody(*words, status=0):
    """What a command of nobody's says, who alone sees into nobody's mounts."""
    done = subprocess.run(as_user(NOBODY, words), capture_output=True, text=True, check=False)
    assert done.returncode == status, done
    return done.stdout


def test_files_that_root_was_first_to_write_are_the_owners(theirs, mount):
    """As are the store's own files; what root puts there stays root's."""
    top = mount(theirs.path, environment=theirs.environment)
    top.path("files/by-root").write_bytes(b"root's")
    top.unmount()
    mine = mount(theirs.path, environment=theirs.environment, user=NOBODY)
    assert by_nobody("stat", "-c", "%u:%g", mine.path("files"), mine.path("files/by-root")).split() == [
        f"{NOBODY.pw_uid}:{NOBODY.pw_gid}", "0:0"]
    by_nobody("touch", mine.path("files/mine"))


def test_files_that_are_not_the_mounting_users_are_told(theirs, mount):
    """The kernel refuses the change, and crmfs never hears of it: it is said beforehand."""
    top = mount(theirs.path, environment=theirs.environment)
    top.path("files/by-root").write_bytes(b"root's")
    os.chown(top.path("files"), 0, 0)
    top.unmount()
    mine = mount(theirs.path, environment=theirs.environment, user=NOBODY)
    by_nobody("touch", mine.path("files/mine"), status=1)
    said = by_nobody("cat", mine.path(".crmfs/errors"))
    assert "EACCES files: " in said and "user 0" in said and "chown" in said
    mine.unmount()
    top = mount(theirs.path, environment=theirs.environment)
    assert top.path(".crmfs/errors").read_text() == ""
    os.chmod(top.path("files"), 0o777)
    top.unmount()
    mine = mount(theirs.path, environment=theirs.environment, user=NOBODY)
    by_nobody("touch", mine.path("files/mine"))
    assert by_nobody("cat", mine.path(".crmfs/errors")) == ""


def test_who_would_shut_the_owner_out_writes_nothing(work):
    """Not root, though the store's folders are open to everybody."""
    store = Kept.copied(work)
    database = work / "a.db"
    sql(database, "CREATE TABLE a (id INTEGER PRIMARY KEY, b)")
    database.chmod(0o644)
    for path in [store.path, *store.path.rglob("*")]:
        path.chmod(path.stat().st_mode | (0o777 if path.is_dir() else 0o444))
    state = work / "theirs"
    state.mkdir()
    os.chown(state, NOBODY.pw_uid, NOBODY.pw_gid)
    store.user, store.environment["XDG_STATE_HOME"] = NOBODY, str(state)
    there = store.files()
    said = store.run("snapshot", "--store", store.path, database, status=1).err
    assert "another user's, who could not read" in said
    assert store.files() == there


def capabilities(unit):
    """What a unit of tools/units lets its service do, in setpriv's words."""
    (line,) = re.findall(r"^CapabilityBoundingSet=(.*)$", (ROOT / "tools/units" / unit).read_text(), re.MULTILINE)
    return ",".join(["-all", *("+" + word.removeprefix("CAP_").lower() for word in line.split())])


def test_the_units_may_do_what_their_commands_need(theirs, work):
    """Root, with no more rights than the service has, in a user's store."""
    database = work / "a.db"
    sql(database, "CREATE TABLE a (id INTEGER PRIMARY KEY, b)")
    os.chown(database, NOBODY.pw_uid, NOBODY.pw_gid)
    database.chmod(0o600)
    commands = {"crmfs-snapshot@.service": [["snapshot", "--store", theirs.path, "--name", name, database]
                                            for name in ("a", "b")],
                "crmfs-prune@.service": [["forget", "--keep-last", "1", theirs.path],
                                         ["prune", "--grace", "0", theirs.path]]}
    for unit, lines in commands.items():
        theirs.before = ["setpriv", "--bounding-set", capabilities(unit), "--"]
        for line in lines:
            theirs.run(*line)
    theirs.before = []
    assert owners(theirs.path) == owners(work / "state") == {(NOBODY.pw_uid, NOBODY.pw_gid)}
    theirs.user = NOBODY
    assert theirs.names() == ["b"]


def test_root_that_may_not_give_away_is_told_what_it_lacks(theirs, work):
    """Not to run crmfs as root, which it does."""
    database = work / "a.db"
    sql(database, "CREATE TABLE a (id INTEGER PRIMARY KEY, b)")
    theirs.before = ["setpriv", "--bounding-set", "-all,+dac_override", "--"]
    said = theirs.run("snapshot", "--store", theirs.path, database, status=1).err
    assert "CAP_CHOWN" in said and "or as root" not in said
