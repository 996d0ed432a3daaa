# SPDX-License-Identifier: MIT
"""files/ in a store whose disk is full: that is said, nothing is lost, and what is removed gives room back."""
import errno
import os
import random
import re
import subprocess

import pytest

from running import kill, remount, sync, write
from stores import Kept

MIB = 1 << 20
DISK = 24 * MIB


@pytest.fixture
def small_disk(work, root):
    place = work / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", place], check=True)
    yield place
    subprocess.run(["umount", place], check=True)


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
