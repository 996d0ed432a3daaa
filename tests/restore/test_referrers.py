# SPDX-License-Identifier: MIT
"""
Rows of a table that is not restored, and a foreign key that would take them along (ON DELETE CASCADE):
what refers to what is told as the database itself tells it.
"""
import pytest


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


# A type of one's own; blanks that a type does not count; letters alike by a collation; the child's own collation.
KINDS = {
    "citext": ("citext", "citext", "CREATE EXTENSION citext", "ABC"),
    "char": ("char(5)", "varchar(5)", "", "abc  "),
    "collation": ("text COLLATE alike", "text COLLATE alike",
                  "CREATE COLLATION alike (provider=icu, locale='und-u-ks-level2', deterministic=false)", "ABC"),
    "two": ('text COLLATE "POSIX"', 'text COLLATE "C"', "", "abc"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_equal_to_a_foreign_key(place, crmfs, kind):
    parent, child, before, value = KINDS[kind]
    target = place("postgresql")
    target.sql(f"{before}; CREATE TABLE p (id integer PRIMARY KEY, k {parent} UNIQUE);"
               f"CREATE TABLE c (id integer PRIMARY KEY, k {child} REFERENCES p (k) ON DELETE CASCADE);"
               f"INSERT INTO p VALUES (1, 'one'), (2, 'abc'); INSERT INTO c VALUES (1, '{value}')")
    assert 'rows of "c" refer' in replaced(crmfs, place, target)
    assert target.value("SELECT count(*) FROM c") == "1"


@pytest.mark.parametrize("kind", ["citext", "ltree"])
def test_rows_of_such_types_move_first(place, crmfs, kind):
    """Rows that stay are taken off those that go, and nothing is in the way."""
    target, other = place("postgresql"), place("postgresql")
    for one in target, other:
        one.sql(f"CREATE EXTENSION {kind}; CREATE TABLE p (k {kind} PRIMARY KEY, n integer);"
                f"CREATE TABLE c (id integer PRIMARY KEY, k {kind} REFERENCES p ON DELETE CASCADE, n integer DEFAULT 7);"
                "INSERT INTO p VALUES ('one', 1); INSERT INTO c VALUES (1, 'one', 1)")
    target.sql("INSERT INTO p VALUES ('abc', 2); UPDATE c SET k = 'abc', n = 5")
    crmfs("restore", "--mode", "replace", "--ignore-columns", "c.n", "--to", target.url, other.url)
    assert target.value("SELECT k::text || ' ' || n FROM c") == "one 5"


UNSEEN = {
    "a partition": "CREATE TABLE c (id integer, p integer) PARTITION BY RANGE (id);"
                   "CREATE TABLE c1 PARTITION OF c FOR VALUES FROM (0) TO (9);"
                   "ALTER TABLE c1 ADD FOREIGN KEY (p) REFERENCES p ON DELETE {action}; INSERT INTO c VALUES (1, {p})",
    "to a partition": "CREATE TABLE c (id integer PRIMARY KEY, p integer REFERENCES p2 ON DELETE {action});"
                      "INSERT INTO c VALUES (1, {p})",
}
PARENTS = {
    "a partition": "CREATE TABLE p (id integer PRIMARY KEY, k text)",
    "to a partition": "CREATE TABLE p (id integer PRIMARY KEY, k text) PARTITION BY RANGE (id);"
                      "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (2);"
                      "CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (2) TO (9)",
}


@pytest.mark.parametrize("action", ["CASCADE", "SET NULL"])
@pytest.mark.parametrize("what", UNSEEN)
def test_a_partition_with_a_key_of_its_own(place, crmfs, what, action):
    target = place("postgresql")
    target.sql(f"{PARENTS[what]}; INSERT INTO p VALUES (1, 'one'), (2, 'two'), (3, 'three');" +
               UNSEEN[what].format(action=action, p=2))
    assert "refer to rows that would be deleted" in replaced(crmfs, place, target)
    assert target.value("SELECT p FROM c") == "2"
    target.sql("DELETE FROM c")
    other = place("sqlite")
    other.sql("CREATE TABLE p (id INTEGER PRIMARY KEY, k TEXT); INSERT INTO p VALUES (1, 'uno')")
    crmfs("restore", "--mode", "replace", "--to", target.url, other.url)
    assert target.value("SELECT k FROM p") == "uno", "nobody refers to it"


def test_a_key_whose_column_is_hidden(place, crmfs):
    """The server would delete in the owner's name what this user cannot even see."""
    target = place("postgresql")
    target.sql("CREATE TABLE p (id integer PRIMARY KEY, k text);"
               "CREATE TABLE c (id integer PRIMARY KEY, p integer REFERENCES p ON DELETE CASCADE);"
               "INSERT INTO p VALUES (1, 'one'), (2, 'two'); INSERT INTO c VALUES (1, 2);"
               "DROP ROLE IF EXISTS clerk; CREATE ROLE clerk LOGIN; GRANT ALL ON p TO clerk;"
               "GRANT SELECT (id) ON c TO clerk; GRANT USAGE ON SCHEMA public TO clerk")
    try:
        clerk = type(target)("postgresql", target.url.replace("//postgres@", "//clerk@"), target.sql)
        told = replaced(crmfs, place, clerk)
        assert '"c"' in told
        assert target.value("SELECT p FROM c") == "2"
    finally:
        target.sql("DROP OWNED BY clerk; DROP ROLE clerk")


def test_rows_that_row_level_security_hides(place, crmfs):
    """The server would delete them all the same; where nothing is deleted, nothing is in the way."""
    target = place("postgresql")
    target.sql("CREATE TABLE p (id integer PRIMARY KEY, k text);"
               "CREATE TABLE c (id integer PRIMARY KEY, p integer REFERENCES p ON DELETE CASCADE, own text);"
               "ALTER TABLE c ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON c USING (own = current_user);"
               "INSERT INTO p VALUES (1, 'one'), (2, 'two'); INSERT INTO c VALUES (1, 2, 'somebody else');"
               "DROP ROLE IF EXISTS clerk; CREATE ROLE clerk LOGIN; GRANT ALL ON p, c TO clerk; GRANT USAGE ON SCHEMA public TO clerk")
    try:
        clerk = type(target)("postgresql", target.url.replace("//postgres@", "//clerk@"), target.sql)
        told = replaced(crmfs, place, clerk)
        assert '"c"' in told and "row-level security" in told
        assert target.value("SELECT p FROM c") == "2"
        other = place("sqlite")
        other.sql("CREATE TABLE p (id INTEGER PRIMARY KEY, k TEXT); INSERT INTO p VALUES (1, 'uno'), (2, 'due')")
        crmfs("restore", "--mode", "replace", "--to", clerk.url, other.url)
        assert target.value("SELECT string_agg(k, ' ' ORDER BY id) FROM p") == "uno due"
    finally:
        target.sql("DROP OWNED BY clerk; DROP ROLE clerk")


@pytest.mark.parametrize("action", ["CASCADE", "SET NULL"])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_table_that_refers_to_itself_by_what_is_not_restored(place, crmfs, kind, action):
    """A row that stays hangs on one that goes: it would go, and come back without what was not written."""
    target = place(kind)
    target.sql("CREATE TABLE p (id integer PRIMARY KEY, k text, note text DEFAULT 'none', "
               f"chief integer REFERENCES p (id) ON DELETE {action});"
               "INSERT INTO p VALUES (1, 'one', 'a', NULL), (3, 'three', 'c', NULL), (2, 'two', 'b', 3), (4, 'four', 'd', 3)")
    rows = target.sql("SELECT * FROM p ORDER BY id")
    assert '"p"' in replaced(crmfs, place, target, "id INTEGER PRIMARY KEY, k TEXT", "(1, 'uno'), (2, 'due')")
    assert target.sql("SELECT * FROM p ORDER BY id") == rows
    target.sql("UPDATE p SET chief = 1 WHERE id = 2")
    other = place("sqlite")
    other.sql("CREATE TABLE p (id INTEGER PRIMARY KEY, k TEXT); INSERT INTO p VALUES (1, 'uno'), (2, 'due')")
    crmfs("restore", "--mode", "replace", "--to", target.url, other.url)
    assert target.value("SELECT k || note || chief FROM p WHERE id = 2") == "dueb1"
    assert target.value("SELECT count(*) FROM p") == "2", "what goes may refer to what goes"
