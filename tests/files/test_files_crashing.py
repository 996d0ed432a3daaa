# SPDX-License-Identifier: MIT
"""Random operations on files/ whose daemon is killed in their midst: what is found then once stood there."""
import os
import random
import shutil
import signal
import threading

import pytest

import mounting
from files_beside import CrashingSides
from running import clear, remount, run

SEEDS = [int(seed) for seed in os.environ.get("FILES_SEEDS", "1 2").split()]
LIVES = int(os.environ.get("FILES_LIVES", "6"))


def live(both, pid, seconds):
    """Operations until the daemon is killed in their midst."""
    killer = threading.Timer(seconds, os.kill, (pid, signal.SIGKILL))
    killer.start()
    try:
        while True:
            both.step()
    except CrashingSides.Crashed:
        pass
    finally:
        killer.join()


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_found_after_a_crash_once_stood(top, root, store, work, seed):
    old = os.umask(0o022)
    dice = random.Random(seed)
    ours, plain = top.path("files/top"), work / "plain/top"
    for each in ours, plain:
        each.mkdir(parents=True)
        each.parent.chmod(0o755)
    both = CrashingSides(ours, plain, seed, lambda: mounting.is_alive(top.pid))
    both.sync_all()
    try:
        for _ in range(LIVES):
            live(both, top.pid, dice.uniform(0.2, 2))
            both.close()
            clear(top)
            remount(top)
            both.found_again()
            shutil.rmtree(plain.parent)
            run("cp", "-a", ours.parent, plain.parent)
            both.compare()
            store.check()
    finally:
        both.close()
        os.umask(old)
    assert len(both.done) > LIVES * 5
