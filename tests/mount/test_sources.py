# SPDX-License-Identifier: MIT
"""How sources are named, and several of them in one mount."""
import os
import shutil

import pytest

from folder import slurp


@pytest.mark.parametrize("file,name", [("crm.db", "crm"), ("crm.sqlite", "crm"), ("crm.sqlite3", "crm"),
                                       ("CRM.SQLITE", "CRM"), ("crm.dat", "crm.dat"), ("crm", "crm"), ("a.b.db", "a.b"),
                                       ("Mein CRM.db", "Mein CRM"), ("über.db", "über"), (".hidden.db", ".hidden")])
def test_default_name(mount, crm_db, work, file, name):
    shutil.copy(crm_db, work / file)
    assert os.listdir(mount(work / file).path("live")) == [name]


def test_urls(mount, crm_db):
    for source in (f"{crm_db}", f"sqlite:{crm_db}", f"sqlite://{crm_db}", f"x={crm_db}", f"x=sqlite:{crm_db}"):
        top = mount(source)
        assert os.listdir(top.path("live")) == ["x" if source.startswith("x=") else "crm_db"]
        assert slurp(top.live() / "accounts.csv").startswith(b"id,name,")
        top.unmount()


def test_several(mount, crm_db, chinook_db, odd_db):
    top = mount(f"a={crm_db}", chinook_db, f"odd one={odd_db}", f"again={crm_db}")
    assert sorted(os.listdir(top.path("live"))) == ["a", "again", "chinook", "odd one"]
    assert slurp(top.path("live/a/accounts.csv")) == slurp(top.path("live/again/accounts.csv"))
    assert slurp(top.path("live/chinook/Artist.csv")).startswith(b"ArtistId,Name\n")


def test_one_bad_source_refuses_all(refused, crm_db, work):
    """A mount with a part missing would look like a mount with the part deleted."""
    (work / "point").mkdir()
    (work / "bad.db").write_bytes(b"rubbish" * 1000)
    answer = refused("mount", crm_db, work / "bad.db", work / "point")
    assert "bad.db" in answer.err


def test_odd_paths(mount, crm_db, work):
    """A path may hold what a URI would take for its own."""
    for name in ("100%.db", "a?mode=rw.db", "a#b.db", "with blank.db", "%41.db", "quote'.db", "é.db"):
        shutil.copy(crm_db, work / name)
        top = mount(work / name)
        assert slurp(top.live() / "accounts.csv").startswith(b"id,name,")
        top.unmount()


def test_path_with_equals_sign(mount, crm_db, work):
    (work / "a=b").mkdir()
    shutil.copy(crm_db, work / "a=b/crm.db")
    assert os.listdir(mount(f"x={work}/a=b/crm.db").path("live")) == ["x"]
    assert os.listdir(mount(f"{work}/a=b/crm.db").path("live")) == ["crm"]


def test_symbolic_link(mount, crm_db, work):
    (work / "link.db").symlink_to(crm_db)
    assert os.listdir(mount(work / "link.db").path("live")) == ["link"]
