# SPDX-License-Identifier: MIT
"""
Rows of a table that is not restored, and a foreign key that would take them along (ON DELETE CASCADE):
what refers to what is told as the database itself tells it.
"""
def replaced(crmfs, place, target, columns="id INTEGER PRIMARY KEY, k TEXT", rows="(1, 'one')", *words):
    """By a table of another database, in which what is referred to is not; it is refused."""
    other = place("sqlite")
    other.sql(f"CREATE TABLE p ({columns}); INSERT INTO p VALUES {rows}")
    return crmfs("restore", "--mode", "replace", *words, "--to", target.url, other.url, status=1).stderr


def test_letters_alike_are_the_same_to_the_parent(place, crmfs):
    """A foreign key compares as the column does that it refers to."""
    target = place("sqlite")
    target.sql("CREATE TABLE p (id INTEGER PRIMARY KEY, k TEXT COLLATE NOCASE UNIQUE);"
               "CREATE TABLE c (id INTEGER PRIMARY KEY, k TEXT REFERENCES p (k) ON DELETE CASCADE);"
               "INSERT INTO p VALUES (1, 'one'), (2, 'abc'); INSERT INTO c VALUES (1, 'ABC')")
    assert 'rows of "c" refer' in replaced(crmfs, place, target)
    assert target.value("SELECT k FROM c") == "ABC"
