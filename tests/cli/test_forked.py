# SPDX-License-Identifier: MIT
"""Copies of a store that went on by themselves and were mixed, and records that others stand in the place of."""
import os
import re
import shutil

import pytest

from command import crmfs
from storing import change, make_people, memory, snapshot, store  # noqa: F401 (fixtures)


def run(*words, status=0):
    """What a command says."""
    done = crmfs(*map(str, words))
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    return done.stdout + done.stderr


def record(place, number):
    return place / "log" / f"{number:020}"


def take(place, database, name):
    change(database, f"UPDATE people SET name = '{name}'")
    snapshot(place, "--name", name, database)


def people(place):
    """Whom the snapshots tell of."""
    listed = crmfs("snapshots", str(place)).stdout
    found = re.findall(r"^(\S+) +\d{4}-", listed, re.M)
    return sorted(run("export", place, name, "people").splitlines()[1].split(",")[1] for name in found)


@pytest.fixture(name="database")
def make_database(work):
    return make_people(work / "crm.db")


@pytest.fixture(name="forked")
def make_forked(store, database, work):
    """Two copies: both have s1, the first a1 and no more, the second b1, b2 and b3."""
    take(store, database, "s1")
    other = shutil.copytree(store, work / "other")
    crmfs("snapshots", str(other))
    for name in ("b1", "b2", "b3"):
        take(other, database, name)
    take(store, database, "a1")
    return store, other


def mix(first, second, work):
    """The first copied over the second."""
    mixed = shutil.copytree(second, work / "mixed")
    for path in first.rglob("*"):
        if path.is_file():
            (mixed / path.relative_to(first)).unlink(missing_ok=True)
    shutil.copytree(first, mixed, dirs_exist_ok=True)
    crmfs("snapshots", str(mixed))
    return mixed


def test_whole_records_are_given_up_with_no_loss(forked, work):
    """What they took comes back, and what took the record did that another one overwrote."""
    mixed = mix(*forked, work)
    assert "forked" in run("snapshots", mixed, status=1)
    said = run("repair", "--drop-records", mixed)
    assert "Gave up 2 records" in said and "Listed 3 snapshots again" in said
    assert people(mixed) == ["a1", "b1", "b2", "b3", "s1"]
    assert run("check", "--read-data", mixed).endswith(": all is well\n")


def put_checkpoint(place):
    """Of all that the log says: in the place of one that is damaged."""
    (place / "checkpoints").mkdir(exist_ok=True)
    (place / "checkpoints" / f"{1:020}").write_bytes(b"junk")
    assert "Removed 1 damaged checkpoint" in run("repair", place)


def test_a_fork_before_a_checkpoint(forked, work):
    """It holds what one of the copies said: what the other one took is looked for."""
    put_checkpoint(forked[1])
    mixed = mix(*forked, work)
    assert people(mixed) == ["b1", "b2", "b3", "s1"]
    said = run("check", mixed, status=1)
    assert "forked" in said and "--drop-records" in said
    said = run("repair", "--drop-records", mixed)
    assert f"log/{3:020}: given up, as those before it" in said and "Listed 1 snapshot again" in said
    assert people(mixed) == ["a1", "b1", "b2", "b3", "s1"]
    assert run("check", "--read-data", mixed).endswith(": all is well\n")


@pytest.mark.parametrize("gone", [(3,), (3, 4), (5,)])
def test_missing_before_a_checkpoint(forked, gone):
    """What check calls damage, repair mends: others that are damaged are removed, too."""
    place = forked[1]
    put_checkpoint(place)
    for number in gone:
        record(place, number).unlink()
    assert "--drop-records" in run("check", place, status=1)
    said = run("repair", "--drop-records", place)
    assert f"log/{gone[-1]:020}: missing: a checkpoint after it holds what it said" in said
    assert "Gave up 0 records" in said
    assert run("check", "--read-data", place).endswith(": all is well\n")
    assert "no record was given up" in run("repair", "--drop-records", place)
    assert people(place) == ["b1", "b2", "b3", "s1"]


def test_a_copy_in_the_place_of_the_newest(store, database, work, monkeypatch):
    """It is lost, if this machine has seen it; and looked for if not."""
    for name in ("s1", "s2", "s3", "s4"):
        take(store, database, name)
    unseen = shutil.copytree(store, work / "unseen")
    for place in (store, unseen):
        record(place, 4).unlink()
        record(place, 5).unlink()
        shutil.copy(record(place, 2), record(place, 5))
    said = run("repair", "--drop-records", store)
    assert "Gave up 2 records" in said and "Listed 2 snapshots again" in said
    monkeypatch.setenv("XDG_STATE_HOME", str(work / "nothing"))
    said = run("repair", "--drop-records", unseen)
    assert "Gave up 0 records" in said and "Listed 2 snapshots again" in said
    for place in (store, unseen):
        assert people(place) == ["s1", "s2", "s3", "s4"]
        assert run("check", "--read-data", place).endswith(": all is well\n")


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_what_is_no_file(store, database, make):
    """It is to be moved away; nothing else is advised, as nothing else helps."""
    take(store, database, "s1")
    make(record(store, 3))
    for words in (["snapshots", store], ["check", store], ["repair", "--drop-records", store],
                  ["snapshot", "--store", store, database]):
        said = run(*words, status=1)
        assert f"{record(store, 3)}: it is no file" in said and "move it away" in said and "--drop-records" not in said
    record(store, 3).rename(store.parent / "away")
    take(store, database, "s2")
