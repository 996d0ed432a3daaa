# SPDX-License-Identifier: MIT
"""Rows that the source tells apart and the target does not: none takes another one's place unseen."""
import json

import pytest


@pytest.fixture(params=["empty", "other rows"])
def target(request, place, kind):
    one = place(kind)
    text = {"sqlite": "TEXT COLLATE NOCASE", "mysql": "VARCHAR(20) COLLATE utf8mb4_general_ci",
            "postgresql": "VARCHAR(20) COLLATE anycase"}[kind]
    if kind == "postgresql":
        one.sql("CREATE COLLATION anycase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
    one.sql(f"CREATE TABLE words (word {text} PRIMARY KEY, n INTEGER)")
    if request.param == "other rows":
        one.sql("INSERT INTO words VALUES ('x', 1), ('Y', 2)")
    return one


def source_of(place):
    one = place("sqlite")
    one.sql("CREATE TABLE words (word TEXT PRIMARY KEY, n INTEGER);"
            "INSERT INTO words VALUES ('A', 3), ('B', 4), ('a', 5)")
    return one


@pytest.mark.parametrize("mode", ["append", "upsert", "replace", "missing"])
def test_such_rows_are_refused(place, crmfs, target, mode):
    before = target.sql("SELECT word, n FROM words ORDER BY n")
    told = crmfs("restore", "--mode", mode, "--to", target.url, source_of(place).url, status=1).stderr
    assert "words" in told
    assert target.sql("SELECT word, n FROM words ORDER BY n") == before


@pytest.mark.parametrize("mode", ["upsert", "missing"])
def test_the_second_one_is_set_aside(place, counts, work, target, mode):
    aside = work / "aside.ndjson"
    told = counts("--mode", mode, "--skip-bad", aside, "--to", target.url, source_of(place).url)["words"]
    assert told["set_aside"] == 1
    assert target.sql("SELECT word FROM words WHERE n > 2 ORDER BY n").split() == ["A", "B"]
    lines = [json.loads(line) for line in aside.read_text().splitlines()]
    assert [line["values"]["word"] if "values" in line else line["value"] for line in lines] == ["a"]


@pytest.mark.parametrize("there", ["", "(NULL, 1, 1), ('y', 2, 2)"])
@pytest.mark.parametrize("mode", ["append", "upsert", "replace", "missing"])
def test_null_is_no_key(place, counts, mode, there):
    """SQLite lets it stand in one, as often as it comes: no such row is another one, and each comes along."""
    source, target = place("sqlite"), place("sqlite")
    for one in (source, target):
        one.sql("CREATE TABLE words (word TEXT PRIMARY KEY, n INTEGER, u INTEGER UNIQUE)")
    source.sql("INSERT INTO words VALUES (NULL, 3, 3), (NULL, 4, 4), ('x', 5, 5), (NULL, 3, NULL), (NULL, 6, 6)")
    if there:
        target.sql(f"INSERT INTO words VALUES {there}")
    put = ["x|5|5", "|3|3", "|3|", "|4|4", "|6|6"]
    told = counts("--mode", mode, "--to", target.url, source.url)["words"]
    kept = ["|1|1", "y|2|2"] if there and mode != "replace" else []
    assert sorted(target.sql("SELECT * FROM words").split()) == sorted(put + kept)
    assert (told["inserted"], told["deleted"]) == (5, 2 if there and mode == "replace" else 0)
