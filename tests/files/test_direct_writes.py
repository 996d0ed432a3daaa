# SPDX-License-Identifier: MIT
"""What is written past the kernel's pages, asynchronously as databases do it, is what others read."""
import ctypes
import mmap
import os
import struct
import subprocess
import sys
import time

import pytest

SIZE, SECONDS = 640 << 10, 10
IO_SETUP, IO_SUBMIT, IO_GETEVENTS = {"x86_64": (206, 209, 208)}.get(os.uname().machine, (0, 2, 4))  # io_setup(2)
COMMAND_WRITE = 1
READER = """
import os, sys
while True:
    file = os.open(sys.argv[1], os.O_RDONLY)
    os.pread(file, int(sys.argv[2]), 0)
    os.close(file)
"""
LIBC = ctypes.CDLL(None, use_errno=True)


def system_call(number, *arguments):
    answer = LIBC.syscall(ctypes.c_long(number), *arguments)
    assert answer >= 0, os.strerror(ctypes.get_errno())
    return answer


class AsynchronousWriter:
    """One write at a time, which is waited for after it was begun."""

    def __init__(self):
        self.context = ctypes.c_ulong(0)
        system_call(IO_SETUP, ctypes.c_long(1), ctypes.byref(self.context))

    def write(self, file, buffer):
        address = ctypes.addressof(ctypes.c_char.from_buffer(buffer))
        request = ctypes.create_string_buffer(struct.pack("<QIiHhIQQqQII", 0, 0, 0, COMMAND_WRITE, 0, file, address,
                                                          len(buffer), 0, 0, 0, 0), 64)
        requests = (ctypes.c_void_p * 1)(ctypes.addressof(request))
        event = (ctypes.c_int64 * 4)()
        assert system_call(IO_SUBMIT, self.context, ctypes.c_long(1), requests) == 1
        assert system_call(IO_GETEVENTS, self.context, ctypes.c_long(1), ctypes.c_long(1), event, None) == 1
        assert event[2] == len(buffer)


@pytest.fixture
def path(files):
    """A file that two others read all the time."""
    path = files / "a"
    path.write_bytes(bytes(SIZE))
    readers = [subprocess.Popen([sys.executable, "-c", READER, path, str(SIZE)]) for _ in range(2)]
    yield path
    for reader in readers:
        reader.kill()
        reader.wait()


def test_no_page_stays_as_it_was(path):
    writer, buffer = AsynchronousWriter(), mmap.mmap(-1, SIZE)
    direct, plain = os.open(path, os.O_WRONLY | os.O_DIRECT), os.open(path, os.O_RDONLY)
    begun, number = time.monotonic(), 0
    while time.monotonic() - begun < SECONDS:
        number += 1
        content = bytes([number % 256]) * SIZE
        buffer[:] = content
        writer.write(direct, buffer)
        assert os.pread(plain, SIZE, 0) == content, f"after {number} writes"
    os.close(direct)
    os.close(plain)
    assert number > 10
