# SPDX-License-Identifier: MIT
"""Names and values that look like SQL, keys of several columns, and a folder of files as a source."""
import shutil
import sqlite3

import pytest

NAMES = ['a"b; DROP TABLE other; --', "c`d", "e'f\\", "select", " g.h", "50%s"]
VALUES = ["'); DROP TABLE other; --", "\\'", '"; --', "`", "${x}", "a\tb\nc\\", "%s%n"]


def test_names_and_values_are_no_sql(kind, place, crmfs, work):
    path = work / "odd.db"

    def quoted(name):
        return '"' + name.replace('"', '""') + '"'

    with sqlite3.connect(path) as database:
        columns = ", ".join(f"{quoted(name)} TEXT" for name in NAMES)
        for table in NAMES[:3]:
            database.execute(f"CREATE TABLE {quoted(table)} (id INTEGER PRIMARY KEY, {columns})")
            for row, value in enumerate(VALUES):
                database.execute(f"INSERT INTO {quoted(table)} VALUES (?{', ?' * len(NAMES)})",
                                 [row, *[value] * len(NAMES)])
    database.close()
    target = place(kind)
    target.sql("CREATE TABLE other (id INTEGER); INSERT INTO other VALUES (1)")
    crmfs("restore", "--to", target.url, path)
    for mode in ("upsert", "replace", "missing"):
        crmfs("restore", "--mode", mode, "--to", target.url, path)
    assert target.value("SELECT id FROM other") == "1"
    back = place("sqlite")
    crmfs("restore", "--table", ",".join(NAMES[1:3]), "--to", back.url, target.url)
    with sqlite3.connect(back.url) as ours, sqlite3.connect(path) as theirs:
        for table in NAMES[1:3]:
            question = f"SELECT * FROM {quoted(table)} ORDER BY id"
            assert ours.execute(question).fetchall() == theirs.execute(question).fetchall()


def test_keys_of_several_columns(kind, place, counts, work):
    """One an option, parted by commas, percent-encoded; and parents by keys of several columns."""
    path = work / "keys.db"
    with sqlite3.connect(path) as database:
        database.executescript("""
            CREATE TABLE prices (country VARCHAR(9), code VARCHAR(9), price INTEGER, PRIMARY KEY (country, code));
            CREATE TABLE sales (id INTEGER PRIMARY KEY, country VARCHAR(9), code VARCHAR(9), above INTEGER
                                REFERENCES sales (id), FOREIGN KEY (country, code) REFERENCES prices (country, code));
            INSERT INTO prices VALUES ('de', '1,5', 1), ('de', '7', 2), ('se', '7', 3), ('se', '1%', 4);
            INSERT INTO sales VALUES (1, 'se', '7', NULL), (2, 'de', '1,5', 1), (3, 'de', '7', 2), (4, NULL, '7', NULL);
            """)
    database.close()
    target = place(kind)
    counts("--to", target.url, path)
    target.sql("DELETE FROM sales WHERE id > 2; DELETE FROM sales WHERE id = 2; DELETE FROM sales; DELETE FROM prices")
    told = counts("--mode", "missing", "--key", "de,1%2C5", "--key", "se,1%25", "--table", "prices", "--to", target.url, path)
    assert told["prices"]["inserted"] == 2
    told = counts("--mode", "missing", "--key", "3", "--with-parents", "--table", "sales", "--to", target.url, path)
    assert target.sql("SELECT id FROM sales ORDER BY id").split() == ["1", "2", "3"], "those above it as well"
    assert target.value("SELECT count(*) FROM prices") == "4"


def test_a_parent_that_only_the_server_knows_to_be_none(place, crmfs, work):
    """A key that the target cannot hold is not there, and whatever else is asked for is looked at all the same."""
    path = work / "hosts.db"
    with sqlite3.connect(path) as database:
        database.executescript("""
            CREATE TABLE hosts (name VARCHAR(20) PRIMARY KEY, gate VARCHAR(20) REFERENCES hosts (name));
            INSERT INTO hosts VALUES ('10.0.0.1', NULL), ('nowhere', NULL), ('10.0.0.3', 'nowhere'), ('10.0.0.4', '10.0.0.1');
            """)
    database.close()
    target = place("postgresql")
    target.sql("CREATE TABLE hosts (name inet PRIMARY KEY, gate inet REFERENCES hosts)")
    words = ["restore", "--mode", "upsert", "--key", "10.0.0.3", "--key", "10.0.0.4", "--with-parents", "--table", "hosts", "--to", target.url, path]
    told = crmfs(*words, status=1).stderr
    assert "nowhere" in told and "idle" not in told and "25P02" not in told
    assert target.value("SELECT count(*) FROM hosts") == "0"
    crmfs(*words[:-1], "--skip-bad", work / "bad.ndjson", path)
    assert target.sql("SELECT name FROM hosts ORDER BY name").split() == ["10.0.0.1", "10.0.0.4"]


@pytest.mark.parametrize("mode", ["append", "upsert"])
def test_parents_of_the_same_table_stay_as_they_are(kind, place, counts, crmfs, work, mode):
    """Where they are there: what is asked for alone is overwritten; what is missing comes along."""
    path = work / "keys.db"
    with sqlite3.connect(path) as database:
        database.executescript("""
            CREATE TABLE staff (id INTEGER PRIMARY KEY, name VARCHAR(9), chief INTEGER REFERENCES staff (id),
                                desk INTEGER REFERENCES desks (id));
            CREATE TABLE desks (id INTEGER PRIMARY KEY, name VARCHAR(9), keeper INTEGER REFERENCES staff (id));
            INSERT INTO staff VALUES (1, 'a', NULL, NULL), (2, 'b', 1, NULL), (3, 'c', 2, NULL), (4, 'd', 3, NULL),
                                     (8, 'h', 4, NULL), (9, 'i', NULL, 1);
            INSERT INTO desks VALUES (1, 'one', 1);
            """)
    database.close()
    target = place(kind)
    counts("--to", target.url, path)
    target.sql("DELETE FROM staff WHERE id > 7; DELETE FROM staff WHERE id = 4; DELETE FROM staff WHERE id = 3;"
               "UPDATE staff SET name = 'now'; UPDATE desks SET name = 'now'")
    told = counts("--mode", mode, "--key", "8", "--with-parents", "--table", "staff", "--to", target.url, path)
    assert (told["staff"]["inserted"], told["staff"]["updated"]) == (3, 0)
    counts("--mode", mode, "--key", "9", "--with-parents", "--table", "staff", "--to", target.url, path)
    names = "SELECT name FROM staff ORDER BY id"
    assert target.sql(names).split() == ["now", "now", "c", "d", "h", "i"]
    assert target.value("SELECT name FROM desks") == "now"
    if mode == "upsert":
        target.sql("UPDATE staff SET name = 'later'")
        counts("--mode", mode, "--key", "8,4", "--with-parents", "--table", "staff", "--to", target.url, path)
        assert target.sql(names).split() == ["later", "later", "later", "d", "h", "later"], "what is asked for is written"


@pytest.mark.parametrize("kind, form", [("sqlite", "csv"), ("sqlite", "json"), ("mysql", "csv"), ("postgresql", "ndjson")])
def test_a_folder_of_files(kind, place, counts, mount, work, form):
    """As cp -r of a source's folder makes it, with its data package; of files of one form alone as well."""
    path = work / "crm.db"
    with sqlite3.connect(path) as database:
        database.executescript("""
            CREATE TABLE accounts (id INTEGER PRIMARY KEY, name TEXT NOT NULL, raw BLOB, price DECIMAL(9,2));
            CREATE TABLE contacts (id INTEGER PRIMARY KEY, account_id INTEGER REFERENCES accounts (id), note TEXT);
            INSERT INTO accounts VALUES (1, 'Åsa "x"', x'00ff0a', 1.5), (2, '', NULL, NULL);
            INSERT INTO contacts VALUES (1, 2, 'a' || char(10) || 'b'), (2, NULL, NULL);
            """)
    database.close()
    folder = work / "copy"
    shutil.copytree(mount(path).live(), folder)
    for file in folder.iterdir():
        if file.is_dir():
            shutil.rmtree(file)
        elif file.suffix[1:] != form and file.name != "datapackage.json":
            file.unlink()
    target, back = place(kind), place("sqlite")
    assert {name: one["inserted"] for name, one in counts("--to", target.url, folder).items()} == {
        "accounts": 2, "contacts": 2}
    counts("--to", back.url, target.url)
    with sqlite3.connect(back.url) as ours, sqlite3.connect(path) as theirs:
        for table in ("accounts", "contacts"):
            question = f"SELECT * FROM {table} ORDER BY id"
            assert ours.execute(question).fetchall() == theirs.execute(question).fetchall()
    assert back.value("SELECT count(*) FROM pragma_foreign_key_list('contacts')") == "1"


def test_names_with_dots(kind, place, counts, work):
    """Of a table, of one that it refers to, made and found again."""
    path = work / "dots.db"
    with sqlite3.connect(path) as database:
        database.executescript("""
            CREATE TABLE "crm.accounts" (id INTEGER PRIMARY KEY, name TEXT);
            CREATE TABLE "crm.contacts" (id INTEGER PRIMARY KEY, account INTEGER REFERENCES "crm.accounts" (id));
            INSERT INTO "crm.accounts" VALUES (1, 'one'); INSERT INTO "crm.contacts" VALUES (1, 1);
            """)
    database.close()
    target = place(kind)
    for mode in ("append", "replace", "missing"):
        told = counts("--mode", mode, "--to", target.url, path)
        assert {name: (one["rows"], one["notes"]) for name, one in told.items()} == {
            "crm.accounts": (1, []), "crm.contacts": (1, [])}
    question = {"sqlite": "SELECT count(*) FROM pragma_foreign_key_list('crm.contacts')",
                "mysql": "SELECT COUNT(*) FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE "
                         "CONSTRAINT_SCHEMA = DATABASE()",
                "postgresql": "SELECT count(*) FROM pg_constraint WHERE contype = 'f'"}[kind]
    assert target.value(question) == "1"


@pytest.mark.parametrize("url", ["mysql://me:secret@localhost/crm", "postgresql://me:secret@localhost/crm",
                                 "postgresql://me@localhost/crm?password=secret", "mysql://me@localhost/crm?password=secret",
                                 "postgresql://me@localhost/crm?sslpassword=secret"])
def test_a_password_in_a_url_is_refused_and_not_repeated(crmfs, store, work, url):
    """In no message, nor on disk in a journal, though it goes when nothing was done."""
    journal = work / "journal"
    (work / "kept").touch()
    journal.hardlink_to(work / "kept")
    for words in (["restore", "--to", work / "x.db", url], ["restore", "--to", url, work / "x.db"],
                  ["migrate", "--journal", journal, url, work / "y.db"], ["migrate", "--journal", journal, work / "x.db", url]):
        sqlite3.connect(work / "x.db").executescript("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY)").close()
        told = crmfs(*words, status=1).stderr
        assert "can be seen by everybody" in told and "secret" not in told, told
    assert (work / "kept").read_bytes() == b""
    told = store.run("snapshot", "--store", store.path, f"crm={url}", status=2).err
    assert "can be seen by everybody" in told and "secret" not in told, told


def test_a_table_without_its_source_is_told_how_it_is_called(store, place):
    source, target = place("sqlite"), place("sqlite")
    source.sql("CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)")
    store.take("one", f"crm={source.url}")
    for what, words in (("one/t", "the table is called one/crm/t\n"), ("one/u", 'no source "u" in snapshot one\n')):
        assert words in store.run("restore", "--store", store.path, "--to", target.url, what, status=1).err


def test_columns_that_differ_in_nothing_but_their_letters(place, crmfs):
    """PostgreSQL tells them apart: each goes to its own, and none to one of two that it could mean."""
    source, target, other = place("postgresql"), place("postgresql"), place("sqlite")
    source.sql('CREATE TABLE t (id int PRIMARY KEY, "Name" text, name text); INSERT INTO t VALUES (1, \'A\', \'b\')')
    crmfs("migrate", source.url, target.url)
    assert target.value('SELECT "Name" || name FROM t') == "Ab"
    other.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, NAME TEXT); INSERT INTO t VALUES (2, 'c')")
    assert 'no column "NAME"' in crmfs("restore", "--to", target.url, other.url, status=1).stderr
    crmfs("restore", "--map", "NAME=Name", "--to", target.url, other.url)
    assert target.value('SELECT "Name" FROM t WHERE id = 2 AND name IS NULL') == "c"


@pytest.mark.parametrize("other", ["archive", "postgres"])
@pytest.mark.parametrize("more", [[], ["--skip-bad", "{work}/bad"]])
def test_a_table_of_that_name_in_another_schema(place, counts, crmfs, work, other, more):
    """PostgreSQL: it is another one, also where what has no schema in its name would go; it stays as it is."""
    source, target = place("sqlite"), place("postgresql")
    source.sql("CREATE TABLE accounts (id INTEGER PRIMARY KEY, name TEXT NOT NULL);"
               "CREATE TABLE contacts (id INTEGER PRIMARY KEY, account_id INTEGER REFERENCES accounts (id));"
               "CREATE INDEX by_name ON accounts (name);"
               "INSERT INTO accounts VALUES (1, 'one'); INSERT INTO contacts VALUES (2, 1)")
    target.sql(f"CREATE SCHEMA {other}; CREATE TABLE {other}.accounts (id bigint PRIMARY KEY, name text)")
    before = target.sql(f"SELECT conname FROM pg_constraint; SELECT indexname FROM pg_indexes WHERE schemaname = '{other}'")
    words = [word.format(work=work) for word in more]
    assert counts(*words, "--to", target.url, source.url)["accounts"]["inserted"] == 1
    assert target.sql(f"SELECT name FROM public.accounts; SELECT count(*) FROM {other}.accounts").split() == ["one", "0"]
    assert target.value("SELECT confrelid::regclass FROM pg_constraint WHERE contype = 'f'").endswith("accounts")
    assert target.value("SELECT tablename FROM pg_indexes WHERE schemaname = 'public' AND indexname = 'by_name'") == "accounts"
    assert set(before.split()) <= set(target.sql(
        f"SELECT conname FROM pg_constraint; SELECT indexname FROM pg_indexes WHERE schemaname = '{other}'").split())
    assert counts("--mode", "upsert", "--to", target.url, source.url)["accounts"]["updated"] == 1
    empty = place("postgresql")
    empty.sql(f"CREATE SCHEMA {other}")
    crmfs("migrate", source.url, empty.url)
    assert empty.value("SELECT count(*) FROM public.contacts") == "1"


def test_what_a_user_of_postgresql_has_to_be_granted(place, crmfs):
    """Step by step, what the words say is enough for the next one."""
    target, source = place("postgresql"), place("sqlite")
    source.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (1, 'x')")
    target.sql("DROP ROLE IF EXISTS writer; CREATE ROLE writer LOGIN")
    target.sql("CREATE TABLE t (id serial PRIMARY KEY, a text); GRANT SELECT ON t TO writer")
    url = target.url.replace("postgres@", "writer@")

    def refusal():
        return crmfs("restore", "--mode", "upsert", "--to", url, source.url, status=1).stderr

    try:
        assert "GRANT SELECT, INSERT, UPDATE, DELETE ON the table" in refusal()
        target.sql("GRANT SELECT, INSERT, UPDATE, DELETE ON t TO writer")
        assert "GRANT SELECT, UPDATE ON the sequence" in refusal()
        target.sql("GRANT SELECT, UPDATE ON SEQUENCE t_id_seq TO writer")
        crmfs("restore", "--mode", "upsert", "--to", url, source.url)
        assert target.value("SELECT a FROM t") == "x"
        target.sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        source.sql("CREATE TABLE u (id INTEGER PRIMARY KEY)")
        assert "GRANT USAGE, CREATE ON the schema" in refusal()
    finally:
        target.sql("DROP OWNED BY writer; DROP ROLE writer")


@pytest.mark.parametrize("mode", ["upsert", "replace", "append"])
def test_two_tables_for_one(crmfs, place, mode):
    """Names that differ by the size of letters alone are one in SQLite: rows of two tables are not mixed."""
    source, target = place("mysql"), place("sqlite")
    source.sql("CREATE TABLE A (id int PRIMARY KEY, v int); CREATE TABLE a (id int PRIMARY KEY, v int);"
               "INSERT INTO A VALUES (1, 1), (2, 2); INSERT INTO a VALUES (2, 22)")
    target.sql("CREATE TABLE a (id INTEGER PRIMARY KEY, v INTEGER); INSERT INTO a VALUES (9, 9)")
    done = crmfs("restore", "--mode", mode, "--to", target.url, source.url, status=1)
    assert 'is meant by "A" as well' in done.stderr
    assert target.value("SELECT group_concat(id) FROM a") == "9"
    crmfs("restore", "--mode", "upsert", "--exclude-table", "A", "--to", target.url, source.url)
    assert target.value("SELECT group_concat(id) FROM a") == "2,9"
