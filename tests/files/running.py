# SPDX-License-Identifier: MIT
"""Commands that must succeed, and mounts that end as a crash ends them."""
import os
import signal
import subprocess

import mounting
from mounting import PATIENCE, eventually


def run(*command, cwd=None, status=0, timeout=PATIENCE):
    """What the command said on its standard output; it must end with STATUS."""
    done = subprocess.run([str(word) for word in command], cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True,
                          check=False, timeout=timeout)
    said = done.stdout.decode(errors="replace")
    assert done.returncode == status, f"{command}: {said}{done.stderr.decode(errors='replace')}"
    return said


def write(path, content):
    """A file that is safe then."""
    with open(path, "wb", buffering=0) as file:
        for at in range(0, len(content), 1 << 20):
            assert file.write(content[at:at + (1 << 20)]) > 0
        os.fsync(file.fileno())


def sync(directory):
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def kill(mounted):
    """As a crash is: no word to the daemon."""
    os.kill(mounted.pid, signal.SIGKILL)
    clear(mounted)


def clear(mounted):
    """After the daemon's death: nothing is mounted any more."""
    assert eventually(lambda: mounted.pid is None or not mounting.is_alive(mounted.pid))
    subprocess.run(["fusermount3", "-u", "-z", mounted.point], capture_output=True, check=False)  # if nobody else did
    assert eventually(lambda: not mounting.is_mounted(mounted.point))
    mounted.pid = None


def remount(mounted):
    assert mounted.start().status == 0
