# SPDX-License-Identifier: MIT
"""crmfs mount asks for the passphrase on the terminal before it leaves it."""
import os
import subprocess

import pytest

from mounting import BINARY, eventually, is_mounted
from terminal import Terminal


# As in a shell: with crmfs, the terminal does not end.
SHELL = 'trap : INT; "$@"; echo "ended with $?"; read line'


@pytest.fixture
def typed(store, mount):
    """typed(WORD...) → `crmfs mount` in a shell on a terminal, and where it mounts; taken down as every mount is."""
    terminals = []

    def start(*words):
        top = mount(store.path, start=None, environment=store.environment)
        environment = {**top.environment, "CRMFS_PASSPHRASE": ""}
        terminals.append(Terminal("-c", SHELL, "sh", BINARY, "mount", *words, top.point, program="/bin/sh",
                                  **environment))
        return terminals[-1], top
    yield start
    for terminal in terminals:
        terminal.type("\n")
        assert terminal.end() == 0


def test_typed(typed, store, crm_db):
    """A wrong one is asked for again; then it is mounted, and the terminal is free."""
    terminal, top = typed("--store", store.path, crm_db)
    terminal.expect(f"Passphrase or recovery key for {store.path}: ")
    assert eventually(lambda: not terminal.echoes())
    terminal.type("not this one\n")
    terminal.expect("no key of the store opens")
    terminal.expect("recovery key for ")
    assert not is_mounted(top.point)
    assert eventually(lambda: not terminal.echoes())
    terminal.type(store.environment["CRMFS_PASSPHRASE"] + "\n")
    terminal.expect("ended with 0")
    assert terminal.echoes() and is_mounted(top.point)
    top.pid = top.status()["pid"]
    os.mkdir(top.path("snapshots/a"))
    assert store.names() == ["a"]
    top.unmount()


@pytest.mark.parametrize("how,status", [("\x03", 130), ("\x04", 1)])
def test_called_off(typed, store, how, status):
    """Ctrl-C, Ctrl-D: nothing is mounted, nothing runs, the terminal echoes again."""
    terminal, top = typed(store.path)
    terminal.expect("recovery key for ")
    assert eventually(lambda: not terminal.echoes())
    terminal.type(how)
    terminal.expect(f"ended with {status}")
    assert eventually(terminal.echoes)
    assert not is_mounted(top.point)
    assert eventually(lambda: subprocess.run(["pgrep", "-f", f"^{BINARY} mount .*{top.point}"], stdout=subprocess.DEVNULL,
                                             check=False).returncode == 1)
