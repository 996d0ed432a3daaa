# SPDX-License-Identifier: MIT
"""Members of archives whose names lead elsewhere, are none that a file can have, or are taken."""
import io
import os
import tarfile
import zipfile

import pytest

from folder import all_files, slurp
from small_dump import ACCOUNTS, DUMP


def hostile_tar(path):
    with tarfile.open(path, "w") as tar:
        def add(name, data=b"x", **fields):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            for key, value in fields.items():
                setattr(member, key, value)
            tar.addfile(member, io.BytesIO(data))

        add("../../outside")
        add("/etc/absolute")
        add("a/./b//c")
        add("twice", b"one")
        add("twice", b"two")
        add("bytes\udcff\udcfe")
        add("line\nbreak%")
        add("link", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd")
        add("hard", b"", type=tarfile.LNKTYPE, linkname="twice")
        add("device", b"", type=tarfile.CHRTYPE, devmajor=1, devminor=3)
        add("dump.sql", DUMP.encode())
        add("dump.sql/below", b"y")


def test_hostile_names(mount, work):
    path = work / "hostile.tar"
    hostile_tar(path)
    top = mount(path)
    folder = top.path("archives/hostile.tar")
    assert slurp(folder / "accounts.csv") == ACCOUNTS
    found = {os.path.relpath(name, os.fsencode(folder / "raw")): slurp(name) for name in all_files(folder / "raw")}
    assert found[b"twice"] == b"one" and found[b"twice~2"] == b"two"
    assert found[b"%2E%2E/%2E%2E/outside"] == b"x" and found[b"etc/absolute"] == b"x" and found[b"a/b/c"] == b"x"
    assert found[b"bytes%FF%FE"] == b"x" and found[b"line%0Abreak%25"] == b"x"
    assert not any(name in found for name in (b"link", b"hard", b"device"))
    assert found[b"dump.sql"] == DUMP.encode() and found[b"dump.sql~2/below"] == b"y"
    assert "link" in top.errors()
    assert "shown otherwise: 3, the first ../../outside as %2E%2E/%2E%2E/outside" in top.errors()
    assert not any(os.path.islink(name) for name in all_files(folder))


@pytest.mark.parametrize("folder_first", [False, True])
def test_a_file_and_a_folder(mount, work, folder_first):
    """… of one name: both are shown, and can be read."""
    members = [("x", b"a,b\n1,2\n"), ("x/sub.csv", b"c,d\n3,4\n"), ("x/more/deep.txt", b"deep"), ("y/x", b"other")]
    with zipfile.ZipFile(work / "both.zip", "w") as archive:
        for name, data in members[::-1] if folder_first else members:
            archive.writestr(name, data)
    raw = mount(work / "both.zip").path("archives/both.zip/raw")
    file, folder = ("x~2", "x") if folder_first else ("x", "x~2")
    assert {os.path.relpath(name, os.fsencode(raw)).decode(): slurp(name) for name in all_files(raw)} == {
        file: members[0][1], f"{folder}/sub.csv": members[1][1], f"{folder}/more/deep.txt": b"deep", "y/x": b"other"}


def test_long_names(mount, work):
    """Members of an archive whose names no file can have: they are cut, told apart, and can be opened by them."""
    path = work / "long.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for name in ("d" * 300 + "/" + "a" * 2000, "b" * 256 + "1", "b" * 256 + "2", "c" * 255, "dump.sql"):
            content = DUMP.encode() if name == "dump.sql" else name[-3:].encode()
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    names = os.listdir(mount(path).path("archives/long.tar/raw"))
    assert len(names) == 5 and max(map(len, names)) == 255
    raw = mount(path).path("archives/long.tar/raw")  # nothing is known of it yet
    assert slurp(raw / "dump.sql") == DUMP.encode() and slurp(raw / ("c" * 255)) == b"ccc"
    assert sorted(slurp(raw / name) for name in names if name.startswith("b")) == [b"bb1", b"bb2"]
    (member,) = all_files(raw / next(name for name in names if name.startswith("d" * 200)))
    assert slurp(member) == b"aaa"
