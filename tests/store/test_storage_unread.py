# SPDX-License-Identifier: MIT
"""The storage fails to read: what may pass is no damage, and nothing is given up for it; a bad place of the disk is."""
import errno
import json
import os
import subprocess

import pytest

from stores import sql

# Reads of files whose path has BAD_PATH in it fail with BAD_CODE; with BAD_PASSES, until the process pauses.
BAD_READS = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <time.h>
static atomic_bool paused;
int nanosleep(const struct timespec *time, struct timespec *left)
{
    paused = 1;
    return syscall(SYS_nanosleep, time, left);
}
ssize_t pread64(int file, void *data, size_t size, off_t offset)
{
    char link[64], path[4096] = "";

    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    if (readlink(link, path, sizeof path - 1) > 0 && strstr(path, getenv("BAD_PATH")) != NULL &&
        !(paused && getenv("BAD_PASSES") != NULL)) {
        errno = atoi(getenv("BAD_CODE"));
        return -1;
    }
    return syscall(SYS_pread64, file, data, size, offset);
}
"""


@pytest.fixture
def bad(store, work):
    """bad(path, code, passes=False): reads fail so in the commands that follow; bad(): no more."""
    library = work / "bad-reads.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", library], input=BAD_READS, text=True, check=True)

    def make(path=None, code=errno.EIO, passes=False):
        for name in ("LD_PRELOAD", "BAD_PATH", "BAD_CODE", "BAD_PASSES"):
            store.environment.pop(name, None)
        if path is not None:
            store.environment.update(LD_PRELOAD=str(library), BAD_PATH=path, BAD_CODE=str(code))
        if passes:
            store.environment["BAD_PASSES"] = "1"

    return make


@pytest.fixture
def pack(store, database):
    """The name of a pack that snapshot two needs, and snapshot one does not."""
    store.take("one", database)
    before = set(store.files())
    sql(database, "CREATE TABLE added (id INTEGER PRIMARY KEY, name TEXT)")
    sql(database, "INSERT INTO added (name) VALUES ('Ada')")
    store.take("two", database)
    return next(path.name for name, path in store.files().items() if name.startswith("packs/") and name not in before)


def forget_damaged(store, status=0):
    return store.run("repair", "--forget-damaged", "--read-data", store.path, status=status)


def test_what_passes_is_no_damage(store, pack, bad):
    """All reads fail, until the last try: then nothing is known of what is whole."""
    bad(pack, passes=True)
    refused = forget_damaged(store, status=1)
    assert "nothing is given up" in refused.err and pack in refused.err and "try again" in refused.err, refused
    bad()
    assert store.names() == ["one", "two"]
    store.check()


@pytest.mark.parametrize("code", [errno.EACCES, errno.ENOTCONN, errno.ETIMEDOUT])
def test_a_storage_that_is_away_is_no_damage(store, pack, bad, code):
    """However long it lasts: no sector gives such an errno."""
    bad(pack, code)
    refused = forget_damaged(store, status=1)
    assert os.strerror(code) in refused.err and pack in refused.err, refused
    bad()
    assert store.names() == ["one", "two"]


def test_a_bad_place_is_damage(store, pack, bad):
    """It gives EIO for ever, while all else can be read: what is whole stays."""
    bad(pack)
    done = forget_damaged(store)
    assert "Forgot 1 damaged snapshot" in done.out and "Input/output error" in done.out, done
    assert f"packs/{pack[:2]}/{pack}" in done.out and "each time" in done.out, done
    bad()
    assert store.names() == ["one"]


def test_check_says_which_it_is(store, pack, bad):
    """That a pack is damaged is not said of one that nobody could look into."""
    bad(pack)
    said = store.check(status=1).out
    assert "Input/output error" in said and "is damaged" not in said, said
    assert "may be whole" in said, said
    found = json.loads(store.run("check", "--read-data", "--json", store.path, status=1).out)["findings"]
    assert any(finding["kind"] == "snapshot" and "Input/output error" in finding["text"] for finding in found), found
    bad()
    store.check()


@pytest.mark.parametrize("passes", [True, False])
def test_files_are_set_back_only_for_damage(mount_store, store, database, bad, passes):
    """A tree that can be read a moment later stays what files/ is."""
    top = mount_store(store, database)
    top.path("files/first").write_bytes(b"first")
    top.path("snapshots/one").mkdir()
    before = set(store.files())
    top.path("files/last").write_bytes(b"last")
    top.unmount()
    made = next(path.name for name, path in store.files().items() if name.startswith("packs/") and name not in before)
    bad(made, passes=passes)
    done = store.run("repair", "--forget-damaged", store.path, status=1 if passes else 0)
    bad()
    assert ("Set files/ back" in done.out) == (not passes), done
    assert top.start().status == 0
    assert sorted(os.listdir(top.path("files"))) == (["first", "last"] if passes else ["first"])
