# SPDX-License-Identifier: MIT
"""What measurements of servers share: rows to load, commands and their times, a mount, 2,000 tables."""
import os
import shutil
import subprocess
import sys
import time

from measuring import took
import crm
import mounting


def field(value):
    if value is None:
        return "\\N"
    text = str(value)
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def write_rows(path, rows):
    """The activities as tab-separated text, which every server loads."""
    with open(path, "w", encoding="utf-8") as file:
        for row in crm.activities(rows, rows // 10, rows // 10):
            file.write("\t".join(map(field, row)) + "\n")


class Bench:
    """What one run shares: the server, commands and their times."""

    def __init__(self, bench, server):
        self.bench, self.server, self.peak, self.number = bench, server, 0, 0

    def took(self, *command, shell=False, environment=None):
        start = time.perf_counter()
        process = subprocess.Popen(command[0] if shell else [str(word) for word in command], shell=shell,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env={**os.environ, **(environment or {})})
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit(f"{command} failed")
        return time.perf_counter() - start, usage.ru_maxrss * 1024

    def snapshot(self, database):
        """A first one, into a new store."""
        self.number += 1
        store = self.bench.directory / f"store{self.number}"
        environment = {"CRMFS_PASSPHRASE": "bench", "XDG_STATE_HOME": str(self.bench.directory / "state")}
        self.took(mounting.BINARY, "init", store, environment=environment)
        taken, peak = self.took(mounting.BINARY, "snapshot", "-q", "--store", store, self.server.url(database),
                                environment=environment)
        self.peak = max(self.peak, peak)
        shutil.rmtree(store)
        return taken

    def cat(self):
        top = self.bench.mount(self.server.url("bench"))
        taken, _ = self.took("cat", top.live() / "activities.csv")
        self.peak = max(self.peak, top.high_water())
        top.unmount()
        return taken


def compare(bench, name, ours, peers):
    """Ours and the peers' times by turns; PEERS: name, measure, the most that ours may be of it."""
    there = [peer for peer in peers if shutil.which(peer[0].split()[0]) or peer[0].startswith("bare")]
    mine, *others = bench.turns(ours, *(measure for _, measure, _ in there))
    for (peer, _, most), other in zip(there, others):
        bench.row(name, took(mine), f"{peer}: {took(other)}", f"{mine / other:.2f}", f"at most {most:.2f}",
                  mine <= most * other)


def measure_many(bench, ours, tables):
    top = bench.mount(ours.server.url("many"))
    first = bench.runs(lambda: ours.took("ls", top.live())[0])
    ours.change()
    time.sleep(2.5)
    changed = ours.took("ls", top.live())[0]
    ours.peak = max(ours.peak, top.high_water())
    top.unmount()
    taken = bench.runs(lambda: ours.snapshot("many"))
    bench.row(f"ls of {tables:,} tables", took(first), "", "-", "under 1 s", first < 1)
    bench.row("ls after a change", took(changed), "", "-", "", None)
    bench.row(f"snapshot of {tables:,} tables", took(taken), "", "-", "under 20 s", taken < 20)
