# SPDX-License-Identifier: MIT
"""A dry run says all that stands in the way at once, and changes nothing."""
import json
import sqlite3

import pytest

COMMANDS = ["restore", "migrate"]

# Per kind of target: a column that holds less than the source has, and what it is refused with.
NARROW = {"sqlite": ("CHECK (length(name) < 5)", "CHECK"), "mysql": ("", "more characters"),
          "postgresql": ("", "more characters")}


@pytest.fixture
def source(work):
    path = work / "source.db"
    with sqlite3.connect(path) as database:
        database.executescript("""
            CREATE TABLE fine (id INTEGER PRIMARY KEY, name TEXT);
            CREATE TABLE child (id INTEGER PRIMARY KEY, mixed INTEGER REFERENCES mixed (id));
            CREATE TABLE mixed (id INTEGER PRIMARY KEY, name, other);
            CREATE TABLE there (id INTEGER PRIMARY KEY, name TEXT, more TEXT, most TEXT);
            CREATE VIEW seen AS SELECT * FROM fine;
            INSERT INTO fine VALUES (1, 'a'), (2, 'b');
            INSERT INTO mixed VALUES (1, 'text', 1.5), (2, x'ff', 'text'), (3, x'00', x'ff'), (4, 'x', 5);
            INSERT INTO child VALUES (1, 2);
            INSERT INTO there VALUES (1, 'short', 'm', 'm'), (2, 'far too long', 'm', 'm'),
                                     (3, 'too long as well', 'm', 'm');""")
    database.close()
    return path


def test_all_is_said(kind, place, crmfs, source):
    """Columns that are not there, rows that do not fit a column, by column; and what would go well."""
    target = place(kind)
    check, words = NARROW[kind]
    target.sql(f"CREATE TABLE there (id INTEGER PRIMARY KEY, name VARCHAR(9) {check.replace('5', '9')})")
    if kind == "mysql":
        target.sql("CREATE TABLE fine (id INTEGER PRIMARY KEY, name TEXT);"
                   "CREATE TABLE mixed (id INTEGER PRIMARY KEY, name TEXT, other TEXT);"
                   "CREATE TABLE child (id INTEGER PRIMARY KEY, mixed INTEGER)")
    done = crmfs("restore", "--dry-run", "--json", "--to", target.url, source, status=1)
    told = json.loads(done.stdout)
    assert sorted(table["name"] for table in told["tables"]) == ["child", "fine", "mixed", "there"]
    by = {(one["table"], one.get("column")): one for one in told["refusals"]}
    for column in ("more", "most"):
        assert len([one for one in told["refusals"] if f"--map there.{column}=" in one["reason"]]) == 1
    narrow, = (one for one in told["refusals"] if one["table"] == "there" and "rows" in one)
    assert kind == "sqlite" or narrow["column"] == "name"
    assert (narrow["rows"], narrow["first_row"]) == (2, 2) and words in narrow["reason"]
    if kind != "sqlite":
        assert (by["mixed", "name"]["rows"], by["mixed", "name"]["first_row"]) == (2, 2)
        assert (by["mixed", "other"]["rows"], by["mixed", "other"]["first_row"]) == (1, 3)
    assert f"{len(told['refusals'])} things stand in the way" in done.stderr
    said = crmfs("restore", "--dry-run", "--to", target.url, source, status=1)
    assert len([line for line in said.stderr.splitlines() if "in the way: " in line]) == len(told["refusals"])
    assert "2 rows, the first of them row 2" in said.stderr and "fine" in said.stdout
    assert int(target.value("SELECT count(*) FROM there")) == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_a_table_that_cannot_be_written_hides_no_other(place, crmfs, maria, command):
    """Each is known to be there already, or of an engine without transactions, or without a right."""
    source, target = place("mysql"), place("mysql")
    for one in (source, target):
        one.sql("CREATE TABLE a (id INT PRIMARY KEY); CREATE TABLE b (id INT PRIMARY KEY);"
                "CREATE TABLE c (id INT PRIMARY KEY) ENGINE=Aria; CREATE TABLE d (id INT PRIMARY KEY) ENGINE=MyISAM;"
                "INSERT INTO a VALUES (1); INSERT INTO b VALUES (1); INSERT INTO c VALUES (1); INSERT INTO d VALUES (1)")
    words = (["restore", "--mode", "upsert", "--to", target.url, source.url] if command == "restore"
             else ["migrate", source.url, target.url])
    told = json.loads(crmfs(words[0], "--dry-run", "--json", *words[1:], status=1).stdout)
    refused = [one["table"] for one in told["refusals"]]
    assert sorted(refused) == (["c", "d"] if command == "restore" else ["a", "b", "c", "d"])
    assert sorted(table["name"] for table in told["tables"]) == (["a", "b"] if command == "restore" else [])


def test_a_migration_that_would_go_well(kind, place, crmfs, source, work):
    """Nothing stays: no table, no file, no journal; and the real one says the same."""
    target = place(kind)
    with sqlite3.connect(source) as database:
        database.executescript("UPDATE mixed SET name = 'x', other = 'x'")
    database.close()
    told = json.loads(crmfs("migrate", "--dry-run", "--json", source, target.url).stdout)
    assert told["refusals"] == [] and told["dry_run"] is True
    assert {table["name"]: table["inserted"] for table in told["tables"]} == {"fine": 2, "child": 1, "mixed": 4, "there": 3}
    if kind == "sqlite":
        assert sorted(path.name for path in work.glob("target*")) == []
    else:
        assert target.value("SELECT count(*) FROM information_schema.tables WHERE table_schema = " +
                            ("'public'" if kind == "postgresql" else "DATABASE()")) == "0"
    assert list((work / "state").rglob("migration-*")) == []
    crmfs("migrate", source, target.url)


def test_what_an_interrupted_migration_has_brought_is_not_in_the_way(place, crmfs, source, work):
    target = place("sqlite")
    journal = work / "journal"
    crmfs("migrate", source, target.url)
    target.sql("DROP TABLE child")
    journal.write_text("".join(json.dumps(line) + "\n" for line in (
        {"source": str(source), "target": target.url}, {"table": "fine", "rows": 2, "high": "0", "low": "0"},
        {"table": "mixed", "rows": 4, "high": "0", "low": "0"}, {"table": "there", "rows": 3, "high": "0", "low": "0"})))
    before = journal.read_text()
    told = json.loads(crmfs("migrate", "--dry-run", "--json", "--journal", journal, source, target.url).stdout)
    assert [table["name"] for table in told["tables"]] == ["child"] and journal.read_text() == before


@pytest.mark.parametrize("other", ["mysql", "postgresql"])
def test_names_that_are_too_long(place, crmfs, other):
    """PostgreSQL would cut them; MySQL refuses them when the table is there, and gets its name."""
    source, target = place("sqlite"), place(other)
    long_name = "n" * 65
    source.sql(f"CREATE TABLE {long_name} (id INTEGER PRIMARY KEY); CREATE TABLE short (id INTEGER PRIMARY KEY, {long_name});"
               "CREATE TABLE fine (id INTEGER PRIMARY KEY)")
    told = json.loads(crmfs("migrate", "--dry-run", "--json", source.url, target.url, status=1).stdout)
    assert [table["name"] for table in told["tables"]] == ["fine"]
    assert {one["table"] for one in told["refusals"]} == {long_name, "short"}
    assert all("is longer than the 6" in one["reason"] for one in told["refusals"])
    assert "is longer than the 6" in crmfs("migrate", source.url, target.url, status=1).stderr
