# SPDX-License-Identifier: MIT
"""The same tables in SQLite and in PostgreSQL, mounted side by side: what differs is what the rules say."""
import json
import sqlite3
import subprocess

import mounting

TYPES = {"INTEGER": "integer", "DATETIME": "timestamp"}
# What datapackage.json says of a column's type in each, where the words differ.
NATIVE = {"INTEGER": "integer", "DATETIME": "timestamp without time zone"}


def native(declared):
    return NATIVE.get(declared, declared.replace("NVARCHAR", "character varying").replace("NUMERIC", "numeric"))


def literal(value):
    return "NULL" if value is None else "'" + str(value).replace("'", "''") + "'"


def statements(path):
    """The whole of a SQLite database for PostgreSQL: tables, rows, then the foreign keys."""
    conn = sqlite3.connect(path)
    tables = [name for (name,) in conn.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
    keys = []
    for table in tables:
        columns = conn.execute(f'PRAGMA table_info("{table}")').fetchall()
        lines = [f'"{name}" {TYPES.get(kind, kind.replace("NVARCHAR", "varchar"))}{" NOT NULL" if needed else ""}'
                 for _, name, kind, needed, _, _ in columns]
        primary = [name for _, name, _, _, _, place in sorted(columns, key=lambda column: column[5]) if place]
        lines.append("PRIMARY KEY (" + ", ".join(f'"{name}"' for name in primary) + ")")
        yield f'CREATE TABLE "{table}" ({", ".join(lines)});'
        for row in conn.execute(f'SELECT * FROM "{table}" ORDER BY random()'):
            yield f'INSERT INTO "{table}" VALUES ({", ".join(map(literal, row))});'
        for _, _, target, one, other, *_ in conn.execute(f'PRAGMA foreign_key_list("{table}")'):
            keys.append(f'ALTER TABLE "{table}" ADD FOREIGN KEY ("{one}") REFERENCES "{target}" ("{other}");')
    yield from keys


def without_types(package):
    """The data package's text without what the databases call their types."""
    for resource in package["resources"]:
        for field in resource["schema"]["fields"]:
            field["crmfs:nativeType"] = native(field["crmfs:nativeType"])
        resource["schema"].get("foreignKeys", []).sort(key=json.dumps)
    return package


def test_chinook_is_the_same_from_both(postgres, database, mount, chinook_db):
    name = database("BEGIN;" + "\n".join(statements(chinook_db)) + "COMMIT;")
    top = mount(f"chinook={postgres.url(name)}", f"other={chinook_db}")
    one, other = top.path("live/chinook"), top.path("live/other")
    differing = subprocess.run(["diff", "-rq", one, other], capture_output=True, text=True, check=False).stdout
    assert sorted(line.split()[1].rsplit("/", 1)[1] for line in differing.splitlines()) == [
        "datapackage.json", "schema.sql"]
    packages = [json.loads((folder / "datapackage.json").read_text()) for folder in (one, other)]
    for package in packages:
        package["name"] = package["title"] = ""
    assert without_types(packages[0]) == without_types(packages[1])


def test_one_snapshot_of_both(postgres, database, mount, chinook_db, work):
    name = database("BEGIN;" + "\n".join(statements(chinook_db)) + "COMMIT;")
    passphrase, store = work / "passphrase", work / "store"
    passphrase.write_text("nine words that nobody else would ever think of")
    environment = {"XDG_STATE_HOME": str(work)}
    subprocess.run([mounting.BINARY, "init", "--passphrase-file", passphrase, store], check=True,
                   stdout=subprocess.DEVNULL, env={"PATH": "/usr/bin:/bin", **environment})
    top = mount(f"chinook={postgres.url(name)}", f"other={chinook_db}",
                options=f"store={store},passphrase-file={passphrase}", environment=environment)
    top.path("snapshots/now").mkdir()
    for source in ("chinook", "other"):
        subprocess.run(["diff", "-r", top.path("live", source), top.path("snapshots/now", source)], check=True)
