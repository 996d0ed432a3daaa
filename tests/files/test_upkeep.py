# SPDX-License-Identifier: MIT
"""What a store of files/ loses is said, and only given up when one says so; what it has too much of goes."""
import errno
import itertools
import json
import os
import random
import re
import subprocess

import pytest

from mounting import eventually
from running import remount, sync, write

KIB = 1 << 10


def damage(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)


def written(store, change):
    """The packs that CHANGE made, by their names."""
    before = set(store.files())
    change()
    return {name: path for name, path in store.files().items() if name not in before and name.startswith("packs/")}


def find_largest(packs):
    return max(packs.values(), key=lambda path: path.stat().st_size)


def test_a_part_of_a_damaged_page_is_not_written(top, files, store):
    """It could not be read again: writing says so; a whole page can be, and so can the file anew."""
    lost = find_largest(written(store, lambda: write(files / "lost", random.Random(9).randbytes(100 * KIB))))
    top.unmount()
    damage(lost, 50 * KIB)
    remount(top)
    file = os.open(files / "lost", os.O_RDWR)
    try:
        # Of the first one a part may be of the piece before.
        border, page = itertools.islice((page for page in range(0, 100 * KIB, 4096) if not is_read(file, page)), 2)
        for offset, size in ((border + 10, 20), (page + 10, 20), (page + 1, 4095), (page, 4095)):
            with pytest.raises(OSError) as refused:
                os.pwrite(file, b"x" * size, offset)
            assert refused.value.errno == errno.EIO
        assert os.pwrite(file, b"y" * 4096, page) == 4096
        os.fsync(file)
        assert os.pread(file, 4096, page) == b"y" * 4096
        assert os.pwrite(file, b"z", page + 1) == 1
    finally:
        os.close(file)
    write(files / "lost", b"anew")
    assert (files / "lost").read_bytes() == b"anew"


def is_read(file, offset):
    try:
        return len(os.pread(file, 4096, offset)) == 4096
    except OSError:
        return False


def test_a_damaged_file_is_not_copied(top, files, store):
    """As content is shared by copies, one would be lost from the beginning, and its source be removed."""
    lost = find_largest(written(store, lambda: write(files / "lost", random.Random(9).randbytes(300 * KIB))))
    write(files / "sound", b"sound")
    top.unmount()
    damage(lost, 150 * KIB)
    remount(top)
    done = subprocess.run(["cp", files / "lost", files / "copy"], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "Input/output error" in done.stderr
    assert f"inode {(files / 'lost').stat().st_ino})" in top.errors()
    subprocess.run(["cp", files / "sound", files / "copy"], check=True)
    assert (files / "copy").read_bytes() == b"sound"


def test_repair_says_what_is_lost_and_drops_nothing(top, files, store):
    """A file's content is damaged: its name is told, the others stay, and so does it, until somebody removes it."""
    dice = random.Random(8)
    (files / "d").mkdir()
    sound = {f"d/sound{number}": dice.randbytes(70 * KIB) for number in range(4)}
    for name, content in sound.items():
        write(files / name, content)
    lost = find_largest(written(store, lambda: write(files / "d/lost", dice.randbytes(300 * KIB))))
    top.unmount()
    damage(lost, 100 * KIB)
    said = store.check(status=1)
    assert "files/d/lost: " in said.out, said
    assert "can be removed in a mount" in said.out and "--forget-damaged" not in said.out
    answer = json.loads(store.run("check", "--read-data", "--json", store.path, status=1).out)
    assert [finding["path"] for finding in answer["findings"] if finding["kind"] == "snapshot"] == ["d/lost"]
    before = store.snapshots()
    said = store.run("repair", "--read-data", store.path, status=1)
    assert "files/d/lost: " in said.out and "can be removed in a mount" in said.out, said
    said = store.run("repair", "--read-data", "--forget-damaged", store.path, status=1)
    assert store.snapshots() == before
    assert "files/d/lost" in said.out + said.err, said
    remount(top)
    for name, content in sound.items():
        assert (files / name).read_bytes() == content
    assert sorted(os.listdir(files / "d")) == ["lost", *(f"sound{number}" for number in range(4))]
    with pytest.raises(OSError):
        (files / "d/lost").read_bytes()
    assert re.search(rf"files \(inode {(files / 'd/lost').stat().st_ino}\): .*damaged", top.errors())
    (files / "d/lost").unlink()
    write(files / "d/new", b"goes on")
    top.unmount()
    store.run("repair", "--read-data", store.path)
    store.run("prune", "--grace", "0", store.path)
    store.check()
    remount(top)
    assert sorted(os.listdir(files / "d")) == ["new", *(f"sound{number}" for number in range(4))]


def test_a_lost_attachment_takes_no_tables_with_it(top, files, store, crm_db):
    """Not one that is damaged, nor one whose pack is gone."""
    store.take("tables", crm_db)
    pack = find_largest(written(store, lambda: write(files / "scan", random.Random(5).randbytes(300 * KIB))))
    top.unmount()
    store.take("both", crm_db)
    damage(pack, 100 * KIB)
    for step in (lambda: None, pack.unlink):
        step()
        answer = json.loads(store.run("repair", "--json", "--read-data", "--forget-damaged", store.path, status=1).out)
        assert (answer["forgotten"], answer["spared"]) == (0, 1)
        assert store.export("both", "contacts") == store.export("tables", "contacts")
    answer = json.loads(store.run("repair", "--json", "--forget-damaged=files", store.path).out)
    assert (answer["forgotten"], answer["spared"]) == (1, 0) and store.names() == ["tables"]


def test_prune_goes_on_beside_what_is_damaged(top, files, store):
    """A pack of which something needed cannot be read is not rewritten; what nothing needs goes, and that is told."""
    dice = random.Random(4)
    (files / "gone").write_bytes(dice.randbytes(300 * KIB))
    lost = find_largest(written(store, lambda: write(files / "lost", dice.randbytes(300 * KIB))))
    (files / "gone").unlink()
    garbage = find_largest(written(store, lambda: write(files / "garbage", dice.randbytes(300 * KIB))))
    (files / "garbage").unlink()
    sync(files)
    top.unmount()
    for at in range(1000, 550 * KIB, 10 * KIB):
        damage(lost, at)
    said = store.run("prune", "--grace", "0", "--max-unused", "0", store.path, status=1)
    assert "run `crmfs check --read-data`" in said.err and "all else was done" in said.err, said
    assert lost.exists() and not garbage.exists()
    size = store.size("packs")
    for _ in range(3):
        store.run("prune", "--grace", "0", "--max-unused", "0", store.path, status=1)
    assert store.size("packs") == size, "what was moved before is moved again"
    store.run("prune", "--grace", "0", "--max-unused", "unlimited", store.path)


def test_snapshots_whose_files_are_damaged_go_only_when_told(top, files, store):
    dice = random.Random(9)
    lost = find_largest(written(store, lambda: write(files / "a", dice.randbytes(300 * KIB))))
    top.path("snapshots/damaged").mkdir()
    (files / "a").unlink()
    write(files / "b", b"sound")
    top.path("snapshots/sound").mkdir()
    top.unmount()
    damage(lost, 100 * KIB)
    said = store.check(status=1)
    assert "snapshot damaged, files/a: " in said.out and "--forget-damaged" in said.out, said
    said = store.run("repair", "--read-data", store.path, status=1)
    assert "snapshot damaged, files/a: " in said.out and "--forget-damaged" in said.out, said
    assert sorted(store.names()) == ["damaged", "sound"]
    said = store.run("repair", "--read-data", "--forget-damaged", store.path, status=1)
    assert "snapshot damaged, files/a: " in said.out and "Kept 1 snapshot of which files/ alone lost" in said.out, said
    assert "--forget-damaged=files" in said.out and sorted(store.names()) == ["damaged", "sound"]
    said = store.run("repair", "--forget-damaged=tables", store.path, status=2)
    assert 'cannot be "tables"' in said.err, said
    store.run("repair", "--read-data", "--forget-damaged=files", store.path)
    assert store.names() == ["sound"]
    remount(top)
    assert top.path("snapshots/sound/files/b").read_bytes() == b"sound"
    assert (files / "b").read_bytes() == b"sound"


def test_a_file_whose_pieces_are_lost_is_named_once(top, files, store):
    """In each snapshot, and as it is now; for scripts all that was found is counted."""
    lost = find_largest(written(store, lambda: write(files / "lost", random.Random(3).randbytes(2000 * KIB))))
    os.mkdir(top.path("snapshots/one"))
    top.unmount()
    lost.unlink()
    lines = store.run("check", store.path, status=1).out.splitlines()
    assert sorted(line.partition(": ")[0] for line in lines if "files/lost" in line) == ["files/lost", "snapshot one, files/lost"]
    found = json.loads(store.run("check", "--json", store.path, status=1).out)["findings"]
    assert len([one for one in found if one.get("path") == "lost"]) > 2


def test_a_tree_that_is_lost_is_no_empty_one(top, files, store):
    """The names themselves cannot be read: it is refused, rather than shown without them."""
    packs = written(store, lambda: write(files / "a", b"here"))
    top.unmount()
    for path in packs.values():
        for at in range(40, path.stat().st_size, 97):
            damage(path, at)
    assert store.check(status=1)
    store.run("repair", "--read-data", store.path, status=1)
    remount(top)
    for refused in (lambda: os.listdir(files), lambda: (files / "b").write_bytes(b"new")):
        with pytest.raises(OSError):
            refused()
    assert "is damaged at byte" in top.errors()
    top.unmount()
    assert store.check(status=1)


def marked_bytes(store):
    return json.loads(store.run("prune", "--dry-run", "--json", store.path).out)["waiting"]["bytes"]


def test_garbage_is_marked_by_itself(mount_store, store):
    """When more than max-garbage was written."""
    top = mount_store(store, options="max-garbage=2M")
    files, dice = top.path("files"), random.Random(10)
    for _ in range(5):
        write(files / "a", dice.randbytes(1 << 20))
    assert eventually(lambda: marked_bytes(store) > 2 << 20, 15)
    assert (files / "a").stat().st_size == 1 << 20
    top.unmount()
    store.check()


def test_what_was_removed_is_marked_by_itself(mount_store, store):
    """Though to remove it takes next to nothing."""
    top = mount_store(store, options="max-garbage=4M")
    files, dice = top.path("files"), random.Random(11)
    write(files / "a", dice.randbytes(3 << 20))
    (files / "a").unlink()
    sync(files)
    assert eventually(lambda: marked_bytes(store) > 3 << 20, 15)
    top.unmount()
    store.check()
