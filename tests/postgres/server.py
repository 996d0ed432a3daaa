# SPDX-License-Identifier: MIT
"""A real PostgreSQL for a test: a cluster of its own in a temporary directory, gone afterwards."""
import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import kept_psql
import mounting

SETTINGS = """
fsync = off
full_page_writes = off
max_connections = 40
shared_buffers = 8MB
jit = off
autovacuum = off
max_prepared_transactions = 4
listen_addresses = '%s'
port = %d
unix_socket_directories = '%s'
%s
"""


def programs():
    """Where initdb and postgres are: not on the PATH of a Debian machine. psql too: the one on it is a script of
    Perl's, which takes ten times as long to start."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    assert found, "no PostgreSQL server; sh tools/setup.sh check installs one"
    return found[-1].parent


def make_template(directory):
    """A fresh cluster, to be copied: making one takes a second."""
    user = mounting.NOBODY if os.geteuid() == 0 else None
    directory.mkdir()
    if user:
        os.chown(directory, user.pw_uid, user.pw_gid)
    subprocess.run(mounting.as_user(user, [programs() / "initdb", "-D", directory, "-A", "trust", "-U", "postgres", "--no-sync",
                                           "--no-instructions", "-E", "UTF8", "--locale=C.UTF-8"]),
                   check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=directory)


# A process of the server's that ends lets each of its forty libraries tidy its memory, which is that of a process
# that ends: a third of what a connection costs, where pages are dear. Those of its heap come many at a time.
END_AT_ONCE = """
#include <stdio.h>
#include <unistd.h>
void exit(int status)
{
    fflush(NULL);
    _exit(status);
}
"""
AT_A_TIME = "glibc.malloc.top_pad=1048576"


def make_library(path):
    subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", path], input=END_AT_ONCE, text=True, check=True)


class Server:
    """One cluster, new or kept, or a standby of another. The user "postgres" may do everything without a password."""

    def __init__(self, directory, settings="", addresses="", primary=None):
        self.directory, self.settings, self.addresses = Path(directory), settings, addresses
        self.data, self.port, self.process = self.directory / "data", mounting.free_port(), None
        self.user = mounting.NOBODY if os.geteuid() == 0 else None
        self.directory.mkdir(parents=True, exist_ok=True)
        if self.user:
            os.chown(self.directory, self.user.pw_uid, self.user.pw_gid)
        if self.data.exists():
            pass  # one that was kept
        elif primary is None:
            shutil.copytree(mounting.made_once("postgres", make_template), self.data)
            if self.user:
                subprocess.run(["chown", "-R", f"{self.user.pw_uid}:{self.user.pw_gid}", self.data], check=True)
        else:
            self.run(programs() / "pg_basebackup", "-h", primary.directory, "-p", primary.port, "-U", "postgres",
                     "-D", self.data, "-R", "-c", "fast", "--no-sync")
        mounting.spread(self.data / "base")
        self.configure()

    def guard(self, certificates, name="good", rules=""):
        """TLS with one of the certificates, and pg_hba.conf: RULES, and the socket open to "postgres"."""
        for ending in ("pem", "key"):
            copy = self.data / f"server.{ending}"
            shutil.copy(certificates / f"{name}.{ending}", copy)
            copy.chmod(0o600)
            if self.user:
                os.chown(copy, self.user.pw_uid, self.user.pw_gid)
        shutil.copy(certificates / "ca.pem", self.data / "ca.pem")
        (self.data / "ca.pem").chmod(0o644)
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as file:
            file.write("ssl = on\nssl_cert_file = 'server.pem'\nssl_key_file = 'server.key'\nssl_ca_file = 'ca.pem'\n")
        (self.data / "pg_hba.conf").write_text(f"local all postgres trust\n{rules}")
        return self

    def configure(self):
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as file:
            file.write(SETTINGS % (self.addresses, self.port, self.directory, self.settings))

    def run(self, *command, **how):
        return subprocess.run(mounting.as_user(self.user, command), check=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, cwd=self.directory, **how).stdout

    def start(self):
        environment = {**os.environ, "GLIBC_TUNABLES": AT_A_TIME,
                       "LD_PRELOAD": str(mounting.made_once("end-at-once.so", make_library))}
        with open(self.directory / "log", "ab") as log:
            self.process = subprocess.Popen(mounting.as_user(self.user, [programs() / "postgres", "-D", self.data]),
                                            stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment,
                                            cwd=self.directory, start_new_session=True)
        assert mounting.eventually(self.answers, mounting.PATIENCE), self.log()
        return self

    def answers(self):
        assert self.process.poll() is None, self.log()
        return subprocess.run([programs() / "pg_isready", "-q", "-h", self.directory, "-p", str(self.port)],
                              check=False).returncode == 0

    def log(self):
        return (self.directory / "log").read_text(errors="replace")

    def stop(self, how=signal.SIGINT):
        """SIGINT: at once, but in order; SIGKILL: as a crash."""
        if self.process is None:
            return
        if how == signal.SIGKILL:
            for process in self.processes():
                os.kill(process, signal.SIGKILL)
        else:
            self.process.send_signal(how)
        self.process.wait(mounting.PATIENCE)
        self.process = None

    def processes(self):
        """The postmaster and all of its children."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [self.process.pid, *map(int, children)]

    def freeze(self):
        for process in self.processes():
            os.kill(process, signal.SIGSTOP)

    def thaw(self):
        for process in self.processes():
            with contextlib.suppress(ProcessLookupError):  # one that ended by itself
                os.kill(process, signal.SIGCONT)

    def destroy(self):
        if self.process is not None and self.process.poll() is None:
            self.thaw()
            self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def psql(self, sql, database="postgres", user="postgres", **how):
        """What psql prints, unaligned, one line a row."""
        command = [str(programs() / "psql"), "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1"]
        text = sql if isinstance(sql, bytes) else sql.encode()
        if not how and kept_psql.is_plain(text):
            return kept_psql.run(command, text, self.directory, self.port, user, database)
        command += ["-h", str(self.directory), "-p", str(self.port), "-U", user, "-d", database]
        return subprocess.run(command, input=text, stdout=subprocess.PIPE, check=True, **how).stdout

    def create(self, database, options=""):
        """A new database. Its files are copied: to write them to the log costs three times as much."""
        self.psql(f"CREATE DATABASE {database} {options} STRATEGY FILE_COPY")

    def rows(self, sql, database="postgres"):
        return self.psql(sql, database).decode().splitlines()

    def url(self, database, user="postgres", **options):
        more = "".join(f"&{name}={value}" for name, value in options.items())
        return f"postgresql://{user}@/{database}?host={self.directory}&port={self.port}{more}"

    def waits(self, condition, database="postgres"):
        """Until a query gives "t"."""
        return mounting.eventually(lambda: self.rows(condition, database) == ["t"], mounting.PATIENCE)


def copy_rows(raw):
    """The rows of COPY's text form: None, or the bytes of a field."""
    escapes = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
    rows = []
    for line in raw.split(b"\n")[:-1]:
        row = []
        for field in line.split(b"\t"):
            if field == b"\\N":
                row.append(None)
                continue
            parts, out, at = field, bytearray(), 0
            while at < len(parts):
                if parts[at:at + 1] == b"\\":
                    out += escapes.get(parts[at + 1:at + 2], parts[at + 1:at + 2])
                    at += 2
                else:
                    out += parts[at:at + 1]
                    at += 1
            row.append(bytes(out))
        rows.append(row)
    return rows


def load(seconds):
    """A pause that gives other processes time; nothing is concluded from its length."""
    time.sleep(seconds)
