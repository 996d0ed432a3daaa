# SPDX-License-Identifier: MIT
"""-o rw-live: single rows written, made and deleted."""
import errno
import json
import os
import subprocess

import pytest

from folder import slurp
from mounting import eventually
from rw_live import crm, errors, folder, rows  # noqa: F401
from writing import put, refused


def test_a_row_is_looked_at_while_another_program_writes(mount, work, crm):
    """To look takes no lock that a writer has, nor one that keeps it out."""
    crm.execute("PRAGMA journal_mode = WAL")
    folder = mount(work / "crm.db", options="rw-live,refresh=0.1,busy-timeout=20").live()
    crm.execute("BEGIN IMMEDIATE")
    assert json.loads(slurp(folder / "contacts/2.json"))["name"] == "Bo"
    crm.execute("ROLLBACK")


@pytest.mark.sanitize
def test_patch(folder, crm):
    """What the file has is set; the rest stays. It shows at once."""
    path = folder / "contacts/1.json"
    put(path, '{"note": "a \\"q\\"\\n", "n": 2.50}')
    assert json.loads(slurp(path))["note"] == 'a "q"\n'
    assert rows(crm, "contacts")[0] == (1, "Åsa", 'a "q"\n', 2.5, b"\x00\xff", "ÅSA".replace("Å", "Å"))
    assert b'"a ""q""' in slurp(folder / "contacts.csv")
    put(path, '{"note":null,"b":{"$base64":true,"encoded":"AQI="}}\n')
    assert rows(crm, "contacts", "note, b")[0] == (None, b"\x01\x02")


def test_the_whole_row_copied_back(folder, crm, work):
    """As it was read, keys and generated columns included: nothing changes; edited: that does."""
    before = rows(crm, "contacts")
    for name in ("1", "2", "3"):
        text = slurp(folder / f"contacts/{name}.json")
        (work / "row").write_bytes(text)
        subprocess.run(["cp", work / "row", folder / f"contacts/{name}.json"], check=True)
    assert rows(crm, "contacts") == before
    (work / "row").write_bytes(slurp(folder / "contacts/2.json").replace(b'"Bo"', b'"Bosse"'))
    subprocess.run(["cp", "-p", work / "row", folder / "contacts/2.json"], check=True)
    assert rows(crm, "contacts", "id, name")[1] == (2, "Bosse")


@pytest.mark.sanitize
def test_create_and_delete(folder, crm):
    put(folder / "contacts/9.json", '{"id":9,"name":"Ni"}')
    put(folder / "contacts/10.json", '{"name":"Tio"}')
    assert rows(crm, "contacts", "id, name")[3:] == [(9, "Ni"), (10, "Tio")]
    assert "10.json" in os.listdir(folder / "contacts")
    (folder / "contacts/9.json").unlink()
    assert [row for row, in rows(crm, "contacts", "id")] == [1, 2, 3, 10]
    refused(errno.ENOENT, (folder / "contacts/9.json").unlink)
    put(folder / "prices/fi,a%2Fb.json", '{"price": 5}')
    assert ("fi", "a/b", 5) in rows(crm, "prices")
    put(folder / "prices/de,007.json", '{"price": 2.25}')
    assert ("de", "007", 2.25) in rows(crm, "prices")
    (folder / "prices/de,10%2F1.json").unlink()
    assert len(rows(crm, "prices")) == 3


@pytest.mark.parametrize("name, text, code, words", [
    ("1", '{"id":2,"name":"x"}', errno.EINVAL, "not that of its name"),
    ("1", '{"nome":"x"}', errno.EINVAL, 'no column "nome"'),
    ("1", '{"name":null}', None, "contacts"),
    ("1", '[{"name":"x"}]', errno.EINVAL, "JSON object"),
    ("1", '{"name":"x"}{"name":"y"}', errno.EINVAL, "missing"),
    ("1", '{"name":"x"},{"name":"y"}', errno.EINVAL, "one JSON object"),
    ("1", '{"name":"x"', errno.EINVAL, "no JSON object"),
    ("1", '{"name":{}}', errno.EINVAL, "holds no JSON"),
    ("1", '   ', errno.EINVAL, "one JSON object"),
    ("8", '{"note":"no name"}', None, "contacts"),
    ("x", '{"name":"x"}', errno.EINVAL, "whole numbers alone"),
    ("007", '{"name":"x"}', errno.EINVAL, "would be called otherwise"),
])
def test_refused(folder, crm, name, text, code, words):
    """In words, and nothing is changed."""
    before = rows(crm, "contacts")
    with pytest.raises(OSError) as refusal:
        put(folder / f"contacts/{name}.json", text)
    assert code in (None, refusal.value.errno)
    assert words in errors(folder)
    assert rows(crm, "contacts") == before


@pytest.mark.sanitize
def test_a_row_that_was_changed_meanwhile(folder, crm):
    """Nobody's change is overwritten unseen; who has read it again may go on."""
    path = folder / "contacts/2.json"
    assert slurp(path)
    crm.execute("UPDATE contacts SET note = 'theirs' WHERE id = 2")
    refused(errno.EBUSY, put, path, '{"note":"ours"}')
    refused(errno.EBUSY, path.unlink)
    assert rows(crm, "contacts", "note")[0] != ("ours",)
    assert "has been changed since it was read" in errors(folder)
    assert b"theirs" in slurp(path)
    put(path, '{"note":"ours"}')
    assert crm.execute("SELECT note FROM contacts WHERE id = 2").fetchone() == ("ours",)
    assert slurp(folder / "contacts/3.json")
    crm.execute("DELETE FROM contacts WHERE id = 3")
    with pytest.raises(OSError):
        put(folder / "contacts/3.json", '{"note":"ours"}')


def test_rows_that_are_referred_to(folder, crm):
    refused(errno.EBUSY, (folder / "contacts/1.json").unlink)
    assert "activities" in errors(folder)
    with pytest.raises(OSError):
        put(folder / "activities/2.json", '{"contact": 99}')
    assert rows(crm, "activities") == [(1, 1)]


def test_a_row_that_others_of_its_table_refer_to(mount, work, crm):
    """It alone would be deleted; they would go with it, or change (ON DELETE)."""
    crm.executescript("CREATE TABLE staff (id INTEGER PRIMARY KEY, chief INTEGER REFERENCES staff (id) ON DELETE CASCADE);"
                      "INSERT INTO staff VALUES (1, 1), (2, 1), (3, 2)")
    folder = mount(work / "crm.db", options="rw-live,refresh=0.1").live()
    refused(errno.EBUSY, (folder / "staff/2.json").unlink)
    assert "other rows of it refer to this one" in errors(folder)
    assert rows(crm, "staff") == [(1, 1), (2, 1), (3, 2)]
    for key in 3, 2, 1:
        (folder / f"staff/{key}.json").unlink()
    assert rows(crm, "staff") == []


def test_a_locked_database(mount, work, crm):
    folder = mount(work / "crm.db", options="rw-live,busy-timeout=0.2").live()
    assert slurp(folder / "contacts/2.json")
    crm.execute("BEGIN IMMEDIATE")
    refused(errno.EBUSY, put, folder / "contacts/2.json", '{"note":"x"}')
    crm.execute("ROLLBACK")
    put(folder / "contacts/2.json", '{"note":"x"}')


def test_editors_rename(folder, crm):
    """A new file renamed over the row's, as editors and rsync do."""
    put(folder / "contacts/.2.json.swp", '{"name":"Botvid"}')
    os.rename(folder / "contacts/.2.json.swp", folder / "contacts/2.json")
    assert rows(crm, "contacts", "id, name")[1] == (2, "Botvid")
    put(folder / "contacts/new", '{"name":"Elva"}')
    os.rename(folder / "contacts/new", folder / "contacts/11.json")
    assert rows(crm, "contacts", "id, name")[-1] == (11, "Elva")
    refused(errno.EPERM, os.rename, folder / "contacts/11.json", folder / "contacts/12.json")
    put(folder / "contacts/scratch", "never a row")
    os.unlink(folder / "contacts/scratch")
    refused(errno.ENOENT, os.stat, folder / "contacts/scratch")
    assert rows(crm, "contacts", "id")[-1] == (11,)


def test_written_on(folder, crm):
    """Opened without being cut to nothing, a file goes on from what it is."""
    with open(folder / "contacts/2.json", "r+", encoding="utf-8") as file:
        row = json.load(file)
        row["note"] = "longer than it was"
        file.seek(0)
        json.dump(row, file)
        file.truncate()
    assert rows(crm, "contacts", "id, note")[1] == (2, "longer than it was")
    subprocess.run(["truncate", "-s", "0", folder / "contacts/2.json"], check=False, stderr=subprocess.DEVNULL)
    subprocess.run(["sh", "-c", ': > "$1"', "sh", folder / "contacts/2.json"], check=True)
    assert rows(crm, "contacts", "id, note")[1] == (2, "longer than it was")


def test_tables_without_a_primary_key(folder, crm):
    refused(errno.EOPNOTSUPP, put, folder / "keyless/one.json", '{"v":"two"}')
    assert rows(crm, "keyless") == [("one",)]


def test_off_by_default(mount, work, crm):
    for options in ("", "ro,rw-live"):
        folder = mount(work / "crm.db", options=options).live()
        refused(errno.EROFS, put, folder / "contacts/1.json", "{}")
        refused(errno.EROFS, put, folder / "contacts/4.json", "{}")
        refused(errno.EROFS, (folder / "contacts/1.json").unlink)
        refused(errno.EROFS, os.chmod, folder / "contacts/1.json", 0o600)
        assert not (folder / ".import").exists()
    assert len(rows(crm, "contacts")) == 3


def test_a_key_that_is_too_long_for_a_name_is_only_read(folder, crm, work):
    """Its file's name does not tell it: a row of that name would be another one."""
    keys = ["x" * 400, "é" * 300]
    crm.executescript("CREATE TABLE long (k TEXT PRIMARY KEY, v TEXT)")
    crm.executemany("INSERT INTO long VALUES (?, 'v')", [(key,) for key in keys])
    assert eventually(lambda: os.path.isdir(folder / "long"))
    names = os.listdir(folder / "long")
    assert len(names) == 2 and all(len(os.fsencode(name)) > 240 for name in names)
    before = {name: slurp(folder / "long" / name) for name in names}
    assert sorted(json.loads(line)["k"] for line in before.values()) == sorted(keys)
    for name in names:
        refused(errno.EOPNOTSUPP, put, folder / "long" / name, '{"v": "w"}')
        refused(errno.EOPNOTSUPP, os.unlink, folder / "long" / name)
    crm.execute("DELETE FROM long")
    assert eventually(lambda: not os.listdir(folder / "long"))
    for name, line in before.items():
        refused(errno.EOPNOTSUPP, put, folder / "long" / name, line.decode())
    assert rows(crm, "long") == [] and "too long" in errors(folder)
