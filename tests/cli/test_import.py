# SPDX-License-Identifier: MIT
"""crmfs import: old backups into a store, dated as they are."""
import gzip
import json
import os
import subprocess

import pytest

from command import crmfs
from mounting import BINARY


@pytest.fixture(autouse=True)
def memory(work, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(work / "state"))
    monkeypatch.setenv("CRMFS_PASSPHRASE", "one")
    monkeypatch.setenv("TMPDIR", str(work))


@pytest.fixture
def store(work):
    assert crmfs("init", str(work / "store")).returncode == 0
    return work / "store"


def dump(path, rows, year):
    text = "-- MySQL dump\nCREATE TABLE t (id int NOT NULL, v varchar(9), PRIMARY KEY (id));\nINSERT INTO t VALUES "
    text += ",".join(f"({number},'{value}')" for number, value in rows)
    text += f";\n-- Dump completed on {year}-03-01  2:00:00\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def run(store, *words):
    done = crmfs("import", "--store", str(store), *map(str, words))
    assert done.returncode == 0, done.stderr
    return done


def names(store):
    return [(each["name"], each["time"]) for each in json.loads(crmfs("snapshots", "--json", str(store)).stdout)]


def test_years(store, work):
    """Each has the time that it says, and one source's name: so they are compared."""
    rows = [(number, f"{pow(number, 3, 999983):x}") for number in range(50000)]
    old = dump(work / "crm-2018-03-01.sql.gz", rows, 2018)
    new = dump(work / "crm-2019-03-01.sql", rows[:-1] + [(60000, "new")], 2019)
    run(store, old, new)
    assert names(store) == [("2018-03-01T020000Z", "2018-03-01T02:00:00Z"),
                            ("2019-03-01T020000Z", "2019-03-01T02:00:00Z")]
    said = crmfs("diff", "--json", str(store), "2018-03-01T020000Z", "latest")
    assert said.returncode == 1 and '"crm"' in said.stdout, said.stdout
    first, second = json.loads(crmfs("snapshots", "--json", str(store)).stdout)
    assert second["stored_bytes"] < first["stored_bytes"]
    out = subprocess.run([BINARY, "export", store, "latest", "t"], capture_output=True, check=True).stdout
    assert out == b"id,v\n" + b"".join(b"%d,%s\n" % (n, v.encode()) for n, v in rows[:-1] + [(60000, "new")])
    assert crmfs("check", "--read-data", str(store)).returncode == 0


def test_name_source_and_database(store, work, chinook_db):
    run(store, "--name", "2019-03-01", "--tag", "old", f"crm={dump(work / 'x.sql', [(1, 'a')], 2019)}")
    assert names(store) == [("2019-03-01", "2019-03-01T02:00:00Z")]
    tree = work / "out"
    assert crmfs("export", "-o", str(tree), str(store), "2019-03-01").returncode == 0
    assert os.listdir(tree) == ["crm"]
    answer = json.loads(run(store, "--json", chinook_db).stdout)
    assert answer["tables"] > 5 and answer["time"][:4] >= "2020"


def test_refused(store, work):
    """A backup that is cut short is not imported as if it were whole."""
    path = dump(work / "cut.sql", [(1, "a"), (2, "b")], 2019)
    path.write_bytes(path.read_bytes()[:-60])
    done = crmfs("import", "--store", str(store), str(path))
    assert done.returncode == 1 and "cut short" in done.stderr
    assert names(store) == []
    (work / "text").write_text("nothing")
    for words in (["text"], []):
        done = crmfs("import", "--store", str(store), *(str(work / word) for word in words))
        assert done.returncode != 0 and done.stderr.startswith("crmfs: ")
    done = crmfs("import", "--store", str(store), "--name", "x", str(path), f"other={path}")
    assert done.returncode == 2 and "--name" in done.stderr
    assert sorted(os.listdir(work)) == ["cut.sql", "state", "store", "text"]


def test_snapshot_of_an_archive(store, work):
    done = crmfs("snapshot", "--store", str(store), "--json", str(dump(work / "a.sql", [(1, "a")], 2019)))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["time"][:4] > "2019"
