# SPDX-License-Identifier: MIT
"""What restore does with rows that are there, changed, gone or new, in each kind of database."""
import json
import sqlite3
import subprocess
import tempfile
from pathlib import Path

import pytest

import mounting
from stores import Kept

SCHEMA = """
CREATE TABLE accounts (id INTEGER PRIMARY KEY, name TEXT NOT NULL, city TEXT);
CREATE TABLE contacts (id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL REFERENCES accounts (id),
                       email TEXT UNIQUE, note TEXT);
CREATE TABLE activities (id INTEGER PRIMARY KEY, contact_id INTEGER NOT NULL REFERENCES contacts (id), body TEXT);
CREATE INDEX activities_by_contact ON activities (contact_id);
"""
ACCOUNTS, CONTACTS, ACTIVITIES = 20, 60, 200


@pytest.fixture(scope="module")
def kept():
    """A store with a snapshot of a small CRM, called "day"; no test changes it."""
    folder = Path(tempfile.mkdtemp(prefix="restore-", dir=mounting.SESSION))
    path = folder / "crm.db"
    with sqlite3.connect(path) as database:
        database.executescript(SCHEMA)
        database.executemany("INSERT INTO accounts VALUES (?, ?, ?)",
                             [(i, f"Account {i}", "Oslo" if i % 3 else None) for i in range(1, ACCOUNTS + 1)])
        database.executemany("INSERT INTO contacts VALUES (?, ?, ?, ?)",
                             [(i, 1 + i % ACCOUNTS, f"c{i}@example.org", 'a\t"b"\\\n' + "é" * i)
                              for i in range(1, CONTACTS + 1)])
        database.executemany("INSERT INTO activities VALUES (?, ?, ?)",
                             [(i, 1 + i % CONTACTS, f"call {i}") for i in range(1, ACTIVITIES + 1)])
    database.close()
    store = Kept(folder)
    store.take("day", f"crm={path}")
    return store


@pytest.fixture
def target(kind, place, restore):
    """A database of each kind with the CRM in it."""
    one = place(kind)
    restore("--to", one.url, "day")
    return one


@pytest.fixture
def restore(kept, crmfs):
    """restore(words…, status=0) → what `crmfs restore` of the store says of each table, or its refusal."""
    def run(*words, status=0):
        answer = crmfs("restore", "--json", "--store", kept.path, *words, status=status, **kept.environment)
        if status != 0:
            return answer.stderr
        return {table["name"]: table for table in json.loads(answer.stdout)["tables"]}

    return run


def everything(place):
    """All rows of all tables."""
    return [place.sql(f"SELECT * FROM {table} ORDER BY id") for table in ("accounts", "contacts", "activities")]


def is_there(place, table, condition):
    return int(place.value(f"SELECT count(*) FROM {table} WHERE {condition}"))


def test_a_deleted_customer_comes_back_with_its_activities(target, restore):
    """With one command; nothing else is touched."""
    before = everything(target)
    target.sql("DELETE FROM activities WHERE contact_id = 7; DELETE FROM contacts WHERE id = 7;"
               "UPDATE contacts SET note = 'newer' WHERE id = 8")
    told = restore("--mode", "missing", "--to", target.url, "day")
    assert told["contacts"]["inserted"] == 1 and told["contacts"]["kept"] == CONTACTS - 1
    assert told["activities"]["inserted"] == is_there(target, "activities", "contact_id = 7") > 0
    assert target.value("SELECT note FROM contacts WHERE id = 8") == "newer"
    restore("--mode", "upsert", "--key", "8", "--to", target.url, "day/crm/contacts")
    assert everything(target) == before


def test_replace_makes_it_as_it_was(target, restore):
    """Rows that are new go, changed ones are as before; children before their parents."""
    before = everything(target)
    target.sql("INSERT INTO accounts VALUES (99, 'new', NULL); INSERT INTO contacts VALUES (99, 99, 'new', NULL);"
               "DELETE FROM activities WHERE id < 10; UPDATE accounts SET city = 'Rome' WHERE id = 3")
    told = restore("--mode", "replace", "--to", target.url, "day")
    assert (told["accounts"]["deleted"], told["contacts"]["deleted"], told["activities"]["inserted"]) == (1, 1, 9)
    assert everything(target) == before


def test_a_unique_value_moves_with_the_row_that_goes(target, restore):
    """Replace: what a row to be deleted has, another one may get."""
    before = everything(target)
    target.sql("DELETE FROM activities WHERE contact_id = 5; DELETE FROM contacts WHERE id = 5;"
               "INSERT INTO contacts VALUES (77, 1, 'c5@example.org', NULL)")
    restore("--mode", "replace", "--to", target.url, "day")
    assert everything(target) == before


def test_replace_deletes_nothing_that_others_need(target, restore):
    before = everything(target)
    target.sql("INSERT INTO accounts VALUES (99, 'new', NULL); INSERT INTO contacts VALUES (99, 99, 'new', NULL)")
    changed = everything(target)
    assert "contacts" in restore("--mode", "replace", "--to", target.url, "day/crm/accounts", status=1)
    assert everything(target) == changed != before


def test_what_is_there_is_not_appended(target, restore):
    before = everything(target)
    told = restore("--key", "8", "--to", target.url, "day/crm/contacts", status=1)
    assert "contacts" in told and "8" in told
    assert everything(target) == before


def test_a_condition_chooses_rows(target, restore):
    target.sql("DELETE FROM activities")
    told = restore("--mode", "missing", "--where", "id > 190 AND body LIKE 'call 19_'", "--to", target.url,
                   "day/crm/activities")
    assert told["activities"]["inserted"] == 9
    assert is_there(target, "activities", "1 = 1") == 9


@pytest.mark.parametrize("condition", ["(id = 7) << 32", "(id = 7) * 0.25", "CASE id WHEN 7 THEN '0.5' ELSE 'x' END",
                                       "CASE id WHEN 7 THEN -1 END"])
def test_a_condition_is_true_as_in_sqlite(place, restore, condition):
    """Whatever is not 0, however large or small, and of whatever kind; NULL is not."""
    target = place("sqlite")
    assert restore("--where", condition, "--to", target.url, "day/crm/accounts")["accounts"]["inserted"] == 1
    assert target.value("SELECT id FROM accounts") == "7"


def test_a_condition_on_many_rows(place, crmfs):
    """Only one that does not end with a row is given up, however much work all rows are together."""
    source, target = place("sqlite"), place("sqlite")
    source.sql("CREATE TABLE t (id INTEGER PRIMARY KEY); WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c "
               "WHERE i < 20000) INSERT INTO t SELECT i FROM c")
    condition = f"CASE id {' '.join(f'WHEN {-i} THEN 1' for i in range(1, 5000))} WHEN 20000 THEN 1 END"
    crmfs("restore", "--where", condition, "--to", target.url, source.url)
    assert target.value("SELECT id FROM t") == "20000"


def test_a_key_that_is_given_twice_is_one(place, restore):
    target = place("sqlite")
    assert restore("--key", "7,8,7", "--key", "8", "--to", target.url, "day/crm/accounts")["accounts"]["inserted"] == 2
    assert "99" in restore("--key", "7,99,99", "--mode", "upsert", "--to", target.url, "day/crm/accounts", status=1)


@pytest.mark.parametrize("condition", ["id = 1); DELETE FROM activities --", "nothing = 1", "id = 1; SELECT 1",
                                       "load_extension('x')", "(SELECT count(*) FROM pragma_database_list)",
                                       "(SELECT writefile('/tmp/x', 'y'))", ""])
def test_conditions_can_do_nothing_else(place, restore, condition):
    target = place("sqlite")
    assert "--where" in restore("--where", condition, "--to", target.url, "day/crm/activities", status=1)
    assert not Path(target.url).exists()


def test_parents_come_along(kind, place, restore):
    """Into tables that are empty: the row, and what it needs, parents first."""
    target = place(kind)
    restore("--to", target.url, "day")
    target.sql("DELETE FROM activities; DELETE FROM contacts; DELETE FROM accounts")
    refused = restore("--key", "7", "--mode", "missing", "--to", target.url, "day/crm/activities", status=1)
    assert "contacts" in refused or "foreign key" in refused
    told = restore("--key", "7", "--mode", "missing", "--with-parents", "--to", target.url, "day/crm/activities")
    assert {name: table["inserted"] for name, table in told.items()} == {"accounts": 1, "contacts": 1, "activities": 1}
    assert target.value("SELECT contact_id FROM activities") == target.value("SELECT id FROM contacts") == "8"


def test_a_dry_run_changes_nothing(target, restore):
    target.sql("DELETE FROM activities WHERE id < 10")
    before = everything(target)
    assert restore("-n", "--mode", "replace", "--to", target.url, "day")["activities"]["inserted"] == 9
    assert everything(target) == before


def test_a_dry_run_makes_nothing(kind, place, restore):
    target = place(kind)
    assert restore("-n", "--to", target.url, "day")["accounts"]["how"] == "create"
    assert restore("--no-create", "--to", target.url, "day", status=1).find("accounts") > 0 or kind == "sqlite"


def test_a_column_that_is_gone_is_asked_about(target, restore):
    target.sql("ALTER TABLE contacts RENAME COLUMN note TO remark; DELETE FROM activities; DELETE FROM contacts")
    told = restore("--to", target.url, "day/crm/contacts", status=1)
    assert 'no column "note"' in told and "--map" in told and "--ignore-columns" in told
    restore("--map", "note=remark", "--to", target.url, "day/crm/contacts")
    assert is_there(target, "contacts", "remark IS NOT NULL") == CONTACTS
    target.sql("UPDATE contacts SET remark = 'x'")
    restore("--mode", "upsert", "--ignore-columns", "note", "--to", target.url, "day/crm/contacts")
    assert is_there(target, "contacts", "remark = 'x'") == CONTACTS


def test_what_does_not_fit_is_refused_or_set_aside(target, restore, work):
    """Too long for the column now: named by row, column, value and reason; nothing is cut."""
    if target.kind == "sqlite":
        target.sql("DROP TABLE activities; DROP TABLE contacts; CREATE TABLE contacts (id INTEGER PRIMARY KEY, "
                   "account_id INTEGER, email TEXT, note TEXT CHECK (length(note) <= 30))")
    else:
        target.sql("DELETE FROM activities; DELETE FROM contacts")
        target.sql("ALTER TABLE contacts MODIFY note VARCHAR(30)" if target.kind == "mysql" else
                   "ALTER TABLE contacts ALTER note TYPE varchar(30)")
    told = restore("--to", target.url, "day/crm/contacts", status=1)
    assert "row 24 (id 24)" in told and ("note" in told)
    assert is_there(target, "contacts", "1 = 1") == 0
    aside = work / "aside.ndjson"
    told = restore("--skip-bad", aside, "--to", target.url, "day/crm/contacts")
    lines = [json.loads(line) for line in aside.read_text().splitlines()]
    assert told["contacts"]["set_aside"] == len(lines) == CONTACTS - 23
    assert lines[0]["row"] == 24 and lines[0]["values"]["email"] == "c24@example.org"
    assert is_there(target, "contacts", "1 = 1") == 23
    assert aside.stat().st_mode & 0o077 == 0


def test_two_restores_of_the_same_are_one(target, restore):
    """Whatever was done twice is as if it were done once."""
    before = everything(target)
    for mode in ("upsert", "replace", "missing"):
        restore("--mode", mode, "--to", target.url, "day")
        assert everything(target) == before, mode


def test_a_word_that_means_no_column_or_table_is_refused(target, restore):
    """It was to keep something from being overwritten."""
    before = everything(target)
    for words in (["--ignore-columns", "emial"], ["--ignore-columns", "accounts.email"], ["--map", "nope=name"],
                  ["--map", "contacts.nope=name"], ["--exclude-table", "contact"]):
        assert words[1].partition("=")[0] in restore("--mode", "upsert", *words, "--to", target.url, "day", status=1)
    assert everything(target) == before


def test_tables_are_named_in_one_place(place, restore):
    target = place("sqlite")
    assert "--table" in restore("--table", "accounts", "--to", target.url, "day/crm/contacts", status=1)
    assert not Path(target.url).exists()


def test_what_is_ignored_is_said_once(target, restore):
    told = restore("--mode", "upsert", "--ignore-columns", "contacts.email", "--dry-run", "--to", target.url, "day")
    assert [note for note in told["contacts"]["notes"] if "email" in note] == ['column "email" is ignored']


def test_all_tables_but_one(target, restore):
    target.sql("CREATE TABLE bare (word VARCHAR(20)); UPDATE accounts SET city = 'Bergen'; UPDATE contacts SET note = ''")
    told = restore("--mode", "replace", "--exclude-table", "accounts", "--to", target.url, "day")
    assert sorted(told) == ["activities", "contacts"]
    assert is_there(target, "accounts", "city = 'Bergen'") == ACCOUNTS and is_there(target, "contacts", "note = ''") == 0


def test_a_disk_without_room(root, store, work):
    """Known before anything is written: said, and nothing is left there; with room it goes."""
    disk, path = work / "disk", work / "large.db"
    disk.mkdir()
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)")
        database.executemany("INSERT INTO t VALUES (?, ?)", [(i, str(i) * 1000) for i in range(2000)])
    database.close()
    store.take("large", f"crm={path}")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "restored", disk], check=True)
    try:
        words = ["restore", "--to", disk / "to.db", "--store", store.path, "large"]
        for more in ([], ["-n"]):
            told = store.run(*words, *more, status=1).err
            assert "take at least 3 MiB" in told and "has room for" in told
            assert list(disk.iterdir()) == []
        subprocess.run(["mount", "-o", "remount,size=100m", disk], check=True)
        store.run(*words)
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("count", [1, 2000])
def test_a_disk_without_room_for_what_is_set_aside(root, place, crmfs, work, count):
    """A row that is neither restored nor set aside would be lost: nothing is restored, and the words say why."""
    source, target, disk = place("sqlite"), place("sqlite"), work / "aside"
    disk.mkdir()
    source.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (-1, 'fits'); WITH RECURSIVE c(i) AS "
               f"(SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < {count}) INSERT INTO t SELECT i, hex(zeroblob(20)) FROM c")
    target.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT CHECK (length(a) < 9))")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "aside", disk], check=True)
    try:
        (disk / "other").write_bytes(bytes(4096) if count == 1 else b"")
        told = crmfs("restore", "--to", target.url, "--skip-bad", disk / "rows", source.url, status=1).stderr
        assert "cannot write" in told and "No space left" in told
        assert target.value("SELECT count(*) FROM t") == "0"
        assert not (disk / "rows").exists()
        (disk / "other").unlink()
    finally:
        subprocess.run(["umount", disk], check=True)


BAD_DISK = r"""
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
int fsync(int file)
{
    char link[64], path[4096] = "";

    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    if (readlink(link, path, sizeof path - 1) > 0 && strstr(path, "/aside") != NULL) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fsync, file);
}
"""


@pytest.mark.parametrize("what", ["aside.ndjson", "aside/rows"])
def test_what_is_set_aside_is_on_disk_before_the_rest_is(place, crmfs, work, what):
    """What cannot be made durable, or the name of it, has the restore fail, not be done without it."""
    source, target, library = place("sqlite"), place("sqlite"), work / "bad-disk.so"
    (work / what).parent.mkdir(exist_ok=True)
    subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", library], input=BAD_DISK, text=True, check=True)
    source.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (1, 'fits'), (2, 'is too long')")
    target.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT CHECK (length(a) < 9))")
    words = ["restore", "--to", target.url, "--skip-bad", work / what, source.url]
    told = crmfs(*words, status=1, LD_PRELOAD=str(library)).stderr
    assert "cannot write" in told and "Input/output error" in told
    assert target.value("SELECT count(*) FROM t") == "0" and not (work / what).exists()
    crmfs(*words)
    assert target.value("SELECT count(*) FROM t") == "1"


@pytest.mark.parametrize("name, text", [("files.csv", "id,photo\n1,ug==\n"),
                                        ("files.ndjson", '{"id":1,"photo":{"$base64":true,"encoded":"ug=="}}\n')])
def test_bytes_of_a_bare_file_are_not_guessed(crmfs, place, kind, work, name, text):
    """Base64 in a column of bytes would be text there."""
    target = place(kind)
    target.sql(f"CREATE TABLE files (id INTEGER PRIMARY KEY, photo {'BYTEA' if kind == 'postgresql' else 'BLOB'})")
    (work / name).write_text(text)
    refusal = crmfs("restore", "--to", target.url, work / name, status=1).stderr
    assert '"photo" is of bytes' in refusal and "--ignore-columns files.photo" in refusal
    assert target.value("SELECT count(*) FROM files") == "0"
    crmfs("restore", "--ignore-columns", "files.photo", "--to", target.url, work / name)
    assert target.value("SELECT count(*) FROM files WHERE photo IS NULL") == "1"


@pytest.mark.parametrize("refused", ["its own", "another value", "by the database"])
def test_large_values_are_set_aside_whole(crmfs, place, work, kind, refused):
    """Also where it is such a value that does not fit; an empty one is empty."""
    source, target = place("sqlite"), place(kind)
    text = "VARCHAR(50)" if refused == "its own" else "LONGTEXT" if kind == "mysql" else "TEXT"
    if refused == "its own" and kind == "sqlite":
        text += " CHECK (length(a) < 50)"
    number = "NUMERIC(9,2)" + (" CHECK (n < 5)" if refused == "by the database" else "")
    source.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b BLOB, n TEXT);"
               f"INSERT INTO t VALUES (1, hex(zeroblob(700000)), x'', '{' 7' if refused == 'another value' else '7'}')")
    target.sql(f"CREATE TABLE t (id INTEGER PRIMARY KEY, a {text}, b {'BYTEA' if kind == 'postgresql' else 'BLOB'}, n {number})")
    crmfs("restore", "--skip-bad", work / "bad", "--to", target.url, source.url)
    line = json.loads((work / "bad").read_text())
    # Refused as PostgreSQL takes rows over from where they were put first: only the key is known.
    values = line.get("values") if (kind, refused) != ("postgresql", "by the database") else None
    assert line["value"] == "1" if values is None else values["a"] == "0" * 1400000 and values["b"] == ""
    assert target.value("SELECT count(*) FROM t") == "0"


def test_replace_does_not_delete_what_is_set_aside(crmfs, counts, place, work, kind):
    """A row that does not fit is among those that are restored: what stands in its place stays."""
    source, target = place("sqlite"), place(kind)
    source.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, n TEXT); INSERT INTO t VALUES (1, '1'), (2, ' 2')")
    target.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, n DECIMAL(9,2)); INSERT INTO t VALUES (1, 7), (2, 8)")
    words = ["--mode", "replace", "--skip-bad", work / "bad", "--to", target.url, source.url]
    told = crmfs("restore", *words, status=1).stderr
    assert "1 of its rows" in told and "--mode upsert" in told
    assert target.value("SELECT SUM(n) FROM t").rstrip("0").rstrip(".") == "15" and not (work / "bad").exists()
    crmfs("restore", "--mode", "replace", "--dry-run", *words[4:], status=1)
    target.sql("DELETE FROM t WHERE id = 2")
    told = counts(*words)["t"]
    assert (told["updated"], told["set_aside"], told["deleted"]) == (1, 1, 0)
    assert json.loads((work / "bad").read_text())["row"] == 2


@pytest.mark.parametrize("rows_there", [0, 1])
def test_what_is_set_aside_does_not_hide_what_is_changed(crmfs, place, work, kind, rows_there):
    """Rows that are refused are left out; one that the database makes something else of ends it all the same."""
    source, target = place("sqlite"), place(kind)
    source.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, e TEXT); "
               "INSERT INTO t VALUES (1, 'a'), (2, 'much too long'), (3, 'b'), (9, 'there')")
    target.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, e VARCHAR(5) CHECK (length(e) < 6))")
    target.sql("INSERT INTO t VALUES (9, 'there')" if rows_there else "")
    words = ["restore", "--mode", "append", "--skip-bad", work / "bad", "--to", target.url, source.url]
    crmfs(*words)
    assert target.value("SELECT count(*) FROM t WHERE e IN ('a', 'b')") == "2"
    aside = [json.loads(line) for line in (work / "bad").read_text().splitlines()]
    assert len(aside) == 1 + rows_there and aside[0]["row"] == 2 and all(bad["reason"] for bad in aside)
    assert not rows_there or aside[1].get("row", 4) == 4

    target.sql("DELETE FROM t WHERE id < 9")
    if kind == "sqlite":
        target.sql("CREATE TRIGGER g AFTER INSERT ON t BEGIN UPDATE t SET e = 'x' WHERE id = new.id AND id = 3; END")
    elif kind == "mysql":
        target.sql("CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET new.e = IF(new.id = 3, 'x', new.e)")
    else:
        target.sql("CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS "
                   "$$ BEGIN IF new.id = 3 THEN new.e = 'x'; END IF; RETURN new; END $$;"
                   "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION g()")
    words[4] = work / "worse"
    assert "read back" in crmfs(*words, status=1).stderr
    assert target.value("SELECT count(*) FROM t WHERE id < 9") == "0"


def test_a_row_is_found_where_keys_fall(work, crmfs):
    """SQLite keeps a key that is declared DESC from its largest down, and so do snapshots."""
    path = work / "crm.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE falling (id INT PRIMARY KEY DESC, body TEXT)")
        database.executemany("INSERT INTO falling VALUES (?, ?)", [(i, f"{i:0100}") for i in range(30000)])
    database.close()
    store = Kept(work)
    store.take("day", f"crm={path}")
    wanted = [7, 15000, 29990]
    with sqlite3.connect(path) as database:
        database.execute(f"DELETE FROM falling WHERE id IN ({','.join(map(str, wanted))})")
    database.close()
    for key in wanted:
        crmfs("restore", "--store", store.path, "--mode", "missing", "--key", key, "--to", path, "day/crm/falling",
              **store.environment)
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM falling").fetchone() == (30000,)
    database.close()


def test_a_row_of_more_than_a_quarter_of_a_gigabyte(place, crmfs, store):
    """The store keeps it in pieces; who restores it puts them together."""
    source, target = place("sqlite"), place("sqlite")
    source.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, b BLOB); INSERT INTO t VALUES (1, zeroblob(260 << 20))")
    store.take("day", f"crm={source.url}")
    crmfs("restore", "--store", store.path, "--to", target.url, "day", **store.environment)
    assert target.value("SELECT length(b) FROM t") == str(260 << 20)
