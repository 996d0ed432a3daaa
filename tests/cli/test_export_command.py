# SPDX-License-Identifier: MIT
"""crmfs export: the bytes that a mount shows, whole or not at all."""
import contextlib
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

import reference
from command import crmfs
from mounting import BINARY
from storing import FORMATS, change, export, files, memory, snapshot, store  # noqa: F401


@pytest.mark.sanitize
def test_export_is_what_a_mount_shows(work, store, mount, odd_db, crm_db):
    live = mount(f"odd={odd_db}", crm_db).point / "live"
    shown = files(live)
    snapshot(store, f"odd={odd_db}", crm_db)
    for form in FORMATS:
        export(store, "latest", "--output", work / form, "--format", form)
        wanted = {name: content for name, content in shown.items()
                  if name.endswith((f".{form}", "/schema.sql"))
                  and (form == "csv" or not name.endswith("datapackage.json"))}
        if form == "csv":
            wanted |= {name: content for name, content in shown.items() if name.endswith("datapackage.json")}
        made = files(work / form)
        assert made.keys() == wanted.keys()
        for name, content in wanted.items():
            assert made[name] == content, name


def test_directories_above_are_made(work, store, crm_db, monkeypatch):
    """As with mkdir -p; and those that are there serve, be they links or closed to writing."""
    snapshot(store, crm_db, "--name", "a")
    monkeypatch.chdir(work)
    (work / "there").mkdir()
    (work / "link").symlink_to("there")
    for output in ("a/b/c", work / "x/y", "a//d/", "./link/e", "link/../f/g"):
        export(store, "a", "--output", output)
        assert list(Path(output).glob("*/activities.csv")), output
    said = crmfs("export", str(store), "a", "--output", str(crm_db) + "/x/y").stderr
    assert "Not a directory" in said
    assert "missing/z" not in crmfs("export", str(store), "none", "--output", "missing/z").stdout
    assert not Path("missing").exists()


FLUSHES = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int fsync(int fd)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    char link[64], path[4096] = "";
    FILE *list = fopen(getenv("FLUSHED"), "a");

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (readlink(link, path, sizeof path - 1) > 0)
        fprintf(list, "%s\n", path);
    fclose(list);
    return real(fd);
}
"""


def test_directories_stay(work, store, crm_db, monkeypatch):
    """After a power cut: each is flushed in which one was made, or the journal of a migration."""
    library, flushed = work / "flushes.so", work / "flushed"
    subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", library, "-ldl"], input=FLUSHES, text=True, check=True)
    snapshot(store, crm_db, "--name", "a")
    monkeypatch.chdir(work)
    for words, made in ((["export", store, "a", "--output", "x/y/z/"], ["", "x", "x/y", "x/y/z"]),
                        (["migrate", "--quiet", crm_db, "new.db"], ["", "migrate", "migrate/crmfs"])):
        flushed.write_text("")
        done = crmfs(*map(str, words), LD_PRELOAD=str(library), FLUSHED=str(flushed), XDG_STATE_HOME=str(work / words[0]))
        assert done.returncode == 0, done.stderr
        assert {str(work / name) for name in made} <= set(flushed.read_text().splitlines())


def test_one_table(work, store, crm_db):
    snapshot(store, crm_db, "--name", "a")
    conn = reference.connect(str(crm_db))
    name = crm_db.stem
    for form in FORMATS:
        wanted = reference.render(conn, "contacts", form)
        for table in ("contacts", f"{name}/contacts"):
            assert export(store, "a", table, "-f", form) == wanted
            assert export(store, "latest", table, "--output", "-", f"--format={form}") == wanted
        export(store, "a", "contacts", "-o", work / "one", "-f", form)
        assert (work / "one" / name / f"contacts.{form}").read_bytes() == wanted
    assert len(files(work / "one")) == 3


def test_files_are_replaced_and_private(work, store, crm_db, copy_of):
    database = copy_of(crm_db)
    first = snapshot(store, database, "--name", "a")
    change(database, "UPDATE accounts SET name = 'Other' WHERE id = 1;")
    snapshot(store, database, "--name", "b")
    export(store, "a", "--output", work / "out")
    old = work / "out/crm/accounts.csv"
    assert old.stat().st_mode & 0o777 == 0o600
    made = time.mktime(time.strptime(first["time"], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
    assert abs(old.stat().st_mtime - made) < 2
    with open(old, "rb") as reading:  # whoever reads goes on reading the old one
        before = reading.read(10)
        export(store, "b", "--output", work / "out")
        assert b"Other" not in before + reading.read()
    assert b"Other" in old.read_bytes()
    assert not [name for name in os.listdir(work / "out/crm") if name.startswith(".")]


@pytest.mark.sanitize
@pytest.mark.parametrize("words,status,word", [
    ([], 2, "usage"), (["latest"], 2, "one table"), (["latest", "a", "b"], 2, "usage"),
    (["latest", "a", "--format", "xml"], 2, "xml"), (["latest", "--nonsense"], 2, "help"),
    (["nosuch", "accounts"], 1, 'no snapshot "nosuch"'), (["latest", "nosuch"], 1, 'no table "nosuch"'),
    (["latest", "other/accounts"], 1, "no table"), (["latest", ""], 1, "no table"),
    (["latest", "--output", "/proc/none"], 1, "/proc/none"), (["latest", "--output", "/dev/null"], 1, "/dev/null"),
])
def test_wrong_export(store, crm_db, words, status, word):
    snapshot(store, crm_db, "--table", "accounts")
    done = crmfs("export", str(store), *words)
    assert done.returncode == status and done.stdout == "" and word in done.stderr, done.stderr


def test_ambiguous_table(store, crm_db):
    snapshot(store, f"a={crm_db}", f"b={crm_db}", "--table", "accounts")
    done = crmfs("export", str(store), "latest", "accounts")
    assert done.returncode == 1 and "SOURCE/accounts" in done.stderr
    assert export(store, "latest", "a/accounts") == export(store, "latest", "b/accounts")


def test_nobody_listens_any_more(store, crm_db):
    snapshot(store, crm_db)
    process = subprocess.Popen([BINARY, "export", store, "latest", "activities"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    process.stdout.read(10)
    process.stdout.close()
    assert process.wait(60) == -signal.SIGPIPE and process.stderr.read() == b""
    process.stderr.close()


def limited(size):
    """For a process whose files may have SIZE bytes."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_full_disk(work, store, crm_db):
    """Never a short file that looks whole."""
    snapshot(store, crm_db)
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([BINARY, "export", store, "latest", "activities"], stdout=full, stderr=subprocess.PIPE,
                              check=False)
    assert done.returncode == 1 and b"No space" in done.stderr
    for mode, kept in (("wb", b""), ("ab", b"before\n")):
        target = work / f"activities-{mode}"
        target.write_bytes(b"before\n")
        with open(target, mode) as output:
            done = subprocess.run([BINARY, "export", store, "latest", "activities"], stdout=output, check=False,
                                  stderr=subprocess.PIPE, preexec_fn=lambda: limited(200000))
        assert done.returncode == 1 and b"File too large" in done.stderr
        assert target.read_bytes() == kept
    done = subprocess.run([BINARY, "export", store, "latest", "--output", work / "out"], check=False,
                          stderr=subprocess.PIPE, preexec_fn=lambda: limited(200000))
    assert done.returncode == 1 and b"File too large" in done.stderr
    conn = reference.connect(str(crm_db))
    for name, content in files(work / "out").items():
        assert content == reference.render(conn, os.path.basename(name)[:-4], "csv"), name


def change_subjects(database, subject, remainder):
    with contextlib.closing(sqlite3.connect(database)) as conn:
        conn.execute("UPDATE activities SET subject = ? WHERE id % 50 = ?", (subject, remainder))
        conn.commit()


def test_snapshots_after_a_pack_was_lost(work, store, crm_db):
    """They do not rest on what is gone, whether rows have changed since or not."""
    database = shutil.copy(crm_db, work / "crm.db")
    snapshot(store, database, "--name", "first")
    first = [path for path in (store / "packs").rglob("*") if path.is_file()]
    assert first
    for remainder, day in enumerate(("second", "third")):
        change_subjects(database, day, remainder)
        snapshot(store, database, "--name", day)
    for pack in first:
        pack.unlink()
    for name in ("same", "another"):
        if name == "another":
            change_subjects(database, name, 2)
        snapshot(store, database, "--name", name)
        done = crmfs("export", str(store), name, "--output", str(work / name))
        assert done.returncode == 0, done.stderr
        conn = reference.connect(str(database))
        shown = {path: content for path, content in files(work / name).items() if path.endswith(".csv")}
        assert len(shown) > 3
        for path, content in shown.items():
            assert content == reference.render(conn, os.path.basename(path)[:-4], "csv"), path
    done = crmfs("export", str(store), "third", "--output", str(work / "third"))
    assert done.returncode == 1 and "lost" in done.stderr


def test_a_damaged_store(work, store, crm_db):
    snapshot(store, crm_db)
    packs = [path for path in store.rglob("*") if path.is_file() and path.stat().st_size > 100000]
    assert packs
    for pack in packs:
        content = bytearray(pack.read_bytes())
        for place in range(5000, len(content), 20000):
            content[place] ^= 1
        pack.chmod(0o600)
        pack.write_bytes(content)
    conn = reference.connect(str(crm_db))
    done = crmfs("export", str(store), "latest", "--output", str(work / "out"))
    assert done.returncode == 1 and "cannot export" in done.stderr
    for name, content in files(work / "out").items() if (work / "out").exists() else ():
        assert content == reference.render(conn, os.path.basename(name)[:-4], "csv"), name
    with open(work / "activities.csv", "wb") as output:
        done = subprocess.run([BINARY, "export", store, "latest", "activities"], stdout=output, check=False)
    assert done.returncode == 1 and (work / "activities.csv").stat().st_size == 0
