# SPDX-License-Identifier: MIT
"""A store for a test of the command, and what it is asked."""
import contextlib
import functools
import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import cheap_key
import mounting
from command import crmfs
from mounting import BINARY

FORMATS = ("csv", "json", "ndjson")


@pytest.fixture(autouse=True)
def memory(work, monkeypatch):
    """What this client remembers of stores stays in the test's own folder."""
    monkeypatch.setenv("XDG_STATE_HOME", str(work / "state"))
    monkeypatch.setenv("CRMFS_PASSPHRASE", "one")


@functools.cache
def new_store():
    """A store that nothing was put into. What its client remembers is of this place, and of no use to a copy."""
    folder = Path(tempfile.mkdtemp(prefix="new-store-", dir=mounting.SESSION))
    done = crmfs("init", str(folder / "store"), CRMFS_PASSPHRASE="one", XDG_STATE_HOME=str(folder / "state"))
    assert done.returncode == 0, done.stderr
    cheap_key.cheapen(folder / "store", "one")
    return folder / "store"


@pytest.fixture
def store(work):
    return shutil.copytree(new_store(), work / "store")


def snapshot(store, *words):
    """What a snapshot that succeeds answers."""
    done = crmfs("snapshot", "--store", str(store), "--json", *map(str, words))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def export(store, *words):
    """The bytes of an export that succeeds."""
    done = subprocess.run([BINARY, "export", store, *words], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def is_empty(store):
    done = crmfs("export", str(store), "latest", "x")
    assert done.returncode == 1
    return "there are no snapshots" in done.stderr


def change(database, sql):
    conn = sqlite3.connect(database, isolation_level=None)
    conn.executescript(sql)
    conn.close()


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


WATCH = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_maxrss)
"""


def peak(*words):
    """Exit status and most memory, KiB. By a small process: a child begins with its parent's peak."""
    done = subprocess.run([sys.executable, "-S", "-c", WATCH, BINARY, *words], capture_output=True, text=True,
                          check=True)
    return tuple(map(int, done.stdout.split()))


def make_people(path, more=""):
    """A database of one row, and what the statements in MORE make of it."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);"
                                 "INSERT INTO people VALUES (1, 'Ada');" + more)
    return path
