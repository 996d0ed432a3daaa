# SPDX-License-Identifier: MIT
"""Snapshots of a server: the same bytes, frozen; beside a SQLite source, in one mkdir."""
import os
import subprocess

import mounting


def bytes_below(top):
    """Path below TOP → bytes, of every file."""
    return {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file()}


def test_mkdir_and_diff(mount, server, database, work, copy_of, crm_db):
    server.sql("CREATE TABLE t (id INT PRIMARY KEY, v DECIMAL(10,2), b BLOB); INSERT INTO t VALUES (1, 2.50, x'00ff');"
               "CREATE VIEW w AS SELECT v FROM t", database)
    environment = {"CRMFS_PASSPHRASE": "p", "XDG_STATE_HOME": str(work / "state")}
    subprocess.run([mounting.BINARY, "init", work / "store"], env={**os.environ, **environment}, check=True,
                   capture_output=True)
    top = mount(f"sales={server.url(database)}", f"crm={copy_of(crm_db)}", arguments=["--store", work / "store"],
                environment=environment, options="refresh=0.1")
    live = bytes_below(top.path("live"))
    os.mkdir(top.path("snapshots/one"))
    assert bytes_below(top.path("snapshots/one")) == live
    server.sql("UPDATE t SET v = 9", database)
    assert mounting.eventually(lambda: b"9.00" in top.path("live/sales/t.csv").read_bytes())
    os.mkdir(top.path("snapshots/two"))
    assert bytes_below(top.path("snapshots/one")) == live
    assert top.path("snapshots/two/sales/t.csv").read_bytes() == b"id,v,b\n1,9.00,AP8=\n"
    assert top.path("snapshots/two/crm/contacts.csv").read_bytes() == live["crm/contacts.csv"]
