# SPDX-License-Identifier: MIT
"""
Defaults, checks and what foreign keys do: made in another kind of database where that means the same by
them, else said to be left behind. Between databases of one kind they are what they were.
"""
import subprocess

import pytest

from test_dumps import dumped

OF = {
    "sqlite": """
        CREATE TABLE accounts (id INTEGER PRIMARY KEY, name TEXT NOT NULL DEFAULT 'it''s \\ "new"',
            n INTEGER DEFAULT -5 CHECK (n >= -10 AND n <> 7), price DECIMAL(9,2) DEFAULT (1.50), open BOOLEAN DEFAULT 1,
            made DATETIME DEFAULT CURRENT_TIMESTAMP, code VARCHAR(9) DEFAULT 'a', odd TEXT DEFAULT (lower('X')),
            kind VARCHAR(9) CHECK (kind IN ('big', 'small') OR kind IS NULL), CHECK (length(name) < 99));
        CREATE TABLE contacts (id INTEGER PRIMARY KEY, account_id INTEGER,
            FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE ON UPDATE SET NULL);
        CREATE TABLE calls (id INTEGER PRIMARY KEY, contact_id INTEGER REFERENCES contacts (id) ON DELETE SET NULL,
            twice INTEGER AS (id * 2));
        CREATE TRIGGER t AFTER INSERT ON calls BEGIN SELECT 1; END;
        """,
    "mysql": """
        CREATE TABLE accounts (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(50) NOT NULL DEFAULT 'it''s \\\\ "new"',
            n INT DEFAULT -5 CHECK (n >= -10 AND n <> 7), price DECIMAL(9,2) DEFAULT 1.50, open TINYINT(1) DEFAULT 1,
            made DATETIME DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, code VARCHAR(9) DEFAULT 'a',
            odd VARCHAR(9) DEFAULT (lower('X')), kind VARCHAR(9) CHECK (kind IN ('big', 'small')),
            CHECK (length(name) < 99));
        CREATE TABLE contacts (id INT PRIMARY KEY, account_id INT,
            FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE ON UPDATE SET NULL);
        CREATE TABLE calls (id INT PRIMARY KEY, contact_id INT, twice INT AS (id * 2),
            FOREIGN KEY (contact_id) REFERENCES contacts (id) ON DELETE SET NULL);
        """,
    "postgresql": """
        CREATE TABLE accounts (id serial PRIMARY KEY, name text NOT NULL DEFAULT 'it''s \\ "new"',
            n integer DEFAULT -5 CHECK (n >= -10 AND n <> 7), price numeric(9,2) DEFAULT 1.50, open boolean DEFAULT true,
            made timestamp(0) DEFAULT now(), code varchar(9) DEFAULT 'a', odd text DEFAULT lower('X'),
            kind varchar(9) CHECK (kind IN ('big', 'small')), CHECK (length(name) < 99));
        CREATE TABLE contacts (id integer PRIMARY KEY, account_id integer REFERENCES accounts ON DELETE CASCADE
            ON UPDATE SET NULL);
        CREATE TABLE calls (id integer PRIMARY KEY, contact_id integer REFERENCES contacts ON DELETE SET NULL,
            twice integer GENERATED ALWAYS AS (id * 2) STORED);
        """,
}
ROWS = """
INSERT INTO accounts (id, name, kind) VALUES (1, 'one', 'big'), (2, 'two', NULL);
INSERT INTO contacts VALUES (1, 1), (2, 2);
INSERT INTO calls (id, contact_id) VALUES (1, 1), (2, 2);
"""
ELSEWHERE = [(one, other) for one in OF for other in OF if one != other]


def refuses(place, sql):
    try:
        place.sql(sql)
    except (AssertionError, subprocess.CalledProcessError):
        return True
    return False


@pytest.mark.parametrize("one, other", ELSEWHERE)
def test_elsewhere(crmfs, counts, place, one, other):
    source, target = place(one), place(other)
    source.sql(OF[one] + ROWS)
    told = counts("--to", target.url, source.url)
    keys = "PRAGMA foreign_keys = 1;" if other == "sqlite" else ""
    target.sql("INSERT INTO accounts (id) VALUES (3)")
    words = {"sqlite": "name || '|' || n || '|' || price || '|' || open || '|' || code",
             "mysql": "CONCAT_WS('|', name, n, price, open, code)",
             "postgresql": "concat_ws('|', name, n, price, open::integer, code)"}[other]
    new = target.value(f"SELECT {words} FROM accounts WHERE id = 3").replace("1.50", "1.5")
    assert new == 'it\'s \\ "new"|-5|1.5|1|a'
    assert target.value("SELECT count(*) FROM accounts WHERE id = 3 AND made IS NOT NULL AND odd IS NULL") == "1"
    assert refuses(target, "UPDATE accounts SET n = 7 WHERE id = 3")
    assert refuses(target, "UPDATE accounts SET kind = 'odd' WHERE id = 3") == (one == "sqlite"), "as MySQL compares texts"
    target.sql(keys + "DELETE FROM accounts WHERE id = 1")
    assert target.value("SELECT count(*) FROM contacts") == "1"
    assert target.value("SELECT count(*) FROM calls WHERE contact_id IS NULL") == "1"
    target.sql(keys + "UPDATE accounts SET id = 20 WHERE id = 2")
    assert target.value("SELECT count(*) FROM contacts WHERE account_id IS NULL") == "1"
    notes = {name: "\n".join(table["notes"]) for name, table in told.items()}
    assert 'the default of column "odd" is not brought along' in notes["accounts"]
    assert ("1 CHECK constraint is" if one == "sqlite" else "2 CHECK constraints are") in notes["accounts"]
    assert ("ON UPDATE" in notes["accounts"]) == (one == "mysql")
    assert 'column "twice" was generated' in notes["calls"]
    assert ("1 trigger is not brought along" in notes["calls"]) == (one == "sqlite")
    assert notes["contacts"] == ""
    assert '"id"' not in notes["accounts"], "it counts on, by other means"


@pytest.mark.parametrize("one", OF)
def test_in_another_of_the_kind(crmfs, place, one):
    """As they were: the same statements make both."""
    source, target = place(one), place(one)
    source.sql(OF[one] + ROWS)
    crmfs("restore", "--to", target.url, source.url)
    question = {"sqlite": "SELECT sql FROM sqlite_master ORDER BY name",
                "mysql": "SHOW CREATE TABLE accounts; SHOW CREATE TABLE contacts; SHOW CREATE TABLE calls",
                "postgresql": "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid <> 0 AND "
                              "connamespace = 'public'::regnamespace AND conname !~ 'kind' ORDER BY 1; SELECT column_name, column_default "
                              "FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2"}[one]
    assert target.sql(question) == source.sql(question) != ""


def test_a_default_that_would_not_fit(counts, place):
    """A date that PostgreSQL does not have, a number that is too large for it: said, and no hindrance."""
    source, target = place("mysql"), place("postgresql")
    source.sql("SET sql_mode=''; CREATE TABLE t (id INT PRIMARY KEY, day DATE DEFAULT '0000-00-00', "
               "moment DATETIME DEFAULT '2026-02-03 04:05:06')")
    notes = counts("--to", target.url, source.url)["t"]["notes"]
    assert notes == ['the default of column "day" is not brought along']
    assert target.value("INSERT INTO t (id) VALUES (1) RETURNING moment") == "2026-02-03 04:05:06"


NOW = {"mysql": "utc_timestamp()", "postgresql": "(now() AT TIME ZONE 'UTC')"}


@pytest.mark.parametrize("kind", NOW)
def test_the_time_of_utc(crmfs, counts, place, kind):
    """SQLite's CURRENT_TIMESTAMP knows no zone; a session elsewhere makes the same of it, also when it comes back."""
    zone = "SET TIME ZONE 'Asia/Tokyo';" if kind == "postgresql" else "SET time_zone = '+09:00';"
    source, target, again = place("sqlite"), place(kind), place("sqlite")
    source.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, a DATETIME DEFAULT CURRENT_TIMESTAMP, "
               "b TIMESTAMP DEFAULT (CURRENT_TIMESTAMP))")
    assert counts("--to", target.url, source.url)["t"]["notes"] == []
    target.sql(f"{zone} INSERT INTO t (id) VALUES (1)")
    here = f"{zone} SELECT count(*) FROM t WHERE a BETWEEN %s - INTERVAL '9' MINUTE AND %s + INTERVAL '9' MINUTE AND a = b" % (NOW[kind], NOW[kind])
    assert target.value(here).split()[-1] == "1"
    assert counts("--to", again.url, target.url)["t"]["notes"] == []
    again.sql("INSERT INTO t (id) VALUES (2)")
    assert again.value("SELECT count(*) FROM t WHERE abs(julianday(a) - julianday('now')) < 0.01 AND a = b AND id = 2") == "1"
    local = place(kind)
    local.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, a TIMESTAMP(0) NULL DEFAULT LOCALTIMESTAMP, "
              "b {} DEFAULT CURRENT_TIMESTAMP)".format("timestamptz" if kind == "postgresql" else "DATETIME"))
    other = {"mysql": "postgresql", "postgresql": "mysql"}[kind]
    assert counts("--to", place(other).url, local.url)["t"]["notes"] == []
    notes = counts("--to", place("sqlite").url, local.url)["t"]["notes"]
    assert [note.split(",")[0] for note in notes] == [
        'the default of column "{}" is the time in UTC now'.format("a" if kind == "postgresql" else "b")]


@pytest.mark.parametrize("how", ["live", "dump"])
@pytest.mark.parametrize("kind", OF)
def test_what_only_postgresql_has(counts, place, work, kind, how):
    """EXCLUDE, and columns that count beside the key: in another of the kind they are what they were, else it is said."""
    source, target = place("postgresql"), place(kind)
    source.sql("""CREATE TABLE rooms (id serial PRIMARY KEY, n bigint GENERATED BY DEFAULT AS IDENTITY (START 10 INCREMENT 5),
            m integer GENERATED ALWAYS AS IDENTITY, k serial, r int4range, b integer UNIQUE, EXCLUDE USING gist (r WITH &&));
        CREATE TABLE plain (n integer GENERATED ALWAYS AS IDENTITY, v text); INSERT INTO plain (v) VALUES ('x');
        INSERT INTO rooms (r, b) VALUES ('[1,3)', 7), ('[3,5)', 8);""")
    url = source.url
    if how == "dump":
        url = work / "crm.sql"
        url.write_bytes(dumped("postgresql", source))
    told = counts("--to", target.url, url)
    target.sql("INSERT INTO rooms (%s) VALUES (%s)" % (("r, b", "'[8,9)', 9") if kind == "postgresql" else ("b, n, m, k", "9, 20, 3, 3")))
    assert target.value("SELECT id, n, m, k FROM rooms WHERE b = 9").replace("\t", "|") == "3|20|3|3"
    assert refuses(target, "INSERT INTO rooms (b, n, m, k) VALUES (9, 1, 1, 1)"), "a constraint of its own statement in a dump"
    if kind == "postgresql":
        assert [table["notes"] for table in told.values()] == [[], []]
        assert refuses(target, "INSERT INTO rooms (r) VALUES ('[4,9)')")
        assert target.value("INSERT INTO plain (v) VALUES ('y') RETURNING n") == "2"
        return
    lost = 'column "{}" does not count by itself any more'.format
    said = 'the default of column "k" is not brought along' if how == "live" else lost("k")
    assert sorted(told["rooms"]["notes"]) == sorted(["1 EXCLUDE constraint is not brought along", lost("n"), lost("m"), said])
    assert told["plain"]["notes"] == [lost("n")]
