# SPDX-License-Identifier: MIT
"""crmfs snapshot, from the command line and without a mount; and what diff and export share with it."""
import contextlib
import json
import os
import pty
import re
import select
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

import reference
import views
from command import crmfs
from mounting import BINARY, PATIENCE, ROOT, eventually
from storing import change, export, is_empty, memory, peak, snapshot, store  # noqa: F401


@pytest.mark.sanitize
def test_answer(store, crm_db):
    answer = snapshot(store, crm_db, "--tag", "nightly", "--tag", "größer")
    assert set(answer) == {"name", "id", "time", "host", "tags", "tables", "rows", "raw_bytes", "stored_bytes",
                           "left_out"}
    conn = reference.connect(str(crm_db))
    tables = reference.tables(conn)
    assert answer["tables"] == len(tables) and answer["tags"] == ["nightly", "größer"]
    texts = {table: reference.render(conn, table, "csv") for table in tables}
    assert answer["raw_bytes"] == sum(map(len, texts.values()))
    assert re.fullmatch("[0-9a-f]{32}", answer["id"]) and 0 < answer["stored_bytes"] < answer["raw_bytes"]
    again = snapshot(store, crm_db)
    assert again["stored_bytes"] < answer["stored_bytes"] / 5 and again["rows"] == answer["rows"]


def test_named_by_the_time(store, crm_db):
    names = [snapshot(store, crm_db, "--table", "accounts")["name"] for _ in range(4)]
    assert len(set(names)) == 4
    for name in names:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d{6}Z(-\d)?", name)
    made = time.mktime(time.strptime(names[0][:18], "%Y-%m-%dT%H%M%SZ")) - time.timezone
    assert abs(made - time.time()) < 100


def test_for_people(store, crm_db):
    done = crmfs("snapshot", "--store", str(store), "--name", "first", str(crm_db))
    assert done.returncode == 0 and done.stderr == ""
    assert re.fullmatch(r"Took snapshot first: [\d,]+ rows in 5 tables, \S+ \S+ as CSV, \S+ \S+ added to the store\n",
                        done.stdout)
    done = crmfs("snapshot", "--store", str(store), "--quiet", str(crm_db))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_some_tables(store, crm_db, copy_of):
    copy = copy_of(crm_db, "b.db")
    assert snapshot(store, f"a={crm_db}", copy, "--table", "accounts,a.contacts", "--table", "b.pipeline")["tables"] == 4
    for name in ("a/accounts", "b/accounts", "a/contacts", "b/pipeline"):
        assert export(store, "latest", name)
    done = crmfs("export", str(store), "latest", "b/contacts")
    assert done.returncode == 1 and 'no table "b/contacts"' in done.stderr
    assert snapshot(store, f"a={crm_db}", copy, "--exclude-table", "accounts,a.contacts")["tables"] == 7
    assert crmfs("export", str(store), "latest", "a/contacts").returncode == 1
    assert export(store, "latest", "b/contacts")
    assert snapshot(store, f"a={crm_db}", copy, "--table", "accounts", "--exclude-table", "a.accounts")["tables"] == 1


@pytest.mark.sanitize
@pytest.mark.parametrize("words", [
    ["--nonsense", "crm.db"], ["--name", "a/b", "crm.db"], ["--name", "", "crm.db"],
    ["--name", "latest", "crm.db"], ["--name", "..", "crm.db"], ["--name", "x" * 201, "crm.db"],
    ["--tag", "a,b", "crm.db"], ["--tag", "", "crm.db"], ["--table", "", "crm.db"], ["--table", "a,,b", "crm.db"],
    ["--exclude-table", "a,", "crm.db"],
    ["crm.db", "crm.db"], ["pg:x"], ["--tag"], *[[f"--tag={n}" for n in range(101)] + ["crm.db"]],
])
def test_wrong_command_line(work, words):
    done = crmfs("snapshot", "--store", str(work / "none"), *words)
    assert done.returncode == 2 and done.stdout == "" and done.stderr.startswith("crmfs: ")


def test_no_store_named(work):
    done = crmfs("snapshot", str(work / "x.db"))
    assert done.returncode == 2 and "--store" in done.stderr


@pytest.mark.sanitize
def test_what_fails_leaves_nothing(work, store, crm_db, copy_of):
    broken = copy_of(crm_db, "broken.db")
    content = bytearray(broken.read_bytes())
    content[len(content) // 2:] = b"\xff" * (len(content) - len(content) // 2)
    broken.write_bytes(content)
    (work / "no.db").write_text("not a database")
    for words, word in (([work / "absent.db"], "No such file"), ([work / "no.db"], "no.db"), ([broken], "broken"),
                        ([crm_db, broken], "broken"), ([crm_db, "--table", "nosuch"], "nosuch"),
                        ([crm_db, "--table", "other.accounts"], "other.accounts"),
                        ([crm_db, "--exclude-table", "acounts"], "acounts")):
        done = crmfs("snapshot", "--store", str(store), *map(str, words))
        assert done.returncode == 1 and done.stdout == "", words
        assert "cannot take a snapshot" in done.stderr and word in done.stderr
        assert is_empty(store)
    snapshot(store, crm_db, "--name", "x")
    done = crmfs("snapshot", "--store", str(store), "--name", "x", str(crm_db))
    assert done.returncode == 1 and "already" in done.stderr


def test_a_view_that_cannot_be_shown(store, crm_db, copy_of):
    database = copy_of(crm_db)
    change(database, "CREATE VIEW bad AS SELECT no_such_function(id) AS x FROM accounts;")
    done = crmfs("snapshot", "--store", str(store), str(database))
    assert done.returncode == 3 and "Took snapshot" in done.stdout
    assert "view bad is left out" in done.stderr and "status 3" in done.stderr
    assert export(store, "latest", "accounts")
    done = crmfs("snapshot", "--json", "--store", str(store), str(database))
    (missing,) = json.loads(done.stdout)["left_out"]
    assert (missing["table"], done.returncode) == ("bad", 3) and "no_such_function" in missing["why"]
    assert snapshot(store, database, "--exclude-table", "bad")["left_out"] == []


def test_a_view_that_a_mount_leaves_out(work, store, mount, crm_db, copy_of):
    database = copy_of(crm_db)
    change(database, "CREATE VIEW bad AS SELECT no_such_function(id) AS x FROM accounts;")
    (work / "passphrase").write_text("one")
    top = mount(database, options=f"store={store},passphrase-file={work}/passphrase")
    top.path("snapshots/x").mkdir()
    assert f"snapshots/x/{database.stem}/bad: left out of the snapshot: " in top.errors()
    assert json.loads(top.path(".crmfs/status").read_text())["store"]["incomplete"] == "x"
    change(database, "DROP VIEW bad")
    assert eventually(lambda: not top.path(f"live/{database.stem}/bad.csv").exists())
    top.path("snapshots/y").mkdir()
    assert json.loads(top.path(".crmfs/status").read_text())["store"]["incomplete"] is None


def listens(process, number):
    """Whether the process has a handler for the signal; true as well once it has ended."""
    if process.poll() is not None:
        return True
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"^SigCgt:\s*(\w+)$", status, re.MULTILINE).group(1), 16) >> number - 1 & 1 == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_stopped(store, large_crm_db, number):
    """Nothing is to be seen of it, its sender is obeyed, and the next one succeeds."""
    stopped = 0
    for delay in (None, 0, 0.15, 0.35):  # None: most likely before it listens
        process = subprocess.Popen([BINARY, "snapshot", "--store", store, "--name", "x", large_crm_db],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert delay is None or eventually(lambda: listens(process, number), PATIENCE, 0.005)
        time.sleep(delay or 0)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        if process.returncode == 0:
            assert "Took" in out
            break
        assert process.returncode == -number and out == ""
        assert err == "" and delay is None or "called off" in err
        assert is_empty(store)
        stopped += "called off" in err
    else:
        snapshot(store, large_crm_db, "--name", "x")
    assert stopped > 0
    assert export(store, "x", "accounts")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("view", ["a_silent", "b_talking"])
def test_stopped_in_an_endless_view(work, store, view, number):
    """A view that keeps the database busy for ever does not keep us."""
    with contextlib.closing(views.make(work / "endless.db")):
        process = subprocess.Popen([BINARY, "snapshot", "--store", store, "--table", view, "--view-timeout", "0",
                                    work / "endless.db"], stderr=subprocess.PIPE, text=True)
        assert eventually(lambda: listens(process, number), PATIENCE)
        time.sleep(0.5)  # so that it is in the midst of the view
        process.send_signal(number)
        try:
            _, errors = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    assert process.returncode == -number, errors
    assert errors == "crmfs: cannot take a snapshot: taking the snapshot was called off\n"
    assert is_empty(store)
    assert not list((store / "tmp").iterdir())


def test_endless_views_are_left_out(work, store):
    """After their time; with a warning that says how to give them more."""
    with contextlib.closing(views.make(work / "endless.db")):
        done = crmfs("snapshot", "--store", str(store), "--view-timeout", "0.8", str(work / "endless.db"))
    assert done.returncode == 3, done.stderr
    for view in ("a_silent", "b_talking"):
        assert f"view {view} is left out: it takes longer than 0.8 s to read; allow" in done.stderr
    assert export(store, "latest", "c_names") == b"name\nAnn\nBob\n"


def test_ignored_signals_stay_ignored(store, large_crm_db):
    process = subprocess.Popen([BINARY, "snapshot", "--store", store, large_crm_db], stdout=subprocess.DEVNULL,
                               preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    time.sleep(0.3)
    process.send_signal(signal.SIGHUP)
    assert process.wait(60) == 0


def on_terminal(*words):
    """Exit status and all that a terminal of 100 columns is sent."""
    pid, master = pty.fork()
    if pid == 0:
        os.execv(BINARY, ["crmfs", *map(str, words)])
    said = b""
    while select.select([master], [], [], 60)[0]:
        try:
            said += os.read(master, 65536)
        except OSError:
            break
    os.close(master)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said.decode()


def test_progress(store, large_crm_db):
    status, said = on_terminal("snapshot", "--store", store, large_crm_db)
    assert status == 0 and "Took snapshot" in said
    lines = re.findall(r"\r([^\r]*?)\x1b\[K", said)
    shown = [line for line in lines if "rows" in line]
    assert shown and all(re.match(r"\d:\d\d(, \d:\d\d left)?  [\d,]+ rows, [\d,]+/s; tables: \d of \d", line)
                         for line in shown)
    assert all(len(line) < 80 for line in lines)
    assert said.rpartition("\x1b[K")[2].startswith("Took")  # the line is gone by then
    status, said = on_terminal("snapshot", "--quiet", "--store", store, large_crm_db)
    assert status == 0 and said == ""


def test_durable_though_nobody_listens(store, crm_db):
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([BINARY, "snapshot", "--store", store, crm_db], stdout=full, stderr=subprocess.PIPE,
                              check=False)
    assert done.returncode == 1 and b"No space" in done.stderr
    assert export(store, "latest", "accounts")


def test_memory(store, large_crm_db):
    status, memory_kib = peak("snapshot", "--quiet", "--store", store, large_crm_db)
    assert status == 0 and memory_kib <= 128 << 10
    for words in (["export", store, "latest", "activities"], ["export", store, "latest", "-o", store.parent / "out"]):
        status, memory_kib = peak(*words)
        assert status == 0 and memory_kib <= 100 << 10


def test_help():
    for command in ("snapshot", "diff", "export"):
        done = crmfs(command, "--help")
        assert done.returncode == 0 and all(len(line) <= 80 for line in done.stdout.splitlines())
        assert done.stdout == crmfs("help", command).stdout and "--passphrase-file" in done.stdout


def test_wrong_passphrase(store, crm_db):
    for words in (["snapshot", "--store", str(store), str(crm_db)], ["export", str(store), "latest", "a"]):
        done = crmfs(*words, CRMFS_PASSPHRASE="two")
        assert done.returncode == 1 and "no key of the store opens" in done.stderr
    assert crmfs("diff", str(store), "a", "b", CRMFS_PASSPHRASE="two").returncode == 2


def test_units():
    """Each command line of theirs is one that crmfs understands."""
    units = sorted((ROOT / "tools/units").iterdir())
    assert [unit.name for unit in units] == [f"crmfs-{name}@.{kind}" for name in ("prune", "snapshot")
                                             for kind in ("service", "timer")]
    for unit in units:
        for line in re.findall(r"^ExecStart=@PREFIX@/bin/crmfs (\S+) (.*)$", unit.read_text(), re.MULTILINE):
            usage = crmfs("help", line[0])
            assert usage.returncode == 0, line
            for option in re.findall(r"--[a-z]+", line[1]):
                assert option in usage.stdout
        if unit.suffix == ".service":
            assert re.search(r"^LoadCredential=crmfs-passphrase:", unit.read_text(), re.MULTILINE)


BAD_PACKS = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
ssize_t pread64(int file, void *data, size_t size, off_t offset)
{
    char link[64], path[4096] = "";

    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    if (readlink(link, path, sizeof path - 1) > 0 && strstr(path, "/packs/") != NULL) {
        errno = EIO;
        return -1;
    }
    return syscall(SYS_pread64, file, data, size, offset);
}
"""


def test_what_is_taken_and_cannot_be_read_back_is_said_to_be_taken(store, work):
    """Only what was to be told of it is missing: it is there, for whoever reads the disk later."""
    library, database = work / "bad-packs.so", work / "crm.db"
    subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", library], input=BAD_PACKS, text=True, check=True)
    with contextlib.closing(sqlite3.connect(database)) as made:
        made.executescript("CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)")
    done = crmfs("snapshot", "--store", str(store), "--name", "kept", str(database), LD_PRELOAD=str(library))
    assert done.returncode == 1 and done.stdout == ""
    assert "snapshot kept is taken, but" in done.stderr and "cannot take" not in done.stderr
    assert export(store, "kept", "t") == b"id\n1\n"
