# SPDX-License-Identifier: MIT
"""A psql that goes on running between the questions of tests.

To start one takes more of a processor than most of what it is asked for: forty libraries to link. This one
runs a text as `psql <text` does, in a new connection, and gives that up afterwards: nothing that a text set or
began reaches the next one, and no test meets a session that is not its own. It is a psql still, whose reading
of statements and whose printing are PostgreSQL's.
"""
import atexit
import itertools
import os
import re
import select
import socket
import struct
import subprocess
from urllib.parse import quote

NUMBERS = itertools.count()
IDLE = []  # those that wait for a question; as many run as questions were ever asked at once
COMMANDS = re.compile(rb"^\\[^.]", re.MULTILINE)  # psql's own, which outlast a connection: \set, \restrict
DONE = b"<done>\n"

# psql knows no word for giving up a connection but that for another one: that leads to ourselves. Each statement's
# output is flushed when it ends, and warnings are never kept back: who has read the warning can read all of it.
RUN = """\\c -reuse-previous=off '{url}'
\\i '/proc/{process}/fd/{text}'
\\c -reuse-previous=off 'postgresql://nobody@/nothing?host=@{nowhere}&port=1'
\\warn <done>
"""


class Nowhere:
    """A server that lets everybody in, and no more."""

    def __init__(self):
        self.name = f"crmfs-tests-{os.getpid()}-{next(NUMBERS)}"
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(f"\0{self.name}/.s.PGSQL.1")
        self.listener.listen(1)
        self.guest = None

    def fileno(self):
        return self.listener.fileno()

    def welcome(self):
        self.close_guest()
        self.guest, _ = self.listener.accept()
        size, = struct.unpack("!I", self.guest.recv(4, socket.MSG_WAITALL))
        self.guest.recv(size - 4, socket.MSG_WAITALL)
        self.guest.sendall(struct.pack("!cII", b"R", 8, 0) + struct.pack("!cIc", b"Z", 5, b"I"))

    def close_guest(self):
        if self.guest is not None:
            self.guest.close()

    def close(self):
        self.close_guest()
        self.listener.close()


class KeptPsql:
    """COMMAND is psql without a database, to be ended by the first statement that fails."""

    def __init__(self, command):
        self.nowhere = Nowhere()
        first = f"postgresql://nobody@/nothing?host=@{self.nowhere.name}&port=1"
        self.process = subprocess.Popen([*command, first], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.out, self.err = self.process.stdout.fileno(), self.process.stderr.fileno()
        os.set_blocking(self.out, False)

    def ask(self, text, server, port, user, database):
        """What psql prints, what it says, and its status if a statement failed: then it has ended."""
        url = f"postgresql://{quote(user, '')}@/{quote(database, '')}?host={quote(str(server), '')}&port={port}"
        file = os.memfd_create("text")
        try:
            with open(file, "wb", closefd=False) as writing:
                writing.write(text)
            self.process.stdin.write(RUN.format(url=url, process=os.getpid(), text=file, nowhere=self.nowhere.name).encode())
            self.process.stdin.flush()
            return self.answer()
        finally:
            os.close(file)

    def answer(self):
        said, printed, reading = b"", [], [self.out, self.err, self.nowhere]
        while self.err in reading and not said.endswith(DONE):
            ready, _, _ = select.select(reading, [], [])
            if self.nowhere in ready:
                self.nowhere.welcome()
            if self.err in ready:
                new = os.read(self.err, 1 << 16)
                said += new
                if not new:
                    reading.remove(self.err)
            if self.out in ready and not self.print_to(printed):
                reading.remove(self.out)
        while self.print_to(printed):
            pass
        if said.endswith(DONE):
            return b"".join(printed), said[:-len(DONE)], 0
        return b"".join(printed), said, self.close()

    def print_to(self, parts):
        """True: there may be more."""
        try:
            parts.append(os.read(self.out, 1 << 20))
        except BlockingIOError:
            return False
        return parts[-1] != b""

    def close(self):
        """Its status."""
        self.process.stdin.close()
        status = self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()
        self.nowhere.close()
        return status


def is_plain(text):
    """Nothing of it can reach the next text."""
    return not COMMANDS.search(text)


def run(command, text, server, port, user, database):
    """What the COMMAND, a psql, prints of a plain text; it raises and says what subprocess.run(check=True) of it does."""
    try:
        one = IDLE.pop()
    except IndexError:
        one = KeptPsql(command)
    printed, said, status = one.ask(text, server, port, user, database)
    os.write(2, said)
    if status != 0:
        raise subprocess.CalledProcessError(status, command, printed)
    IDLE.append(one)
    return printed


@atexit.register
def end():
    while IDLE:
        IDLE.pop().close()
