# SPDX-License-Identifier: MIT
"""What may befall a server: each has its errno for the reader and its line in .crmfs/errors, and nothing else breaks."""
import errno
import json
import os
import signal
import socket
import subprocess
import threading
import time

import pytest

import mounting
from server import load, programs

LARGE = """
CREATE TABLE large (id int PRIMARY KEY, v text);
INSERT INTO large SELECT n, repeat(md5(n::text), 20) FROM generate_series(1, 120000) n;
CREATE TABLE small (id int PRIMARY KEY, v text); INSERT INTO small VALUES (1, 'x');
CREATE VIEW slow AS SELECT id, pg_sleep(1)::text AS slept FROM generate_series(1, 200) id;
"""
READING = "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'crmfs' AND query LIKE 'COPY%' AND state = 'active'"


class Reader(threading.Thread):
    """Reads a file in a thread of its own; what came of it."""

    def __init__(self, path):
        super().__init__()
        self.path, self.data, self.errno = path, None, None
        self.start()

    def run(self):
        try:
            self.data = self.path.read_bytes()
        except OSError as problem:
            self.errno = problem.errno

    def result(self):
        self.join(mounting.PATIENCE)
        assert not self.is_alive(), "still reading"
        return self.errno


def refusal(path):
    """The errno of reading a file; None: it can be read."""
    try:
        path.read_bytes()
        return None
    except OSError as problem:
        return problem.errno


def heals(path):
    return mounting.eventually(lambda: refusal(path) is None, mounting.PATIENCE)


@pytest.fixture(name="own")
def own_server(new_server):
    server = new_server(settings="wal_level = minimal\nmax_wal_senders = 0")
    server.psql(LARGE)
    return server


def test_a_connection_ended_while_reading_is_an_error_and_the_next_reading_works(own, mount):
    top = mount(f"crm={own.url('postgres')}", options="refresh=0.1")
    reader = Reader(top.live() / "slow.csv")
    assert own.waits(READING)
    own.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'crmfs' AND query LIKE 'COPY%'")
    assert reader.result() == errno.EIO
    assert "live/crm/slow.csv" in top.errors() and "57P01" in top.errors()
    assert heals(top.live() / "small.csv")
    own.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'crmfs'")
    assert heals(top.live() / "large.csv")
    assert len((top.live() / "large.csv").read_bytes()) == int(
        own.rows("SELECT sum(length(id::text) + length(v) + 2) + 5 FROM large")[0])


def test_a_server_that_is_killed_and_comes_back(own, mount):
    top = mount(f"crm={own.url('postgres')}", options="refresh=0.1")
    whole = (top.live() / "small.csv").read_bytes()
    reader = Reader(top.live() / "slow.csv")
    assert own.waits(READING)
    own.stop(signal.SIGKILL)
    assert reader.result() == errno.EIO
    assert "small.csv" in os.listdir(top.live()), "ls does not answer"
    assert mounting.eventually(lambda: refusal(top.live() / "large.csv") == errno.EIO)
    assert "live/crm" in top.errors()
    (own.data / "postmaster.pid").unlink(missing_ok=True)
    own.start()
    assert heals(top.live() / "large.csv") and heals(top.live() / "small.csv")
    assert (top.live() / "small.csv").read_bytes() == whole


def test_an_idle_connection_that_was_closed_is_no_error(own, mount):
    """Neither between two moments, nor between two tables of one."""
    ours = "FROM pg_stat_activity WHERE application_name = 'crmfs'"
    top = mount(f"crm={own.url('postgres')}", options="refresh=0.1")
    for number in range(3):
        load(0.3)  # the next request asks the server whether it has changed
        assert own.rows(f"SELECT count(pg_terminate_backend(pid)) > 0 {ours}") == ["t"]
        assert own.waits(f"SELECT count(*) = 0 {ours}")
        assert (top.live() / "small.csv").read_text().startswith("id,v\n1,"), number
        own.psql("INSERT INTO small SELECT max(id) + 1, 'y' FROM small")
    assert mounting.eventually(lambda: len((top.live() / "small.csv").read_text().splitlines()) == 5)
    with os.scandir(top.live()) as names:
        assert "small.csv" in [entry.name for entry in names]
        (top.live() / "small.csv").read_bytes()
        own.psql(f"SELECT pg_terminate_backend(pid) {ours}")
        assert own.waits(f"SELECT count(*) = 0 {ours} AND query LIKE '%crmfs%'")
        assert len((top.live() / "large.csv").read_bytes()) > 1000000
    assert top.errors() == ""


def test_a_restart_between_two_readings(own, mount):
    top = mount(f"crm={own.url('postgres')}", options="refresh=0.1")
    (top.live() / "small.csv").read_bytes()
    own.stop()
    own.start()
    own.psql("INSERT INTO small VALUES (2, 'y')")
    assert mounting.eventually(lambda: refusal(top.live() / "small.csv") is None
                               and (top.live() / "small.csv").read_text() == "id,v\n1,x\n2,y\n", mounting.PATIENCE)


def test_a_server_that_stops_answering(own, mount):
    """SIGSTOP: connections stay, and nothing comes. ls goes on, a reader gets EIO, and when it goes on, so do we."""
    top = mount(f"crm={own.url('postgres', connect_timeout=2)}", options="refresh=0.1")
    (top.live() / "small.csv").read_bytes()
    reader = Reader(top.live() / "slow.csv")
    assert own.waits(READING)
    own.freeze()
    try:
        assert "small.csv" in os.listdir(top.live())
        assert reader.result() == errno.EIO
        assert "small.csv" in os.listdir(top.live())
        assert "does not answer" in top.errors() or "stopped answering" in top.errors()
        assert top.path(".crmfs/status").read_bytes()
    finally:
        own.thaw()
    assert heals(top.live() / "large.csv")


def test_the_mount_ends_while_the_server_does_not_answer(own, mount):
    top = mount(f"crm={own.url('postgres')}")
    reader = Reader(top.live() / "slow.csv")
    assert own.waits(READING)
    own.freeze()
    try:
        os.kill(top.pid, signal.SIGTERM)
        assert reader.result() is not None
        top.assert_gone()
    finally:
        own.thaw()


def test_the_server_is_not_left_busy_when_the_mount_ends(own, mount):
    top = mount(f"crm={own.url('postgres')}")
    reader = Reader(top.live() / "slow.csv")
    assert own.waits(READING)
    os.kill(top.pid, signal.SIGTERM)
    assert reader.result() is not None
    top.assert_gone()
    assert own.waits("SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'crmfs'")


CHANGES = {
    "DROP TABLE {}": None,
    "ALTER TABLE {} DROP v": b"id\n",
    "ALTER TABLE {} ALTER id TYPE bigint": b"id,v\n",
    "TRUNCATE {}": b"id,v\n",
    "ALTER TABLE {} RENAME v TO w": b"id,w\n",
    "ALTER TABLE {0} RENAME v TO w; ALTER TABLE {0} RENAME id TO v; ALTER TABLE {0} RENAME w TO id": b"v,id\n",
    "DROP TABLE {0}; CREATE TABLE {0} (id int PRIMARY KEY, v text)": b"id,v\n",
    "VACUUM FULL {}": b"id,v\n",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_table_is_changed_between_the_listing_and_the_reading(postgres, database, mount, change):
    """The moment holds the old rows; it must never show a rewritten table as an empty one."""
    name = database("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT n, 'x' FROM generate_series(1, 9) n")
    top = mount(postgres.url(name), options="refresh=3600")
    with os.scandir(top.live()):  # an open listing keeps the moment
        postgres.psql(change.format("t"), name)
        header = CHANGES[change]
        if header is None:
            assert mounting.eventually(lambda: refusal(top.live() / "t.csv") == errno.ENOENT)
            return
        assert heals(top.live() / "t.csv")
        text = (top.live() / "t.csv").read_bytes()
    assert text == header + postgres.psql("COPY t TO STDOUT (FORMAT csv)", name)


def test_a_column_that_came_later_is_not_of_the_moment(postgres, database, mount):
    name = database("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'x')")
    top = mount(postgres.url(name), options="refresh=3600")
    with os.scandir(top.live()):
        postgres.psql("ALTER TABLE t ADD more int; INSERT INTO t VALUES (2, 'y', 3)", name)
        assert (top.live() / "t.csv").read_text() == "id,v\n1,x\n"


def test_partitions_come_and_go_between_the_listing_and_the_reading(postgres, database, mount):
    name = database("""
        CREATE TABLE p (id int) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
        CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20); CREATE TABLE p3 (id int);
        INSERT INTO p VALUES (1), (11); INSERT INTO p3 VALUES (21);""")
    for change, want in (("ALTER TABLE p DETACH PARTITION p2", "id\n1\n"),
                         ("ALTER TABLE p ATTACH PARTITION p3 FOR VALUES FROM (20) TO (30)", "id\n1\n21\n")):
        top = mount(postgres.url(name), options="refresh=3600")
        with os.scandir(top.live()):
            postgres.psql(change, name)
            assert heals(top.live() / "p.csv")
            assert (top.live() / "p.csv").read_text() == want


def test_a_table_that_is_read_cannot_be_changed_meanwhile(own, mount):
    top = mount(f"crm={own.url('postgres')}")
    reader = Reader(top.live() / "large.csv")
    own.psql("ALTER TABLE large ADD more int; TRUNCATE large")
    assert reader.result() is None
    lines = reader.data.splitlines()
    assert lines[0] in (b"id,v", b"id,v,more") and len(lines) in (120001, 1)


def test_a_locked_table_is_waited_for_and_then_refused(postgres, database, mount):
    name = database("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    top = mount(postgres.url(name), options="busy-timeout=0.5")
    locker = subprocess.Popen([programs() / "psql", "-X", "-q", "-h", str(postgres.directory), "-p", str(postgres.port), "-U", "postgres",
                               "-c", "BEGIN; LOCK TABLE t; SELECT pg_sleep(600)", name], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    try:
        assert postgres.waits("SELECT count(*) > 0 FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted"
                              " AND relation = 't'::regclass", name)
        assert refusal(top.live() / "t.csv") == errno.EBUSY
        assert "locked by another program" in top.errors()
    finally:
        locker.terminate()
        locker.wait()
        postgres.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%'"
                      " AND pid <> pg_backend_pid()")
    assert heals(top.live() / "t.csv")


def test_what_holds_nothing_to_read_keeps_nobody_from_the_rest(postgres, database, mount, work):
    """A materialised view that was never filled, a view of it, and a table without columns: left out, by name."""
    name = database("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1); CREATE TABLE bare ();"
                    "INSERT INTO bare DEFAULT VALUES; CREATE MATERIALIZED VIEW unfilled AS SELECT * FROM t WITH NO DATA;"
                    "CREATE VIEW over AS SELECT * FROM unfilled")
    top = mount(postgres.url(name))
    assert refusal(top.live() / "bare.csv") == errno.ENODATA
    assert refusal(top.live() / "unfilled.csv") == errno.ENODATA
    assert refusal(top.live() / "t.csv") is None
    assert "has no columns" in top.errors() and "REFRESH MATERIALIZED VIEW" in top.errors()
    environment = {**os.environ, "CRMFS_PASSPHRASE": "p"}
    subprocess.run([mounting.BINARY, "init", work / "store"], env=environment, check=True, capture_output=True)
    taken = subprocess.run([mounting.BINARY, "snapshot", "--store", work / "store", postgres.url(name)], env=environment,
                           check=False, capture_output=True, text=True)
    assert all(word in taken.stderr for word in ("bare", "unfilled", "over", "no columns")), taken.stderr
    assert taken.returncode == 0, taken.stderr
    listed = subprocess.run([mounting.BINARY, "snapshots", "--json", work / "store"], env=environment, check=True, capture_output=True)
    assert [(one["partial"], one["lacking"]) for one in json.loads(listed.stdout)] == [(False, [])], "nothing is missed"
    postgres.psql("REFRESH MATERIALIZED VIEW unfilled", name)
    assert heals(top.live() / "unfilled.csv")


def test_a_view_that_fails_takes_nothing_else_along(postgres, database, mount):
    name = database("CREATE TABLE t (id int); CREATE VIEW broken AS SELECT 1 / (n - 3) AS x FROM generate_series(1, 5) n;"
                    "CREATE MATERIALIZED VIEW unready AS SELECT 1 AS a WITH NO DATA;")
    top = mount(postgres.url(name))
    assert refusal(top.live() / "broken.csv") == errno.EIO
    assert refusal(top.live() / "unready.csv") == errno.ENODATA
    assert (top.live() / "t.csv").read_bytes() == b"id\n"
    assert "division by zero" in top.errors() and "22012" in top.errors()
    assert "has not been populated" in top.errors()


def test_an_endless_view_is_given_up_and_the_moment_goes_on(own, mount):
    own.psql("CREATE VIEW endless AS SELECT count(*) FROM generate_series(1, 1000000000000)")
    top = mount(f"crm={own.url('postgres')}", options="view-timeout=0.5")
    with os.scandir(top.live()):
        assert (top.live() / "small.csv").read_bytes() == b"id,v\n1,x\n"
        own.psql("INSERT INTO large SELECT n, 'new' FROM generate_series(-5, 0) n")
        for view in ("endless", "slow"):
            assert refusal(top.live() / f"{view}.csv") == errno.ETIMEDOUT
            assert "view-timeout" in top.errors()
        assert len((top.live() / "large.csv").read_bytes().splitlines()) == 120001
    assert own.waits("SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'crmfs' AND state = 'active'")


def test_too_few_connections_are_enough(new_server, mount):
    server = new_server(settings="max_connections = 6\nsuperuser_reserved_connections = 0\nmax_wal_senders = 0")
    server.psql(LARGE)
    server.psql("CREATE ROLE few LOGIN CONNECTION LIMIT 3; GRANT SELECT ON large, small TO few")
    top = mount(f"crm={server.url('postgres', user='few')}", options="max-memory=256M")
    assert len((top.live() / "large.csv").read_bytes().splitlines()) == 120001


@pytest.mark.parametrize("options", [{}, {"connections": 1}])
def test_two_connections_are_enough(postgres, database, mount, options):
    """One that asks for changes, and one for the moment, which then reads too; views find what they find otherwise."""
    name = database("""
        CREATE SCHEMA s; CREATE TABLE s.hidden (n int); INSERT INTO s.hidden VALUES (7);
        CREATE FUNCTION finds() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT n FROM hidden); END $$;
        CREATE VIEW found AS SELECT finds() AS n; CREATE VIEW broken AS SELECT 1 / (n - 7) AS n FROM s.hidden;
        CREATE TABLE large AS SELECT n AS id, repeat('x', 900) AS v FROM generate_series(1, 20000) n;
        ALTER TABLE large ADD PRIMARY KEY (id); CREATE TABLE small AS SELECT 1 AS n;""")
    postgres.psql(f"""
        CREATE ROLE two LOGIN CONNECTION LIMIT 2; ALTER DATABASE {name} SET search_path = s, public;
        GRANT USAGE ON SCHEMA s TO two; GRANT SELECT ON ALL TABLES IN SCHEMA s, public TO two""", name)
    try:
        top = mount(f"crm={postgres.url(name, 'two', **options)}", options="max-memory=256M,refresh=0.1")
        assert len((top.live() / "large.csv").read_bytes().splitlines()) == 20001
        assert refusal(top.live() / "broken.csv") == errno.EIO
        assert "division by zero" in top.errors()
        assert (top.live() / "found.csv").read_text() == "n\n7\n"
        for number in (2, 3):  # the moment before has to be over first
            postgres.psql(f"UPDATE small SET n = {number}", name)
            reads = ["sh", "-c", f"test $(tail -n 1 {top.live() / 'small.csv'}) = {number}"]
            assert mounting.eventually(lambda: subprocess.run(reads, check=False, stderr=subprocess.DEVNULL).returncode == 0,  # pylint: disable=cell-var-from-loop
                                       mounting.PATIENCE)
        top.unmount()
        postgres.psql("ALTER ROLE two CONNECTION LIMIT 1")
        failed = subprocess.run([mounting.BINARY, "mount", postgres.url(name, "two"), top.point], check=False, capture_output=True,
                                text=True)
        assert failed.returncode == 1 and "53300" in failed.stderr and "needs two" in failed.stderr, failed
    finally:
        postgres.psql("DROP OWNED BY two; DROP ROLE two", name)


def test_a_full_spool_is_an_error_and_no_connection_hangs(own, root, work, mount):
    disk = work / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], check=True)
    try:
        top = mount(f"crm={own.url('postgres')}", options=f"spool={disk}")
        assert refusal(top.live() / "large.csv") == errno.ENOSPC
        assert refusal(top.live() / "small.csv") is None
        assert own.waits("SELECT count(*) <= 1 FROM pg_stat_activity WHERE application_name = 'crmfs'")
        top.unmount()
    finally:
        subprocess.run(["umount", "-l", disk], check=False)


def test_readers_of_others_go_on_while_one_server_is_away(own, postgres, database, mount):
    name = database("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    top = mount(f"away={own.url('postgres', connect_timeout=2)}", f"here={postgres.url(name)}", options="refresh=0.1")
    own.freeze()
    try:
        reader = Reader(top.path("live/away/large.csv"))
        begin = time.monotonic()
        while time.monotonic() < begin + 3:
            assert top.path("live/here/t.csv").read_text() == "id\n1\n"
            load(0.2)
    finally:
        own.thaw()
    reader.result()
    assert heals(top.path("live/away/large.csv"))


def foreign(server, name, port):
    """Foreign tables of ANOTHER database of the server, as if that were somewhere else."""
    return f"""CREATE EXTENSION IF NOT EXISTS postgres_fdw;
        CREATE SERVER {name} FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '{server.directory}', port '{port}', dbname 'postgres');
        CREATE USER MAPPING FOR postgres SERVER {name} OPTIONS (user 'postgres');"""


ELSEWHERE = {
    "42P01": "CREATE FUNCTION dyn() RETURNS int LANGUAGE plpgsql AS $$ DECLARE n int; BEGIN"
             " EXECUTE 'SELECT count(*) FROM gone_t' INTO n; RETURN n; END $$; CREATE VIEW a_broken AS SELECT dyn() AS n",
    "42703": "CREATE FUNCTION dyn() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT nocol FROM t); END $$;"
             "CREATE VIEW a_broken AS SELECT dyn() AS n",
    "42704": "CREATE VIEW a_broken AS SELECT (relname || '_no')::text::regtype AS n FROM pg_class WHERE relname = 't'",
    "gone": "CREATE FOREIGN TABLE a_broken (n int) SERVER here OPTIONS (table_name 'gone_t')",
    "refused there": "DROP ROLE IF EXISTS far; CREATE ROLE far LOGIN; ALTER USER MAPPING FOR postgres SERVER here OPTIONS (SET user 'far');"
                     "CREATE FOREIGN TABLE a_broken (rolname name) SERVER here OPTIONS (schema_name 'pg_catalog', table_name 'pg_authid')",
    "no user": "CREATE SERVER other FOREIGN DATA WRAPPER postgres_fdw;"
               "CREATE FOREIGN TABLE a_broken (n int) SERVER other OPTIONS (table_name 'gone_t')",
    "down": "CREATE FOREIGN TABLE a_broken (n int) SERVER down OPTIONS (table_name 't')",
    "view of down": "CREATE FOREIGN TABLE far (n int) SERVER down OPTIONS (table_name 't'); CREATE VIEW a_broken AS SELECT n FROM far",
}


def said_to_lack(work, environment, tables, status):
    """The only snapshot names the TABLES that it lacks; a restore of it, too, where there is no statement of them."""
    def ask(*words):
        return subprocess.run([mounting.BINARY, *words], env=environment, check=False, capture_output=True, text=True)

    (one,) = json.loads(ask("snapshots", "--json", work / "store").stdout)
    assert one["partial"] and one["lacking"] == [{"source": "crm", "table": table} for table in tables] and one["on_purpose"] == []
    assert "(in part: " + ", ".join("crm/" + table for table in tables) + ")" in ask("snapshots", work / "store").stdout
    same = ask("diff", work / "store", "latest", "latest")
    assert same.returncode == 0 and all(f"lacks the rows of crm/{table}, " in same.stderr for table in tables), same
    mountpoint = work / "frozen"
    mountpoint.mkdir()
    assert ask("mount", "--store", work / "store", mountpoint).returncode == 0
    try:
        found = os.getxattr(mountpoint / "snapshots" / one["name"], "user.crmfs.partial").decode()
    finally:
        subprocess.run(["fusermount3", "-u", mountpoint], check=True)
    assert found == "".join(f"crm/{table}\n" for table in tables)
    into = work / "restored.db"
    done = ask("restore", "--store", work / "store", "--to", into, "--json", "latest")
    assert done.returncode == status and sorted(table["name"] for table in json.loads(done.stdout)["tables"]) == ["t", "u"], done
    assert (status == 3) == (f"table {tables[-1]} is left out: it could not be read when the snapshot was taken" in done.stderr), done
    into.unlink()
    for words in (["--table", "t,u"], ["--exclude-table", tables[-1]]):
        done = ask("restore", "--store", work / "store", "--to", into, *words, "latest")
        assert done.returncode == 0, done
        into.unlink()


@pytest.mark.parametrize("what", ELSEWHERE)
def test_what_something_else_lacks_is_no_change_of_ours(postgres, database, mount, work, what):
    """A view, or a foreign table, that needs what is not there fails by itself; a snapshot leaves it out by name."""
    name = database("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1); CREATE TABLE u AS TABLE t;"
                    + foreign(postgres, "here", postgres.port) + foreign(postgres, "down", mounting.free_port()) + ELSEWHERE[what])
    state = {"down": "08001", "view of down": "08001", "gone": "42P01", "no user": "42704", "refused there": "42501"}.get(what, what)
    top = mount(f"crm={postgres.url(name)}")
    list(top.live().iterdir())
    assert (top.live() / "t.csv").read_text() == "id\n1\n"
    assert refusal(top.live() / "a_broken.csv") == (errno.EREMOTEIO if what in ("gone", "no user", "down", "refused there") else errno.EIO)
    assert state in top.errors() and "made anew" not in top.errors() and "GRANT" not in top.errors()
    assert (top.live() / "u.csv").read_text() == "id\n1\n", "the walk goes on"
    environment = {**os.environ, "CRMFS_PASSPHRASE": "p"}
    subprocess.run([mounting.BINARY, "init", work / "store"], env=environment, check=True, capture_output=True)
    command = [mounting.BINARY, "snapshot", "--store", work / "store", f"crm={postgres.url(name)}"]
    taken = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert taken.returncode == 3 and "2 tables" in taken.stdout, taken
    assert "a_broken is left out" in taken.stderr and state in taken.stderr and "--exclude-table" in taken.stderr, taken
    left_out = "a_broken,far" if what == "view of down" else "a_broken"
    environment["XDG_STATE_HOME"] = str(work / "state")
    said_to_lack(work, environment, left_out.split(","), status=3 if state != what else 0)
    taken = subprocess.run([*command, "--exclude-table", left_out], env=environment, check=False, capture_output=True, text=True)
    assert taken.returncode == 0, taken


@pytest.fixture
def silent():
    """The port of a server that takes connections, and then says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as one:
        yield one.getsockname()[1]


def test_a_foreign_server_that_says_nothing(postgres, database, mount, work, silent):
    """Its table is refused, or left out, in time; neither those of the walk nor other readers wait for longer."""
    name = database(f"""
        CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1); CREATE TABLE z AS TABLE a; CREATE EXTENSION postgres_fdw;
        CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '{silent}', dbname 'x');
        CREATE USER MAPPING FOR postgres SERVER far OPTIONS (user 'x', password 'x');
        CREATE FOREIGN TABLE far (n int) SERVER far""")
    url = "crm=" + postgres.url(name, **{"foreign-timeout": 3})
    top = mount(url)
    list(top.live().iterdir())
    assert (top.live() / "a.csv").read_text() == "id\n1\n"
    begun = time.monotonic()
    assert refusal(top.live() / "far.csv") == errno.EREMOTEIO
    assert 3 <= time.monotonic() - begun < 30
    assert "foreign-timeout" in top.errors()
    assert (top.live() / "z.csv").read_text() == "id\n1\n", "the walk goes on"
    environment = {**os.environ, "CRMFS_PASSPHRASE": "p"}
    subprocess.run([mounting.BINARY, "init", work / "store"], env=environment, check=True, capture_output=True)
    taken = subprocess.run([mounting.BINARY, "snapshot", "--store", work / "store", url], env=environment, check=False,
                           capture_output=True, text=True, timeout=mounting.PATIENCE)
    assert taken.returncode == 3 and "2 tables" in taken.stdout and "foreign table far is left out" in taken.stderr, taken
