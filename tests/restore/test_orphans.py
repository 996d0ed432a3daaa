# SPDX-License-Identifier: MIT
"""Rows that refer to what is not there, as a source has them that does not look at its foreign keys."""
import pytest

ROWS = "1|1\n2|9"
TABLES = """PRAGMA foreign_keys = 0; CREATE TABLE a (id INTEGER PRIMARY KEY);
    CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER REFERENCES a);
    INSERT INTO a VALUES (1); INSERT INTO b VALUES (1, 1), (2, 9);"""


@pytest.mark.parametrize("how", ["restore", "migrate", "of one kind"])
def test_they_come_where_somebody_says_so(crmfs, place, kind, how):
    source = place("sqlite")
    source.sql(TABLES)
    if how == "of one kind" and kind != "sqlite":
        first = place(kind)
        crmfs("restore", "--orphans", "--to", first.url, source.url)
        source = first
    target = place(kind)
    command = ["migrate", source.url, target.url] if how == "migrate" else ["restore", "--to", target.url, source.url]
    if how != "of one kind" or kind != "postgresql":  # which says of the key that it is not valid for them
        assert "--orphans" in crmfs(*command, status=1).stderr
        assert "--orphans" in crmfs(command[0], "--dry-run", *command[1:], status=1).stderr
    if how == "migrate":  # what was done before it failed
        target = place(kind)
        command[2] = target.url
    crmfs(command[0], "--orphans", *command[1:])
    assert target.value("SELECT * FROM b ORDER BY id").replace("\t", "|") == ROWS
    with pytest.raises(Exception):
        target.sql(("PRAGMA foreign_keys = 1;" if kind == "sqlite" else "") + "INSERT INTO b VALUES (3, 7)")


@pytest.mark.parametrize("rows, status", [
    ("b VALUES (1, 8), (2, 1)", 1),  # one more, and one less
    ("b VALUES (1, 8), (2, NULL)", 1),
    ("b VALUES (2, 8)", 1),
    ("b VALUES (2, 9)", 1),
    ("a VALUES (9); INSERT INTO b VALUES (3, 8)", 1),
    ("a VALUES (7); INSERT INTO b VALUES (3, 7)", 0)])
@pytest.mark.parametrize("more", ["", " WITHOUT ROWID"])
def test_old_ones_hide_no_new_one(crmfs, place, rows, status, more):
    """SQLite counts both: those that the target had before are nobody's fault, and no credit either."""
    source, target = place("sqlite"), place("sqlite")
    target.sql(TABLES.replace("a);", f"a){more};"))
    source.sql("PRAGMA foreign_keys = 0; CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (id INTEGER PRIMARY "
               f"KEY, a INTEGER REFERENCES a); INSERT INTO {rows}")
    before = target.sql(".dump")
    told = crmfs("restore", "--mode", "upsert", "--to", target.url, source.url, status=status).stderr
    assert (target.sql(".dump") == before) == (status == 1)
    assert ("--orphans" in told) == (status == 1)
    assert "crmfs" not in target.sql(".schema")


@pytest.mark.parametrize("mode", ["append", "missing", "upsert"])
@pytest.mark.parametrize("chief, status", [(8, 1), (9, 0)])
def test_nor_does_one_that_a_later_row_settles(crmfs, place, mode, chief, status):
    """Rows that are only added: where none misses anything, the table need not be read for old ones before."""
    source, target = place("sqlite"), place("sqlite")
    make = "PRAGMA foreign_keys = 0; CREATE TABLE t (id INTEGER PRIMARY KEY, chief INTEGER REFERENCES t); INSERT INTO t VALUES "
    target.sql(make + "(2, 9), (3, 7)")
    source.sql(make + f"(1, {chief}), (5, 3), (9, NULL)")
    told = crmfs("restore", "--mode", mode, "--to", target.url, source.url, status=status).stderr
    assert ("(id 1)" in told) == (status == 1)
    assert target.value("SELECT count(*) FROM t") == ("5" if status == 0 else "2")
    assert "crmfs" not in target.sql(".schema")


# Foreign keys across databases of a MySQL server, none of which a source shows: tables there, another database's, what is
# restored, how; what is told. {other}: the other database.
ACROSS = {
    "new row to another database": (
        "CREATE TABLE c (id int PRIMARY KEY, p int, FOREIGN KEY (p) REFERENCES {other}.p (id))",
        "CREATE TABLE p (id int PRIMARY KEY)", "c (id int PRIMARY KEY, p int)", "c VALUES (1, 9)", "append", ".p"),
    "a row's other value to another database": (
        "CREATE TABLE c (id int PRIMARY KEY, p int, FOREIGN KEY (p) REFERENCES {other}.p (id)); INSERT INTO c VALUES (1, NULL)",
        "CREATE TABLE p (id int PRIMARY KEY)", "c (id int PRIMARY KEY, p int)", "c VALUES (1, 9)", "upsert", ".p"),
    "what another database refers to gets another value": (
        "CREATE TABLE p (id int PRIMARY KEY, k int UNIQUE); INSERT INTO p VALUES (1, 1)",
        "CREATE TABLE c (k int REFERENCES {own}.p (k)); INSERT INTO c VALUES (1)",
        "p (id int PRIMARY KEY, k int)", "p VALUES (1, 5)", "upsert", ".c"),
}


@pytest.mark.parametrize("what", ACROSS)
def test_other_databases_of_a_server(crmfs, place, what):
    """What a server looks at when somebody writes is looked at by a restore, too."""
    own, outside, columns, rows, mode, told = ACROSS[what]
    child, parent, source = place("mysql"), place("mysql"), place("sqlite")  # a child is dropped first
    target, other = (child, parent) if told == ".p" else (parent, child)
    names = {"own": target.value("SELECT DATABASE()"), "other": other.value("SELECT DATABASE()")}
    parent.sql((outside if told == ".p" else own).format(**names))
    child.sql((own if told == ".p" else outside).format(**names))
    table = columns.split()[0]
    before = target.value(f"SELECT * FROM {table}")
    source.sql(f"CREATE TABLE {columns}; INSERT INTO {rows}")
    command = ["restore", "--mode", mode, "--to", target.url, source.url]
    assert names["other"] + told in crmfs(*command, status=1).stderr
    assert target.value(f"SELECT * FROM {table}") == before
    # What is restored may miss something then, others may not.
    crmfs("restore", "--orphans", *command[1:], status=0 if told == ".p" else 1)


def test_a_table_of_the_servers_own_whose_parent_is_elsewhere_or_nowhere(crmfs, place):
    """Its foreign keys are made by its own statement, whether or not what they refer to is there."""
    source, target, other = place("mysql"), place("mysql"), place("mysql")
    name = other.value("SELECT DATABASE()")
    other.sql("CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p VALUES (1)")
    source.sql(f"""CREATE TABLE `{name}` (id int PRIMARY KEY); INSERT INTO `{name}` VALUES (1);
        CREATE TABLE b (id int PRIMARY KEY, p int, a int, FOREIGN KEY (p) REFERENCES {name}.p (id),
                        FOREIGN KEY (a) REFERENCES `{name}` (id));
        INSERT INTO b VALUES (1, 1, NULL)""")
    command = ["restore", "--table", "b", "--to", target.url, source.url]
    crmfs(*command)  # nothing refers to what is missing
    target.sql("DROP TABLE b")
    source.sql("INSERT INTO b VALUES (2, NULL, 1)")
    assert f'"b" refers to "{name}", which is not there' in crmfs(*command, status=1).stderr
    source.sql("SET foreign_key_checks = 0; INSERT INTO b VALUES (3, 9, NULL)")
    assert f'the row 9 of "{name}.p"' in crmfs("restore", "--to", target.url, source.url, status=1).stderr
    crmfs("restore", "--orphans", "--to", target.url, source.url)
    target.sql("INSERT INTO b VALUES (4, 1, 1)")  # both keys are in force, to what they are to refer to


def test_orphans_are_those_that_come_and_no_others(crmfs, place):
    """Rows of tables that are not restored, or by columns that are not, keep what they refer to."""
    target, source = place("mysql"), place("mysql")
    tables = """CREATE TABLE p (id int PRIMARY KEY, n int);
        CREATE TABLE c (id int PRIMARY KEY, p int, n int, FOREIGN KEY (p) REFERENCES p (id));"""
    target.sql(tables + "INSERT INTO p VALUES (1, 1), (2, 2); INSERT INTO c VALUES (1, 2, 1)")
    source.sql("SET foreign_key_checks = 0;" + tables + "INSERT INTO p VALUES (1, 5); INSERT INTO c VALUES (1, 7, 3)")
    command = ["restore", "--mode", "replace", "--orphans", "--to", target.url, source.url]
    for words in ["--table", "p"], ["--ignore-columns", "c.p"]:
        assert 'rows of "c" refer to some' in crmfs(*command, *words, status=1).stderr
        assert target.sql("SELECT * FROM p ORDER BY id").split() == ["1", "1", "2", "2"]
    crmfs(*command)
    assert target.sql("SELECT * FROM p; SELECT * FROM c").split() == "1 5 1 7 3".split()
    target.sql("INSERT INTO p VALUES (3, 3)")
    crmfs(*command, "--table", "p")  # who missed something before is in nobody's way
    assert target.value("SELECT COUNT(*) FROM p") == "1"
