# SPDX-License-Identifier: MIT
"""Documents and blank-padded texts in columns that keep values and not texts: as they are, or refused."""
import json
import sqlite3

KEPT = ['{"a":1e2}', '{"a":-0.0}', '{"a":1E30}', '{"a":1.0}', '[0.1000000000000000000001]', '1e-7', '"\\u0041\\/"',
        '{"b":1,"a":{"d":[],"c":{}}}', '{"é":"\\u00e9"}']
TWICE = ['{"a":1,"a":2}', '[{"b":{"a":1,"\\u0061":1}}]']


def make(work, documents, texts=()):
    path = work / "source.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE documents (id INTEGER PRIMARY KEY, document JSON TEXT, code TEXT)")
        database.executemany("INSERT INTO documents VALUES (?, ?, ?)",
                             [(i, one, "ab  ") for i, one in enumerate(documents)])
    database.close()
    return path


def test_jsonb_holds_the_same_value(place, counts, work):
    """However numbers and strings are written: the table reads back as what was put."""
    target = place("postgresql")
    target.sql("CREATE TABLE documents (id integer PRIMARY KEY, document jsonb, code character(5))")
    told = counts("--mode", "upsert", "--to", target.url, make(work, KEPT))["documents"]
    assert told["inserted"] == len(KEPT)
    for i, document in enumerate(KEPT):
        quoted = document.replace("'", "''")
        assert target.value(f"SELECT document = '{quoted}'::jsonb FROM documents WHERE id = {i}") == "t", document
    assert any('"code"' in note and "blanks at its end do not count" in note for note in told["notes"]), told


def test_a_member_that_is_there_twice_is_not_lost(place, crmfs, work):
    target = place("postgresql")
    path = make(work, [*KEPT, *TWICE])
    target.sql("CREATE TABLE documents (id integer PRIMARY KEY, document jsonb, code text)")
    told = json.loads(crmfs("restore", "--dry-run", "--json", "--mode", "upsert", "--to", target.url, path, status=1).stdout)
    refusal, = told["refusals"]
    assert (refusal["column"], refusal["rows"], refusal["first_row"]) == ("document", 2, len(KEPT) + 1)
    assert "a member twice" in refusal["reason"]
    # Made by crmfs, the column is of a type that keeps the text.
    target.sql("DROP TABLE documents")
    crmfs("restore", "--to", target.url, path)
    assert target.sql("SELECT document FROM documents ORDER BY id").splitlines() == [*KEPT, *TWICE]
