# SPDX-License-Identifier: MIT
"""A user who is granted tables one by one: the server tells him of no others, so that any may be missing."""
import json
import os
import subprocess

import pytest

import mariadb
import mounting

WORDS = "granted to it one by one"


@pytest.fixture
def user(server, database):
    """user(GRANT, …) → a new user's name, who has these rights; {0} in them is the database."""
    made = []

    def make(*rights):
        made.append(f"u{next(mariadb.NUMBERS)}")
        server.sql(f"CREATE USER {made[-1]}@localhost")
        for right in rights:
            server.sql(f"GRANT {right.format(database)} TO {made[-1]}@localhost")
        return made[-1]

    server.sql("CREATE TABLE a (id INT PRIMARY KEY); CREATE TABLE b (id INT PRIMARY KEY); INSERT INTO a VALUES (1)", database)
    yield make
    for name in made:
        server.sql(f"DROP USER {name}@localhost")


@pytest.fixture
def environment(work):
    return {"CRMFS_PASSPHRASE": "p", "XDG_STATE_HOME": str(work / "state"), "HOME": str(work)}


@pytest.fixture
def crmfs(work, environment):
    def run(*words, status=0):
        done = subprocess.run([mounting.BINARY, *words], env={**os.environ, **environment}, capture_output=True,
                              check=False, text=True, stdin=subprocess.DEVNULL)
        assert done.returncode == status, (done.returncode, done.stderr)
        return done

    run("init", work / "store")
    return run


@pytest.fixture
def take(crmfs, work, server, database):
    return lambda user, *words, status=0: crmfs("snapshot", "--json", "--store", work / "store", *words,
                                                server.url(database, user), status=status)


def is_whole(crmfs, work):
    """What is said of the newest snapshot."""
    return not json.loads(crmfs("snapshots", "--json", work / "store").stdout)[-1]["partial"]


@pytest.mark.parametrize("right", ["SELECT ON {0}.a", "SELECT (id) ON {0}.a"])
def test_a_snapshot_says_that_it_may_lack_tables(take, crmfs, work, user, database, right):
    name = user(right, "CREATE TEMPORARY TABLES, EXECUTE ON {0}.*")
    done = take(name, status=3)
    assert f"{database} may lack tables" in done.stderr and WORDS in done.stderr, done.stderr
    assert f"GRANT SELECT, SHOW VIEW ON `{database}`.* TO '{name}'" in done.stderr, done.stderr
    assert "--table" in done.stderr and "--exclude-table" not in done.stderr, done.stderr
    (left,) = json.loads(done.stdout)["left_out"]
    assert left["source"] == database and "table" not in left and WORDS in left["why"]
    assert not is_whole(crmfs, work)
    assert f"(in part, perhaps without others of {database})" in crmfs("snapshots", work / "store").stdout
    if right == "SELECT ON {0}.a":
        done = crmfs("restore", "--store", work / "store", "--to", work / "new.db", "latest", status=3)
        assert "there may be more tables" in done.stderr, done.stderr


def test_who_names_the_tables_means_these(take, user):
    done = take(user("SELECT ON {0}.a"), "--table", "a")
    assert done.stderr == "" and json.loads(done.stdout)["left_out"] == []


@pytest.mark.parametrize("rights", [
    ["SELECT ON {0}.*"], ["SELECT ON *.*"], ["ALL ON {0}.*", "SELECT ON {0}.a"], ["SELECT ON `{0}%`.*"]])
def test_no_false_alarm(take, crmfs, work, user, rights):
    done = take(user(*rights))
    answer = json.loads(done.stdout)
    assert done.stderr == "" and answer["left_out"] == [] and answer["tables"] == 2
    assert is_whole(crmfs, work)


def test_a_diff_says_that_it_may_not_have_been_told(take, crmfs, work, user, database):
    """Nobody knows whether the table was there: it is said, and that it may have been."""
    take(user("SELECT ON {0}.a"), "--name", "one", status=3)
    take(user("SELECT ON {0}.*"), "--name", "all")
    for pair, change in ((("all", "one"), "removed"), (("one", "all"), "added")):
        done = crmfs("diff", "--json", work / "store", *pair, status=1)
        answer = json.loads(done.stdout)
        assert [(table["table"], table["change"]) for table in answer["tables"]] == [("b", change)]
        assert answer["unseen"] == [{"snapshot": "one", "source": database}] and answer["not_compared"] == []
        assert f"one may lack tables of {database} of which nobody was told" in done.stderr
    assert crmfs("diff", work / "store", "one", "one").stderr == ""


def test_no_false_alarm_by_a_role(take, server, database, user):
    name = user()
    server.sql(f"CREATE ROLE r{name}; GRANT SELECT ON {database}.* TO r{name}; GRANT r{name} TO {name}@localhost;"
               f"SET DEFAULT ROLE r{name} FOR {name}@localhost")
    try:
        assert take(name).stderr == ""
    finally:
        server.sql(f"DROP ROLE r{name}")


def test_a_mount_says_it(mount, work, server, database, user, crmfs, environment):  # pylint: disable=unused-argument
    name = user("SELECT ON {0}.a")
    top = mount(f"one={server.url(database, name)}", f"all={server.url(database)}",
                arguments=["--store", work / "store"], environment=environment)
    assert os.listdir(top.path("live/one")) and os.listdir(top.path("live/all"))
    status = {live["name"]: live for live in top.status()["live"]}
    assert status["one"]["granted_one_by_one"] is True and status["all"]["granted_one_by_one"] is False
    os.mkdir(top.path("snapshots/now"))
    assert os.getxattr(top.path("snapshots/now"), "user.crmfs.partial") == b"one\n"
    (line,) = [line for line in top.errors().splitlines() if WORDS in line]
    assert "snapshots/now/one" in line and "may lack tables" in line


@pytest.mark.parametrize("how", [["migrate"], ["restore", "--to"]])
def test_a_copy_says_it(crmfs, work, server, database, user, how):
    source, target = server.url(database, user("SELECT ON {0}.a")), work / "copy.db"
    words = [*how, source, target] if how == ["migrate"] else [*how, target, source]
    done = crmfs(*words, status=3)
    assert WORDS in done.stderr and "status 3" in done.stderr, done.stderr
    if how != ["migrate"]:
        assert crmfs("restore", "--table", "a", "--mode", "upsert", "--to", target, source).stderr == ""
