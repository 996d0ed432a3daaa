# SPDX-License-Identifier: MIT
"""Runs the crmfs command."""
import os
import subprocess

from mounting import BINARY


def crmfs(*arguments, **environment):
    """The finished process, with its output as text."""
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=60, check=False,
                          stdin=subprocess.DEVNULL, env={**os.environ, **environment})
