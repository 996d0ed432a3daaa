# SPDX-License-Identifier: MIT
"""Indexes are deleted: nothing is lost, check says that they are missing, and repair makes them again."""
import json

import pytest


@pytest.fixture
def bare(store, database):
    """A store without its indexes."""
    store.take("one", database)
    assert "index" not in store.check().out
    gone = [path for name, path in store.files().items() if name.startswith("index/")]
    assert gone
    for path in gone:
        path.unlink()
    return store


def test_it_is_told_and_mended(bare):
    said = bare.check().out
    assert "all is well" in said and "in no index" in said and "crmfs repair" in said, said
    answer = json.loads(bare.run("check", "--json", bare.path).out)
    assert answer["packs_unindexed"] == answer["packs"] > 0 and answer["findings"] == [] and answer["harmful"] == 0
    bare.run("repair", bare.path)
    assert "index" not in bare.check().out
    assert json.loads(bare.run("check", "--json", bare.path).out)["packs_unindexed"] == 0


def test_a_mount_at_work_lacks_none(mount_store, store):
    """What it has just written comes into an index later; while it is at work, that is no news."""
    top = mount_store(store)
    top.path("files/a").write_bytes(b"a")
    top.path("snapshots/one").mkdir()
    assert "index" not in store.check().out
    top.unmount()
    assert "index" not in store.check().out
