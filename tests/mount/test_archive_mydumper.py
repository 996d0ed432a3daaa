# SPDX-License-Identifier: MIT
"""Folders as mydumper makes them, of which a file is damaged or did not come along."""
import gzip
import subprocess
import zipfile

import pytest

from folder import slurp

CHUNKS = 3
ROWS = 30  # in each


def rows_of(chunk):
    return range(chunk * ROWS, (chunk + 1) * ROWS)


def mydumper(folder, pack=lambda text: text, ending=""):
    """Tables a to e in chunks of their rows."""
    folder.mkdir()
    (folder / "metadata").write_text("Started dump at: 2019-03-01 02:00:00\nFinished dump at: 2019-03-01 02:00:01\n")
    for table in "abcde":
        (folder / f"z.{table}-schema.sql{ending}").write_bytes(pack(
            b"/*!40101 SET NAMES binary*/;\nCREATE TABLE `%s` (`id` int NOT NULL, `n` text, PRIMARY KEY (`id`));\n" % table.encode()))
        for chunk in range(CHUNKS):
            rows = ",".join(f"({row},'text {row}')" for row in rows_of(chunk))
            (folder / f"z.{table}.{chunk:05}.sql{ending}").write_bytes(pack(
                f"/*!40101 SET NAMES binary*/;\nINSERT INTO `{table}` VALUES {rows};\n".encode()))
    return folder


WHOLE = b"id,n\n" + b"".join(b"%d,text %d\n" % (row, row) for row in range(CHUNKS * ROWS))


def test_damaged_chunk(mount, work):
    """Compressed, it fails its own table, and no other one of the dump."""
    folder = mydumper(work / "dumped", gzip.compress, ".gz")
    chunk = folder / "z.b.00001.sql.gz"
    chunk.write_bytes(chunk.read_bytes()[:-20])
    # The damaged one first, in the middle, and last.
    names = sorted(path.name for path in folder.iterdir())
    for number, order in enumerate((names[::-1], names)):
        subprocess.run(["tar", "-cf", work / f"{number}.tar", "-C", folder, chunk.name,
                        *(name for name in order if name != chunk.name)], check=True)
    with zipfile.ZipFile(work / "x.zip", "w") as archive:
        for name in [*(name for name in names if name != chunk.name), chunk.name]:
            archive.write(folder / name, name)
    sources = folder, work / "0.tar", work / "1.tar", work / "x.zip"
    top = mount(*sources)
    for source in sources:
        shown = top.path(f"archives/{source.name}")
        for table in "acde":
            assert slurp(shown / f"{table}.csv") == WHOLE, (source.name, table)
        with pytest.raises(OSError, match="Input/output"):
            slurp(shown / "b.csv")


@pytest.mark.parametrize("says", [False, True])
def test_chunk_that_is_not_there(mount, work, says):
    """Where metadata do not say how many rows there are, it may be one of those without, which mydumper leaves out."""
    folder = mydumper(work / "dumped")
    (folder / "z.b.00001.sql").unlink()
    if says:
        with open(folder / "metadata", "a", encoding="utf-8") as metadata:
            metadata.write("\n[`z`.`b`]\nreal_table_name=b\nrows = 60\n")
    top = mount(folder)
    shown = top.path("archives/dumped")
    assert slurp(shown / "a.csv") == WHOLE
    assert slurp(shown / "b.csv").count(b"\n") == 1 + 2 * ROWS
    told = [line for line in top.errors().splitlines() if " ENOTUNIQ " in line]
    assert ["table b: of 3 files of its rows" in line for line in told] == [True] * (not says)
