# SPDX-License-Identifier: MIT
"""What a killed restore leaves in MariaDB: shown to nobody, dropped by the next; and nothing else is."""
import os
import signal
import sqlite3
import subprocess

import pytest

import mounting
from between import BEFORE, Between, kill_peer


@pytest.fixture
def source(work):
    path = work / "source.db"
    with sqlite3.connect(path) as database:
        database.executescript("CREATE TABLE one (id INTEGER PRIMARY KEY); CREATE TABLE two (id INTEGER PRIMARY KEY);"
                               "INSERT INTO one VALUES (1); INSERT INTO two VALUES (2)")
    database.close()
    return path


@pytest.fixture
def left(maria, place, source, work):
    """A database with tables that a killed restore has left, and their names."""
    target = place("mysql")
    url = target.url.replace(str(maria.socket), str(work / "s"))
    words = [mounting.BINARY, "restore", "--quiet", "--to", url, source]
    with Between(work / "s", maria.socket) as between:
        subprocess.run([*map(str, words), "--dry-run"], check=True, timeout=60)
    # Of a dry run the tables are dropped again at the end: it is struck some statements before that.
    for at in range(between.count - 2, 1, -1):
        with Between(work / "s", maria.socket, at, BEFORE, kill_peer):
            done = subprocess.run([*map(str, words), "--dry-run"], check=False, timeout=60)
        names = target.sql("SHOW TABLES").split()
        if len(names) == 2:
            assert done.returncode == -signal.SIGKILL
            return target, names
    raise AssertionError("no table was ever left")


def test_nobody_is_shown_them(left, mount, source):
    target, names = left
    assert all(name.startswith("crmfs_new_") for name in names)
    target.sql("CREATE TABLE own (id INT PRIMARY KEY)")
    folder = mount(f"crm={target.url}").live()
    assert sorted(os.listdir(folder)) == ["datapackage.json", "own.csv", "own.json", "own.ndjson", "schema.sql"]
    assert "crmfs_new_" not in (folder / "schema.sql").read_text()


def test_the_next_restore_drops_them_and_nothing_else(left, crmfs, source):
    """What is called alike is somebody's own: other words, another database's, more than a number, a view."""
    target, names = left
    prefix = names[0].rsplit("_", 1)[0]
    other = prefix[:-1] + ("0" if prefix[-1] != "0" else "1")
    own = ["crmfs_new_customers", "crmfs_new_3", f"{prefix}_1x", f"{prefix}_", f"{other}_1"]
    target.sql("".join(f"CREATE TABLE {name} (id INT);" for name in own) + f"CREATE VIEW {prefix}_77 AS SELECT 1")
    crmfs("restore", "--to", target.url, source)
    assert sorted(target.sql("SHOW TABLES").split()) == sorted([*own, f"{prefix}_77", "one", "two"])


def test_one_who_may_not_drop_them_is_told(left, crmfs, maria, source):
    target, names = left
    database = target.value("SELECT DATABASE()")
    maria.sql(f"CREATE OR REPLACE USER writer@localhost; GRANT SELECT, INSERT, CREATE ON {database}.* TO writer@localhost")
    told = crmfs("restore", "--to", target.url.replace("root@", "writer@"), source, status=1).stderr
    assert any(name in told for name in names) and "interrupted restore has left" in told and "drop it" in told
