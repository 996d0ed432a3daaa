# SPDX-License-Identifier: MIT
"""Numbers that SQLite has no type for: kept digit for digit, or refused; and what is done is said."""
import json
import sqlite3

import pytest

LARGE = ["0", "9223372036854775807", "9223372036854775808", "10000000000000000000", "18446744073709551615"]


@pytest.fixture
def source(place):
    one = place("mysql")
    one.sql("CREATE TABLE parents (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, name TEXT);"
            "CREATE TABLE numbers (id INT PRIMARY KEY, parent BIGINT UNSIGNED, small BIGINT UNSIGNED,"
            "  large BIGINT UNSIGNED, bits BIT(64), price DECIMAL(10,2), whole DECIMAL(9,0), long_one DECIMAL(40,10),"
            "  FOREIGN KEY (parent) REFERENCES parents (id));"
            "INSERT INTO parents VALUES (7, 'x')")
    for i, number in enumerate(LARGE):
        one.sql(f"INSERT INTO numbers VALUES ({i}, 7, {i}, {number}, {number}, 12.50, 7, {number}.0123456789)")
    return one


def test_whole_numbers_without_a_sign_are_kept(source, place, crmfs):
    """As texts where one is beyond what SQLite has whole numbers for; there and back."""
    target, again = place("sqlite"), place("mysql")
    said = crmfs("migrate", source.url, target.url).stderr
    with sqlite3.connect(target.url) as database:
        rows = database.execute("SELECT large, bits, long_one FROM numbers ORDER BY id").fetchall()
        types = database.execute("SELECT DISTINCT typeof(id), typeof(parent), typeof(small), typeof(large), "
                                 "typeof(price), typeof(whole) FROM numbers").fetchall()
    database.close()
    assert rows == [(number, number, f"{number}.0123456789") for number in LARGE]
    assert types == [("integer", "integer", "integer", "text", "real", "integer")]
    for column, words in (("large", "digit for digit"), ("bits", "digit for digit"), ("long_one", "digit for digit"),
                          ("price", "12.50 is 12.5")):
        line = [line for line in said.splitlines() if f'"{column}"' in line]
        assert len(line) == 1 and words in line[0], said
    assert '"small"' not in said and '"whole"' not in said and "\\x0a" not in said, said
    crmfs("migrate", target.url, again.url)
    assert again.sql("SELECT large FROM numbers ORDER BY id").split() == LARGE


def test_a_table_that_is_there_does_not_round_them(source, place, crmfs, work):
    """10^19 is a double's as well, and 2^63 would be: SQLite would make one of each."""
    target = place("sqlite")
    target.sql("CREATE TABLE numbers (id INTEGER PRIMARY KEY, large INTEGER, bits ANY, long_one TEXT)")
    aside = work / "aside"
    crmfs("restore", "--mode", "upsert", "--skip-bad", aside, "--table", "numbers", "--ignore-columns",
          "parent,small,price,whole", "--to", target.url, source.url)
    assert target.sql("SELECT large, typeof(large) FROM numbers").split() == ["0|integer", f"{LARGE[1]}|integer"]
    reasons = [json.loads(line)["reason"] for line in aside.read_text().splitlines()]
    assert len(reasons) == 3 and all("TEXT would keep it" in reason for reason in reasons)


def test_names_cannot_break_what_is_said(place, crmfs, counts):
    """A line end, an escape and a quote in a column's name: one note, and printable."""
    source, target = place("sqlite"), place("postgresql")
    name = 'a\nb\x1b[31m"'
    with sqlite3.connect(source.url) as database:
        quoted = '"' + name.replace('"', '""') + '"'
        database.executescript(f"CREATE TABLE t (id INTEGER PRIMARY KEY, {quoted} TEXT DEFAULT (upper('x')))")
    database.close()
    said = crmfs("restore", "--to", target.url, "--dry-run", source.url)
    assert "\x1b" not in said.stdout + said.stderr
    notes = counts("--to", target.url, source.url)["t"]["notes"]
    assert notes == ['the default of column "a\\x0ab\\x1b[31m"" is not brought along']


def test_what_only_a_double_would_take_is_set_aside(place, crmfs, work):
    """2^53 + 1 is no double's: a row is named for it, and the others are restored."""
    source, target = place("postgresql"), place("sqlite")
    source.sql("CREATE TABLE n (id integer PRIMARY KEY, r numeric, n numeric, u numeric);"
               "INSERT INTO n VALUES (1, 9007199254740993, 1, 1), (2, 1, 9007199254740993.00, 1),"
               "                     (3, 1, 1, 9007199254740993.00), (4, 1, 1, rpad('1.', 700, '0')::numeric),"
               "                     (5, 9007199254740992, 9007199254740993, 9007199254740993)")
    target.sql("CREATE TABLE n (id INTEGER PRIMARY KEY, r REAL, n NUMERIC, u)")
    told = crmfs("restore", "--dry-run", "--to", target.url, source.url, status=1)
    assert 'column "r"' in told.stdout + told.stderr and 'column "u"' in told.stdout + told.stderr
    aside = work / "aside"
    crmfs("restore", "--skip-bad", aside, "--to", target.url, source.url)
    assert target.sql("SELECT id, r, n, u FROM n").split() == ["5|9.00719925474099e+15|9007199254740993|9007199254740993"]
    assert len(aside.read_text().splitlines()) == 4


def test_years_are_not_guessed(place, crmfs, work):
    """MySQL makes 1970 of 70."""
    source, target = place("sqlite"), place("mysql")
    source.sql("CREATE TABLE y (id INTEGER PRIMARY KEY, y INTEGER); INSERT INTO y VALUES (1, 70), (2, 1970), (3, 0), (4, 1900)")
    target.sql("CREATE TABLE y (id INTEGER PRIMARY KEY, y YEAR)")
    crmfs("restore", "--skip-bad", work / "aside", "--to", target.url, source.url)
    assert target.sql("SELECT y FROM y ORDER BY id").split() == ["1970", "0000"]
