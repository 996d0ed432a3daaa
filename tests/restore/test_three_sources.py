# SPDX-License-Identifier: MIT
"""Chinook in SQLite, MariaDB and PostgreSQL, mounted at once: one mkdir takes all three, and all differences are of types."""
import csv
import decimal
import os
from urllib.parse import urlsplit

import test_mysql_chinook
import test_postgres_chinook
from stores import differences

# Exact numbers, which SQLite has as doubles; PostgreSQL's numeric keeps the digits that it was given, MariaDB the column's.
DECIMALS = {"Track": {"UnitPrice"}, "InvoiceLine": {"UnitPrice"}, "Invoice": {"Total"}}


def rows(folder, table):
    with (folder / f"{table}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def valued(row, names):
    """A row in which the columns NAMES are numbers and not their digits."""
    return {name: decimal.Decimal(text) if name in names and text else text for name, text in row.items()}


def test_one_snapshot_of_three(mount, maria, store, place, chinook_db):
    in_mysql, in_postgres = place("mysql"), place("postgresql")
    tables = test_mysql_chinook.copy_to(maria, urlsplit(in_mysql.url).path[1:], chinook_db)
    in_postgres.sql("BEGIN;" + "\n".join(test_postgres_chinook.statements(chinook_db)) + "COMMIT;")
    top = mount(f"lite={chinook_db}", f"maria={in_mysql.url}", f"post={in_postgres.url}",
                arguments=["--store", store.path], environment=store.environment)
    live = {name: top.path("live", name) for name in ("lite", "maria", "post")}
    os.mkdir(top.path("snapshots/all"))
    for name, folder in live.items():
        assert differences(folder, top.path("snapshots/all", name)) == ""

    kept = {name: top.path("snapshots/all", name) for name in live}
    told = {line.rsplit("/", 1)[1] for other in ("maria", "post")
            for line in differences(kept["lite"], kept[other]).splitlines() if line.startswith("diff -r")}
    allowed = {f"{table}.{form}" for table in DECIMALS for form in ("csv", "json", "ndjson")}
    assert told <= allowed | {"datapackage.json", "schema.sql"}, told - allowed
    compared = 0
    for table, names in DECIMALS.items():
        one, *others = ([valued(row, names) for row in rows(folder, table)] for folder in kept.values())
        assert one == others[0] == others[1], table
        compared += len(one)
    assert compared > 5000 and len(tables) == 11
    assert store.names() == ["all"]
    store.check()
