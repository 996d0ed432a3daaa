# SPDX-License-Identifier: MIT
"""crmfs snapshot, diff and export: from the command line and back, without a mount."""
import contextlib
import json
import os
import pty
import re
import resource
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

import reference
import views
from command import crmfs
from mounting import BINARY, PATIENCE, ROOT, eventually

FORMATS = ("csv", "json", "ndjson")


@pytest.fixture(autouse=True)
def memory(work, monkeypatch):
    """What this client remembers of stores stays in the test's own folder."""
    monkeypatch.setenv("XDG_STATE_HOME", str(work / "state"))
    monkeypatch.setenv("CRMFS_PASSPHRASE", "one")


@pytest.fixture
def store(work):
    done = crmfs("init", str(work / "store"))
    assert done.returncode == 0, done.stderr
    return work / "store"


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


# ---- snapshot ----

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
    [], ["--name", "x"], ["--nonsense", "crm.db"], ["--name", "a/b", "crm.db"], ["--name", "", "crm.db"],
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


# ---- export ----

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


# ---- diff ----

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
    # Where groups end is each store's secret.
    assert 1 <= activities["groups_gone"] <= 2 and 1 <= activities["groups_new"] <= 2
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


# ---- All of them ----

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
