# SPDX-License-Identifier: MIT
"""What was changed or deleted in a database comes back out of a snapshot by copying files."""
import os
import shutil
import sqlite3
import subprocess

import pytest


@pytest.mark.sanitize
def test_undo(mount_store, store, copy_of, crm_db):
    database = copy_of(crm_db)
    store.take("a", f"crm={database}")
    conn = sqlite3.connect(database, isolation_level=None)
    before = conn.execute("SELECT * FROM contacts ORDER BY id").fetchall()
    conn.execute("UPDATE contacts SET last_name = 'wrong', birthday = NULL WHERE id = 42")
    conn.execute("DELETE FROM opportunities WHERE contact_id BETWEEN 50 AND 60")
    conn.execute("DELETE FROM contacts WHERE id BETWEEN 50 AND 60")
    top = mount_store(store, f"crm={database}", options="rw-live")
    old, live = top.path("snapshots/a/crm"), top.path("live/crm")
    for number in (42, 50):
        subprocess.run(["cp", old / f"contacts/{number}.json", live / "contacts/"], check=True)
    assert conn.execute("SELECT * FROM contacts WHERE id IN (42, 50) ORDER BY id").fetchall() == [
        row for row in before if row[0] in (42, 50)]
    subprocess.run(["cp", old / "contacts.csv", live / ".import/missing/"], check=True)
    assert conn.execute("SELECT * FROM contacts ORDER BY id").fetchall() == before
    subprocess.run(["cp", old / "opportunities.ndjson", live / ".import/missing/"], check=True)
    for table in ("contacts", "opportunities", "accounts"):
        for form in ("csv", "json", "ndjson"):
            assert top.read("live/crm", f"{table}.{form}") == top.read("snapshots/a/crm", f"{table}.{form}")
    conn.close()


def test_replace_by_rename(mount_store, store, copy_of, crm_db):
    """A table as it was: the file is whole because it was renamed."""
    database = copy_of(crm_db)
    store.take("a", f"crm={database}")
    conn = sqlite3.connect(database, isolation_level=None)
    conn.execute("UPDATE opportunities SET stage = 'lost'")
    conn.execute("INSERT INTO opportunities (id, account_id, title) VALUES (999999, 1, 'later')")
    top = mount_store(store, f"crm={database}", options="rw-live")
    into = top.path("live/crm/.import/replace")
    shutil.copyfile(top.path("snapshots/a/crm/opportunities.csv"), into / "x.part")
    os.rename(into / "x.part", into / "opportunities.csv")
    assert top.read("live/crm", "opportunities.csv") == top.read("snapshots/a/crm", "opportunities.csv")
    assert conn.execute("SELECT count(*) FROM opportunities WHERE id = 999999").fetchone() == (0,)
    conn.close()
