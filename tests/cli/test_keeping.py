# SPDX-License-Identifier: MIT
"""crmfs snapshots, forget, prune, check, repair and stats, as somebody who keeps a store has them."""
import contextlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

import cheap_key
from command import crmfs
from mounting import BINARY, eventually, is_mounted

PASSPHRASE = {"CRMFS_PASSPHRASE": "one"}


@pytest.fixture(autouse=True)
def memory(work, monkeypatch):
    """What this client remembers of stores stays in the test's own folder."""
    monkeypatch.setenv("XDG_STATE_HOME", str(work / "state"))
    for name in ("CRMFS_PASSPHRASE", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)


def run(*words):
    """The output of a command that succeeds."""
    done = crmfs(*map(str, words), **PASSPHRASE)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def fail(*words, status=1):
    """What a command that fails says."""
    done = crmfs(*map(str, words), **PASSPHRASE)
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    return done.stderr if status == 2 or done.stderr else done.stdout


def answer(*words):
    return json.loads(run(*words))


@contextlib.contextmanager
def mounted(store, mountpoint, *words):
    """A mount of the store, gone afterwards."""
    mountpoint.mkdir(exist_ok=True)
    with subprocess.Popen([BINARY, "mount", "-f", "--store", store, *words, mountpoint], env={**os.environ, **PASSPHRASE}) as process:
        try:
            eventually(lambda: is_mounted(mountpoint))
            yield mountpoint
        finally:
            subprocess.run(["fusermount3", "-u", mountpoint], check=True)
            process.wait(10)


def change(database, share):
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE contacts SET name = name || '!' WHERE id % 10 < ?", (share,))
    connection.close()


@pytest.fixture(name="made", scope="module")
def make_store(tmp_path_factory):
    """A store with the snapshots a, b and c of a table that changes, and one that does not."""
    folder = tmp_path_factory.mktemp("keeping")
    database = folder / "crm.db"
    store = folder / "store"
    environment = {**PASSPHRASE, "XDG_STATE_HOME": str(folder / "state")}
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE contacts (id INTEGER PRIMARY KEY, name TEXT)")
        connection.executemany("INSERT INTO contacts (name) VALUES (?)",
                               ((f"Contact number {i * 7919 % 100003}",) for i in range(20000)))
        connection.execute("CREATE TABLE kinds (name TEXT PRIMARY KEY)")
        connection.execute("INSERT INTO kinds VALUES ('customer'), ('supplier')")
    connection.close()
    assert crmfs("init", str(store), **environment).returncode == 0
    cheap_key.cheapen(store, PASSPHRASE["CRMFS_PASSPHRASE"])
    commands = []
    for name, tags in (("a", []), ("b", ["--tag", "weekly"]), ("c", ["--tag", "weekly", "--tag", "x"])):
        commands.append(["snapshot", "--store", store, "--name", name, *tags, database])
    for command in commands:
        done = crmfs(*map(str, command), **environment)
        assert done.returncode == 0, done.stderr
        change(database, 3)
    return store


@pytest.fixture(name="store")
def copy_store(made, work):
    """A copy of it for every test."""
    return shutil.copytree(made, work / "store")


@pytest.fixture
def database(made):
    return made.parent / "crm.db"


def names(*words):
    return [snapshot["name"] for snapshot in answer("snapshots", "--json", *words)]


# ---- snapshots ----

@pytest.mark.sanitize
def test_snapshots(store):
    text = run("snapshots", store)
    assert re.search(r"^NAME +TIME +AS CSV +ADDED +HOST +TAGS\na +20\S+Z +\S+ \S+ +\S+ \S+ +\S+\nb ", text)
    assert text.endswith("3 snapshots\n") and not re.search(r" \n", text)
    assert names(store) == ["a", "b", "c"]
    listed = answer("snapshots", "--json", store)[2]
    assert listed["tags"] == ["weekly", "x"] and re.fullmatch(r"[0-9a-f]{32}", listed["id"])
    assert listed["raw_bytes"] > listed["stored_bytes"] > 0


def test_snapshots_chosen(store):
    assert names("--tag", "weekly", store) == ["b", "c"]
    assert names("--tag", "weekly,x", store) == ["c"]
    assert names("--tag", "", store) == ["a"]
    assert names("--tag", "", "--tag", "x", store) == ["a", "c"]
    assert names("--host", "nobody-has-this-name", store) == []


# ---- forget ----

def test_forget_by_name(store):
    assert "would be" in run("forget", "--dry-run", store, "a", "b")
    assert names(store) == ["a", "b", "c"]
    run("forget", store, "a", "b")
    assert names(store) == ["c"]
    assert "there is no snapshot \"a\"" in fail("forget", store, "c", "a")
    assert names(store) == ["c"]


@pytest.mark.sanitize
def test_forget_by_rule(store):
    text = run("forget", "-n", "--keep-last", "2", store)
    assert re.search(r"forget +a .*\n +keep +b .* last snapshot\n", text) and "1 snapshot would" in text
    (group,) = answer("forget", "--json", "--keep-last", "1", "--keep-tag", "weekly", store)
    assert [one["name"] for one in group["forget"]] == ["a"]
    assert [one["reasons"] for one in group["keep"]] == [["has tags"], ["has tags", "last snapshot"]]
    assert "sources crm" in group["group"]
    assert names(store) == ["b", "c"]


def test_forget_in_groups(store):
    groups = answer("forget", "-n", "--json", "--keep-last", "1", "--group-by", "tags", store)
    assert [[one["name"] for one in group["keep"]] for group in groups] == [["a"], ["b"], ["c"]]
    (group,) = answer("forget", "-n", "--json", "--keep-last", "1", "--group-by", "", store)
    assert [one["name"] for one in group["forget"]] == ["a", "b"]


def test_forget_everything_is_refused(store):
    assert "would keep no snapshot" in fail("forget", "--keep-tag", "none-has-it", store)
    assert names(store) == ["a", "b", "c"]


@pytest.mark.parametrize("words", [[], ["--keep-last", "x"], ["--keep-last", "-1"], ["--keep-within", "1w"],
                                   ["--group-by", "moon"], ["--keep-last", "0"], ["--nonsense"]])
def test_forget_wrong(store, words):
    message = fail("forget", *words, store, status=2)
    assert message.startswith("crmfs") and message.endswith("\n")
    fail("forget", "--keep-last", "1", store, "a", status=2)
    assert names(store) == ["a", "b", "c"]


# ---- prune ----

def pack_files(store):
    return sorted((store / "packs").rglob("*/*"))


def test_prune(store):
    run("forget", store, "a", "b")
    before = pack_files(store)
    planned = answer("prune", "--json", "--dry-run", "--max-unused", "0%", "--grace", "0", store)
    assert planned["emptied"]["packs"] > 0 and pack_files(store) == before
    waiting = answer("prune", "--json", "--max-unused", "0", store)
    assert waiting["waiting"]["packs"] > 0 and waiting["removed"]["packs"] == 0
    assert set(before) <= set(pack_files(store))
    removed = answer("prune", "--json", "--grace", "0s", store)
    assert removed["removed"] == waiting["waiting"]
    assert len(pack_files(store)) == removed["found"]["packs"] - removed["removed"]["packs"]
    assert answer("check", "--read-data", "--json", store)["findings"] == []
    assert "nothing to be done" in run("prune", store)
    assert names(store) == ["c"]


def test_forget_and_prune(store):
    """What prune says is said behind what forget says."""
    said = run("forget", "--prune", "--keep-last", "1", store)
    assert names(store) == ["c"]
    assert re.search("^There is nothing to be done$|marked", said[said.rindex("  c  "):], re.MULTILINE), said


@pytest.mark.parametrize("words", [["other"], ["--group-by", "", "--keep-tag", "weekly"]])
def test_forget_and_prune_tried(store, work, words):
    """The prune reckons without what would be forgotten; and what is said comes to pass."""
    subprocess.run(["sqlite3", work / "other.db", "CREATE TABLE others (x); INSERT INTO others VALUES (1)"], check=True)
    run("snapshot", "--store", store, "--name", "other", work / "other.db")
    before = pack_files(store)
    planned = answer("forget", "--json", "--dry-run", "--prune", store, *words)["prune"]
    assert names(store) == ["a", "b", "c", "other"] and pack_files(store) == before
    assert planned["garbage"]["packs"] == 1
    done = answer("forget", "--json", "--prune", store, *words)["prune"]
    told = ("garbage", "emptied", "unused_bytes", "ancestor_bytes")
    assert [planned[what] for what in told] == [done[what] for what in told]


@pytest.mark.parametrize("words", [["--max-unused", "100%"], ["--max-unused", "x"], ["--grace", "soon"], ["x"]])
def test_prune_wrong(store, words):
    fail("prune", *words, store, status=2)


# ---- check and repair ----

def flip(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)


@pytest.mark.sanitize
def test_check(store):
    assert run("check", store).endswith(": all is well\n")
    assert "data read" in run("check", "--read-data", store)
    found = answer("check", "--json", "--read-data-subset", "1/2", store)
    assert found["findings"] == [] and found["objects_read"] <= found["objects"]
    for subset in ("0/2", "3/2", "1", "1/", "x"):
        fail("check", "--read-data-subset", subset, store, status=2)


def damage_rows(store):
    """What check says of a store in which the first piece of a pack is damaged that begins with rows."""
    for path in pack_files(store):
        flip(path, 100)
        text = fail("check", "--read-data", store)
        if ", rows " in text:
            return text
        flip(path, 100)
    raise AssertionError("no pack begins with rows")


def test_damage(store):
    text = damage_rows(store)
    run("check", store)
    assert re.search(r"^packs/../\w{64}: .*damaged", text, re.M)
    assert re.search(r"^snapshot \w, crm/\w+, rows \d+ to \d+: packs/../\w{64} is damaged$", text, re.M)
    assert "crmfs repair --forget-damaged" in text
    done = crmfs("check", "--read-data", "--json", str(store), **PASSPHRASE)
    found = json.loads(done.stdout)
    assert done.returncode == 1 and found["harmful"] == len(found["findings"]) > 1
    touched = {one["snapshot"] for one in found["findings"] if one["kind"] == "snapshot"}
    assert touched
    lost = re.findall(r"^snapshot .*", text, re.M)
    text = fail("repair", "--read-data", store)
    assert re.findall(r"^snapshot .*", text, re.M) == lost and "crmfs repair --forget-damaged --read-data" in text
    done = crmfs("repair", "--read-data", "--json", str(store), **PASSPHRASE)
    named = json.loads(done.stdout)
    assert done.returncode == 1 and named["lost"] == len(lost)
    assert {one["snapshot"] for one in named["findings"] if one["kind"] == "snapshot"} == touched
    repaired = answer("repair", "--json", "--forget-damaged", "--read-data", store)
    assert repaired["forgotten"] == len(touched) and repaired["lost"] == 0
    assert set(names(store)) == {"a", "b", "c"} - touched


def test_names_that_are_no_text(work):
    """In JSON what is damaged is called by all of its name."""
    database, store = work / "odd.db", work / "odd"
    run("init", store)
    subprocess.run(["sqlite3", database], input=b'CREATE TABLE "t\xff" (x); INSERT INTO "t\xff" VALUES (1)', check=True)
    run("snapshot", "--quiet", "--store", store, database)
    flip(pack_files(store)[0], 100)
    done = crmfs("check", "--read-data", "--json", str(store), **PASSPHRASE)
    assert {"base64": "dP8="} in [one.get("table") for one in json.loads(done.stdout)["findings"]]


def test_repair(store):
    index = next((store / "index").iterdir())
    flip(index, 1000)
    text = fail("check", store)
    assert f"index/{index.name}" in text and "crmfs repair" in text and "--forget-damaged" not in text
    assert "indexes again" in run("repair", store)
    run("check", "--read-data", store)
    assert names(store) == ["a", "b", "c"]


def pack_of_rows(store):
    """A store's largest pack."""
    return max(pack_files(store), key=lambda path: path.stat().st_size)


def test_damaged_directory(store):
    """What can be read all the same is not called lost; repair writes it anew, and prune works again."""
    flip(pack_of_rows(store), -10)
    text = fail("check", store)
    assert "its directory cannot be read" in text and "snapshot " not in text and "--forget-damaged" not in text
    assert "crmfs check" in fail("prune", store)
    repaired = answer("repair", "--json", "--forget-damaged", store)
    assert repaired["forgotten"] == 0 and repaired["packs_replaced"] == 1 and repaired["objects_rewritten"] > 0
    run("check", "--read-data", store)
    run("prune", "--grace", "0", store)
    assert run("check", "--read-data", store).endswith(": all is well\n")
    assert names(store) == ["a", "b", "c"]


def test_missing_pack_is_named(store):
    path = pack_of_rows(store)
    path.unlink()
    name = path.relative_to(store)
    text = fail("check", store)
    assert f"{name}: it is gone" in text
    assert re.search(rf"^snapshot a[^:]*: {name} is gone$", text, re.M)
    assert re.search(rf"^snapshot a[^:]*: {name} is gone$", fail("repair", store), re.M)


def test_every_pack_is_missing(store):
    for path in pack_files(store):
        path.unlink()
    text = fail("repair", store)
    assert all(f"snapshot {name}: " in text for name in "abc") and "--forget-damaged" in text
    assert "Forgot 3 damaged snapshots" in run("repair", "--forget-damaged", store)
    assert names(store) == []
    run("check", "--read-data", store)


def record(store, number):
    return store / "log" / f"{number:020}"


@pytest.mark.sanitize
def test_damaged_record(store):
    """Only told to does repair go on without it, and it says what it gives up."""
    flip(record(store, 2), 200)
    message = fail("snapshots", store)
    assert "crmfs repair --drop-records" in message
    assert "--drop-records" in fail("check", store)
    fail("repair", "--forget-damaged", store)
    text = run("repair", "--drop-records", store)
    assert re.search(r"^log/0+2: given up", text, re.M) and "Gave up 1 record" in text
    assert run("check", "--read-data", store).endswith(": all is well\n")
    assert names(store)[1:] == ["b", "c"] and names(store)[0].startswith("recovered-")
    assert "no record was given up" in run("repair", "--drop-records", store)


def test_newest_record_cut(store):
    newest = max((store / "log").iterdir())
    newest.chmod(0o600)
    newest.write_bytes(b"")
    fail("snapshots", store)
    repaired = answer("repair", "--json", "--drop-records", store)
    assert repaired["records_lost"] == 1
    assert [one["kind"] for one in repaired["findings"]] == ["log", "snapshot"] and repaired["recovered"] == 1
    assert names(store) == ["a", "b", repaired["findings"][1]["file"]]


@pytest.fixture(name="disk")
def make_disk(work, root):
    """A file system that is soon full."""
    path = work / "disk"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", path], check=True)
    yield path
    subprocess.run(["umount", "-l", path], check=False)


def fill(disk):
    with open(disk / "filler", "ab", buffering=0) as filler, contextlib.suppress(OSError):
        while True:
            filler.write(bytes(4096))


def test_forget_on_a_full_disk(store, disk):
    """Kept tables give way to the record; without any, it is said what to do."""
    full = disk / "store"
    shutil.copytree(store, full)
    kept = full / "cache" / ("0" * 64)
    kept.parent.mkdir(exist_ok=True)
    kept.write_bytes(bytes(65536))
    fill(disk)
    assert names(full) == ["a", "b", "c"]
    run("forget", full, "a")
    assert not kept.exists()
    fill(disk)
    message = fail("forget", full, "b")
    assert "No space left" in message and "make room" in message
    (disk / "filler").unlink()
    run("forget", full, "b")
    assert names(full) == ["c"]


def test_lost_log(store):
    for record in (store / "log").iterdir():
        if int(record.name) == 2:
            record.unlink()
    assert "log/00000000000000000002" in fail("check", store)
    assert "record 2" in fail("snapshots", store)


# ---- snapshots of a part ----

def test_partial_snapshots_are_a_group_of_their_own(store, work):
    database = work / "crm.db"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE contacts (id INTEGER PRIMARY KEY)")
        connection.execute("CREATE TABLE kinds (name TEXT PRIMARY KEY)")
    connection.close()
    run("snapshot", "--store", store, "--name", "kinds", "--table", "kinds", database)
    said = run("forget", "--keep-last", "1", store)
    assert "sources crm (in part: only kinds)" in said
    assert names(store) == ["c", "kinds"]


# ---- stats ----

def test_stats(store):
    text = run("stats", store)
    assert "a ratio of" in text and re.search(r"^c +\S+ \S+ +\S+ \S+ +\d+\.\d$", text, re.M)
    found = answer("stats", "--json", store)
    assert found["stored_bytes"] == sum(path.stat().st_size for path in store.rglob("*") if path.is_file())
    assert found["raw_bytes"] == sum(one["raw_bytes"] for one in found["snapshots"])
    assert found["trees"]["count"] == 3


# ---- rollback ----

def test_rollback(store, work):
    """An older copy in the store's place is refused until it is said to be meant."""
    run("snapshots", store)
    newest = max((store / "log").iterdir())
    newest.rename(work / "kept")
    message = fail("snapshots", store)
    assert "not what it was" in message and "--accept-rollback" in message
    assert names("--accept-rollback", store) == ["a", "b"]
    assert names(store) == ["a", "b"]


@pytest.mark.parametrize("command", ["snapshots", "forget", "prune", "check", "repair", "stats"])
def test_every_command(work, store, command):
    assert "usage: crmfs " + command in run(command, "--help")
    words = ["--keep-last", "1"] if command == "forget" else []
    message = fail(command, *words, work / "none")
    assert message.startswith("crmfs: cannot ") and "none" in message
    done = crmfs(command, *words, str(store), CRMFS_PASSPHRASE="two")
    assert done.returncode == 1 and "no key of the store opens" in done.stderr
    fail(command, status=2)
    if command != "forget":
        fail(command, store, store, status=2)


NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


def as_nobody(*words):
    """What a command says that may not read everything; it fails."""
    done = subprocess.run([*NOBODY, BINARY, *map(str, words)], capture_output=True, text=True, timeout=60, check=False,
                          stdin=subprocess.DEVNULL, env={**os.environ, **PASSPHRASE, "HOME": "/nonexistent"})
    assert done.returncode == 1 and "Permission denied" in done.stderr, (words, done)
    return done


def test_what_may_not_be_read(root, store):
    """Nor is anything advised, or done, that would give a snapshot up for it."""
    for path in [store, *store.rglob("*")]:
        path.chmod(0o777 if path.is_dir() else 0o666)
    pack = max(pack_files(store), key=lambda pack: pack.stat().st_size)
    for place in (pack, store / "packs", store / "log", store / "keys"):
        before = place.stat().st_mode & 0o777
        place.chmod(0)
        for words in (["check", store], ["check", "--read-data", store], ["repair", "--forget-damaged", store]):
            done = as_nobody(*words)
            assert "damaged" not in done.stderr + done.stdout and "lost" not in done.stderr + done.stdout
        place.chmod(before)
    pack.chmod(0)
    wrong = as_nobody("export", store, "a", "contacts")
    assert "must be readable by whoever runs crmfs" in wrong.stderr and "damaged" not in wrong.stderr
    pack.chmod(0o666)
    store.chmod(0)
    assert "run crmfs as the user whose it is" in as_nobody("snapshots", store).stderr
    for path in [store, *store.glob("*/")]:
        path.chmod(0o755)
    assert names(store) == ["a", "b", "c"]


def test_a_changed_header_is_hinted_at(store):
    flip(store / "store", 40)
    assert "If it is the right one, put `store` and keys/ back from a copy" in fail("snapshots", store)


@pytest.mark.parametrize("place", ["{folder}/lost", "{other}/{name}", "{folder}/{folder}0000{rest}", "{folder}.old"])
def test_a_pack_under_another_name(store, place):
    """check knows it, repair puts it back; a second copy of it goes; what is no pack is let be."""
    pack = pack_files(store)[0]
    before = {path.name: path.read_bytes() for path in pack_files(store)}
    folder, name = pack.parent.name, pack.name
    strange = store / "packs" / place.format(folder=folder, name=name, rest=name[6:],
                                             other="00" if folder != "00" else "01")
    strange.parent.mkdir(exist_ok=True)
    pack.rename(strange)
    said = fail("check", store)
    assert f"it is packs/{folder}/{name} under another name: `crmfs repair` puts it back" in said
    assert "Put back 1 pack under its own name" in run("repair", store)
    assert {path.name: path.read_bytes() for path in pack_files(store)} == before
    assert run("check", "--read-data", store).endswith(": all is well\n")
    shutil.copy(pack, strange)
    content = pack.read_bytes()
    (stranger := strange.with_name("stranger")).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert "which is there too" in fail("check", store)
    assert "Put back" not in run("repair", store)
    assert not strange.exists() and stranger.exists()
    assert run("check", "--read-data", store).endswith(": all is well\n")


def test_damage_that_only_reading_finds(store):
    """Whoever meets it is told of the command that finds it, and repair, that it did not look."""
    pack = pack_of_rows(store)
    flip(pack, pack.stat().st_size // 3)
    assert run("check", store).endswith(": all is well\n")
    assert "Their data was not read" in run("repair", "--forget-damaged", store)
    assert answer("repair", "--json", store)["data_read"] is False
    assert "run `crmfs check --read-data`" in fail("export", store, "a", "contacts")
    said = fail("repair", "--read-data", store)
    assert "was not read" not in said and "snapshot a, crm/contacts, rows" in said


def cut_short(pack):
    os.truncate(pack, 5000)


def flip_in_its_middle(pack):
    flip(pack, pack.stat().st_size // 3)


def flip_its_beginning(pack):
    flip(pack, 20)


def empty(pack):
    os.truncate(pack, 0)


def fill_with_zeros(pack):
    pack.write_bytes(bytes(pack.stat().st_size))


@pytest.mark.parametrize("spoil", [cut_short, flip_in_its_middle, flip_its_beginning, empty, fill_with_zeros])
@pytest.mark.parametrize("copy", ["{name}~", "{name} (1).BAK"])
def test_a_whole_copy_of_a_damaged_pack(store, work, spoil, copy):
    """It takes the pack's place, whatever else repair is told to do and however little it is told to read."""
    before = {path.name: path.read_bytes() for path in pack_files(store)}
    pack = pack_of_rows(store)
    os.link(pack, work / "linked")  # by a backup: what is removed here stays there
    shutil.copy(pack, pack.with_name(copy.format(name=pack.name)))
    pack.chmod(0o600)
    spoil(pack)
    spoilt = pack.read_bytes()
    assert "which is there too" in fail("check", store)
    said = run("repair", "--forget-damaged", store)
    assert "Put back 1 pack under its own name" in said and "Forgot 0 damaged snapshots" in said
    found = {path.name: path.read_bytes() for path in pack_files(store)}
    kept = spoil in (flip_its_beginning, fill_with_zeros)  # nobody can tell what that was
    assert (found.pop(pack.name + ".aside1", None) == spoilt) == kept == ("Kept 1 file that stood" in said)
    assert found == before
    assert run("check", "--read-data", store).endswith(": all is well\n")
    assert names(store) == ["a", "b", "c"]


def test_a_damaged_copy_of_a_damaged_pack(store):
    """It takes the pack's place only where it is as good everywhere, and better somewhere."""
    pack = pack_of_rows(store)
    shutil.copy(pack, copy := pack.with_name("copy"))
    flip(copy, pack.stat().st_size // 3)
    flip(pack, -10)
    spoilt = pack.read_bytes(), copy.read_bytes()
    assert "Put back" not in crmfs("repair", str(store), **PASSPHRASE).stdout
    assert (pack.read_bytes(), copy.read_bytes()) == spoilt
    flip(pack, pack.stat().st_size // 3)
    assert "Put back 1 pack" in crmfs("repair", str(store), **PASSPHRASE).stdout
    assert pack.read_bytes() == spoilt[1] and not copy.exists()


@pytest.mark.parametrize("count", [2, 3])
def test_packs_in_one_anothers_place(store, count):
    """All of them come back, and nothing is left beside them."""
    before = {path.name: path.read_bytes() for path in pack_files(store)}
    packs = pack_files(store)[:count]
    for pack, other in zip(packs, packs[1:] + packs[:1]):
        pack.chmod(0o600)
        pack.write_bytes(before[other.name])
    assert "which is there too" in fail("check", store)
    said = run("repair", store)
    assert f"Put back {count} packs under their own name" in said and "Kept" not in said
    assert {path.name: path.read_bytes() for path in (store / "packs").glob("*/*")} == before
    assert run("check", "--read-data", store).endswith(": all is well\n")


def test_a_snapshot_whose_record_was_lost(store, work):
    """It is listed again if it is whole; one that was forgotten is not, nor one that lost something."""
    tables = crmfs("export", str(store), "b", "contacts", **PASSPHRASE).stdout
    time = [each["time"] for each in answer("snapshots", "--json", store)][1]
    run("forget", store, "c")
    records = sorted((store / "log").iterdir())
    lost = shutil.copytree(store, work / "lost")
    records[2].unlink()
    said = run("repair", "--drop-records", store)
    assert "record was lost, listed again" in said and "Listed 1 snapshot again, as recovered-...;" in said
    (again,) = [each for each in answer("snapshots", "--json", store) if each["name"] != "a"]
    assert (again["time"], again["tags"]) == (time, ["recovered"]) and again["name"].startswith("recovered-")
    assert crmfs("export", str(store), again["name"], "contacts", **PASSPHRASE).stdout == tables
    assert run("check", "--read-data", store).endswith(": all is well\n")
    assert "no record was given up" in run("repair", "--drop-records", store)
    (lost / "log" / records[2].name).unlink()
    max(pack_files(lost), key=lambda pack: pack.stat().st_size).unlink()
    said = fail("repair", "--accept-rollback", "--drop-records", lost)
    assert "cannot be listed again: something of it is lost, too" in said and "Listed" not in said
    assert names(lost) == ["a"]


@pytest.mark.parametrize("moved", [False, True])
def test_what_was_forgotten_stays_forgotten(store, work, moved):
    """Where no record tells of it any more, a checkpoint rules; where none can, the words say so."""
    database = work / "other.db"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE tracks (id INTEGER PRIMARY KEY, name TEXT)")
        connection.execute("CREATE TABLE genres (id INTEGER PRIMARY KEY, name TEXT)")
        connection.execute("INSERT INTO tracks WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
                           " WHERE i < 999) SELECT i, hex(randomblob(9)) FROM n")

        def take(name, sql):
            connection.execute(sql)
            connection.commit()
            run("snapshot", "--quiet", "--store", store, "--name", name, database)
        take("s1", "INSERT INTO genres VALUES (1, 'a')")
        take("private", "UPDATE tracks SET name = hex(randomblob(9))")
        take("s3", "UPDATE genres SET name = 'b'")
        run("forget", store, "private")
        with mounted(store, work / "mnt") as mount:
            for i in range(140):
                os.rename(mount / f"snapshots/{'s3' if i % 2 == 0 else 's'}",
                          mount / f"snapshots/{'s' if i % 2 == 0 else 's3'}")
        run("prune", store)
        run("prune", "--grace", "0", store)
        take("s4", "UPDATE genres SET name = 'c'")
        newest = max((store / "log").iterdir())
        if moved:
            take("s5", "UPDATE tracks SET name = hex(randomblob(9))")
            run("forget", store, "s5")
            run("prune", store)
    connection.close()
    newest.chmod(0o600)
    newest.write_bytes(b"junk")
    said = run("repair", "--drop-records", store)
    assert sum(name.startswith("recovered-") for name in names(store)) == 1 + moved, said
    assert ("it had been forgotten before: then let `crmfs forget`" in said) == moved
    assert "Listed 2 snapshots again" in said if moved else "whose record was lost, listed again" in said
    run("check", "--read-data", store)


# ---- mirrors ----

def copy(store, place):
    return Path(shutil.copytree(store, place, symlinks=True))


def test_a_mirror_is_a_place_of_its_own(store, work, database):
    """That it is behind is said once; and to accept that lets no rollback of the original pass."""
    mirror, before = copy(store, work / "mirror"), copy(store, work / "before")
    run("snapshot", "--store", store, "--name", "d", database)
    said = crmfs("snapshots", str(mirror), **PASSPHRASE)
    assert said.returncode == 0 and "lacks what this machine has seen of it in another place" in said.stderr
    assert names(mirror) == ["a", "b", "c"]
    assert crmfs("check", str(mirror), **PASSPHRASE).stderr == ""
    run("check", "--accept-rollback", mirror)

    shutil.rmtree(store)
    copy(before, store)
    assert "not what it was" in fail("snapshots", store)
    (work / "link").symlink_to(store)
    assert "not what it was" in fail("snapshots", work / "link")
    assert names("--accept-rollback", store) == ["a", "b", "c"]
    assert names(store) == ["a", "b", "c"]


def test_a_mirror_whose_rsync_is_cut_off(store, work, database):
    """As README has it: what is large first. Then it is what the store was, or is; never neither."""
    mirror, folders = copy(store, work / "mirror"), ["index", "keys", "log"]
    run("snapshots", mirror)
    run("forget", store, "a", "b", "c")
    run("snapshot", "--store", store, "--name", "d", database)
    for _ in range(2):
        run("prune", "--grace", "0", store)
    kept = {pack.name for pack in store.glob("packs/*/*")}
    assert {pack.name for pack in mirror.glob("packs/*/*")} - kept
    subprocess.run(["rsync", "-a", store / "packs", mirror], check=True)
    assert names(mirror) == ["a", "b", "c"]
    run("check", "--read-data", mirror)
    subprocess.run(["rsync", "-a", "--delete-after", *(store / folder for folder in folders), mirror], check=True)
    assert names(mirror) == ["d"]
    run("check", "--read-data", mirror)
    subprocess.run(["rsync", "-a", "--delete-after", f"{store}/", mirror], check=True)
    assert {pack.name for pack in mirror.glob("packs/*/*")} == kept
    run("check", "--read-data", mirror)


def test_a_mirror_that_goes_back_is_refused(store, work, database):
    run("snapshots", store)
    mirror, before = copy(store, work / "mirror"), copy(store, work / "before")
    run("snapshot", "--store", mirror, "--name", "other", database)
    shutil.rmtree(mirror)
    copy(before, mirror)
    assert "not what it was" in fail("snapshots", mirror)
    said = crmfs("snapshots", str(store), **PASSPHRASE)
    assert said.returncode == 0 and said.stderr == ""


def test_a_store_that_was_moved_is_the_same(store, work, database):
    run("snapshot", "--store", store, "--name", "d", database)
    moved = store.rename(work / "moved")
    said = crmfs("snapshots", str(moved), **PASSPHRASE)
    assert said.returncode == 0 and said.stderr == ""
    newest = max((moved / "log").iterdir())
    newest.rename(work / "kept")
    assert "not what it was" in fail("snapshots", moved)
