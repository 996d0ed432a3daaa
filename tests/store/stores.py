# SPDX-License-Identifier: MIT
"""A store for a test: made, filled and asked by the crmfs command."""
import functools
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
from pathlib import Path

import cheap_key
import decoder
import mounting
from mounting import PATIENCE, Answer, as_user, binary_for

PASSPHRASE = "nine words that nobody else would ever think of"


class Kept:
    """A store in DIRECTORY/store, whose client remembers it in DIRECTORY/state. Its key costs little, unless it is DEAR."""

    def __init__(self, directory, *options, user=None, dear=False, made=False):
        self.directory, self.path, self.user = Path(directory), Path(directory) / "store", user
        self.before = []  # what the command is run by: setpriv, prlimit …
        self.environment = {"CRMFS_PASSPHRASE": PASSPHRASE, "XDG_STATE_HOME": str(self.directory / "state"),
                            "HOME": str(self.directory)}
        if not made:
            self.run("init", *options, self.path)
        if not made and not dear:
            cheap_key.cheapen(self.path, PASSPHRASE)

    @classmethod
    def copied(cls, directory):
        """A new store for whoever has no other: a copy of one that was made before, which takes no time."""
        for name in ("store", "state"):
            shutil.copytree(new_store() / name, Path(directory) / name)
        return cls(directory, made=True)

    def command(self, *words):
        return [*self.before, *as_user(self.user, [binary_for(self.user), *words])]

    def run(self, *words, status=0, text=True):
        """The Answer of `crmfs WORDS`, which must end with this status."""
        done = subprocess.run(self.command(*words), stdin=subprocess.DEVNULL, capture_output=True, check=False,
                              env={**os.environ, **self.environment}, timeout=PATIENCE * 5)
        answer = Answer(done.returncode, done.stdout.decode() if text else done.stdout,
                        done.stderr.decode(errors="replace"))
        assert answer.status == status, answer
        return answer

    def take(self, name, *sources, options=()):
        return self.run("snapshot", "--store", self.path, "--name", name, *options, *sources)

    def snapshots(self):
        return json.loads(self.run("snapshots", "--json", self.path).out)

    def names(self):
        return [snapshot["name"] for snapshot in self.snapshots()]

    def export(self, snapshot, table, form="csv"):
        """A table's bytes on standard output."""
        return self.run("export", "--format", form, self.path, snapshot, table, text=False).out

    def check(self, status=0):
        return self.run("check", "--read-data", self.path, status=status)

    def decoded(self, passphrase=PASSPHRASE):
        """The store, opened by the decoder that knows FORMAT.md alone."""
        return decoder.Store(self.path, passphrase)

    def files(self):
        """Every file of the store by its name, tmp/ among them."""
        return {str(path.relative_to(self.path)): path for path in sorted(self.path.rglob("*")) if path.is_file()}

    def size(self, folder=""):
        return sum(path.stat().st_size for name, path in self.files().items() if name.startswith(folder))


@functools.cache
def new_store():
    """The folder of a store that nothing was put into."""
    return Kept(tempfile.mkdtemp(prefix="new-store-", dir=mounting.SESSION)).directory


def differences(left, right):
    """What `diff -r` says of two folders; empty: nothing."""
    done = subprocess.run(["diff", "-r", left, right], capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode in (0, 1) and not done.stderr, done.stderr
    return done.stdout


def sql(database, text, *values):
    conn = sqlite3.connect(database, isolation_level=None, timeout=20)
    conn.execute(text, values)
    conn.close()


def snapshots_of(top):
    """What ls shows of snapshots/ but the link."""
    return sorted(set(os.listdir(top.path("snapshots"))) - {"latest"})


def refused_with(*codes):
    """A context that must end in an OSError of one of these codes."""

    class Refused:
        def __enter__(self):
            return self

        def __exit__(self, kind, problem, trace):
            assert isinstance(problem, OSError), f"nothing was refused: {problem!r}"
            assert problem.errno in codes, problem
            return True

    return Refused()


def mkdir_works(path):
    try:
        path.mkdir()
        return True
    except OSError:
        return False
