# SPDX-License-Identifier: MIT
"""Archives that were read through once are there at once in the next mount, until they change."""
import os
import random
import subprocess
import tarfile

import pytest

from mounting import eventually
from powershell import written

CUT = "CREATE TABLE `cut` (`id` int NOT NULL, PRIMARY KEY (`id`));\nINSERT INTO `cut` VALUES (1),(2),\n"
HEAD = "-- MariaDB dump 10.19\n"
FOOT = "-- Dump completed on 2019-03-01  2:00:00\n"


def dump(names=("accounts",), rows=3000, seed=1):
    """Rows not in the order of the key."""
    dice, parts = random.Random(seed), [HEAD]
    for name in names:
        values = ",".join(f"({number},'{dice.randbytes(100).hex()}')" for number in range(rows, 0, -1))
        parts.append(f"CREATE TABLE `{name}` (`id` int NOT NULL, `v` text, PRIMARY KEY (`id`));\n"
                     f"INSERT INTO `{name}` VALUES {values};\n")
    return "".join(parts) + FOOT


@pytest.fixture
def archive(work):
    """A compressed tar: two dumps, one of them cut, a link, a file that is no table."""
    (work / "whole.sql").write_text(dump(("accounts", "contacts")))
    (work / "cut.sql").write_text(HEAD + CUT)
    (work / "logo.bin").write_bytes(bytes(range(256)) * 300)
    os.symlink("logo.bin", work / "link")
    path = work / "old.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name in ("whole.sql", "cut.sql", "logo.bin", "link"):
            tar.add(work / name, name)
    assert eventually(lambda: settled(path))
    return path


def settled(path):
    """Whether the file's time of change is older than a tick of its clock."""
    probe = path.with_suffix(".probe")
    probe.write_bytes(b"")
    age = os.stat(probe).st_ctime_ns - os.stat(path).st_ctime_ns
    probe.unlink()
    return age > 20_000_000


def about(top):
    return top.status()["archives"][0]


def shelf(top, name):
    """The bytes of an archive's files, or the errno that they give."""
    folder = top.path("archives", name)
    found = {f"raw/{member.name}": member.read_bytes() for member in (folder / "raw").iterdir()}
    for entry in os.listdir(folder):
        try:
            found[entry] = None if entry == "raw" else (folder / entry).read_bytes()
        except OSError as error:
            found[entry] = error.errno
    return found


def mount_and_keep(mount_store, store, *sources):
    top = mount_store(store, *sources)
    shown = shelf(top, sources[0].name)
    names = about(top)
    top.unmount()
    return shown, names


@pytest.mark.sanitize
def test_next_mount_is_warm(work, store, mount_store, archive):
    """Tables, members, times, and what is wrong: all without a row being read again."""
    before, cold = mount_and_keep(mount_store, store, archive)
    assert before["cut.csv"] == 5 and before["accounts.csv"].count(b"\n") == 3001
    assert not cold["index_kept"] and cold["rows_indexed"] >= 6000
    top = mount_store(store, archive)
    assert shelf(top, archive.name) == before
    warm = about(top)
    assert warm["index_kept"] and warm["rows_indexed"] == 0 and warm["spool_bytes"] == 0
    assert warm["changed"] == cold["changed"] and warm["kept_bytes"] > 0
    errors = top.errors()
    assert "link" in errors and "cut short" in errors


def test_one_look_is_enough(work, store, mount_store, archive):
    """All of an archive is kept, though one table alone was looked at."""
    top = mount_store(store, archive)
    first = top.path("archives", archive.name, "accounts.csv").read_bytes()
    assert eventually(lambda: not about(top)["indexing"] and top.status()["store"]["kept"]["tables"] >= 4, 20)
    top.unmount()
    top = mount_store(store, archive)
    assert shelf(top, archive.name)["accounts.csv"] == first
    assert about(top)["index_kept"] and about(top)["rows_indexed"] == 0


@pytest.mark.parametrize("how", ["replaced", "rewritten", "touched back"])
def test_changed(work, store, mount_store, how):
    """The same size, and the same time of modification where a program sets it so."""
    path = work / "crm.sql"
    path.write_text(dump(seed=1))
    assert eventually(lambda: settled(path))
    old, _ = mount_and_keep(mount_store, store, path)
    times = os.stat(path).st_atime_ns, os.stat(path).st_mtime_ns
    text = dump(seed=2)
    assert len(text) == os.stat(path).st_size
    if how == "replaced":
        (work / "new").write_text(text)
        os.utime(work / "new", ns=times)
        (work / "new").rename(path)
    else:
        path.write_text(text)
    if how == "touched back":
        os.utime(path, ns=times)
    assert eventually(lambda: settled(path))
    new, cold = mount_and_keep(mount_store, store, path)
    assert new["accounts.csv"] != old["accounts.csv"] and not cold["index_kept"]
    again = mount_store(store, path)
    assert shelf(again, path.name) == new and about(again)["index_kept"]


def test_changed_while_mounted(work, store, mount_store):
    """What was kept is shown, the file changes, the new state is, and is what the next mount finds."""
    path = work / "crm.sql"
    path.write_text(dump(seed=1))
    assert eventually(lambda: settled(path))
    old, _ = mount_and_keep(mount_store, store, path)
    top = mount_store(store, path, options="refresh=0.1")
    table = top.path("archives", path.name, "accounts.csv")
    with open(table, "rb") as still:
        (work / "new").write_text(dump(seed=3))
        (work / "new").rename(path)
        assert eventually(lambda: table.read_bytes() != old["accounts.csv"])
        assert still.read() == old["accounts.csv"]
    new = shelf(top, path.name)
    top.unmount()
    again = mount_store(store, path)
    assert shelf(again, path.name) == new and about(again)["index_kept"]


def test_damaged_or_gone(work, store, mount_store, archive):
    """Whatever of the kept files is lost, the archive still has it."""
    before, _ = mount_and_keep(mount_store, store, archive)
    dice = random.Random(4)
    kept = sorted((store.path / "cache").iterdir())
    assert len(kept) == 4  # three tables, of which one is cut, and what else there is
    for victim in kept:
        data = victim.read_bytes()
        for damage in ("flip", "gone"):
            if damage == "gone":
                victim.unlink()
            else:
                flipped = bytearray(data)
                for _ in range(40):
                    flipped[dice.randrange(len(data))] ^= 0x41
                victim.write_bytes(flipped)
            top = mount_store(store, archive)
            assert shelf(top, archive.name) == before, (victim, damage)
            top.unmount()
            assert sorted((store.path / "cache").iterdir()) == kept


def test_another_password(work, store, mount):
    """What could not be opened is tried again in the next mount."""
    (work / "dump.sql").write_text(dump())
    path = work / "secret.zip"
    subprocess.run(["zip", "-qj", "-P", "s3cret", path, work / "dump.sql"], check=True)
    assert eventually(lambda: settled(path))
    config = work / "crmfs.conf"
    for password, there in (("wrong", False), ("s3cret", True), ("wrong", False), ("s3cret", True)):
        config.write_text(f"[source old]\nurl = {path}\npassword-command = echo {password}\n")
        top = mount(arguments=("--store", store.path, "--config", config), environment=store.environment)
        assert (top.path("archives/old/accounts.csv")).exists() == there
        top.unmount()


def test_wide(work, store, mount_store):
    """A dump in UTF-16 is kept as any other."""
    path = work / "wide.sql"
    path.write_bytes(written((dump() + "-- \u20ac\n").encode()))
    assert eventually(lambda: settled(path))
    before, cold = mount_and_keep(mount_store, store, path)
    assert before["accounts.csv"].count(b"\n") == 3001 and not cold["index_kept"]
    top = mount_store(store, path)
    assert shelf(top, path.name) == before
    assert about(top)["index_kept"] and about(top)["rows_indexed"] == 0
