# SPDX-License-Identifier: MIT
"""Whoever may not set the set-uid bit takes it off what he changes, and nobody asks for it twice."""
import ctypes
import os
import stat
import subprocess
import sys

import pytest

import mounting

PRIVILEGED = 0o6777
AS_IT_IS = 0x4000  # AT_STATX_DONT_SYNC
MODE_AT, MODE_MASK = 28, 2

CHANGES = {
    "write": "os.pwrite(os.open(path, os.O_WRONLY), b'x', 0)",
    "append": "open(path, 'ab').write(b'x')",
    "truncate": "os.truncate(path, 1)",
    "open": "os.open(path, os.O_WRONLY | os.O_TRUNC)",
    "allocate": "os.posix_fallocate(os.open(path, os.O_WRONLY), 0, 100)",
    "copy": "os.copy_file_range(os.open(path, os.O_RDONLY), os.open(path, os.O_WRONLY), 2, 0, 4)",
}


@pytest.fixture
def path(mount_store, store):
    path = mount_store(store, options="allow_other").path("files/program")
    path.write_bytes(b"#!/bin/true\n")
    os.chmod(path, PRIVILEGED)
    return path


def mode_by_the_kernel(path):
    """The mode that the kernel goes by when it runs a program: it asks for no more than whether that is allowed."""
    assert os.access(path, os.X_OK)
    libc, answer = ctypes.CDLL(None, use_errno=True), ctypes.create_string_buffer(256)
    assert libc.statx(-100, os.fsencode(path), AS_IT_IS, MODE_MASK, answer) == 0, os.strerror(ctypes.get_errno())
    return int.from_bytes(answer[MODE_AT:MODE_AT + 2], sys.byteorder)


@pytest.mark.parametrize("change", CHANGES)
def test_others_changes_drop_the_bits(path, change):
    script = f"import os, sys\npath = sys.argv[1]\n{CHANGES[change]}"
    subprocess.run(mounting.as_user(mounting.NOBODY, ["/usr/bin/python3", "-c", script, path]), check=True)
    assert stat.S_IMODE(mode_by_the_kernel(path)) == 0o777
    assert stat.S_IMODE(path.stat().st_mode) == 0o777


def test_who_may_set_the_bits_keeps_them(path):
    with open(path, "r+b") as file:
        file.write(b"more")
    os.truncate(path, 4)
    assert stat.S_IMODE(path.stat().st_mode) == PRIVILEGED
    os.chmod(path, 0o2767)  # without execution by the group it is no set-gid bit
    subprocess.run(mounting.as_user(mounting.NOBODY, ["truncate", "-s", "2", path]), check=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o2767


def test_a_new_owner_has_no_bits(path):
    os.chown(path, mounting.NOBODY.pw_uid, -1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o777


def test_a_change_of_owner_that_names_none_takes_the_bits(path):
    """As it does in ext4, root's too."""
    os.chown(path, -1, -1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o777


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFSOCK])
def test_special_files_lose_the_bits_with_their_owner(mount_store, store, kind):
    path = mount_store(store, options="allow_other").path("files/special")
    os.mknod(path, kind | 0o755)
    os.chown(path, mounting.NOBODY.pw_uid, mounting.NOBODY.pw_gid)
    os.chmod(path, PRIVILEGED)
    subprocess.run(mounting.as_user(mounting.NOBODY, ["chgrp", str(mounting.NOBODY.pw_gid), path]), check=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o777


@pytest.mark.parametrize("group, mode", [(0, 0o777), (mounting.NOBODY.pw_gid, 0o2777)], ids=["another's", "own"])
def test_an_acl_is_no_way_to_the_set_gid_bit(mount_store, store, group, mode):
    path = mount_store(store, options="allow_other").path("files/d")
    path.mkdir()
    os.chown(path, mounting.NOBODY.pw_uid, group)
    os.chmod(path, 0o2777)
    subprocess.run(mounting.as_user(mounting.NOBODY, ["setfacl", "-m", "u:1000:rwx", path]), check=True)
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_capabilities_go_with_the_first_write(path):
    os.setxattr(path, "security.capability", bytes.fromhex("0100000200040000000000000000000000000000"))
    with open(path, "r+b") as file:
        file.write(b"more")
    assert os.listxattr(path) == []


def test_a_write_is_one_request(mount_store, store, capfd):
    """Not two, with one for what the file is allowed to before each."""
    top = mount_store(store, options="debug", start="front")
    with open(top.path("files/a"), "wb", buffering=0) as file:
        for _ in range(20):
            file.write(b"line\n")
    said = capfd.readouterr()
    assert said.err.count("opcode: WRITE") == 20
    assert said.err.count("opcode: GETXATTR") <= 2
