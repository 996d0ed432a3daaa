# SPDX-License-Identifier: MIT
"""Tables of MySQL with indexes that search texts and places, into which rows come that has some already."""
import pytest

TABLES = """CREATE TABLE doc (id int PRIMARY KEY, title varchar(50) NOT NULL, body text, FULLTEXT KEY words (title, body));
    CREATE TABLE place (id int PRIMARY KEY, at point NOT NULL, SPATIAL KEY (at));
    CREATE TABLE notes (note text, FULLTEXT KEY (note));"""


@pytest.mark.parametrize("mode, there", [("append", "1 2 3"), ("upsert", "1 2 3"), ("replace", "1 2"), ("missing", "1 2 3")])
def test_rows_come_into_them(place, crmfs, mode, there):
    source, target = place("mysql"), place("mysql")
    source.sql(TABLES + "INSERT INTO doc VALUES (1, 'one', 'hello world'), (2, 'two', NULL);"
                        "INSERT INTO place VALUES (1, point(1, 2)), (2, point(3, 4)); INSERT INTO notes VALUES ('hello');")
    target.sql(TABLES + "INSERT INTO doc VALUES (3, 'three', 'hello'); INSERT INTO place VALUES (3, point(5, 6))")
    if mode != "append":
        target.sql("INSERT INTO doc VALUES (1, 'uno', NULL); INSERT INTO place VALUES (1, point(7, 8))")
    else:
        target.sql("INSERT INTO notes VALUES ('hello there')")
    words = [] if mode == "append" else ["--exclude-table", "notes"]
    crmfs("restore", "--mode", mode, *words, "--to", target.url, source.url)
    for table in "doc", "place":
        assert target.sql(f"SELECT id FROM {table} ORDER BY id").split() == there.split()
    found = target.sql("SELECT id FROM doc WHERE MATCH (title, body) AGAINST ('hello') ORDER BY id").split()
    assert found == {"replace": ["1"], "missing": ["3"]}.get(mode, ["1", "3"])
    assert mode != "append" or target.value("SELECT COUNT(*) FROM notes") == "2"
