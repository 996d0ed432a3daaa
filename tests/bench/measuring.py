# SPDX-License-Identifier: MIT
"""What all measurements share: times of commands, cold caches, rows of a table of results, the data."""
import argparse
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "data")]

import crm  # noqa: E402
import mounting  # noqa: E402

CACHE = mounting.ROOT / "build/bench"
MIB = 1 << 20


def drop_caches(*paths):
    """Forgets what is cached: everything as root, else the pages of PATHS."""
    os.sync()
    if os.geteuid() == 0:
        Path("/proc/sys/vm/drop_caches").write_text("3")
        return
    for path in paths:
        file = os.open(path, os.O_RDONLY)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(file)


def seconds(*command):
    """The wall time of a command whose output goes nowhere."""
    start = time.perf_counter()
    subprocess.run([str(word) for word in command], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def cold_seconds(*command, forget=()):
    drop_caches(*forget)
    return seconds(*command)


class Bench:
    """What all measurements share: the options, a directory for mounts, the rows of the table."""

    def __init__(self, options, directory):
        self.options, self.directory = options, Path(directory)
        self.results, self.mounts = [], 0

    def runs(self, measure, count=None):
        """The median of COUNT runs of one measurement."""
        return statistics.median(measure() for _ in range(count or self.options.runs))

    def turns(self, *measures):
        """The medians of several measurements that take turns, so that all see the same weather."""
        rounds = [[measure() for measure in measures] for _ in range(self.options.runs)]
        return [statistics.median(column) for column in zip(*rounds)]

    def mount(self, *sources, **how):
        self.mounts += 1
        top = mounting.Mount(self.directory / f"m{self.mounts}", sources, **how)
        answer = top.start()
        if answer.status != 0:
            sys.exit(answer.err)
        return top

    def row(self, name, ours, peer, ratio, target, met):
        result = {"name": name, "ours": ours, "peer": peer, "ratio": ratio, "target": target,
                  "ok": met}
        self.results.append(result)
        if not self.options.json:
            print_row(name, ours, peer, ratio, target, {True: "holds", False: "MISSED", None: ""}[met])


def print_row(*cells):
    print("{:<34}{:>14}  {:<32}{:>8}  {:<22}{}".format(*cells), flush=True)


def rate(size, time_taken):
    return f"{size / time_taken / 1e9:.2f} GB/s"


def took(time_taken):
    return f"{time_taken:.2f} s" if time_taken >= 1 else f"{time_taken * 1000:.1f} ms"


def cached(name, make):
    """A file under build/bench, made when it is not there yet."""
    path = CACHE / name
    if not path.exists():
        print(f"making {path}", file=sys.stderr)
        unfinished = path.with_suffix(".unfinished")
        unfinished.unlink(missing_ok=True)
        make(unfinished)
        unfinished.rename(path)
    return path


def make_activities(path, rows):
    """The table that everything is measured on: 10 columns, bodies of text, 275 bytes a row."""
    conn = sqlite3.connect(path, isolation_level=None)
    conn.execute("PRAGMA journal_mode = OFF")
    conn.execute("PRAGMA synchronous = OFF")
    schema = next(sql for sql in crm.SCHEMA.split(";") if "TABLE activities" in sql)
    conn.execute(schema)
    conn.execute("BEGIN")
    conn.executemany("INSERT INTO activities VALUES (?,?,?,?,?,?,?,?,?,?)",
                     crm.activities(rows, rows // 10, rows // 10))
    conn.execute("COMMIT")
    conn.close()


def compiled_scan(directory):
    """A program that does no more than step over a table: `bare_scan DATABASE TABLE`."""
    program = directory / "bare_scan"
    subprocess.run(["cc", "-O2", HERE / "bare_scan.c", "-lsqlite3", "-o", program], check=True)
    return program


def run(description, measure, **more):
    """What a measuring program does: arguments, a directory, the table. MORE: options and their defaults."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rows", type=int, default=int(os.environ.get("CRMFS_BENCH_ROWS", 2000000)),
                        help="of the activities table; CRMFS_BENCH_ROWS")
    parser.add_argument("--runs", type=int, default=3, help="of each measurement; the median counts")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    for name, (default, words) in more.items():
        choices = default if isinstance(default, list) else None
        parser.add_argument(f"--{name.replace('_', '-')}", choices=choices, default="" if choices else default, help=words,
                            type=str if choices else type(default))
    options = parser.parse_args()
    if not mounting.BINARY.exists():
        sys.exit(f"{mounting.BINARY} is not built")
    CACHE.mkdir(parents=True, exist_ok=True)
    if not options.json:
        print(f"{options.rows:,} rows, {os.cpu_count()} cores, medians of {options.runs}; ratio: ours / peer's "
              "time, or rate" + ("" if os.geteuid() == 0 else "; not root: caches are dropped in part"))
        print_row("what", "crmfs", "beside", "ratio", "target", "")
    with tempfile.TemporaryDirectory(prefix="crmfs-bench-") as directory:
        bench = Bench(options, directory)
        try:
            measure(bench)
        finally:
            for point in mounting.mount_table():
                if point.startswith(f"{directory}/"):
                    subprocess.run(["fusermount3", "-u", "-z", point], check=False)
        if options.json:
            print(json.dumps({"rows": options.rows, "runs": options.runs, "results": bench.results}, indent=1))
