# SPDX-License-Identifier: MIT
"""Dumps of several databases, restored into one: its tables have their own names there."""
import subprocess

import pytest

import server

TABLES = """CREATE TABLE par (id int PRIMARY KEY, name varchar(20)); CREATE TABLE big (id int PRIMARY KEY, par int, name varchar(20),
    FOREIGN KEY (par) REFERENCES par (id)); CREATE VIEW v AS SELECT id FROM big;
    INSERT INTO par VALUES (1, '%s'); INSERT INTO big VALUES (1, 1, 'a'), (2, 1, 'b'); """


@pytest.fixture
def dump(request, place, work):
    """dump(kind) → a dump of two databases, and what they are called; the second has another table, too."""
    def make(kind):
        places = [place(kind), place(kind)]
        names = [one.url.split("?")[0].rsplit("/", 1)[1] for one in places]
        for one, name in zip(places, names):
            one.sql(TABLES % name)
        places[1].sql("CREATE TABLE alone (id int PRIMARY KEY); INSERT INTO alone VALUES (7);")
        path = work / "all.sql"
        if kind == "mysql":
            maria = request.getfixturevalue("maria")
            path.write_bytes(subprocess.run(["mariadb-dump", "--no-defaults", "-uroot", f"--socket={maria.socket}", "--databases", *names],
                                            capture_output=True, check=True).stdout)
        else:
            places[0].sql("CREATE SCHEMA other; CREATE TABLE other.deep (id int PRIMARY KEY); INSERT INTO other.deep VALUES (5);")
            path.write_bytes(subprocess.run([server.programs() / "pg_dumpall", "-d", places[0].url.replace(names[0], "postgres", 1)],
                                            capture_output=True, check=True).stdout)
        return path, names
    return make


@pytest.mark.parametrize("kind", ["mysql", "postgresql"])
@pytest.mark.parametrize("into", ["sqlite", "own"])
def test_rows_come_back_into_the_table_of_their_own_name(crmfs, dump, place, kind, into):
    path, (first, second) = dump(kind)
    target = place(kind if into == "own" else into)
    target.sql(TABLES % "here")
    target.sql("DELETE FROM big WHERE id = 2; INSERT INTO big VALUES (3, 1, 'c');")
    crmfs("restore", "--mode", "missing", "--table", f"{first}.big", "--to", target.url, path)
    assert target.value("SELECT count(*) FROM big") == "3" and target.value("SELECT name FROM big WHERE id = 2") == "b"
    crmfs("restore", "--mode", "upsert", "--table", "par", "--database", second, "--to", target.url, path)
    assert target.value("SELECT name FROM par") == second
    crmfs("restore", "--table", "alone", "--to", target.url, path)
    assert target.value("SELECT id FROM alone") == "7"


@pytest.mark.parametrize("kind", ["mysql", "postgresql"])
@pytest.mark.parametrize("command", ["restore", "migrate"])
def test_all_of_one_database(crmfs, dump, place, kind, command):
    """Its foreign keys and views come with it."""
    path, (first, second) = dump(kind)
    target = place(kind)
    words = ["--to", target.url, path] if command == "restore" else [path, target.url]
    refused = crmfs(command, *words, status=1).stderr
    assert "several databases" in refused and first in refused and second in refused and "--database" in refused
    crmfs(command, "--database", first, *words)
    assert target.value("SELECT name FROM par") == first and target.value("SELECT count(*) FROM v") == "2"
    constraints = target.value("SELECT count(*) FROM information_schema.referential_constraints WHERE constraint_schema IN "
                               "('public', %s)" % ("DATABASE()" if kind == "mysql" else "''"))
    assert constraints == "1"
    if kind == "postgresql":
        assert target.value("SELECT id FROM other.deep") == "5"


def test_what_is_refused(crmfs, dump, place):
    path, (first, second) = dump("mysql")
    target = place("sqlite")
    for words, told in ((["--table", "big"], "several databases"),
                        (["--table", f"{first}.big,{second}.big"], "several databases"),
                        (["--database", "nothing"], 'there is no table of a database "nothing"'),
                        (["--database", first, "--table", f"{second}.alone"], f'no table "{second}.alone"'),
                        (["--table", "none"], 'no table "none"')):
        assert told in crmfs("restore", *words, "--to", target.url, path, status=1).stderr
    assert "not of several databases" in crmfs("restore", "--database", "x", "--to", place("sqlite").url, place("mysql").url, status=1).stderr
    crmfs("restore", "--database", first, "--exclude-table", f"{second}.alone,v", "--to", target.url, path)
    assert target.value("SELECT count(*) FROM big") == "2"


def test_out_of_a_snapshot(crmfs, dump, place, store, work):
    path, (first, _) = dump("mysql")
    crmfs("import", "-q", "--store", store.path, path, **store.environment)
    target = place("sqlite")
    crmfs("restore", "--store", store.path, "--to", target.url, f"latest/all/{first}.big", "--orphans", **store.environment)
    assert target.value("SELECT count(*) FROM big") == "2"
