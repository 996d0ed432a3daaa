# SPDX-License-Identifier: MIT
"""Many readers of one file at once agree."""
import hashlib
import mmap
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from folder import slurp

pytestmark = pytest.mark.sanitize
BLOCKS = [1, 511, 4097, 65521, 1000003]


def digest(raw):
    return hashlib.sha256(raw).hexdigest()


def by_cp(path, target):
    subprocess.run(["cp", "--reflink=never", path, target], check=True)
    return digest(target.read_bytes())


def by_mmap(path, _):
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as view:
        middle = len(view) // 2
        tail = view[middle:]
        return digest(view[:middle] + tail)


def by_dd(path, target, block):
    # A block of one byte for the whole file would be a million system calls.
    count = [f"count={20000}"] if block == 1 else []
    subprocess.run(["dd", f"if={path}", f"of={target}", f"bs={block}", "status=none", *count], check=True)
    rest = slurp(path)[20000:] if block == 1 else b""
    return digest(target.read_bytes() + rest)


def sixteen(path, work):
    """Sixteen readers, at once; what each of them got."""
    readers = [by_cp, by_mmap] * 4 + [
        lambda path, target, block=block: by_dd(path, target, block) for block in BLOCKS + BLOCKS[1:4]]
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(lambda numbered: numbered[1](path, work / f"copy{numbered[0]}"),
                             enumerate(readers)))


@pytest.mark.parametrize("name", ["activities.csv", "activities.json", "contacts.ndjson"])
def test_sixteen_readers(mount, crm_db, work, name):
    """On a fresh mount, so that the first stat, scan and read are raced for as well."""
    want = digest(slurp(mount(crm_db).live() / name))
    assert set(sixteen(mount(crm_db).live() / name, work)) == {want}


def test_sixteen_tables(mount, odd_db):
    """All tables scanned at once by as many threads as come."""
    quiet, busy = mount(odd_db).live(), mount(odd_db).live()
    names = sorted(path.name for path in quiet.iterdir())
    with ThreadPoolExecutor(16) as pool:
        got = list(pool.map(lambda name: slurp(busy / name), names))
    assert got == [slurp(quiet / name) for name in names]
