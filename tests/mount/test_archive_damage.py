# SPDX-License-Identifier: MIT
"""Archives in which a bit is another: no table out of them looks whole, and none is an end where there was more."""
import bz2
import gzip
import io
import lzma
import os
import random
import subprocess
import tarfile
import zipfile
import zlib

import pytest

from folder import slurp

LUCK = random.Random(6)
CSV = b"id,name\n" + b"".join(b"%d,%x\n" % (number, LUCK.getrandbits(60)) for number in range(20000))
DUMP = b"-- MySQL dump 10.13\n" + b"".join(
    b"CREATE TABLE `t%d` (`id` int NOT NULL, `v` varchar(40), PRIMARY KEY (`id`));\nINSERT INTO `t%d` VALUES %s;\n" % (
        table, table, b",\n".join(b"(%d,'%x')" % (number, LUCK.getrandbits(60)) for number in range(5000)))
    for table in range(6)) + b"-- Dump completed on 2019-03-01  2:00:00\n"


def stored(data):
    packer = zlib.compressobj(0, zlib.DEFLATED, 31)
    return packer.compress(data) + packer.flush()


def tape(mode):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as archive:
        for name, data in ("a.csv", CSV), ("b.sql", DUMP):
            about = tarfile.TarInfo(name)
            about.size = len(data)
            archive.addfile(about, io.BytesIO(data))
    return made.getvalue()


def zipped(method):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        archive.writestr("a.csv", CSV)
        archive.writestr("b.sql", DUMP)
    return made.getvalue()


def zstd(data):
    return subprocess.run(["zstd", "-q", "--check"], input=data, capture_output=True, check=True).stdout


def lz4(data):
    return subprocess.run(["lz4", "-q"], input=data, capture_output=True, check=True).stdout


PACKED = {
    "stored.sql.gz": stored(DUMP), "flip.sql.gz": gzip.compress(DUMP), "flip.sql.bz2": bz2.compress(DUMP),
    "flip.sql.xz": lzma.compress(DUMP), "flip.sql.zst": zstd(DUMP), "flip.tgz": tape("w:gz"),
    "flip.tar.xz": tape("w:xz"), "flip.tar.lz4": lz4(tape("w")), "flip.tgz.lz4": lz4(tape("w:gz")), "stored.tgz": stored(tape("w")), "stored.zip": zipped(zipfile.ZIP_STORED),
    "flip.zip": zipped(zipfile.ZIP_DEFLATED),
}


def flip(data, at, bit):
    return data[:at] + bytes([data[at] ^ (1 << bit)]) + data[at + 1:]


@pytest.fixture(scope="module")
def right():
    rows = {"a.csv": CSV}
    for table in range(6):
        text = DUMP.split(b"INSERT INTO `t%d` VALUES " % table)[1].split(b";\n")[0]
        rows[f"t{table}.csv"] = b"id,v\n" + text.replace(b"(", b"").replace(b"'", b"").replace(b"),", b"").replace(b")", b"") + b"\n"
    return rows


@pytest.mark.parametrize("kind", PACKED)
def test_a_bit(mount, work, kind, right):
    """Wherever it is: what can be read is right, and what cannot is an error, which is written down."""
    luck, folder = random.Random(kind), work / "old"
    folder.mkdir()
    data = PACKED[kind]
    for number in range(6):
        at = luck.randrange(len(data) // 20, len(data) * 19 // 20)
        (folder / f"{number}-{kind}").write_bytes(flip(data, at, luck.randrange(8)))
    (folder / kind).write_bytes(data)
    top = mount(folder)
    whole = top.path(f"archives/{kind}")
    expected = {name for name in right if name in os.listdir(whole)}
    assert len(expected) >= 6 and all(slurp(whole / name) == right[name] for name in expected)
    for number in range(6):
        shown = top.path(f"archives/{number}-{kind}")
        failed = 0
        for name in set(os.listdir(shown)) & set(right):
            try:
                assert slurp(shown / name) == right[name], (number, name)
            except OSError:
                failed += 1
        missing = [name for name in expected if not (shown / name).exists()]
        assert failed or missing, number
        assert f"archives/{number}-{kind}" in top.errors()


def test_no_rows_of_what_is_doubted(mount, work):
    """Not even up to the damage: nobody knows where that is."""
    (work / "x.sql.gz").write_bytes(stored(DUMP).replace(b"(4999,", b"(4998,", 1))
    top = mount(work / "x.sql.gz")
    for table in reversed(range(6)):  # the last one is there when all has been read
        with open(top.path(f"archives/x.sql.gz/t{table}.csv"), "rb", buffering=0) as file:
            with pytest.raises(OSError, match="Input/output"):
                file.read(1)
    assert "checksum" in top.errors() and "nothing that came out of the same data" in top.errors()
    assert top.status()["archives"][0]["tables_failed"] == 6


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("nested", [False, True])
def test_a_row_makes_no_sense_before(mount, work, method, nested):
    """Who reads rows stops there, before all is unfolded and the checksum is found to be another."""
    wrong = CSV.replace(b"\n9000,", b"\n9001,").replace(b"\n15000,", b"\n15000,,")[:len(CSV)]
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        archive.writestr("a.csv", wrong)
        archive.writestr("b.csv", b"id\n1\n")
    sums = [zlib.crc32(each).to_bytes(4, "little") for each in (wrong, CSV)]
    data = made.getvalue().replace(*sums)
    if nested:
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("inner.zip", data)
        data = made.getvalue()
    (work / "x.zip").write_bytes(data)
    top = mount(work / "x.zip")
    assert slurp(top.path("archives/x.zip/b.csv")) == b"id\n1\n"
    with open(top.path("archives/x.zip/a.csv"), "rb", buffering=0) as file:
        with pytest.raises(OSError, match="Input/output"):
            file.read(1)
    assert "nothing that came out of the same data" in top.errors()


@pytest.mark.parametrize("part", [1.6, 1.3, 1.1])
def test_cut(mount, work, part, right):
    """What came whole before the cut is shown whole."""
    kinds = ["flip.sql.gz", "flip.tgz", "stored.sql.gz", "flip.sql.xz", "flip.sql.zst", "flip.zip"]
    for kind in kinds:
        (work / kind).write_bytes(PACKED[kind][:int(len(PACKED[kind]) / part)])
    top = mount(*(work / kind for kind in kinds))
    for kind in kinds:
        shown = top.path(f"archives/{kind}")
        names = sorted(set(os.listdir(shown)) & set(right))
        assert len(names) >= 2
        for name in names[:-1]:
            assert slurp(shown / name) == right[name]
        with pytest.raises(OSError, match="Input/output"):
            slurp(shown / names[-1])


@pytest.mark.parametrize("kind", ["zip", "tgz"])
def test_what_nobody_reads(mount, work, kind):
    """What is called a table or a dump and is none is told of, and stands under raw/."""
    members = {"a.csv": CSV, "b.csv": bytes(range(256)) * 8, "c.sql": b"PROMPT this is of another database\n",
               "d.txt": b"a text\n", "e.sql": b""}
    path = work / f"x.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in members.items():
                archive.writestr(name, data)
    else:
        with tarfile.open(path, "w:gz") as archive:
            for name, data in members.items():
                about = tarfile.TarInfo(name)
                about.size = len(data)
                archive.addfile(about, io.BytesIO(data))
    top = mount(path)
    folder = top.path(f"archives/x.{kind}")
    assert [name for name in sorted(os.listdir(folder)) if name.endswith(".csv")] == ["a.csv"]
    for name, data in members.items():
        assert slurp(folder / "raw" / name) == data
        assert (f"{name}: crmfs makes nothing of it" in top.errors()) == (name in ("b.csv", "c.sql"))


def test_workbook(mount, work):
    """A workbook is a ZIP without tables: why, is told."""
    path = work / "contacts.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "<?xml version='1.0'?><Types/>")
        archive.writestr("xl/workbook.xml", "<?xml version='1.0'?><workbook/>")
    top = mount(path)
    assert "raw" in os.listdir(top.path("archives/contacts.xlsx"))
    assert "have its sheets written as CSV" in top.errors()


def test_behind_the_end(mount, work):
    """What stands there, which other programs pass over, may be a part that was damaged; zeros are padding."""
    half = CSV.index(b"\n10000,") + 1
    hurt = []
    for ending, pack in ("gz", gzip.compress), ("bz2", bz2.compress), ("lz4", lz4):
        parts = pack(CSV[:half]), pack(CSV[half:])
        damaged = parts[0] + bytes([parts[1][0] ^ 1]) + parts[1][1:]
        for name, data in ("whole", parts[0] + parts[1]), ("padded", parts[0] + parts[1] + bytes(512)), ("hurt", damaged):
            (work / f"{name}.csv.{ending}").write_bytes(data)
        with zipfile.ZipFile(work / f"in.{ending}.zip", "w") as archive:
            archive.writestr(f"hurt.csv.{ending}", damaged)
        hurt += [f"hurt.csv.{ending}", f"in.{ending}.zip"]
    top = mount(work)
    for path in sorted(top.path("archives").iterdir()):
        assert slurp(next(path.glob("*.csv"))) == (CSV[:half] if path.name in hurt else CSV), path.name
    told = [line.split(":")[2].split("/")[1] for line in top.errors().splitlines() if "stands something else" in line]
    assert sorted(told) == sorted(hurt)


def test_compressed_twice(mount, work):
    """It is called what it is when all is unpacked, and so it is a table; in an archive as well."""
    rows = b"id,x\n1,a\n"
    for name, data in (("x.csv.gz.gz", gzip.compress(gzip.compress(rows))), ("y.csv.gz.bz2", bz2.compress(gzip.compress(rows)))):
        (work / name).write_bytes(data)
        with zipfile.ZipFile(work / f"{name}.zip", "w") as archive:
            archive.writestr(name, data)
    names = [f"{name}{end}" for name in ("x.csv.gz.gz", "y.csv.gz.bz2") for end in ("", ".zip")]
    top = mount(*(work / name for name in names))
    for name in names:
        assert slurp(top.path(f"archives/{name}/{name[0]}.csv")) == rows
    assert os.listdir(top.path("archives/x.csv.gz.gz/raw")) == ["x.csv"]
    assert top.errors() == ""


@pytest.mark.parametrize("ending", ["gz", "bz2", "lz4"])
def test_behind_zeros(mount, work, ending):
    """Zeros are padding to the very end alone, however many they are; in an archive as well as by itself."""
    pack = {"gz": gzip.compress, "bz2": bz2.compress, "lz4": lz4}[ending]
    told = []
    for zeros in 0, 512, 3 << 20:
        for word, behind in ("nothing", b""), ("part", b"?" + pack(b"2,b\n")), ("junk", b"1234567"):
            data = pack(b"id,x\n1,a\n") + bytes(zeros) + behind
            (work / f"{word}{zeros}.csv.{ending}").write_bytes(data)
            with zipfile.ZipFile(work / f"{word}{zeros}.zip", "w") as archive:
                archive.writestr(f"{word}{zeros}.csv.{ending}", data)
            told += [f"{word}{zeros}.csv.{ending}", f"{word}{zeros}.zip"] if behind else []
    top = mount(work)
    for path in sorted(top.path("archives").iterdir()):
        assert slurp(next(path.glob("*.csv"))) == b"id,x\n1,a\n", path.name
    lines = [line for line in top.errors().splitlines() if "stands something else" in line]
    assert sorted(line.split("archives/")[1].split(":")[0].split("/")[0] for line in lines) == sorted(told)


def test_end_of_a_tar(mount, work):
    """One that is cut between two members, and a second behind the first, are told of."""
    made = tape("w")
    (work / "whole.tar").write_bytes(made)
    (work / "cut.tar").write_bytes(made[:512 + (len(CSV) + 511) // 512 * 512])
    (work / "twice.tar").write_bytes(made + made)
    names = ["whole.tar", "cut.tar", "twice.tar"]
    top = mount(*(work / name for name in names))
    for name in names:
        assert "a.csv" in os.listdir(top.path(f"archives/{name}"))
        assert slurp(top.path(f"archives/{name}/a.csv")) == CSV
    errors = top.errors().splitlines()
    assert len(errors) == 2
    assert [any(name in line and word in line for line in errors) for name, word in
            (("cut.tar", "without the end of a tar"), ("twice.tar", "perhaps another tar"))] == [True, True]


def test_packed_tar_behind_another(mount, work):
    """Both are in what is compressed, of which programs read no further than the first ends."""
    made = tape("w")
    packed = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "lz4": lz4}
    for ending, pack in packed.items():
        (work / f"once.tar.{ending}").write_bytes(pack(made + bytes(20 * 512)))
        (work / f"twice.tar.{ending}").write_bytes(pack(made + made))
        (work / f"apart.tar.{ending}").write_bytes(pack(made) + pack(made))
    with zipfile.ZipFile(work / "in.zip", "w") as archive:
        archive.writestr("twice.tar", made + made)
    with zipfile.ZipFile(work / "fine.zip", "w") as archive:
        archive.writestr("once.tar", made)
    top = mount(work)
    for path in top.path("archives").iterdir():
        assert slurp(next(path.rglob("*.csv"))) == CSV, path.name
    told = [line.split(":")[2].split("/")[1] for line in top.errors().splitlines() if "perhaps another tar" in line]
    assert sorted(told) == sorted([f"{name}.tar.{ending}" for ending in packed for name in ("twice", "apart")] + ["in.zip"])


@pytest.mark.parametrize("ending", ["gz", "bz2", "xz", "zst", "lz4", "gz.lz4", "lz4.gz"])
def test_checksum_behind_a_tar(mount, work, ending):
    """Programs stop reading where the tar ends, which may be long before the checksum of what is compressed."""
    packers = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zstd, "lz4": lz4}
    data = tape("w") + bytes(1 << 20)
    for each in ending.split("."):
        data = packers[each](data)
        if each == ending.split(".")[0]:
            data = flip(data, len(data) - 3, 2)
    (work / f"x.tar.{ending}").write_bytes(data)
    with zipfile.ZipFile(work / "x.zip", "w") as archive:
        archive.writestr(f"x.tar.{ending}", data)
    top = mount(work)
    for name in f"x.tar.{ending}", "x.zip":
        tables = [path for path in top.path(f"archives/{name}").rglob("*.csv") if "raw" not in path.parts]
        assert len(tables) == 7
        for table in tables:
            with open(table, "rb", buffering=0) as file:
                with pytest.raises(OSError, match="Input/output"):
                    file.read(1)
    assert top.errors().count("nothing that came out of the same data") >= 2
