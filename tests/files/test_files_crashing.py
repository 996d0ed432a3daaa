# SPDX-License-Identifier: MIT
"""Random operations on files/ whose daemon is killed in their midst: what is found then once stood there."""
import os
import random
import signal
import threading

import pytest

import mounting
from files_beside import CrashingSides
from running import clear, remount, run

SEEDS = [int(seed) for seed in os.environ.get("FILES_SEEDS", "1 2").split()]
LIVES = int(os.environ.get("FILES_LIVES", "6"))
STEPS = 400  # of a life, at most


def live(both, pid, seconds):
    """Operations until somebody kills the daemon; true if it was in the midst of one."""
    killer = threading.Timer(seconds, os.kill, (pid, signal.SIGKILL))
    killer.start()
    try:
        for _ in range(STEPS):
            both.step()
    except CrashingSides.Crashed:
        return True
    finally:
        killer.join()
    return False


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
    caught = 0
    try:
        for _ in range(LIVES):
            caught += live(both, top.pid, dice.uniform(0.2, 2))
            both.close()
            clear(top)
            remount(top)
            both.found_again()
            run("rsync", "-aHAXSc", "--delete", f"{ours.parent}/", f"{plain.parent}/")
            both.compare()
            store.check()
    finally:
        both.close()
        os.umask(old)
    assert caught > 0
    assert len(both.done) > LIVES * 5
