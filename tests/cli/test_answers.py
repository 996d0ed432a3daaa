# SPDX-License-Identifier: MIT
"""What the commands on stores answer: that it arrives or is said not to have, and shows what it means."""
import json
import os
import sqlite3
import subprocess

import pytest

from command import crmfs
from mounting import BINARY

CSI = "\x9b"  # to a terminal, the same as ESC [
ODD = f"ev{CSI}31mil"
TAGS = 40  # of a snapshot: what is said of it is more than stdio holds back

ASKING = [["snapshots"], ["snapshots", "--json"], ["stats"], ["stats", "--json"], ["check", "--json"],
          ["check"], ["forget", "--dry-run", "--keep-last", "1"], ["key", "list"], ["key", "list", "--json"],
          ["forget", "--dry-run", "--json", "--keep-last", "1"], ["prune", "--dry-run", "--json"]]
DOING = [(["key", "add"], "the key is added"), (["repair"], "made"), (["prune", "--json"], "pruned"),
         (["forget", "--keep-last", "2"], "forgotten"), (["key", "change"], "changed")]


@pytest.fixture(autouse=True)
def memory(work, monkeypatch):
    """What this client remembers of stores stays in the test's own folder."""
    monkeypatch.setenv("XDG_STATE_HOME", str(work / "state"))
    monkeypatch.setenv("CRMFS_PASSPHRASE", "one")
    monkeypatch.setenv("CRMFS_NEW_PASSPHRASE", "another")


def run(*words):
    """The output of a command that succeeds."""
    done = crmfs(*map(str, words))
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(name="database")
def make_database(work):
    path = work / f"{ODD}.db"
    with sqlite3.connect(path) as connection:
        connection.execute(f'CREATE TABLE "{ODD}" (id INTEGER PRIMARY KEY, a TEXT)')
        connection.execute(f"INSERT INTO \"{ODD}\" VALUES (1, 'x')")
    connection.close()
    return path


@pytest.fixture(name="store")
def make_store(work, database):
    run("init", work / "store")
    run("snapshot", "--store", work / "store", "--name", "first", database)
    return work / "store"


def lost(words, output):
    """The failure of a command of whose answer nothing can be written."""
    done = subprocess.run([BINARY, *map(str, words)], stdout=output, stderr=subprocess.PIPE, text=True,
                          stdin=subprocess.DEVNULL, timeout=60, check=False)
    assert done.returncode != 0, words
    assert "cannot write to standard output: " in done.stderr, (words, done.stderr)
    return done.stderr


def test_lost_answers(work, database, store, monkeypatch):
    tags = [word for tag in range(TAGS) for word in ("--tag", f"{tag}-{'long' * 40}")]
    for name in ("second", "third"):
        run("snapshot", "--store", store, "--name", name, *tags, database)
    with open("/dev/full", "wb") as full:
        for words in ASKING:
            assert "No space left on device\n" in lost([*words, store], full)
        assert "No space left" in lost(["diff", "--json", store, "first", "latest"], full)
        assert "No space left" in lost(["help"], full)
        for words, done in DOING:
            monkeypatch.setenv("CRMFS_NEW_PASSPHRASE", "".join(words))
            assert "; all the same, " in (said := lost([*words, store], full)) and done in said
        monkeypatch.setenv("CRMFS_PASSPHRASE", "keychange")
        assert "the store is made" in lost(["init", work / "other"], full)
        assert "is in the store" in lost(["snapshot", "--store", store, "--name", "kept", database], full)
    assert "kept" in run("snapshots", store)


def test_no_standard_output(work, database, store):
    """What is said goes into no file that was opened where standard output should be."""
    def close():
        os.close(1)

    for words in (["snapshot", "--store", store, "--json", "--name", "x", database], ["snapshots", "--json", store],
                  ["key", "add", "--json", store], ["init", work / "other"]):
        done = subprocess.run([BINARY, *map(str, words)], stderr=subprocess.PIPE, text=True, timeout=60,
                              stdin=subprocess.DEVNULL, check=False, preexec_fn=close)
        assert done.returncode == 1 and "Bad file descriptor" in done.stderr, (words, done.stderr)
    assert "all is well" in run("check", "--read-data", store)
    for path in store.rglob("*"):
        assert not path.is_file() or b'"id"' not in path.read_bytes()


def test_no_file_is_a_standard_stream(root, work, store):
    """What stands where a closed one was refuses what the stream is for, and is nothing of the store."""
    look = f"for i in 0 1 2; do readlink /proc/$PPID/fd/$i; done > {work}/seen; echo new"
    done = subprocess.run([BINARY, "key", "add", "--new-passphrase-command", look, store], close_fds=True, timeout=60,
                          check=False, preexec_fn=lambda: os.closerange(0, 3))
    assert done.returncode == 1
    assert (work / "seen").read_text().split() == ["/dev/null"] * 3


def test_names_do_nothing_to_a_terminal(database, store):
    with sqlite3.connect(database) as connection:
        connection.execute(f"INSERT INTO \"{ODD}\" VALUES (2, 'y')")
    connection.close()
    said = run("snapshot", "--store", store, "--name", ODD, "--tag", ODD, database)
    said += run("snapshots", store) + run("stats", store) + run("key", "add", "--label", ODD, store)
    said += run("key", "list", store) + run("forget", "--dry-run", "--keep-last", "1", store)
    said += run("forget", "--dry-run", store, ODD)
    said += crmfs("diff", store, "first", ODD).stdout
    assert CSI not in said
    assert said.count("ev\\xc2\\x9b31mil") == 10
    assert json.loads(run("snapshots", "--json", store))[1]["name"] == ODD


def test_one_document(database, store):
    run("snapshot", "--store", store, "--name", "second", database)
    answer = json.loads(run("forget", "--json", "--prune", "--dry-run", "--keep-last", "1", store))
    assert [group["forget"][0]["name"] for group in answer["groups"]] == ["first"]
    assert answer["groups"][0]["keep"][0]["reasons"] == ["last snapshot"]
    assert answer["prune"]["dry_run"] is True
    answer = json.loads(run("forget", "--json", "--prune", store, "first"))
    assert answer["forget"] == ["first"] and answer["prune"]["found"]["packs"] == 2
    run("snapshot", "--store", store, "--name", "third", database)
    for pack in (store / "packs").rglob("?" * 64):
        pack.unlink()
    done = crmfs("forget", "--json", "--prune", store, "second")
    assert json.loads(done.stdout) == {"forget": ["second"], "prune": None}
    assert done.returncode == 1 and "cannot prune the store, though the snapshots are forgotten:" in done.stderr


def test_a_dry_run_says_so(work, database, store):
    with sqlite3.connect(database) as connection:
        connection.execute(f"UPDATE \"{ODD}\" SET a = hex(randomblob(200000))")
    connection.close()
    run("snapshot", "--store", store, "--name", "second", database)
    run("forget", store, "second")
    said = run("prune", "--dry-run", store)
    assert said.startswith("Nothing is changed, as --dry-run says.")
    assert "would be marked, not needed:" in said and "would remove what would be marked" in said
    assert json.loads(run("prune", "--dry-run", "--json", store))["found"]["packs"] == 2
    assert "would" not in run("prune", store)
    assert "Marked already, for a prune in 1:00:00 or later" in (said := run("prune", "--dry-run", store))
    assert "There would be nothing to do" not in said
    assert "would be removed:" in run("prune", "--dry-run", "--grace", "0", store)


def test_one_row(store, database):
    assert ": 1 row in 1 table," in run("snapshot", "--store", store, "--name", "one", database)
