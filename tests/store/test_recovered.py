# SPDX-License-Identifier: MIT
"""Snapshots whose records are lost: those that repair lists again are whole."""
import sqlite3


def largest_pack(store):
    return max((store.path / "packs").glob("*/*"), key=lambda path: path.stat().st_size)


def test_what_several_share_is_lost(store, work):
    """Each is looked at by itself: that one has been told to lack something makes no other one whole."""
    database = work / "crm.db"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
        connection.execute("INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
                           " WHERE i < 9999) SELECT i, hex(randomblob(20)) FROM n")
    store.take("s0", database)
    first = largest_pack(store)
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE t SET v = 'another' WHERE id = 5000")
    for name in ("s1", "s2", "s3"):
        store.take(name, database)
    records = sorted((store.path / "log").iterdir())
    for record in records[-3:-1]:
        record.chmod(0o600)
        record.write_bytes(b"junk")
    first.unlink()
    said = store.run("repair", "--drop-records", store.path, status=1).out
    assert said.count("cannot be listed again: something of it is lost, too") == 2, said
    assert store.names() == ["s0", "s3"]
