# SPDX-License-Identifier: MIT
"""datapackage.json and schema.sql say what the tables are."""
import json
import sqlite3
import subprocess

import reference
from folder import slurp, stems

FRICTIONLESS_TYPES = {"string", "number", "integer", "boolean", "object", "array", "date", "time", "datetime",
                      "year", "yearmonth", "duration", "geopoint", "geojson", "any"}


def resources(folder):
    package = json.loads(slurp(folder / "datapackage.json"))
    return {resource["path"]: resource for resource in package["resources"]}


def test_every_table_is_described(mount, odd_db):
    folder, conn = mount(odd_db).live(), reference.connect(odd_db)
    described = resources(folder)
    for table, stem in stems(folder).items():
        resource = described[f"{stem.decode()}.csv"]
        fields = resource["schema"]["fields"]
        assert [field["name"] for field in fields] == [c.name for c in reference.columns(conn, table.decode())]
        assert {field["type"] for field in fields} <= FRICTIONLESS_TYPES
    for path in described:
        assert (folder / path).exists()


def test_keys_and_types(mount, odd_db):
    described = resources(mount(odd_db).live())
    composite = described["composite.csv"]["schema"]
    assert composite["primaryKey"] in (["a", "b"],)
    visit = described["visit.csv"]["schema"]
    keys = [key for key in visit["foreignKeys"] if key["fields"] == ["account", "region"]]
    assert keys[0]["reference"]["fields"] == ["account", "region"]
    values = {field["name"]: field for field in described["every_value.csv"]["schema"]["fields"]}
    assert len(values) == 12
    account = described["account.csv"]["schema"]
    assert account["foreignKeys"][0]["fields"] in ("parent", ["parent"])


def test_null_convention_is_said(mount, crm_db):
    """The empty field is NULL: the data package has to say so."""
    package = json.loads(slurp(mount(crm_db).live() / "datapackage.json"))
    for resource in package["resources"]:
        assert "" in resource["schema"].get("missingValues", [""])
        assert resource.get("encoding", "utf-8").lower() == "utf-8"


def test_descriptor_is_deterministic(mount, odd_db):
    first, second = mount(odd_db).live(), mount(odd_db).live()
    assert slurp(first / "datapackage.json") == slurp(second / "datapackage.json")
    assert slurp(first / "schema.sql") == slurp(second / "schema.sql")


def test_schema_sql_makes_the_same_tables(mount, odd_db, work):
    """Fed to sqlite3, the DDL gives a database with the same schema."""
    ddl = slurp(mount(odd_db).live() / "schema.sql")
    copy = work / "copy.db"
    made = subprocess.run(["sqlite3", "-bail", copy], input=ddl, capture_output=True, check=False)
    assert made.returncode == 0, made.stderr
    wanted, got = reference.connect(odd_db), reference.connect(copy)
    assert reference.tables(got) == reference.tables(wanted)
    for table in reference.tables(wanted):
        pragma = f"PRAGMA table_xinfo({reference.quote(table)})"
        assert reference.rows_of(got, pragma) == reference.rows_of(wanted, pragma), table


def test_schema_sql_follows_the_rows(mount, chinook_db, work):
    """schema.sql and the CSVs together rebuild the database."""
    folder = mount(chinook_db).live()
    copy = sqlite3.connect(work / "copy.db")
    copy.executescript(slurp(folder / "schema.sql").decode())
    copy.execute("PRAGMA foreign_keys = OFF")
    conn = reference.connect(chinook_db)
    import strict

    for table in reference.tables(conn):
        records = strict.read_csv(slurp(folder / f"{table}.csv"))
        marks = ",".join("?" * len(records[0]))
        copy.executemany(f"INSERT INTO {table} VALUES ({marks})",
                         ([None if cell is None else cell.decode() for cell in r] for r in records[1:]))
        copy.commit()
        order = reference.order_by(conn, table)
        sql = f"SELECT * FROM {table} ORDER BY {order}"
        copied = sqlite3.connect(work / "copy.db").execute(sql).fetchall()
        assert copied == sqlite3.connect(chinook_db).execute(sql).fetchall(), table
