# SPDX-License-Identifier: MIT
"""Resident memory stays within 64 MiB, whatever is read and however."""
import hashlib
import json
import os
import sqlite3
import subprocess
from concurrent.futures import ThreadPoolExecutor

import reference
from folder import slurp

LIMIT = 64 << 20


def assert_within(top, limit=LIMIT):
    assert top.high_water() <= limit, f"{top.high_water() / 2**20:.1f} MiB"


def test_many_rows(mount, large_crm_db):
    """300,000 rows, in all formats, by many readers, at the end before the beginning."""
    top = mount(large_crm_db)
    folder = top.live()
    subprocess.check_output(["tail", "-c", "1000000", folder / "activities.json"])
    for form in reference.FORMATS:
        subprocess.run(["cat", folder / f"activities.{form}"], stdout=subprocess.DEVNULL, check=True)
    with ThreadPoolExecutor(8) as pool:
        sizes = list(pool.map(lambda n: len(slurp(folder / f"activities.{reference.FORMATS[n % 3]}")), range(8)))
    assert sizes[0] == os.stat(folder / "activities.csv").st_size
    assert_within(top)


def test_less_memory_when_told(mount, large_crm_db):
    top = mount(large_crm_db, options="max-memory=32M")
    subprocess.run(["cat", top.live() / "activities.csv"], stdout=subprocess.DEVNULL, check=True)
    assert_within(top, 32 << 20)


def digest(path):
    hasher = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            hasher.update(block)
    return hasher.hexdigest()


def test_cell_larger_than_the_memory(mount, large_cells_db):
    """It is exact in every format, as text and as bytes."""
    top = mount(large_cells_db)
    folder, conn = top.live(), reference.connect(large_cells_db)
    for table in ("large_text", "large_blob"):
        for form in reference.FORMATS:
            path = folder / f"{table}.{form}"
            wanted = reference.render(conn, table, form)
            assert os.stat(path).st_size == len(wanted)
            assert digest(path) == hashlib.sha256(wanted).hexdigest(), f"{table}.{form}"
            with open(path, "rb", buffering=0) as file:
                for at in (0, 1000, len(wanted) // 2 + 1, len(wanted) - 500):
                    assert os.pread(file.fileno(), 300, at) == wanted[at:at + 300]
    assert_within(top)


def test_many_tables(mount, work):
    """A thousand tables, listed with sizes: within memory."""
    import oddities

    database = work / "many.db"
    oddities.make_many_tables(str(database))
    top = mount(database)
    for _ in range(2):
        subprocess.run(["ls", "-lR", top.point], stdout=subprocess.DEVNULL, check=True)
    assert_within(top)


def test_wide_table(mount, odd_db):
    top = mount(odd_db)
    for path in sorted(top.live().iterdir()):
        slurp(path)
    assert_within(top)


def test_many_wide_tables(mount, work):
    """300,000 columns: the texts about them are 43 MB, and are what the parts make when put together."""
    database = work / "wide.db"
    with sqlite3.connect(database) as conn:
        columns = ", ".join(f"column_number_{n} VARCHAR(100)" for n in range(999))
        for n in range(300):
            conn.execute(f"CREATE TABLE table_{n} (id INTEGER PRIMARY KEY, {columns})")
            conn.execute(f"INSERT INTO table_{n} (id, column_number_7) VALUES (1, 'x')")
    conn.close()
    top = mount(database)
    subprocess.run(["cat", *sorted(top.live().iterdir())], stdout=subprocess.DEVNULL, check=True)
    whole = (top.live() / "datapackage.json").read_bytes()
    assert [len(one["schema"]["fields"]) for one in json.loads(whole)["resources"]] == [1000] * 300
    with open(top.live() / "datapackage.json", "rb", buffering=0) as file:
        for at in range(0, len(whole), 1234567):
            assert os.pread(file.fileno(), 100000, at) == whole[at:at + 100000]
    assert (top.live() / "schema.sql").read_text().count("CREATE TABLE") == 300
    assert_within(top, LIMIT + (10 << 20))  # SQLite itself takes 20 MiB for them, once or twice at a time


def test_open_files(mount, crm_db):
    """A thousand descriptors of files that all were read from."""
    top = mount(crm_db)
    path = top.live() / "activities.csv"
    files = [open(path, "rb", buffering=0) for _ in range(500)]
    try:
        for number, file in enumerate(files):
            os.pread(file.fileno(), 1000, number * 4000)
        assert_within(top)
    finally:
        for file in files:
            file.close()
