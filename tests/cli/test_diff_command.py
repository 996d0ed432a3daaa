# SPDX-License-Identifier: MIT
"""crmfs diff: which tables differ between two snapshots, and how much of them."""
import json
import re
import subprocess

import pytest

from command import crmfs
from storing import change, export, make_people, memory, peak, snapshot, store  # noqa: F401


def diff(store, old, new):
    done = crmfs("diff", "--json", str(store), old, new)
    assert done.stderr == "" and done.returncode in (0, 1)
    answer = json.loads(done.stdout)
    assert (answer["from"], answer["to"]) == (old, new)
    assert done.returncode == bool(answer["tables"])
    return {f"{table['source']}/{table['table']}": table for table in answer["tables"]}, answer["same"]


@pytest.mark.sanitize
def test_diff(store, crm_db, copy_of):
    database = copy_of(crm_db)
    snapshot(store, database, "--name", "a")
    assert diff(store, "a", "a") == ({}, 5)
    done = crmfs("diff", str(store), "a", "a")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    snapshot(store, database, "--name", "same")
    assert diff(store, "a", "same") == ({}, 5)
    change(database, "UPDATE activities SET subject = 'changed' WHERE id = 10000; DELETE FROM contacts WHERE id = 7;"
                     "CREATE TABLE more (id INTEGER PRIMARY KEY); INSERT INTO more VALUES (1), (2); DROP VIEW pipeline;"
                     "CREATE INDEX accounts_by_name ON accounts (name);")
    snapshot(store, database, "--name", "b")
    tables, same = diff(store, "a", "b")
    assert same + len(tables) == 6 and {"crm/activities", "crm/contacts", "crm/more", "crm/pipeline"} <= set(tables)
    activities = tables["crm/activities"]
    assert activities["change"] == "changed" and activities["rows_from"] == activities["rows_to"] == 20000
    assert activities["rows_changed"] and not activities["schema_changed"]
    # Where groups end is each store's secret: where the changed row ended one, its neighbours are others, too.
    assert 1 <= activities["groups_gone"] <= 4 and 1 <= activities["groups_new"] <= 4
    assert 0 < activities["bytes_new"] < len(export(store, "b", "activities"))
    contacts = tables["crm/contacts"]
    assert contacts["rows_from"] == contacts["rows_to"] + 1
    assert tables["crm/more"]["change"] == "added"
    assert (tables["crm/more"]["rows_from"], tables["crm/more"]["rows_to"]) == (None, 2)
    assert tables["crm/pipeline"]["change"] == "removed" and tables["crm/pipeline"]["rows_to"] is None
    # And the other way.
    back, _ = diff(store, "b", "a")
    assert back.keys() == tables.keys() and back["crm/more"]["change"] == "removed"
    assert back["crm/activities"]["bytes_gone"] == activities["bytes_new"]

    done = crmfs("diff", str(store), "a", "latest")
    assert done.returncode == 1
    assert re.search(r"^changed  crm/activities  20,000 -> 20,000 rows; row groups: \d \(\S+ .?i?B\) replaced by \d \(",
                     done.stdout, re.MULTILINE)
    assert re.search(r"^added    crm/more  2 rows, \d+ B$", done.stdout, re.MULTILINE)
    assert re.search(r"^removed  crm/pipeline  \d+ rows, \d+ B$", done.stdout, re.MULTILINE)


def test_diff_of_a_schema(store, crm_db, copy_of):
    database = copy_of(crm_db)
    snapshot(store, database, "--name", "a")
    change(database, "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = replace(sql, 'title TEXT', "
                     "'title CLOB') WHERE name = 'opportunities';")
    snapshot(store, database, "--name", "b")
    tables, _ = diff(store, "a", "b")
    assert list(tables) == ["crm/opportunities"]
    assert tables["crm/opportunities"]["schema_changed"] and not tables["crm/opportunities"]["rows_changed"]
    assert "other columns" in crmfs("diff", str(store), "a", "b").stdout


def test_diff_of_sources(store, crm_db):
    snapshot(store, f"a={crm_db}", "--table", "accounts", "--name", "a")
    snapshot(store, f"b={crm_db}", "--table", "accounts", "--name", "b")
    tables, same = diff(store, "a", "b")
    assert same == 0
    assert {name: table["change"] for name, table in tables.items()} == {"a/accounts": "removed",
                                                                         "b/accounts": "added"}


def test_what_one_of_them_lacks_is_not_compared(store, work):
    """Left out on purpose, or not read: it was neither removed nor added, and that is told once."""
    database = make_people(work / "crm.db", "CREATE TABLE soon (x); CREATE VIEW bad AS SELECT * FROM soon; CREATE TABLE gone (x);"
                           + "".join(f"CREATE TABLE t{i} (x);" for i in range(6)))
    snapshot(store, database, "--name", "whole")
    snapshot(store, database, "--name", "few", "--table", "people,soon")
    snapshot(store, database, "--name", "without", "--exclude-table", "t3")
    change(database, "DROP TABLE soon; DROP TABLE gone; CREATE TABLE new (x);")
    assert crmfs("snapshot", "-q", "--store", str(store), "--name", "part", str(database)).returncode == 3

    def ask(old, new):
        done = crmfs("diff", "--json", str(store), old, new)
        answer = json.loads(done.stdout)
        assert done.returncode == bool(answer["tables"]) and answer["unseen"] == [], done
        text = crmfs("diff", str(store), old, new)
        assert (text.returncode, text.stderr) == (done.returncode, done.stderr)
        assert len(text.stdout.splitlines()) == len(answer["tables"])
        return (sorted(f"{table['change']} {table['table']}" for table in answer["tables"]), answer["same"],
                sorted(f"{lack['snapshot']} {lack['table']} {lack['why']}" for lack in answer["not_compared"]), done.stderr)

    left_out = [f"few {name} on_purpose" for name in ("bad", "gone", *(f"t{i}" for i in range(6)))]
    for pair in (("whole", "few"), ("few", "whole")):
        changes, same, lacking, said = ask(*pair)
        assert (changes, same, lacking) == ([], 2, left_out)
        assert said == ("crmfs: few lacks crm/bad, crm/gone, crm/t0, crm/t1, crm/t2 and 3 more, which were left out on purpose: "
                        "they are not compared\n")
    assert ask("few", "few") == ([], 2, [], "")
    assert ask("whole", "without")[:3] == ([], 9, ["without t3 on_purpose"])
    for pair, one, other in ((("whole", "part"), "removed", "added"), (("part", "whole"), "added", "removed")):
        changes, same, lacking, said = ask(*pair)
        assert (changes, same, lacking) == (sorted([f"{one} gone", f"{one} soon", f"{other} new"]), 7, ["part bad lacking"])
        assert said.count("\n") == 1 and "part lacks the rows of crm/bad, which could not be read" in said
    assert ask("part", "part")[1:3] == (8, ["part bad lacking"])
    changes, _, lacking, said = ask("few", "part")
    assert changes == ["removed soon"] and said.count("\n") == 2
    assert lacking == [left_out[0], "few new on_purpose", *left_out[2:], "part bad lacking"]


def test_diff_of_names_that_are_no_text(store, work):
    """In JSON as its other commands have them: two of them are told apart."""
    database = work / "odd.db"
    for name, table in (("a", b"t\xff"), ("b", b"t\xfe")):
        subprocess.run(["sqlite3", database], input=b'CREATE TABLE "%s" (x)' % table, check=True)
        snapshot(store, database, "--name", name)
    answer = json.loads(crmfs("diff", "--json", str(store), "a", "b").stdout)
    assert [table["table"] for table in answer["tables"]] == [{"base64": "dP4="}]
    assert (answer["from"], answer["to"]) == ("a", "b")


def test_diff_reads_little(store, large_crm_db, copy_of):
    """What it takes is what opening a store takes."""
    database = copy_of(large_crm_db)
    snapshot(store, database, "--name", "a")
    change(database, "UPDATE activities SET done = 1 - done WHERE id % 1000 = 0;")
    snapshot(store, database, "--name", "b")
    status, memory_kib = peak("diff", store, "a", "b")
    assert status == 1 and memory_kib <= 64 << 10


@pytest.mark.parametrize("words", [["a"], ["a", "b", "c"], ["a", "nosuch"], ["nosuch", "a"], ["--nonsense", "a", "a"]])
def test_trouble_is_2(store, crm_db, words):
    snapshot(store, crm_db, "--table", "accounts", "--name", "a")
    done = crmfs("diff", str(store), *words)
    assert done.returncode == 2 and done.stdout == "" and done.stderr
