# SPDX-License-Identifier: MIT
"""Commands that must succeed, and mounts that end as a crash ends them."""
import os
import signal
import subprocess

import mounting
from mounting import PATIENCE, eventually


def run(*command, cwd=None, status=0, environment=None, timeout=PATIENCE):
    """What the command said, which must end with STATUS."""
    done = subprocess.run([str(word) for word in command], cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, timeout=timeout,
                          env={**os.environ, **(environment or {})})
    said = done.stdout.decode(errors="replace")
    assert done.returncode == status, f"{command}: {said}"
    return said


def kill(mounted):
    """As a crash is: no word to the daemon."""
    os.kill(mounted.pid, signal.SIGKILL)
    clear(mounted)


def clear(mounted):
    """After the daemon's death: nothing is mounted any more."""
    assert eventually(lambda: not mounting.is_alive(mounted.pid))
    subprocess.run(["fusermount3", "-u", "-z", mounted.point], capture_output=True, check=False)  # if nobody else did
    assert eventually(lambda: not mounting.is_mounted(mounted.point))
    mounted.pid = None


def remount(mounted):
    assert mounted.start().status == 0
