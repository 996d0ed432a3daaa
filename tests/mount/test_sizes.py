# SPDX-License-Identifier: MIT
"""What stat says is what read gives, to the byte, at every offset."""
import os

import pytest

from folder import all_files, slurp, table_files

pytestmark = pytest.mark.sanitize


def test_size_is_what_is_read(mount, odd_db):
    top = mount(odd_db)
    paths = all_files(top.path("live"))
    assert len(paths) > 50
    for path in paths:
        assert os.stat(path).st_size == len(slurp(path)), path


def test_size_before_any_read(mount, crm_db):
    """A size asked for first, by stat alone, holds for the read after."""
    folder = mount(crm_db).live()
    sizes = {path: os.stat(path).st_size for path in table_files(folder)}
    assert len(sizes) == 15
    for path, size in sizes.items():
        assert len(slurp(path)) == size


def test_random_ranges(mount, crm_db, dice):
    """1,000 reads at random offsets and lengths, each the same slice of the whole."""
    folder = mount(crm_db).live()
    for name in ("activities.csv", "activities.json", "contacts.ndjson"):
        whole = slurp(folder / name)
        with open(folder / name, "rb", buffering=0) as file:
            for _ in range(1000):
                offset = dice.randrange(len(whole) + 5000)
                length = dice.choice([1, 2, 100, 4096, 131072, 300000, dice.randrange(1, len(whole))])
                got = b""
                while len(got) < length:
                    piece = os.pread(file.fileno(), length - len(got), offset + len(got))
                    if not piece:
                        break
                    got += piece
                assert got == whole[offset:offset + length], f"{name} at {offset}, {length} bytes"


def test_backwards(mount, crm_db):
    """Read from its end to its beginning, a file is the same."""
    path = mount(crm_db).live() / "activities.csv"
    whole, parts = slurp(path), []
    with open(path, "rb", buffering=0) as file:
        for offset in range(len(whole) // 7777 * 7777, -1, -7777):
            parts.append(os.pread(file.fileno(), 7777, offset))
    assert b"".join(reversed(parts)) == whole


def test_end_of_file(mount, crm_db):
    path = mount(crm_db).live() / "contacts.csv"
    size = os.stat(path).st_size
    with open(path, "rb", buffering=0) as file:
        assert os.pread(file.fileno(), 100, size) == b""
        assert os.pread(file.fileno(), 100, size + 1) == b""
        assert os.pread(file.fileno(), 100, 2**62) == b""
        assert os.pread(file.fileno(), 100, size - 1) == b"\n"
        assert file.seek(0, os.SEEK_END) == size


def test_direct_io(mount, crm_db):
    """O_DIRECT, which goes past the page cache, reads the same."""
    import mmap

    path = mount(crm_db).live() / "activities.json"
    whole, got = slurp(path), b""
    file = os.open(path, os.O_RDONLY | os.O_DIRECT)
    try:
        buffer = mmap.mmap(-1, 1 << 16)
        while True:
            count = os.preadv(file, [buffer], len(got))
            got += buffer[:count]
            if count == 0:
                break
    finally:
        os.close(file)
    assert got == whole
