# SPDX-License-Identifier: MIT
"""A server that is stopped (SIGSTOP) in the middle of a restore: that is found out, said, and nothing is half made."""
import shutil
import signal
import sqlite3
import subprocess

import pytest

import mariadb
import mounting
import server as postgres_server
from between import BEFORE, GO_ON, Between

FOUND_OUT = 100  # seconds, of a machine that does much else; MySQL's own limit for an answer is 120, and would come twice


@pytest.fixture
def source(work):
    with sqlite3.connect(work / "source.db") as conn:
        conn.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
        conn.executemany("INSERT INTO t VALUES (?, ?)", [(i, f"{i}") for i in range(2000)])
    conn.close()
    return work / "source.db"


class Maria:
    word = b"LOAD DATA"

    def __init__(self):
        self.server = mariadb.make_server().start()
        self.server.sql("CREATE DATABASE crm; CREATE TABLE crm.t (id INT PRIMARY KEY, v TEXT); INSERT INTO crm.t VALUES (7, 'mine')")
        self.socket, self.pause, self.resume = self.server.socket, self.server.pause, self.server.resume

    def between(self, work):
        return work / "s", self.server.url(socket=work / "s")

    def rows(self):
        return self.server.lines("SELECT id, v FROM t", "crm")

    def end(self):
        self.server.stop()
        shutil.rmtree(self.server.directory)


class Postgres:
    word = b"COPY"

    def __init__(self):
        self.server = postgres_server.Server(mounting.SESSION / "silent-postgres").start()
        self.server.psql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (7, 'mine')")
        self.socket = self.server.directory / f".s.PGSQL.{self.server.port}"
        self.pause, self.resume = self.server.freeze, self.server.thaw

    def between(self, work):
        return work / self.socket.name, f"postgresql://postgres@/postgres?host={work}&port={self.server.port}"

    def rows(self):
        return [row.replace("|", "\t") for row in self.server.rows("SELECT id, v FROM t")]

    def end(self):
        self.server.destroy()


@pytest.fixture(params=[Maria, Postgres])
def stopped(request, prerequisites):  # pylint: disable=unused-argument
    one = request.param()
    yield one
    one.resume()
    one.end()


@pytest.mark.parametrize("interrupted", [False, True])
def test_a_server_that_stops_in_the_middle(work, source, stopped, interrupted):
    def strike(_):
        stopped.pause()
        return GO_ON

    socket, url = stopped.between(work)
    words = [mounting.BINARY, "restore", "--mode", "upsert", "--to", url, source]
    with Between(socket, stopped.socket, 1, BEFORE, strike, stopped.word) as between, \
            subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert mounting.eventually(lambda: between.struck)
            if interrupted:
                process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=10 if interrupted else FOUND_OUT)
        finally:
            process.kill()
            stopped.resume()
    assert process.returncode == (-signal.SIGINT if interrupted else 1), (process.returncode, said)
    assert said.startswith("crmfs: cannot restore: ") and said.count("\n") == 1, said
    assert stopped.rows() == ["7\tmine"]
