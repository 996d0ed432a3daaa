# SPDX-License-Identifier: MIT
"""Rows that are to get unique values which other rows still have, and give up in the same restore."""
import json
import sqlite3

import pytest

MODES = ["upsert", "replace"]

# Nullable and not, several columns, numbers, short texts, an index over what is made of a column.
TABLES = {
    "sqlite": """CREATE TABLE lists (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE CHECK (name LIKE 'l%'));
        CREATE TABLE items (id INTEGER PRIMARY KEY, list INTEGER NOT NULL REFERENCES lists (id),
                            place INTEGER NOT NULL, code CHAR(9) NOT NULL UNIQUE, mail TEXT UNIQUE, note TEXT,
                            UNIQUE (list, place));
        CREATE UNIQUE INDEX low ON items (lower(note))""",
    "mysql": """CREATE TABLE lists (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL UNIQUE CHECK (name LIKE '%l%'));
        CREATE TABLE items (id INTEGER PRIMARY KEY, list INTEGER NOT NULL,
                            place INTEGER NOT NULL, code VARCHAR(9) NOT NULL UNIQUE, mail VARCHAR(100) UNIQUE,
                            note VARCHAR(100), low VARCHAR(100) AS (LOWER(note)) PERSISTENT UNIQUE,
                            UNIQUE (list, place), FOREIGN KEY (list) REFERENCES lists (id))""",
    "postgresql": """CREATE TABLE lists (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL UNIQUE
                                         CHECK (name LIKE '%l%'));
        CREATE TABLE items (id INTEGER PRIMARY KEY, list INTEGER NOT NULL REFERENCES lists (id),
                            place INTEGER NOT NULL, code VARCHAR(9) NOT NULL UNIQUE, mail VARCHAR(100) UNIQUE,
                            note VARCHAR(100), UNIQUE (list, place));
        CREATE UNIQUE INDEX low ON items (lower(note))""",
}
ITEMS = "SELECT id, list, place, code, mail, note FROM items ORDER BY id"


@pytest.fixture
def target(kind, place):
    one = place(kind)
    one.sql(TABLES[kind] + "; INSERT INTO lists VALUES (1, 'l1'), (2, 'l2')")
    one.sql("".join(f"INSERT INTO items (id, list, place, code, mail, note) VALUES "
                    f"({i}, {1 + i % 2}, {i}, 'code{i:04}', 'mail{i}', 'Note{i}');" for i in range(1, 9)))
    return one


def source(work, rows, lists=((1, "l1"), (2, "l2"))):
    path = work / "source.db"
    with sqlite3.connect(path) as database:
        database.executescript("CREATE TABLE lists (id INTEGER PRIMARY KEY, name TEXT);"
                               "CREATE TABLE items (id INTEGER PRIMARY KEY, list INTEGER, place INTEGER, code TEXT,"
                               "                    mail TEXT, note TEXT)")
        database.executemany("INSERT INTO lists VALUES (?, ?)", lists)
        database.executemany("INSERT INTO items VALUES (?, ?, ?, ?, ?, ?)", rows)
    database.close()
    return path


def shifted(by):
    """Each has what the one BY places further has, of every unique column."""
    def other(i):
        return 1 + (i - 1 + by) % 8
    return [(i, 1 + other(i) % 2, other(i), f"code{other(i):04}", f"mail{other(i)}", f"nOTE{other(i)}")
            for i in range(1, 9)]


def restored(place):
    """Rows as every client prints them alike."""
    return [tuple(line.replace("\t", "|").split("|")) for line in place.sql(ITEMS).splitlines()]


def as_text(rows):
    return [tuple("NULL" if cell is None else str(cell) for cell in row) for row in rows]


@pytest.mark.parametrize("by", [1, 4, 7])
@pytest.mark.parametrize("mode", MODES)
def test_all_exchange_with_each_other(target, crmfs, counts, work, mode, by):
    """In pairs, and in a ring of eight, either way round."""
    path = source(work, shifted(by), lists=((1, "l2"), (2, "l1")))
    told = counts("--mode", mode, "--to", target.url, path)
    assert restored(target) == as_text(shifted(by))
    assert (told["items"]["updated"], told["items"]["inserted"], told["items"]["deleted"]) == (8, 0, 0)
    assert told["lists"]["updated"] == 2
    assert target.value("SELECT name FROM lists WHERE id = 2") == "l1"
    assert int(target.value("SELECT count(*) FROM items")) == 8


@pytest.mark.parametrize("mode", MODES)
def test_a_new_row_gets_what_an_old_one_had(target, counts, work, mode):
    """And the old one what the new one would have been in the way of, had it come first."""
    rows = [row for row in shifted(0) if row[0] != 3]
    rows += [(3, 1, 30, "code0030", "mail30", "note30"), (9, 2, 3, "code0003", "mail3", "note3")]
    told = counts("--mode", mode, "--to", target.url, source(work, rows))
    assert restored(target) == as_text(sorted(rows))
    assert (told["items"]["updated"], told["items"]["inserted"]) == (8, 1)


def test_what_stays_taken_is_refused(target, crmfs, work, kind):
    """Row 8 is not restored and keeps its address: nothing changes, and the words say which it is."""
    before = restored(target)
    rows = shifted(0)[:7]
    rows[0] = (*rows[0][:4], "mail2", rows[0][5])
    rows[1] = (*rows[1][:4], "mail8", rows[1][5])
    told = crmfs("restore", "--mode", "upsert", "--to", target.url, source(work, rows), status=1).stderr
    assert "items" in told and "mail" in told, told
    assert restored(target) == before


def items(work, rows):
    """An SQLite database of items: id, mail, note."""
    path = work / "source.db"
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, mail VARCHAR(50), note INTEGER)")
        database.executemany("INSERT INTO items VALUES (?, ?, ?)", rows)
    database.close()
    return path


def set_aside(aside):
    """Of each line of --skip-bad: the row's key, and why."""
    lines = [json.loads(line) for line in aside.read_text().splitlines()]
    return [(int(line["values"]["id"] if "values" in line else line["value"]), line["reason"]) for line in lines]


def test_rows_that_are_set_aside_keep_what_they_had(place, crmfs, counts, work, kind):
    """The one whose value stays taken, and who waited for what it would have given up."""
    target = place(kind)
    target.sql("CREATE TABLE items (id INTEGER PRIMARY KEY, mail VARCHAR(50) NOT NULL UNIQUE, note INTEGER);"
               "INSERT INTO items VALUES (1, 'a', NULL), (2, 'b', NULL), (3, 'c', NULL), (4, 'd', NULL),"
               "                         (5, 'e', NULL), (6, 'f', NULL)")
    # 6 stays as it is: 1 is refused, and 2 for want of a; 3 and 4 exchange.
    path = items(work, [(1, "f", 7), (2, "a", 7), (3, "d", 7), (4, "c", 7)])
    aside = work / "aside.ndjson"
    told = counts("--mode", "upsert", "--skip-bad", aside, "--to", target.url, path)
    assert told["items"]["set_aside"] == 2 and told["items"]["updated"] == 2
    assert target.sql("SELECT mail FROM items ORDER BY id").split() == ["a", "b", "d", "c", "e", "f"]
    assert target.sql("SELECT id FROM items WHERE note = 7 ORDER BY id").split() == ["3", "4"]
    told = set_aside(aside)
    assert [key for key, why in told] == [1, 2]
    assert "unique" in told[0][1].lower() or "Duplicate" in told[0][1]
    if kind == "sqlite":
        assert target.sql("SELECT name FROM sqlite_master").split() == ["items", "sqlite_autoindex_items_1"]
        assert json.loads(aside.read_text().splitlines()[0])["values"] == {"id": "1", "mail": "f", "note": "7"}


@pytest.mark.parametrize("mode", ["append", "upsert", "missing"])
def test_a_new_row_whose_value_is_taken_is_set_aside(place, crmfs, counts, work, kind, mode):
    """… and all others are restored, however many there are."""
    target = place(kind)
    target.sql("CREATE TABLE items (id INTEGER PRIMARY KEY, mail VARCHAR(50) UNIQUE, note INTEGER);"
               "INSERT INTO items VALUES (-1, 'mail17', 0), (-2, 'mail2999', 0), (-3, 'mail3000', 0)")
    path = items(work, [(number, f"mail{number}", number) for number in range(1, 3001)])
    aside = work / "aside.ndjson"
    told = counts("--mode", mode, "--skip-bad", aside, "--to", target.url, path)
    assert (told["items"]["inserted"], told["items"]["set_aside"]) == (2997, 3)
    assert sorted(key for key, why in set_aside(aside)) == [17, 2999, 3000]
    assert target.value("SELECT COUNT(*), SUM(id), SUM(note) FROM items").replace("\t", "|") == "3000|4495478|4495484"
    assert target.value("SELECT COUNT(*) FROM items WHERE mail IN ('mail17', 'mail2999', 'mail3000')") == "3"


@pytest.mark.parametrize("server", ["mysql", "postgresql"])
def test_a_row_that_a_trigger_or_a_check_refuses_is_set_aside(place, crmfs, counts, work, server):
    target = place(server)
    target.sql("CREATE TABLE items (id INTEGER PRIMARY KEY, mail VARCHAR(50), note INTEGER)")
    target.sql("INSERT INTO items VALUES (1, 'a', 1), (2, 'b', 1)")
    if server == "mysql":
        target.sql("DELIMITER //\nCREATE TRIGGER no_sevens BEFORE UPDATE ON items FOR EACH ROW "
                   "IF NEW.note = 7 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no sevens'; END IF//")
    else:
        target.sql("ALTER TABLE items ADD CONSTRAINT no_sevens CHECK (note <> 7)")
    path = items(work, [(1, "c", 7), (2, "d", 8), (3, "e", 9)])
    aside = work / "aside.ndjson"
    told = counts("--mode", "upsert", "--skip-bad", aside, "--to", target.url, path)
    assert (told["items"]["updated"], told["items"]["inserted"], told["items"]["set_aside"]) == (1, 1, 1)
    assert "sevens" in set_aside(aside)[0][1]
    assert target.sql("SELECT mail FROM items ORDER BY id").split() == ["a", "d", "e"]
    assert "sevens" in crmfs("restore", "--mode", "upsert", "--to", target.url, path, status=1).stderr


def exchanging(place, kind, table):
    """A TABLE with rows that have 'a' and 'b', and a source whose rows have 'b' and 'a'."""
    target, other = place(kind), place("sqlite")
    target.sql(f"{table}; INSERT INTO items VALUES (1, 'a', 'x'), (2, 'b', 'y')")
    other.sql("CREATE TABLE items (id INTEGER PRIMARY KEY, mail TEXT, note TEXT);"
              "INSERT INTO items VALUES (1, 'b', 'x'), (2, 'a', 'y')")
    return target, other


def test_nothing_but_what_is_unique_is_given_up(place, crmfs, kind):
    """A column beside it, which is never NULL."""
    target, other = exchanging(place, kind, "CREATE TABLE items (id INTEGER PRIMARY KEY, mail VARCHAR(9) UNIQUE,"
                                            "                    note VARCHAR(9) NOT NULL)")
    crmfs("restore", "--mode", "upsert", "--to", target.url, other.url)
    assert target.sql("SELECT * FROM items ORDER BY id").replace("\t", "|").split() == ["1|b|x", "2|a|y"]


def test_a_trigger_that_lets_nothing_be_given_up_is_heard(place, crmfs):
    """In SQLite's words, or rather the trigger's."""
    target, other = exchanging(place, "sqlite",
                               "CREATE TABLE items (id INTEGER PRIMARY KEY, mail TEXT UNIQUE, note TEXT);"
                               "CREATE TRIGGER needed BEFORE UPDATE ON items WHEN NEW.mail IS NULL "
                               "BEGIN SELECT RAISE(ABORT, 'mail is needed'); END")
    told = crmfs("restore", "--mode", "upsert", "--to", target.url, other.url, status=1).stderr
    assert "items" in told and "mail is needed" in told
    assert target.sql("SELECT * FROM items").split() == ["1|a|x", "2|b|y"]


def test_a_conflict_of_the_tables_own_deletes_nothing(place, crmfs):
    """ON CONFLICT REPLACE would delete the row that has the value, and nobody would hear of it."""
    target, other = place("sqlite"), place("sqlite")
    other.sql("CREATE TABLE items (id INTEGER PRIMARY KEY, mail TEXT); INSERT INTO items VALUES (1, 'b')")
    target.sql("CREATE TABLE items (id INTEGER PRIMARY KEY, mail TEXT UNIQUE ON CONFLICT REPLACE);"
               "INSERT INTO items VALUES (1, 'a'), (2, 'b')")
    told = crmfs("restore", "--mode", "upsert", "--to", target.url, other.url, status=1).stderr
    assert "UNIQUE" in told and "row 1" in told
    assert target.sql("SELECT * FROM items").split() == ["1|a", "2|b"]


def test_what_lies_between_is_checked_by_nobody_but_the_server(place, crmfs):
    """PostgreSQL sees to a condition at once: no value in between can be made up, and that is said."""
    target, other = place("postgresql"), place("sqlite")
    other.sql("CREATE TABLE items (id INTEGER PRIMARY KEY, place INTEGER); INSERT INTO items VALUES (1, 2), (2, 1)")
    target.sql("CREATE TABLE items (id integer PRIMARY KEY, place integer NOT NULL UNIQUE CHECK (place < 3));"
               "INSERT INTO items VALUES (1, 1), (2, 2)")
    told = crmfs("restore", "--mode", "upsert", "--to", target.url, other.url, status=1).stderr
    assert "exchange their unique values" in told and "items_place_check" in told
    assert target.value("SELECT string_agg(place::text, ' ' ORDER BY id) FROM items") == "1 2"


def test_what_others_refer_to_does_not_change_unseen(place, crmfs, kind):
    """A foreign key to a unique column: its value is changed, and a row elsewhere would refer to nothing."""
    target, other = place(kind), place("sqlite")
    other.sql("CREATE TABLE kinds (id INTEGER PRIMARY KEY, code TEXT); INSERT INTO kinds VALUES (1, 'new')")
    target.sql("CREATE TABLE kinds (id INTEGER PRIMARY KEY, code VARCHAR(9) NOT NULL UNIQUE);"
               "CREATE TABLE items (id INTEGER PRIMARY KEY, code VARCHAR(9), FOREIGN KEY (code) REFERENCES kinds (code));"
               "INSERT INTO kinds VALUES (1, 'old'); INSERT INTO items VALUES (1, 'old')")
    told = crmfs("restore", "--mode", "upsert", "--to", target.url, other.url, status=1).stderr
    assert "items" in told and target.value("SELECT code FROM kinds") == "old"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_who_refers_to_what_is_exchanged_follows_it(place, crmfs, kind, mode):
    """ON UPDATE CASCADE takes others along at each step; by NULL in between they would be left behind."""
    target, other = place(kind), place("sqlite")
    target.sql("CREATE TABLE accounts (id INTEGER PRIMARY KEY, code VARCHAR(9) UNIQUE, n INTEGER UNIQUE);"
               "CREATE TABLE orders (id INTEGER PRIMARY KEY, code VARCHAR(9) REFERENCES accounts (code) ON UPDATE CASCADE,"
               "                     n INTEGER REFERENCES accounts (n) ON UPDATE CASCADE);"
               "INSERT INTO accounts VALUES (1, 'a', 10), (2, 'b', 20), (3, NULL, NULL);"
               "INSERT INTO orders VALUES (1, 'a', 10), (2, 'b', 20), (3, NULL, NULL)")
    other.sql("CREATE TABLE accounts (id INTEGER PRIMARY KEY, code TEXT, n INTEGER);"
              "INSERT INTO accounts VALUES (1, 'b', 20), (2, 'a', NULL), (3, NULL, 10)")
    crmfs("restore", "--mode", mode, "--to", target.url, other.url, status=None)
    followed = target.sql("SELECT o.id, o.code, o.n FROM orders o ORDER BY o.id").split()
    assert followed == ["1|b|20", "2|a|", "3||"]
    assert target.sql("SELECT * FROM accounts ORDER BY id").split() == ["1|b|20", "2|a|", "3||10"]
