# SPDX-License-Identifier: MIT
"""JSON and NDJSON in old backups, as tables."""
import json
import subprocess
import zipfile

import pytest

from folder import slurp


def rows_of(folder, table):
    lines = slurp(folder / f"{table}.ndjson").decode().splitlines()
    assert json.loads(slurp(folder / f"{table}.json")) == [json.loads(line) for line in lines]
    return [json.loads(line) for line in lines]


def types_of(folder, table):
    package = json.loads(slurp(folder / "datapackage.json"))
    resource = next(each for each in package["resources"] if each["path"] == f"{table}.csv")
    return {field["name"]: field["type"] for field in resource["schema"]["fields"]}


@pytest.mark.sanitize
def test_as_programs_write_it(mount, work):
    """What sqlite3 and jq print; an answer of a program's interface; our own NDJSON: in a ZIP and alone."""
    database = work / "x.db"
    subprocess.run(["sqlite3", database, "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, amount REAL);"
                    "INSERT INTO t VALUES (1, 'Åsa \"A\"', 1.5), (2, NULL, 1e300), (3, '', -0.0)"], check=True)
    printed = subprocess.run(["sqlite3", "-json", database, "SELECT * FROM t"], capture_output=True, check=True).stdout
    (work / "array.json").write_bytes(printed)
    (work / "pretty.json").write_bytes(subprocess.run(["jq", "."], input=printed, capture_output=True, check=True).stdout)
    (work / "lines.ndjson").write_bytes(subprocess.run(["jq", "-c", ".[]"], input=printed, capture_output=True,
                                                       check=True).stdout)
    (work / "page.json").write_bytes(b'{"results":' + printed + b',"paging":{"next":{"after":"100"}}}')
    names = ["array.json", "pretty.json", "lines.ndjson", "page.json"]
    with zipfile.ZipFile(work / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.write(work / name, name)
    top = mount(work / "all.zip", *(work / name for name in names))
    for name in names:
        table = name.split(".", maxsplit=1)[0]
        for folder in top.path(f"archives/{name}"), top.path("archives/all.zip"):
            assert rows_of(folder, table) == json.loads(printed)
            assert types_of(folder, table) == {"id": "integer", "name": "string", "amount": "number"}
            assert slurp(folder / "raw" / name) == (work / name).read_bytes()
    own = slurp(top.path("archives/array.json/array.ndjson"))
    (work / "own.ndjson").write_bytes(own)
    top.unmount()
    assert slurp(mount(work / "own.ndjson").path("archives/own.ndjson/own.ndjson")) == own


def test_digits_and_nesting(mount, work):
    text = ('[{"id":12345678901234567890123456789,"d":0.10,"e":1E5,"tags":["a", {"b":null}],"s":"x\\ny"},\n'
            '{"id":-1,"d":null,"tags":[],"flag":true}]')
    (work / "t.json").write_text(text)
    folder = mount(work / "t.json").path("archives/t.json")
    assert slurp(folder / "t.ndjson").decode() == (
        '{"id":12345678901234567890123456789,"d":0.10,"e":1E5,"tags":["a", {"b":null}],"s":"x\\ny","flag":null}\n'
        '{"id":-1,"d":null,"e":null,"tags":[],"s":null,"flag":true}\n')
    assert slurp(folder / "t.csv").decode() == (
        'id,d,e,tags,s,flag\n12345678901234567890123456789,0.10,1E5,"[""a"", {""b"":null}]","x\ny",\n-1,,,[],,true\n')
    assert types_of(folder, "t")["tags"] in ("any", "array", "object", "string")


def test_late_columns(mount, work):
    """Keys and types that come after megabytes of rows without them."""
    rows = [{"id": number, "text": f"{number} \"quoted\" " + "x" * 50} for number in range(40000)]
    rows += [{"id": 40000, "text": {"now": "nested"}, "late": 1}, {"id": 40001, "later": None, "late": "text"}]
    with open(work / "late.ndjson", "w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    folder = mount(work / "late.ndjson").path("archives/late.ndjson")
    shown = rows_of(folder, "late")
    assert [{key: value for key, value in row.items() if value is not None} for row in shown] == [
        {key: value for key, value in row.items() if value is not None} for row in rows]
    assert list(shown[0]) == ["id", "text", "late", "later"]
    header, first = slurp(folder / "late.csv").split(b"\n", 2)[:2]
    assert header == b"id,text,late,later" and first.startswith(b'0,"""0 \\""quoted\\"" ')


def test_damage(mount, work):
    """Rows before the fault are not shown as if they were all."""
    (work / "cut.json").write_text('[{"a":1},{"a":2}')
    (work / "bad.ndjson").write_text('{"a":1}\n{"a":,}\n')
    top = mount(work / "cut.json", work / "bad.ndjson")
    for path in "cut.json/cut", "bad.ndjson/bad":
        for form in "csv", "json", "ndjson":
            with pytest.raises(OSError, match="Input/output"):
                slurp(top.path(f"archives/{path}.{form}"))
    errors = slurp(top.path(".crmfs/errors")).decode()
    assert "line 1, byte 16 of cut.json: the text ends within the array" in errors
    assert "line 2, byte 13 of bad.ndjson: this is no JSON" in errors


def exported(*databases, end="]\n"):
    """As phpMyAdmin writes DATABASES, each a name and tables: before a further one it forgets the comma."""
    parts = ['[\n{"type":"header","version":"5.2.1","comment":"Export to JSON plugin for PHPMyAdmin"},\n']
    between = ""
    for database, tables in databases:
        parts.append(json.dumps({"type": "database", "name": database}) + ",\n")
        for name, rows in tables:
            head, tail = json.dumps({"type": "table", "name": name, "database": database, "data": "@@"}).split('"@@"')
            parts.append(between + head + "\n[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n" + tail + "\n")
            between = ","
    return "".join(parts) + end


@pytest.mark.sanitize
def test_phpmyadmin(mount, work):
    """phpMyAdmin's JSON: its tables, as of its SQL; of two databases, with a table that came twice, and cut."""
    contacts = [{"id": str(number), "name": None if number % 7 == 0 else f"Åsa {number}"} for number in range(20000)]
    deals = [{"id": "1", "amount": "12.50"}]
    (work / "one.json").write_text(exported(("crm", [("contacts", contacts), ("deals", deals), ("none", [])])))
    (work / "two.json").write_text(exported(("crm", [("contacts", contacts), ("deals", deals)]),
                                            ("old.crm", [("deals", deals + deals), ("deals", deals)])))
    (work / "two.sql").write_text(
        "-- phpMyAdmin SQL Dump\nCREATE DATABASE `crm`;\nUSE `crm`;\n"
        "CREATE TABLE `deals` (`id` text, `amount` text);\nINSERT INTO `deals` VALUES ('1', '12.50');\n"
        "CREATE DATABASE `old.crm`;\nUSE `old.crm`;\n"
        "CREATE TABLE `deals` (`id` text, `amount` text);\n"
        "INSERT INTO `deals` VALUES ('1', '12.50'), ('1', '12.50');\n")
    cut = exported(("crm", [("deals", deals), ("contacts", contacts)]))
    (work / "cut.json").write_text(cut[:len(cut) // 2])
    with zipfile.ZipFile(work / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(work / "one.json", "one.json")
    top = mount(*(work / name for name in ("one.json", "two.json", "two.sql", "cut.json", "all.zip")))
    for name in "one.json", "all.zip":
        folder = top.path("archives", name)
        assert sorted(each.stem for each in folder.glob("*.ndjson")) == ["contacts", "deals"]
        assert rows_of(folder, "contacts") == contacts and rows_of(folder, "deals") == deals
        assert types_of(folder, "contacts") == {"id": "string", "name": "string"}
    two = top.path("archives/two.json")
    assert sorted(each.stem for each in two.glob("*.ndjson")) == [
        "crm.contacts", "crm.deals", "old.crm.deals", "old.crm.deals (2)"]
    for name in "crm.deals", "old.crm.deals":
        assert slurp(two / f"{name}.csv") == slurp(top.path(f"archives/two.sql/{name}.csv"))
    assert rows_of(top.path("archives/cut.json"), "deals") == deals
    for form in "csv", "json", "ndjson":
        with pytest.raises(OSError, match="Input/output"):
            slurp(top.path(f"archives/cut.json/contacts.{form}"))
    assert "cut.json: the text ends within an object: it was cut short" in top.errors()
    assert "one.json: an export as JSON does not say what columns a table without rows has" in top.errors()
