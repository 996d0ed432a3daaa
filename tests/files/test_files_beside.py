# SPDX-License-Identifier: MIT
"""Random operations on files/ and on a plain directory: the same answers, the same content."""
import os

import pytest

from files_beside import Sides

SEEDS = [int(seed) for seed in os.environ.get("FILES_SEEDS", "0 1 2").split()]
STEPS, COMPARE_EVERY, REMOUNT_EVERY = 1000, 50, 500


@pytest.fixture
def sides(mount_store, store, work):
    """make(SEED) → both directories; one below their tops, so that links to `..` stay inside."""
    old = os.umask(0o022)
    made = []

    def make(seed):
        mounted = mount_store(store)
        plain = work / "plain"
        for top in (mounted.path("files"), plain):
            (top / "top").mkdir(parents=True)
        made.append(Sides(mounted.path("files/top"), plain / "top", seed))
        return mounted, made[0]

    yield make
    for each in made:
        each.close()
    os.umask(old)


@pytest.mark.parametrize("seed", SEEDS)
def test_random_operations(sides, root, seed):
    mounted, both = sides(seed)
    for number in range(1, STEPS + 1):
        both.step()
        both.compare(content=number % COMPARE_EVERY == 0)
        if number % REMOUNT_EVERY == 0:
            both.close()
            mounted.unmount()
            assert mounted.start().status == 0
            both.compare()
    assert len(both.done) > STEPS * 0.9
    assert "files" not in mounted.errors()


def test_what_is_stored_is_what_is_read(sides, root, store):
    """Without the kernel's pages, and from a snapshot."""
    mounted, both = sides(77)
    for _ in range(600):
        both.step()
    both.close()
    mounted.path("snapshots/then").mkdir()
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as file:
        file.write("3")
    both.compare()
    ours = both.roots[0]
    both.roots[0] = os.fspath(mounted.path("snapshots/then/files/top"))
    both.compare()
    both.roots[0] = ours
    for _ in range(300):
        both.step()
    both.close()
    both.compare()
    mounted.unmount()
    store.check()
