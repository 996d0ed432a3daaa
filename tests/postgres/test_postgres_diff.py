# SPDX-License-Identifier: MIT
"""crmfs diff between a live database and pg_dump's file of it: what differs, not how it is spelled."""
import json
import os
import subprocess

import pytest

import cheap_key
import mounting
from test_postgres_dump import dump
from test_postgres_faults import foreign

TABLES = """
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE accounts (id serial PRIMARY KEY, name varchar(80) NOT NULL DEFAULT 'x', mood mood, tags text[], UNIQUE (name));
CREATE TABLE contacts (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account integer REFERENCES accounts,
    email text COLLATE "C" CHECK (email LIKE '%@%'), made timestamptz DEFAULT now());
CREATE INDEX by_email ON contacts (email);
CREATE TABLE pairs (a integer, b numeric(10,2), c char(3), PRIMARY KEY (b, a), FOREIGN KEY (a) REFERENCES accounts (id) ON DELETE CASCADE);
CREATE TABLE heap (a integer, b bytea); CREATE VIEW v AS SELECT a FROM heap;
INSERT INTO accounts (name) VALUES ('a'), ('b'); INSERT INTO contacts (account, email) VALUES (1, 'x@y');
CREATE TABLE free (a integer DEFAULT 5, b text);
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER tg AFTER INSERT ON heap FOR EACH ROW EXECUTE FUNCTION f();
CREATE TABLE parts (id integer, k integer NOT NULL, PRIMARY KEY (id, k)) PARTITION BY RANGE (k);
CREATE TABLE parts1 PARTITION OF parts FOR VALUES FROM (0) TO (5); INSERT INTO parts VALUES (1, 1);
CREATE TABLE rest (id integer NOT NULL, v text) PARTITION BY RANGE (id); ALTER TABLE rest ADD CONSTRAINT rest_key PRIMARY KEY (id);
CREATE TABLE rest1 PARTITION OF rest DEFAULT; CREATE TABLE nothing (); INSERT INTO nothing DEFAULT VALUES;
INSERT INTO pairs VALUES (1, 2, 'abc'); INSERT INTO heap VALUES (1, 'x');
"""


def run(*arguments):
    return subprocess.run([mounting.BINARY, *map(str, arguments)], capture_output=True, text=True, check=False,
                          env={**os.environ, "CRMFS_PASSPHRASE": "p", "PGTZ": "UTC"})


def test_live_and_dump(postgres, database, work, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(work / "state"))
    name = database(TABLES)
    store = work / "store"
    assert run("init", store).returncode == 0
    assert run("snapshot", "--store", store, "--name", "live", f"crm={postgres.url(name)}").returncode == 0
    for form, options in [("plain", []), ("custom", ["-Fc"]), ("inserts", ["--inserts", "-C"])]:
        (work / form).write_bytes(dump(postgres, name, *options))
        done = run("import", "--store", store, "--name", form, f"crm={work / form}")
        assert done.returncode == 0, done.stderr
        done = run("diff", store, "live", form)
        assert (done.stdout, done.returncode) == ("", 0), form

    postgres.psql("ALTER TABLE heap ALTER a SET NOT NULL; ALTER TABLE pairs ALTER c TYPE char(4);"
                  "ALTER TABLE free ALTER a SET DEFAULT 6; DROP INDEX by_email; ALTER TABLE accounts DROP CONSTRAINT accounts_name_key", name)
    (work / "changed").write_bytes(dump(postgres, name))
    assert run("import", "--store", store, "--name", "changed", f"crm={work / 'changed'}").returncode == 0
    said = run("diff", store, "live", "changed").stdout
    assert [line.split()[1] for line in said.splitlines()] == ["crm/accounts", "crm/contacts", "crm/free", "crm/heap", "crm/pairs"]


@pytest.fixture(name="part")
def take_a_part(postgres, database, work, monkeypatch):
    """A store of two snapshots, of which "part" lacks the foreign table of "full"."""
    monkeypatch.setenv("XDG_STATE_HOME", str(work / "state"))
    name = database("CREATE TABLE t (id integer PRIMARY KEY); INSERT INTO t VALUES (1);" + foreign(postgres, "here", postgres.port)
                    + "CREATE FOREIGN TABLE ft (amname name) SERVER here OPTIONS (schema_name 'pg_catalog', table_name 'pg_am')")
    assert run("init", work / "store").returncode == 0
    cheap_key.cheapen(work / "store", "p")
    take = ["snapshot", "-q", "--store", work / "store", f"crm={postgres.url(name)}", "--name"]
    assert run(*take, "full").returncode == 0
    postgres.psql(f"ALTER SERVER here OPTIONS (SET port '{mounting.free_port()}')", name)
    assert run(*take, "part").returncode == 3
    return work / "store"


def test_what_could_not_be_read_is_not_compared(part):
    """It is there, and was neither removed nor added: text and JSON say so."""
    for pair in (("full", "part"), ("part", "full")):
        done = run("diff", part, *pair)
        assert (done.returncode, done.stdout) == (0, "") and "part lacks the rows of crm/ft, " in done.stderr, done
        answer = json.loads(run("diff", "--json", part, *pair).stdout)
        assert (answer["tables"], answer["same"]) == ([], 1), answer
        assert answer["not_compared"] == [{"snapshot": "part", "source": "crm", "table": "ft", "why": "lacking"}]


def test_what_could_not_be_read_is_told_to_who_wants_all(part, work):
    for words in (["export", part, "part", "-o", work / "out"], ["verify-restore", "--store", part, "part"],
                  ["verify-restore", "--store", part, "--json", "part/crm"]):
        done = run(*words)
        assert done.returncode == 3 and "crm, table ft is left out: it could not be read" in done.stderr, done
        assert "without what is left out, therefore status 3" in done.stderr
    for words in (["export", part, "part", "t"], ["verify-restore", "--store", part, "part/crm/t"],
                  ["export", part, "full", "-o", work / "out"]):
        done = run(*words)
        assert (done.returncode, done.stderr) == (0, ""), done
    assert '"crm/ft" could not be read when the snapshot was taken' in run("export", part, "part", "crm/ft").stderr
