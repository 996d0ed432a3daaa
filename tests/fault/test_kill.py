# SPDX-License-Identifier: MIT
"""kill -9, again and again, while two writers, a prune and a reader are at one store.

Whatever ended with status 0 is there afterwards, whole; what was never begun is not. FAULT_SECONDS
says how long this goes on.
"""
import os
import signal
import sqlite3
import subprocess
import threading
import time

import mounting

SECONDS = float(os.environ.get("FAULT_SECONDS", "20"))
ROWS = 8000
KEPT = 6  # snapshots that a writer leaves there


class Data:
    """A database that is, after change number n, what n alone says."""

    def __init__(self, path):
        self.path, self.number = path, 0
        conn = sqlite3.connect(path)
        conn.execute("CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, called INTEGER)")
        conn.executemany("INSERT INTO people VALUES (?, ?, 0)", ((i, self.name(i)) for i in range(ROWS)))
        conn.commit()
        conn.close()

    @staticmethod
    def name(row):
        return f"Somebody {row * 7919 % 100003} of the city"

    def change(self):
        """Every hundredth row, others each time."""
        self.number += 1
        conn = sqlite3.connect(self.path)
        conn.execute("UPDATE people SET called = ? WHERE id % 100 = ?", (self.number, self.number % 100))
        conn.commit()
        conn.close()
        return self.number

    @classmethod
    def csv(cls, number):
        def called(row):
            last = number - (number - row) % 100
            return max(last, 0)

        return "id,name,called\n" + "".join(f"{i},{cls.name(i)},{called(i)}\n" for i in range(ROWS))


class Party:
    """All that runs at once, until it is killed."""

    def __init__(self, store, sources):
        self.store, self.sources = store, sources
        self.lock = threading.Lock()
        self.running, self.stopped = set(), False
        self.begun, self.taken = {}, {}  # names: the number that the data had
        self.forgetting, self.forgotten = set(), set()
        self.read = 0
        self.odd = []  # what nobody should have said

    def run(self, *words):
        """Status and standard output of a command; None: it was killed, or never began."""
        with self.lock:
            if self.stopped:
                return None, b""
            process = subprocess.Popen(self.store.command(*words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, env={**os.environ, **self.store.environment})
            self.running.add(process)
        out, err = process.communicate()
        with self.lock:
            self.running.discard(process)
        if process.returncode == -signal.SIGKILL:
            return None, b""
        if process.returncode != 0 and words[0] in ("snapshot", "prune"):
            self.odd.append((words, process.returncode, err.decode(errors="replace")))
        return process.returncode, out

    def write(self, who):
        data = self.sources[who]
        while not self.stopped:
            number = data.change()
            name = f"{who}-{number}"
            self.begun[name] = number
            status, _ = self.run("snapshot", "--store", self.store.path, "--name", name, f"people={data.path}")
            if status == 0:
                self.taken[name] = number
            mine = [each for each in list(self.taken) if each.startswith(f"{who}-") and each not in self.forgetting]
            if len(mine) > KEPT:
                self.forgetting.add(mine[0])
                status, _ = self.run("forget", self.store.path, mine[0])
                if status == 0:
                    self.forgotten.add(mine[0])

    def prune(self):
        while not self.stopped:
            self.run("prune", "--grace", "0s", "--max-unused", "0%", self.store.path)

    def look(self):
        while not self.stopped:
            for name in list(self.taken):
                status, out = self.run("export", self.store.path, name, "people")
                if status == 0:
                    self.read += 1
                    if out.decode() != Data.csv(self.taken[name]):
                        self.odd.append(("export", name, "wrong bytes"))
                elif status is not None and name not in self.forgetting:
                    self.odd.append(("export", name, status))

    def do(self, job, *arguments):
        """A thread's work; what goes wrong in it is not lost."""
        try:
            job(*arguments)
        except Exception as problem:  # pylint: disable=broad-except
            self.odd.append((job.__name__, repr(problem)))

    def kill(self):
        with self.lock:
            self.stopped = True
            for process in self.running:
                process.kill()


def wait_for_writing(store, dice):
    """Until somebody writes a file, and a moment more; or until it takes too long."""
    end = time.monotonic() + 4
    while time.monotonic() < end and not (store.path / "tmp").exists():
        time.sleep(0.002)
    while time.monotonic() < end and not os.listdir(store.path / "tmp"):
        time.sleep(0.0005)
    time.sleep(dice.random() ** 3 * 0.05)


def round_of(party, dice, number):
    """Lets them run, kills all of them, and waits until they are gone."""
    jobs = [(party.write, "a"), (party.write, "b"), (party.prune,), (party.look,)]
    party.stopped = False
    threads = [threading.Thread(target=party.do, args=job) for job in jobs]
    for thread in threads:
        thread.start()
    time.sleep(dice.uniform(0.2, 1.5))
    if number % 3 != 0:
        wait_for_writing(party.store, dice)
    party.kill()
    for thread in threads:
        thread.join(mounting.PATIENCE)
        assert not thread.is_alive()


def verify(party, seen):
    """Everything is there that must be, nothing else, and it is whole."""
    store = party.store
    names = set(store.names())
    assert not set(party.taken) - party.forgetting - names, "an acknowledged snapshot is gone"
    assert not names & party.forgotten, "a forgotten snapshot is there"
    assert not names - set(party.begun)
    assert "all is well" in store.check().out
    for name in names - seen:
        assert store.export(name, "people").decode() == Data.csv(party.begun[name]), name
    seen |= names
    # One that was not acknowledged counts from now on.
    party.taken.update({name: party.begun[name] for name in names})


def test_killed_again_and_again(store, work, dice):
    sources = {who: Data(work / f"{who}.db") for who in "ab"}
    party, seen, rounds, end = Party(store, sources), set(), 0, time.monotonic() + SECONDS
    while rounds < 3 or time.monotonic() < end:
        round_of(party, dice, rounds)
        verify(party, seen)
        rounds += 1
    print(f"{rounds} rounds: {len(party.begun)} snapshots begun, {len(party.taken)} there at some time, "
          f"{len(party.forgotten)} forgotten, {party.read} read beside the writers")
    assert party.taken and party.read
    assert not party.odd, party.odd
    store.take("last", f"people={sources['a'].path}")
    store.run("prune", "--grace", "0s", store.path)
    party.begun["last"] = sources["a"].number
    verify(party, set())
