# SPDX-License-Identifier: MIT
"""crmfs diff between a live database and mariadb-dump's file of it: what differs, not how it is spelled."""
import os
import subprocess

import mounting
from test_mysql_dump import dump

TABLES = """
CREATE TABLE accounts (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(80) NOT NULL DEFAULT 'x', UNIQUE (name));
CREATE TABLE contacts (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, account INT, email VARCHAR(100) COLLATE utf8mb4_bin,
    note TEXT COMPRESSED, made TIMESTAMP DEFAULT now(), KEY e (email), FOREIGN KEY (account) REFERENCES accounts (id));
CREATE TABLE heap (a INT, b BLOB, j JSON) PAGE_COMPRESSED=1; CREATE VIEW v AS SELECT a FROM heap;
INSERT INTO accounts (name) VALUES ('a'), ('b'); INSERT INTO contacts (account, email) VALUES (1, 'x@y');
INSERT INTO heap VALUES (1, 'x', '{}');
"""


def run(*arguments):
    return subprocess.run([mounting.BINARY, *map(str, arguments)], capture_output=True, text=True, check=False,
                          env={**os.environ, "CRMFS_PASSPHRASE": "p"})


def test_live_and_dump(server, database, work, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(work / "state"))
    server.sql(TABLES, database)
    store = work / "store"
    assert run("init", store).returncode == 0
    assert run("snapshot", "--store", store, "--name", "live", f"crm={server.url(database)}").returncode == 0
    # A row that came and went leaves its number behind.
    server.sql("INSERT INTO accounts (name) VALUES ('c'); DELETE FROM accounts WHERE name = 'c'", database)
    for form, options in [("plain", []), ("tables", ["--skip-opt", "--create-options", "--hex-blob"])]:
        dump(server, database, options, work / form)
        done = run("import", "--store", store, "--name", form, f"crm={work / form}")
        assert done.returncode == 0, done.stderr
        done = run("diff", store, "live", form)
        assert (done.stdout, done.returncode) == ("", 0), form

    server.sql("ALTER TABLE accounts ALTER name SET DEFAULT 'y'; ALTER TABLE contacts MODIFY email VARCHAR(90);"
               "ALTER TABLE heap ADD KEY (a)", database)
    dump(server, database, [], work / "changed")
    assert run("import", "--store", store, "--name", "changed", f"crm={work / 'changed'}").returncode == 0
    said = run("diff", store, "live", "changed").stdout
    assert [line.split()[1] for line in said.splitlines()] == ["crm/accounts", "crm/contacts", "crm/heap"]

    # Sequences are tables in a live database, and none in a dump.
    server.sql("CREATE SEQUENCE one; CREATE SEQUENCE two", database)
    assert run("snapshot", "--store", store, "--name", "sequences", f"crm={server.url(database)}").returncode == 0
    server.sql("DROP SEQUENCE two", database)
    assert run("snapshot", "--store", store, "--name", "fewer", f"crm={server.url(database)}").returncode == 0
    dump(server, database, [], work / "dumped")
    assert run("import", "--store", store, "--name", "dumped", f"crm={work / 'dumped'}").returncode == 0
    for order in [("sequences", "dumped"), ("dumped", "sequences")]:
        done = run("diff", store, *order)
        assert (done.stdout, done.returncode) == ("", 0)
        assert "dumped lacks crm/one, crm/two, which may have been left out" in done.stderr
    assert run("diff", store, "sequences", "fewer").stdout.split()[:2] == ["removed", "crm/two"]
