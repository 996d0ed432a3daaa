# SPDX-License-Identifier: MIT
"""
A restore and a migration into an SQLite file are killed (kill -9) at what they write to it, before each
such call: the file is as it was or as it is to become, and the next one is not hindered.

RESTORE_CUTS says at how many places of each it is tried; "all": at every one.
"""
import os
import random
import signal
import subprocess

import pytest

import mounting
import states
from test_every_statement import CUTS, days  # noqa: F401

# Counts the calls that change the database's folder, and dies at number KILL_AT.
CALLS = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static void count(const char *path)
{
    static long done;
    const char *at = getenv("KILL_AT"), *counted = getenv("KILL_COUNT");

    if (strstr(path, getenv("KILL_PATH")) == NULL)
        return;
    done++;
    if (at != NULL && done == atol(at))
        kill(getpid(), SIGKILL);
    if (counted != NULL) {
        FILE *file = fopen(counted, "w");

        fprintf(file, "%ld", done);
        fclose(file);
    }
}

static void count_descriptor(int descriptor)
{
    char link[64], path[4096] = "";

    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    if (readlink(link, path, sizeof path - 1) > 0)
        count(path);
}

#define CALL(type, name, parameters, arguments, look)                 \
    type name parameters                                              \
    {                                                                 \
        type(*real) parameters = (type(*) parameters)dlsym(RTLD_NEXT, #name); \
        look;                                                         \
        return real arguments;                                        \
    }
CALL(ssize_t, pwrite64, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at), count_descriptor(fd))
CALL(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at), count_descriptor(fd))
CALL(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size), count_descriptor(fd))
CALL(int, fsync, (int fd), (fd), count_descriptor(fd))
CALL(int, fdatasync, (int fd), (fd), count_descriptor(fd))
CALL(int, ftruncate, (int fd, off_t size), (fd, size), count_descriptor(fd))
CALL(int, ftruncate64, (int fd, off64_t size), (fd, size), count_descriptor(fd))
CALL(int, unlink, (const char *path), (path), count(path))
"""


@pytest.fixture(scope="module")
def preload():
    """A library that kills who loads it."""
    made = mounting.SESSION / "killer.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", made, "-ldl"], input=CALLS, text=True, check=True)
    yield made
    made.unlink()


class Killed:
    """Commands upon one file, which die at one of their writes to it."""

    def __init__(self, work, preload):
        self.path, self.counted = work / "target.db", work / "counted"
        self.environment = {**os.environ, "LD_PRELOAD": str(preload), "KILL_PATH": str(self.path)}

    def run(self, words, at=None):
        """The exit status; how many writes there were."""
        self.counted.unlink(missing_ok=True)
        more = {"KILL_AT": str(at)} if at else {"KILL_COUNT": str(self.counted)}
        done = subprocess.run([mounting.BINARY, *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, check=False, timeout=60, env={**self.environment, **more})
        assert done.returncode == (-signal.SIGKILL if at else 0), (at, done.stderr)
        return int(self.counted.read_text()) if not at else None

    def state(self):
        return states.of_sqlite(self.path) if self.path.exists() else None

    def put(self, content):
        for left in self.path.parent.glob(self.path.name + "*"):
            left.unlink()
        if content is not None:
            self.path.write_bytes(content)


def places_of(count, usual=14):
    every = list(range(1, count + 1))
    if CUTS == "all" or count <= usual:
        return every
    return sorted(random.Random(count).sample(every[:-6], (int(CUTS) if CUTS else usual) - 6)) + every[-6:]


@pytest.fixture
def killed(work, preload):
    return Killed(work, preload)


@pytest.mark.parametrize("journal", ["delete", "wal"])
@pytest.mark.parametrize("act", ["make", "change"])
def test_restore(killed, days, act, journal):  # noqa: F811
    words = ["restore", "--quiet", "--to", killed.path]
    content = None
    if act == "change":
        killed.run([*words, days[0]])
        words += ["--mode", "replace"]
        subprocess.run(["sqlite3", killed.path, f"PRAGMA journal_mode={journal}"], check=True, capture_output=True)
        content = killed.path.read_bytes()
    elif journal == "wal":
        killed.put(None)
        subprocess.run(["sqlite3", killed.path, "PRAGMA journal_mode=wal; VACUUM"], check=True, capture_output=True)
        content = killed.path.read_bytes()
    before = killed.state()
    count = killed.run([*words, days[1]])
    after = killed.state()
    assert count > 8
    seen = []
    for at in places_of(count):
        killed.put(content)
        killed.run([*words, days[1]], at)
        if killed.state() != after:
            # A file that was made for it and holds nothing is none.
            assert killed.state() in (before, states.NOTHING if before is None else before), at
            killed.run([*words, days[1]])
        else:
            seen.append(at)
        assert killed.state() == after, at
    assert seen in ([], places_of(count)[-len(seen):]), "once it is there it is there"


def test_migrate(killed, days, work):  # noqa: F811
    """The same command again finishes what was begun."""
    words = ["migrate", "--quiet", "--journal", work / "journal", days[0], killed.path]
    count = killed.run(words)
    after = killed.state()
    for at in places_of(count):
        killed.put(None)
        killed.run(words, at)
        if (work / "journal").exists():
            killed.run(words)
        assert killed.state() == after, at
