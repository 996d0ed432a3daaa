# SPDX-License-Identifier: MIT
"""files/ in a store whose disk is full: that is said, nothing is lost, and what is removed gives room back."""
import errno
import json
import os
import random
import re
import subprocess

import pytest

import mounting
from mounting import eventually
from running import kill, remount, sync, write
from stores import Kept

MIB = 1 << 20
DISK = 24 * MIB


@pytest.fixture
def small_disk(work, root):
    with mounting.small_disk(work / "disk", DISK) as place:
        yield place


@pytest.fixture
def mounted(small_disk, mount):
    """A mount of a store on a small disk, before that is unmounted."""
    store = Kept(small_disk)
    return store, mount(store.path, environment=store.environment)


def fill(directory, dice):
    """Files until there is no room; the content of those that were safe."""
    safe = {}
    for number in range(1000):
        name, content = f"n{number}", dice.randbytes(dice.choice([5000, 300_000, 2 * MIB]))
        try:
            write(directory / name, content)
        except OSError as error:
            assert error.errno == errno.ENOSPC
            return safe
        safe[name] = content
    raise AssertionError("the disk is never full")


def assert_there(directory, safe):
    for name, content in safe.items():
        assert (directory / name).read_bytes() == content


def test_a_full_disk(mounted):
    store, top = mounted
    files, dice = top.path("files"), random.Random(6)
    (files / "d").mkdir()
    safe = fill(files / "d", dice)
    assert sum(map(len, safe.values())) > DISK / 2
    assert_there(files / "d", safe)
    with pytest.raises(OSError) as refused:
        write(files / "more", dice.randbytes(4 * MIB))
    assert refused.value.errno == errno.ENOSPC
    assert re.search("No space left|disk is full", top.errors())
    assert "crmfs prune" in top.errors()
    assert_there(files / "d", safe)

    # First what has no room, which all others wait for; then what is removed is removed for good.
    (files / "more").unlink()
    for name in set(os.listdir(files / "d")) - set(safe):
        (files / "d" / name).unlink()
    for name in sorted(safe)[:5]:
        (files / "d" / name).unlink()
        sync(files)
        del safe[name]

    # After a crash, too.
    kill(top)
    remount(top)
    assert_there(files / "d", safe)
    half = sorted(safe)[::2]
    for name in half:
        (files / "d" / name).unlink()
        del safe[name]
    sync(files)
    store.run("prune", "--grace", "0", store.path)
    assert_there(files / "d", safe)
    content = dice.randbytes(3 * MIB)
    write(files / "again", content)
    top.unmount()
    store.check()
    remount(top)
    assert_there(files / "d", safe)
    assert (files / "again").read_bytes() == content


def fill_without_sync(directory, dice, size):
    """Files until one is refused; the content of the others."""
    accepted = {}
    for number in range(20000):
        name, content = f"w{number}", dice.randbytes(size)
        try:
            (directory / name).write_bytes(content)
        except OSError as error:
            assert error.errno == errno.ENOSPC
            return accepted
        accepted[name] = content
    raise AssertionError("the disk is never full")


@pytest.mark.parametrize("size", [3000, 100_000, MIB])
def test_what_was_accepted_is_there_after_an_unmount(mounted, size):
    """Without any fsync: what has no room on the disk is refused, not taken and forgotten."""
    _, top = mounted
    files = top.path("files")
    accepted = fill_without_sync(files, random.Random(size), size)
    assert sum(map(len, accepted.values())) > DISK * 3 / 4
    assert_there(files, accepted)
    top.unmount()
    remount(top)
    assert_there(files, accepted)
    for name in accepted:
        os.truncate(files / name, 0)
    sync(files)


def until_refused(names, change):
    """Those that were changed, until there was no room for it."""
    changed = set()
    for name in names:
        try:
            change(name)
        except OSError as error:
            assert error.errno == errno.ENOSPC
            return changed
        changed.add(name)
    return changed


def test_what_was_changed_here_and_there_on_a_nearly_full_disk(mounted, small_disk):
    """What is stored anew with it, the ends of files and the tree, has room or is refused; and nothing comes back."""
    _, top = mounted
    files, dice = top.path("files"), random.Random(8)
    safe = {f"n{number}": dice.randbytes(12000) for number in range(600)}
    for name, content in safe.items():
        (files / name).write_bytes(content)
    sync(files)
    disk = os.statvfs(small_disk)
    with open(small_disk / "others", "wb") as file:
        os.posix_fallocate(file.fileno(), 0, disk.f_bavail * disk.f_frsize - MIB)
    names = list(safe)
    dice.shuffle(names)

    def append(name):
        with open(files / name, "ab", buffering=0) as file:
            file.write(b"more")

    appended = until_refused(names, append)
    assert len(appended) > 10
    for name in appended:
        safe[name] += b"more"
    changed = until_refused(names, lambda name: (files / name).chmod(0o640))
    moved = until_refused(names, lambda name: (files / name).rename(files / f"m{name}"))
    now = {name: f"m{name}" if name in moved else name for name in safe}
    for name in names[::3]:
        (files / now[name]).unlink()
        del safe[name]
    sync(files)
    for name in names[1::9]:
        (files / now[name]).unlink()
        del safe[name]
    top.unmount()
    remount(top)
    assert set(os.listdir(files)) == {now[name] for name in safe}
    assert_there(files, {now[name]: content for name, content in safe.items()})
    for name in changed & set(safe):
        assert (files / now[name]).stat().st_mode & 0o777 == 0o640


def test_what_is_lost_at_the_end_is_said(small_disk, mount, capfd):
    """Nobody can look into .crmfs/errors any more: the mount's own words and status say it."""
    store = Kept(small_disk)
    top = mount(store.path, environment=store.environment, start="front")
    write(top.path("files/safe"), b"safe")
    top.path("files/a").write_bytes(random.Random(1).randbytes(MIB))
    with open(small_disk / "others", "wb", buffering=0) as file, pytest.raises(OSError):
        while True:
            file.write(bytes(65536))
    subprocess.run(["fusermount3", "-u", top.point], check=True)
    assert top.process.wait(20) == 1
    said = capfd.readouterr().err
    assert f"{top.point}: what was written into files/ last is lost" in said and "No space left on device" in said
    assert "cannot mount" not in said
    (small_disk / "others").unlink()
    remount(top)
    assert top.path("files/safe").read_bytes() == b"safe"
    assert "ENOSPC files: what was written into files/ last, before a mount ended" in top.errors()
    top.unmount()
    remount(top)
    assert "files" not in top.errors()


def test_what_can_never_fit_is_not_allocated(mounted):
    _, top = mounted
    with open(top.path("files/a"), "wb") as file:
        os.posix_fallocate(file.fileno(), 0, DISK // 2)
        with pytest.raises(OSError) as refused:
            os.posix_fallocate(file.fileno(), 0, 4 * DISK)
        assert refused.value.errno == errno.ENOSPC
        assert os.fstat(file.fileno()).st_size == DISK // 2
        os.posix_fallocate(file.fileno(), 0, DISK // 2)


def test_a_disk_that_others_fill_is_said_by_the_next_write(mounted, small_disk):
    """What was accepted before they did waits, and so do programs that go on."""
    _, top = mounted
    files, dice = top.path("files"), random.Random(3)
    write(files / "first", b"holds a reserve")
    accepted = {name: dice.randbytes(2 * MIB) for name in ("a", "b")}
    for name, content in accepted.items():
        (files / name).write_bytes(content)
    filler = small_disk / "filler"
    with open(filler, "wb", buffering=0) as file, pytest.raises(OSError):
        while True:
            file.write(bytes(MIB))
    assert eventually(lambda: "No space left" in top.errors())
    for _ in range(3):
        with pytest.raises(OSError) as refused:
            (files / "c").write_bytes(b"more")
        assert refused.value.errno == errno.ENOSPC
    filler.unlink()
    (files / "c").write_bytes(b"more")
    top.unmount()
    remount(top)
    assert_there(files, {**accepted, "c": b"more", "first": b"holds a reserve"})


def held_and_gone(top):
    """Files of the store that the daemon has open though they have no name any more."""
    folder = f"/proc/{top.pid}/fd"
    targets = [os.readlink(f"{folder}/{name}") for name in os.listdir(folder)]
    return [target for target in targets if "/packs/" in target and target.endswith("(deleted)")]


def test_an_idle_mount_holds_nothing_that_was_pruned(mounted):
    """Its room is free within seconds, though nobody reads or writes."""
    store, top = mounted
    file = top.path("files/a")
    write(file, random.Random(2).randbytes(4 * MIB))
    top.unmount()
    remount(top)
    file.read_bytes()
    file.unlink()

    def is_pruned():
        """As soon as the kernel has said that nobody has it open."""
        sync(top.path("files"))
        store.run("prune", "--grace", "0", store.path)
        return store.size("packs/") < MIB

    assert eventually(is_pruned)
    assert eventually(lambda: not held_and_gone(top), timeout=5)


def test_what_is_removed_from_a_full_disk_is_marked_by_itself(mounted):
    """Little as it is: its hour begins then, and nobody has to know of prune."""
    store, top = mounted
    files = top.path("files")
    safe = fill(files, random.Random(3))

    def waiting():
        said = store.run("prune", "--dry-run", "--json", store.path).out
        return json.loads(said)["waiting"]["bytes"]

    before = waiting()
    largest = max(safe, key=lambda name: len(safe[name]))
    size = len(safe.pop(largest))
    (files / largest).unlink()
    sync(files)
    assert eventually(lambda: waiting() >= before + size, timeout=90)
    assert_there(files, safe)
    top.unmount()
    store.check()
