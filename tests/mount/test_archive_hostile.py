# SPDX-License-Identifier: MIT
"""ZIPs that are large, encrypted, lie or lead elsewhere (tests/data/hostile.py): bounded, mapped, explained."""
import os
import struct
import subprocess
import zlib

import pytest

import hostile
from folder import all_files, slurp

CSV = b"id,name\n1,\xc3\x85sa\n"


def command(*words, **how):
    subprocess.run([str(word) for word in words], check=True, stdout=subprocess.DEVNULL, **how)


def test_names(mount, work):
    """Nothing leads out of raw/, and each member is there once."""
    (work / "names.zip").write_bytes(hostile.names())
    top = mount(work / "names.zip")
    folder = top.path("archives/names.zip")
    raw = os.fsencode(folder / "raw")
    found = {os.path.relpath(path, raw): slurp(path) for path in all_files(raw)}
    assert not any(os.path.islink(path) for path in all_files(raw))
    assert found[b"%2E%2E/%2E%2E/outside"] == b"data of ../../outside"
    assert found[b"etc/absolute"] == b"data of /etc/absolute"
    assert found[b"twice"] == found[b"twice~2"] == b"data of twice"
    assert found[b"line%0Abreak"] == b"data of line\nbreak"
    assert found[b"utf8-\xc3\xa9"] == b"u"
    assert found[b"caf%82"] == b"data of caf\x82" and found[b"bytes%FF%FE"] == b"data of bytes\xff\xfe"
    assert all(b".." not in name.split(b"/") and not name.startswith(b"/") for name in found)
    assert b"link" not in found
    assert slurp(folder / "t.csv") == b"id\n1\n2\n"
    errors = slurp(top.path(".crmfs/errors")).decode()
    assert "a link or a device" in errors and "another character set than UTF-8" in errors and "names=CP437" in errors


@pytest.mark.parametrize("charset, name, shown", [
    ("CP437", b"caf\x82", "café"), ("CP932", b"\x83e\x83X\x83g", "テスト"), ("CP866", b"\x87\xad\xa0\xaa", "Знак"),
    ("CP1258", b"\xf0a", "đa")])
def test_said_names(mount, work, charset, name, shown):
    """A character set that is said; names that are UTF-8 stay."""
    (work / "x.zip").write_bytes(hostile.Zip().add(name, b"1").add(shown.encode(), b"2", flags=0x800).bytes())
    config = work / "crmfs.conf"
    config.write_text(f"[source x]\nurl = {work}/x.zip\nnames = {charset}\n")
    top = mount(arguments=("--config", str(config)))
    raw = top.path("archives/x/raw")
    assert {each: slurp(raw / each) for each in os.listdir(raw)} == {shown: b"1", shown + "~2": b"2"}
    assert len(top.errors().splitlines()) == 1 and f"the first {shown} as {shown}~2" in top.errors()


def test_lies(mount, work):
    """What a ZIP says of its members and is not so: an error, never wrong bytes."""
    (work / "lies.zip").write_bytes(hostile.lies())
    top = mount(work / "lies.zip")
    folder = top.path("archives/lies.zip")
    assert slurp(folder / "good.csv") == b"a,b\n1,2\n"
    for name in "crc", "longer", "method", "garbage":
        with pytest.raises(OSError):
            slurp(folder / f"{name}.csv")
        with pytest.raises(OSError):
            slurp(folder / "raw" / f"{name}.csv")
    errors = slurp(top.path(".crmfs/errors")).decode()
    assert "crc.csv" in errors and "garbage.csv" in errors


def test_bomb(mount, work):
    """It is given up early, within the bound of memory, and with a word."""
    (work / "bomb.zip").write_bytes(hostile.bomb())
    top = mount(work / "bomb.zip")
    os.listdir(top.path("archives/bomb.zip"))
    assert "bomb" in slurp(top.path(".crmfs/errors")).decode()
    with open(f"/proc/{top.pid}/status", encoding="ascii") as file:
        assert next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) <= 64 << 10


def test_overlapping(mount, work):
    """Two hundred names of the same two megabytes are one."""
    (work / "many.zip").write_bytes(hostile.overlapping())
    raw = mount(work / "many.zip").path("archives/many.zip/raw")
    assert [slurp(raw / name) for name in os.listdir(raw)] == [bytes(2 << 20)]


def test_zip64(mount, work):
    """As 7z and zip write it when they do not know the size."""
    with subprocess.Popen(["zip", "-q", "-fz", work / "x.zip", "-"], stdin=subprocess.PIPE) as packer:
        packer.stdin.write(b"id,name\n" + b"".join(b"%d,x\n" % number for number in range(100000)))
        packer.stdin.close()
        assert packer.wait() == 0
    assert b"\x01\x00" in slurp(work / "x.zip")[:100]  # the extra field of ZIP64
    folder = mount(work / "x.zip").path("archives/x.zip")
    assert slurp(folder / "-.csv").count(b"\n") == 100001
    assert slurp(folder / "raw/-").count(b"\n") == 100001


@pytest.mark.parametrize("method", ["ZipCrypto", "AES128", "AES192", "AES256"])
def test_passwords(mount, work, method):
    """The password comes from the command; a wrong one, and none, are said."""
    (work / "people.csv").write_bytes(CSV)
    command("7z", "a", "-tzip", f"-mem={method}", "-ps3cret", work / "secret.zip", work / "people.csv")
    config = work / "crmfs.conf"
    config.write_text("".join(
        f"[source {name}]\nurl = {work}/secret.zip\n{line}\n"
        for name, line in (("open", "password-command = echo s3cret"), ("wrong", "password-command = echo wrong"),
                           ("none", ""))))
    top = mount(arguments=("--config", str(config)))
    assert slurp(top.path("archives/open/people.csv")) == CSV
    assert slurp(top.path("archives/open/raw/people.csv")) == CSV
    assert not top.path("archives/none/people.csv").exists()
    # A wrong password passes ZipCrypto's own check once in 256 times, and is told by the checksum then.
    if top.path("archives/wrong/people.csv").exists():
        with pytest.raises(OSError, match="Input/output"):
            slurp(top.path("archives/wrong/people.csv"))
    errors = slurp(top.path(".crmfs/errors")).decode()
    assert "the password is wrong" in errors or "archives/wrong: people.csv: ZIP bad CRC" in errors
    assert "there is no password for it" in errors and "s3cret" not in errors


def test_7z(mount, work, refused):
    """7z is read; an encrypted one is refused in words, for libarchive does not open it."""
    (work / "people.csv").write_bytes(CSV)
    command("7z", "a", work / "open.7z", work / "people.csv")
    command("7z", "a", "-ps3cret", work / "secret.7z", work / "people.csv")
    command("7z", "a", "-ps3cret", "-mhe=on", work / "names.7z", work / "people.csv")
    top = mount(work / "open.7z", work / "secret.7z")
    assert slurp(top.path("archives/open.7z/people.csv")) == CSV
    assert os.listdir(top.path("archives/secret.7z/raw")) == ["people.csv"]
    assert "encrypted in 7z's own way" in slurp(top.path(".crmfs/errors")).decode()
    (work / "point").mkdir()
    assert "encrypted" in refused("mount", work / "names.7z", work / "point").err


def rows(count):
    return b"id,name\n" + b"".join(b"%d,name %d\n" % (number, number * 7919 % 1000) for number in range(count))


@pytest.mark.sanitize
def test_changed_gzip(mount, work):
    """What was changed and unfolds all the same is told by its checksum, and is no table that looks whole."""
    packer = zlib.compressobj(0, zlib.DEFLATED, 31)
    stored = packer.compress(hostile.DUMP) + packer.flush()
    (work / "changed.sql.gz").write_bytes(stored.replace(b"(1),(2)", b"(1),(3)"))
    (work / "whole.sql.gz").write_bytes(stored)
    top = mount(work / "changed.sql.gz", work / "whole.sql.gz")
    assert slurp(top.path("archives/whole.sql.gz/t.csv")) == b"id\n1\n2\n"
    for name in "t.csv", "raw/changed.sql":
        with pytest.raises(OSError, match="Input/output"):
            slurp(top.path(f"archives/changed.sql.gz/{name}"))
    assert "checksum" in top.errors()


@pytest.mark.parametrize("nested", [False, True])
def test_gzip_of_many(mount, work, nested):
    """Pieces joined by cat, with names and extra fields in their heads, and padded, as tapes do."""
    table = rows(60000)
    piece = b"\x1f\x8b\x08\x1e" + bytes(5) + b"\3" + b"\6\0BC\2\0\1\2" + b"a.csv\0a comment\0xy"
    packed = b""
    for at in range(0, len(table), 4000):
        packer = zlib.compressobj(6, zlib.DEFLATED, -15)
        data = table[at:at + 4000]
        packed += piece + packer.compress(data) + packer.flush() + struct.pack("<LL", zlib.crc32(data), len(data))
    packed += bytes(5000)
    (work / "t.csv.gz").write_bytes(packed)
    command("tar", "-C", work, "-cf", work / "t.tar", "t.csv.gz")
    folder = mount(work / ("t.tar" if nested else "t.csv.gz")).path("archives")
    folder = folder / ("t.tar" if nested else "t.csv.gz")
    assert slurp(folder / "t.csv") == table
    assert [slurp(path) for path in (folder / "raw").iterdir()] == [packed if nested else table]


def test_large_members(mount, work):
    """Whole ones beside some whose checksum, length or data are others."""
    table = rows(60000)
    made = hostile.Zip()
    made.add(b"whole.csv", table).add(b"crc.csv", table, crc=1).add(b"longer.csv", table, said=len(table) + 1)
    made.add(b"shorter.csv", table, said=len(table) - 1).add(b"last.csv", table)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = bytearray(packer.compress(table) + packer.flush())
    packed[len(packed) // 2] ^= 0x55
    made.add(b"damaged.csv", table, packed=bytes(packed))
    (work / "x.zip").write_bytes(made.bytes())
    top = mount(work / "x.zip")
    folder = top.path("archives/x.zip")
    for name in "whole", "last":
        assert slurp(folder / f"{name}.csv") == slurp(folder / f"raw/{name}.csv") == table
    for name in "crc", "longer", "shorter", "damaged":
        for path in folder / f"{name}.csv", folder / f"raw/{name}.csv":
            with pytest.raises(OSError, match="Input/output"):
                slurp(path)
        assert f"{name}.csv: " in top.errors()


def test_holes(mount, work):
    """A member with holes, the last of them at its end, is as long as it was."""
    with open(work / "holes.bin", "wb") as file:
        file.seek(1000000)
        file.write(b"hello")
        file.truncate(3000000)
    command("tar", "-C", work, "-cSf", work / "holes.tar", "holes.bin")
    assert os.path.getsize(work / "holes.tar") < 100000
    shown = mount(work / "holes.tar").path("archives/holes.tar/raw/holes.bin")
    assert slurp(shown) == bytes(1000000) + b"hello" + bytes(1999995)
