# SPDX-License-Identifier: MIT
"""A folder that was copied out of a mount, in an archive: shown as the folder itself is, each table once."""
import os
import shutil
import sqlite3
import subprocess
import time

import pytest

from folder import slurp

PACK = {
    "zip": ["zip", "-qr"], "tar": ["tar", "-cf"], "tgz": ["tar", "-czf"], "tar.xz": ["tar", "-cJf"], "7z": ["7z", "a", "-bd"],
}


@pytest.fixture
def copied(mount, chinook_db, work):
    """live/crm of a mount, copied."""
    top = mount(f"crm={chinook_db}")
    subprocess.run(["cp", "-r", top.path("live/crm"), work / "crm"], check=True)
    top.unmount()
    return work / "crm"


def pack(kind, folder, inside=False):
    path = folder.parent / f"{'inside' if inside else 'folder'}.{kind}"
    what, where = (sorted(os.listdir(folder)), folder) if inside else ([folder.name], folder.parent)
    subprocess.run([*PACK[kind], path, *what], cwd=where, check=True, stdout=subprocess.DEVNULL)
    return path


def files(folder):
    return {name: slurp(folder / name) for name in os.listdir(folder) if os.path.isfile(folder / name)}


@pytest.mark.parametrize("kind", PACK)
def test_as_the_folder(mount, copied, kind):
    top = mount(f"plain={copied}", f"packed={pack(kind, copied)}", f"inside={pack(kind, copied, inside=True)}")
    plain, tables = files(top.path("archives/plain")), 0
    for name in "packed", "inside":
        shown = files(top.path(f"archives/{name}"))
        assert sorted(shown) == sorted(plain)
        for file in sorted(plain):
            tables += file.endswith(".csv")
            if file != "datapackage.json":
                assert shown[file] == plain[file], file
    assert tables == 2 * 11
    raw = top.path("archives/inside/raw")
    assert all(slurp(raw / name) == slurp(copied / name) for name in os.listdir(copied))


def test_a_file_of_no_bytes_counts_for_nothing(mount, copied):
    """As what failed leaves it: the rows are in the others, however new it is."""
    rows = {name: slurp(copied / f"{name}.csv") for name in ("Artist", "Genre")}
    for name in "Artist.ndjson", "Genre.json":
        (copied / name).write_bytes(b"")
        os.utime(copied / name, (time.time() + 100, time.time() + 100))
    top = mount(f"plain={copied}", f"packed={pack('zip', copied)}", f"tarred={pack('tgz', copied)}")
    for form in "plain", "packed", "tarred":
        assert {name: slurp(top.path(f"archives/{form}/{name}.csv")) for name in rows} == rows


def test_the_edited_file_counts(mount, copied):
    """And a table whose files are not there is an error; what is no package of crmfs's is read file by file."""
    now = time.time()
    for name in os.listdir(copied):
        os.utime(copied / name, (now - 1000, now - 1000))
    text = (copied / "Artist.csv").read_text().replace("AC/DC", "edited")
    (copied / "Artist.csv").write_text(text)
    for ending in ("csv", "json", "ndjson"):
        (copied / f"Genre.{ending}").unlink()
    path = pack("zip", copied)
    shutil.copytree(copied, copied.parent / "other")
    (copied.parent / "other/datapackage.json").write_text('{"resources": []}')
    other = copied.parent / "other.zip"
    subprocess.run(["zip", "-qr", other, "other"], cwd=copied.parent, check=True)
    top = mount(path, other)
    assert slurp(top.path("archives/folder.zip/Artist.csv")).decode() == text
    with pytest.raises(OSError, match="Input/output"):
        slurp(top.path("archives/folder.zip/Genre.csv"))
    assert "crm/Genre.csv is not in the archive" in top.errors()
    assert "Artist (2).csv" in os.listdir(top.path("archives/other.zip"))


@pytest.mark.parametrize("kind", PACK)
def test_encoded_names(mount, work, kind):
    """What stands with a '%' in the name of its file is found in an archive as it is in the folder."""
    names = ["a/b", "a%b", ".h", "new\nline", "a%2Fc", "pläin\\"]
    database = sqlite3.connect(work / "n.db")
    for i, name in enumerate(names):
        database.execute(f'CREATE TABLE "{name}" (x)')
        database.execute(f'INSERT INTO "{name}" VALUES ({i})')
    database.commit()
    database.close()
    top = mount(work / "n.db")
    subprocess.run(["cp", "-r", top.path("live/n"), work / "n"], check=True)
    top.unmount()
    top = mount(work / "n", pack(kind, work / "n"))
    plain, packed = files(top.path("archives/n")), files(top.path(f"archives/folder.{kind}"))
    assert sum(name.endswith(".csv") for name in plain) == len(names)
    assert {name for name in packed if name != "datapackage.json"} == {name for name in plain if name != "datapackage.json"}
    assert all(packed[name] == plain[name] for name in plain if name.endswith(".csv"))
