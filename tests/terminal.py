# SPDX-License-Identifier: MIT
"""Runs the crmfs command on a terminal, with somebody who types."""
import os
import pty
import select
import termios
import time

from mounting import BINARY


class Terminal:
    """crmfs, or another program, on a terminal of its own."""

    def __init__(self, *words, program=BINARY, **environment):
        self.said = ""
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.execve(program, [str(program), *map(str, words)], {**os.environ, **environment})

    def read(self, seconds):
        if select.select([self.master], [], [], seconds)[0]:
            try:
                self.said += os.read(self.master, 4096).decode()
                return True
            except OSError:
                return False
        return False

    def expect(self, text):
        end = time.monotonic() + 60
        while text not in self.said:
            assert time.monotonic() < end and (self.read(1) or select.select([self.master], [], [], 0)), self.said
        self.said = self.said.partition(text)[2]

    def echoes(self):
        return bool(termios.tcgetattr(self.master)[3] & termios.ECHO)

    def type(self, text):
        os.write(self.master, text.encode())

    def end(self):
        """Exit status, or minus the signal."""
        while self.read(60):
            pass
        _, status = os.waitpid(self.pid, 0)
        os.close(self.master)
        return os.waitstatus_to_exitcode(status)
