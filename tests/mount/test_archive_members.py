# SPDX-License-Identifier: MIT
"""What members of archives are taken for, and what is said of those that are taken for nothing."""
import gzip
import lzma
import os
import subprocess
import tarfile
import zipfile
import zlib

import pytest

from folder import slurp
from mounting import BINARY

ROWS = "id;name\n" + "".join(f"{number};name {number}\n" for number in range(200))
TABLE = ROWS.replace(";", ",").encode()


def zipped(path, **members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def told(top, name):
    """The lines of .crmfs/errors about the archive NAME, which is looked at."""
    slurp(top.path(f"archives/{name}/datapackage.json"))
    return [line for line in top.errors().splitlines() if f" archives/{name}" in line]


def test_said_to_be_tables(mount, work):
    """A file of which the user says how it is written, is a table, whatever it is called."""
    (work / "x.dat").write_text(ROWS)
    (work / "unicode.txt").write_bytes("\ufeffa\tb\r\n1\tä\r\n".encode("utf-16le"))
    (work / "few.log").write_text("1^2\n3^4\n")
    zipped(work / "both.zip", **{"y.dat": ROWS, "z.conf": "a = 1\nb = 2\nc = 3\n"})
    top = mount(f"archive://{work}/x.dat?delimiter=%3B", f"archive://{work}/unicode.txt?charset=utf-16le&delimiter=tab",
                f"archive://{work}/few.log?delimiter=%5E&header=no", f"archive://{work}/both.zip?delimiter=%3B")
    assert slurp(top.path("archives/x.dat/x.csv")) == TABLE
    assert slurp(top.path("archives/unicode.txt/unicode.csv")) == "a,b\n1,ä\n".encode()
    assert slurp(top.path("archives/few.log/few.csv")) == b"column1,column2\n1,2\n3,4\n"
    assert slurp(top.path("archives/both.zip/y.csv")) == TABLE
    assert not top.path("archives/both.zip/z.csv").exists()
    assert top.errors() == ""


def test_left_out(mount, work):
    """Rows under names that do not say so are no tables without a word."""
    names = ["x.dat", "x.psv", "x.log", "contacts.csv.20190301", "x.csv.old"]
    zipped(work / "odd.zip", **dict.fromkeys(names, ROWS), **{
        "server.log": "".join(f"12:00:{second:02d} this happened, and that\n" for second in range(60)),
        "logo.png": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, "a.conf": "a = 1\nb = 2\nc = 3\n"})
    top = mount(work / "odd.zip")
    lines = told(top, "odd.zip")
    assert [name for name in names if sum(f" {name}: rows of text by the look of it" in line for line in lines) != 1] == []
    assert len(lines) == len(names)


@pytest.mark.parametrize("name, content", [
    ("x.sql.gz", gzip.compress(b"", mtime=0)),
    ("head.sql", b"-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB\n--\n/*!40101 SET NAMES utf8mb4 */;\n"
                 b"-- Dump completed on 2019-03-01\n"),
    ("head.pg.sql", b"--\n-- PostgreSQL database dump\n--\n\nSET client_encoding = 'UTF8';\n\n"
                    b"--\n-- PostgreSQL database dump complete\n--\n\n"),
])
def test_nothing_in_it(mount, work, name, content):
    (work / name).write_bytes(content)
    top = mount(work / name)
    assert "there is no table in it" in "".join(told(top, name))


def test_nothing_in_zip(mount, work):
    zipped(work / "empty.zip", **{"a.csv": "", "b.sql": ""})
    zipped(work / "some.zip", **{"a.csv": "", "b.csv": "a,b\n"})
    zipped(work / "letters.zip", **{"a.pdf": "%PDF-1.4\n"})
    top = mount(work / "empty.zip", work / "some.zip", work / "letters.zip")
    assert "there is no table in it" in "".join(told(top, "empty.zip"))
    assert told(top, "some.zip") == told(top, "letters.zip") == []


def command(*words, **how):
    subprocess.run([str(word) for word in words], check=True, stdout=subprocess.DEVNULL, **how)


def refusal(work, path):
    """What mount says of PATH, which it does not mount."""
    (work / "nowhere").mkdir(exist_ok=True)
    done = subprocess.run([BINARY, "mount", path, work / "nowhere"], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    return done.stderr


def test_needs_a_file(mount, work):
    """A 7z within something else: what to do is said, and what is beside it is shown."""
    (work / "a.csv").write_bytes(TABLE)
    command("7z", "a", "-bd", work / "in.7z", work / "a.csv")
    packed = (work / "in.7z").read_bytes()
    (work / "in.7z.gz").write_bytes(gzip.compress(packed))
    (work / "in.7z.xz").write_bytes(lzma.compress(packed))
    zipped(work / "both.zip", **{"in.7z": packed, "b.csv": "a,b\n1,2\n"})
    with tarfile.open(work / "deep.tar", "w") as archive:
        archive.add(work / "in.7z.gz", "deep.7z.gz")
    top = mount(work / "in.7z", work / "both.zip", work / "deep.tar")
    assert slurp(top.path("archives/in.7z/a.csv")) == TABLE
    for name in ("both.zip", "deep.tar"):
        lines = told(top, name)
        assert len(lines) == 1 and "unpack it beside" in lines[0]
    assert slurp(top.path("archives/both.zip/b.csv")) == b"a,b\n1,2\n"
    for name in ("in.7z.gz", "in.7z.xz"):
        assert "unpack it beside" in refusal(work, work / name)


def test_parts_to_be_joined(work):
    (work / "a.csv").write_bytes(b"a,b\n" + os.urandom(200000).hex().encode())
    command("7z", "a", "-bd", "-v64k", work / "one.7z", work / "a.csv")
    command("7z", "a", "-bd", "-v64k", "-tzip", work / "two.zip", work / "a.csv")
    command("zip", "-q", "-s", "64k", work / "three.zip", work / "a.csv")
    for name in ("one.7z.001", "one.7z.002", "two.zip.001", "two.zip.002", "three.z01", "three.z02", "three.zip"):
        assert "join them" in refusal(work, work / name), name


def test_dumps_as_xml(mount, work):
    """Named as what they are, whatever they are called, and within others."""
    written = b'<?xml version="1.0"?>\n<mysqldump xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n<database name="x">\n'
    exported = b'<?xml version="1.0" encoding="utf-8"?>\n<!--\n- phpMyAdmin XML Dump\n- version 5.2\n-->\n'
    for name in ("crm.xml", "crm.sql"):
        (work / name).write_bytes(written)
        assert "mariadb-dump --xml (mysqldump --xml) writes, which crmfs does not read" in refusal(work, work / name)
    (work / "pma.xml").write_bytes(exported)
    assert "phpMyAdmin exports as XML" in refusal(work, work / "pma.xml")
    (work / "crm.xml.gz").write_bytes(gzip.compress(written))
    top = mount(zipped(work / "both.zip", **{"crm.sql": written, "b.csv": "a,b\n1,2\n"}), work / "crm.xml.gz")
    for name in ("both.zip", "crm.xml.gz"):
        assert any("mariadb-dump --xml" in line for line in told(top, name)), name
    (work / "other.xml").write_bytes(b'<?xml version="1.0"?>\n<crm/>\n')
    assert "not a database that crmfs knows" in refusal(work, work / "other.xml")


def test_slices_of_anything(mount, work):
    """A file that was cut, whatever it is; several that are numbered, and begin alike, are backups each."""
    packed = gzip.compress(b"a,b\n" + os.urandom(20000).hex().encode())
    for number in range(3):
        (work / f"crm.csv.gz.{number + 1:03}").write_bytes(packed[number * 9000:number * 9000 + 9000])
        (work / f"own.sql.gz.{number + 1:03}").write_bytes(gzip.compress(b"CREATE TABLE `t` (`a` int);\n"))
    for number in (1, 2, 3):
        assert "join them" in refusal(work, work / f"crm.csv.gz.{number:03}")
    top = mount(work / "own.sql.gz.001", work / "own.sql.gz.003")
    for number in (1, 3):
        assert slurp(top.path(f"archives/own.sql.gz.{number:03}/t.csv")) == b"a\n"


def test_parts_of_a_rar(work):
    """By what their first header says, of both versions."""
    (work / "a.part1.rar").write_bytes(b"Rar!\x1a\x07\x01\0" + b"CRC4" + bytes([10, 1, 5, 6, 1]) + bytes(100))
    (work / "b.rar").write_bytes(b"Rar!\x1a\x07\0" + b"\0\0\x73\x01\x01" + bytes(100))
    for name in "a.part1.rar", "b.rar":
        assert "unrar x NAME.part1.rar" in refusal(work, work / name)


def windowed(byte):
    """A .xz that says by this byte of its first header how large its dictionary is."""
    made = bytearray(lzma.compress(TABLE, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 16}]))
    end = 12 + 4 * made[12]
    assert made[13:16] == b"\0\x21\1"
    made[16] = byte
    made[end:end + 4] = zlib.crc32(made[12:end]).to_bytes(4, "little")
    return bytes(made)


def test_window(mount, work):
    """What takes up to 128 MiB to unpack is unpacked; of what takes more it is said."""
    (work / "most.csv.xz").write_bytes(windowed(30))
    (work / "more.csv.xz").write_bytes(windowed(31))
    (work / "twice.csv.xz").write_bytes(lzma.compress(windowed(31)))
    (work / "old.csv.lzma").write_bytes(b"\x5d" + (1 << 28).to_bytes(4, "little") + bytes([255] * 8 + [0] * 20))
    zipped(work / "in.zip", **{"more.csv.xz": windowed(31), "b.csv": "a,b\n1,2\n"})
    top = mount(work / "most.csv.xz", work / "in.zip")
    assert slurp(top.path("archives/most.csv.xz/most.csv")) == TABLE
    assert slurp(top.path("archives/in.zip/b.csv")) == b"a,b\n1,2\n"
    lines = told(top, "in.zip")
    assert len(lines) == 1 and "takes 192 MiB of memory" in lines[0]
    for name, size in ("more.csv.xz", 192), ("old.csv.lzma", 256):
        assert f"takes {size} MiB of memory" in refusal(work, f"archive:{work / name}")
    assert "compressed twice in the same way" in refusal(work, work / "twice.csv.xz")


def test_escaped_once(mount, work):
    """A table is called as its file is: what a name cannot have is escaped as everywhere, and once."""
    names = {"nl\nx.csv": "nl%0Ax", "50%.csv": "50%25", "a%20b.csv": "a%2520b", "in%\x01_1.csv": "in%25%01"}
    members = {**dict.fromkeys(names, "a,b\n1,2\n"), "in%\x01_2.csv": "a,b\n3,4\n", "j\x7f%.json": '[{"a": 1}]'}
    zipped(work / "a.zip", **members)
    with tarfile.open(work / "b.tar", "w") as archive:
        archive.add(work / "a.zip", "a.zip")
    top = mount(work / "a.zip", work / "b.tar")
    for name in ("a.zip", "b.tar"):
        found = {path.stem for path in top.path(f"archives/{name}").glob("*.csv")}
        assert found == {*names.values(), "j%7F%25"}, name
    assert slurp(top.path("archives/a.zip/nl%0Ax.csv")) == b"a,b\n1,2\n"
    assert top.path("archives/a.zip/raw/nl%0Ax.csv").exists()
