# SPDX-License-Identifier: MIT
"""Ctrl-C while mkdir takes a snapshot: nothing half-made, and the mount goes on."""
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import closing

import pytest

import reference
from mounting import PATIENCE, eventually
from stores import snapshots_of


def written(store):
    return store.size("tmp/") + store.size("packs/")


def mkdir(path):
    return subprocess.Popen(["mkdir", path], stderr=subprocess.DEVNULL)


def test_interrupted(mount_store, store, large_crm_db):
    """At many moments of it: mkdir ends at once, by the signal or with a whole snapshot."""
    top = mount_store(store, large_crm_db)
    dice, ended = random.Random(11), []
    for number in range(6):
        begun = written(store)
        process = mkdir(top.path(f"snapshots/s{number}"))
        if number % 2:
            assert eventually(lambda: written(store) > begun or process.poll() is not None, 20, 0.001)
        else:
            time.sleep(dice.random() / 10)
        process.send_signal(signal.SIGINT)
        ended.append(process.wait(PATIENCE))
        assert ended[-1] in (0, -signal.SIGINT), ended
        # Who is ended is answered at once, and the taking ends soon after that.
        assert eventually(lambda: top.status()["store"]["taking"] is None)
        # Taken or not (a signal may come when the record is put): everybody agrees, and what is there is whole.
        shown = snapshots_of(top)
        assert ended[-1] != 0 or f"s{number}" in shown
        assert shown == sorted(store.names())
    assert -signal.SIGINT in ended
    # What was called off leaves nothing that the next one trips over.
    top.path("snapshots/whole").mkdir()
    with closing(reference.connect(large_crm_db)) as plain:
        for table in ("accounts", "activities"):
            assert top.path(f"snapshots/whole/large_crm_db/{table}.csv").read_bytes() == \
                reference.render(plain, table, "csv")
    assert [name for name in store.files() if name.startswith("tmp/")] == []
    top.unmount()
    store.check()


CLOCKED = """
import os, signal, sys
rung = []
signal.signal(signal.SIGALRM, lambda *_: rung.append(1))
signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)
os.mkdir(sys.argv[1])
signal.setitimer(signal.ITIMER_REAL, 0)
print(len(rung))
"""


def test_other_signals_let_it_go_on(mount_store, store, large_crm_db):
    """A program whose clock rings does not see its mkdir fail."""
    top = mount_store(store, large_crm_db)
    done = subprocess.run([sys.executable, "-c", CLOCKED, top.path("snapshots/a")], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0
    assert snapshots_of(top) == store.names() == ["a"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGHUP])
def test_ended(mount_store, store, large_crm_db, number):
    top = mount_store(store, large_crm_db)
    process = mkdir(top.path("snapshots/a"))
    assert eventually(lambda: written(store) > 0 or process.poll() is not None, 20, 0.001)
    process.send_signal(number)
    assert process.wait(PATIENCE) in (0, -number)
    assert eventually(lambda: top.status()["store"]["taking"] is None)
    assert snapshots_of(top) == store.names()
    # Another one may begin at once.
    os.mkdir(top.path("snapshots/b"))
    assert "b" in snapshots_of(top)
    store.check()
