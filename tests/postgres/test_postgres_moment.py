# SPDX-License-Identifier: MIT
"""Everything in a folder is of one moment, whoever writes meanwhile, and large tables are read in ranges."""
import errno
import os
import subprocess
import threading

import pytest

import mounting
import strict
from server import load, programs

TOTAL = 600 * 100
ACCOUNTS = """
CREATE TABLE a (id int PRIMARY KEY, balance int, note text); CREATE TABLE b (LIKE a INCLUDING ALL);
CREATE TABLE log (id serial PRIMARY KEY, amount int);
INSERT INTO a SELECT n, 100, repeat('x', 6000 + n) FROM generate_series(1, 300) n; INSERT INTO b SELECT * FROM a;
ALTER TABLE a ALTER note SET STORAGE PLAIN;
CREATE TABLE many (id bigint PRIMARY KEY, balance int, note text);
INSERT INTO many SELECT n, 100, repeat('y', 400) FROM generate_series(1, 30000) n;
"""
TRANSFERS = """
\\set one random(1, 300)
\\set two random(1, 300)
\\set amount random(1, 50)
\\set first random(1, 30000)
\\set last random(1, 30000)
BEGIN;
UPDATE a SET balance = balance - :amount WHERE id = :one;
UPDATE b SET balance = balance + :amount WHERE id = :two;
UPDATE many SET balance = balance - :amount WHERE id = :first;
UPDATE many SET balance = balance + :amount WHERE id = :last;
INSERT INTO log (amount) VALUES (:amount);
COMMIT;
"""


@pytest.fixture(name="transfers")
def running_transfers(postgres, work):
    """transfers(DATABASE): money moves about all the time, from three connections, until the test ends."""
    started = []

    def start(name):
        script = work / "transfers.sql"
        script.write_text(TRANSFERS)
        started.append(subprocess.Popen(
            [programs() / "pgbench", "-n", "-c", "3",
             "-T", "600", "-f", str(script), "-h", str(postgres.directory), "-p", str(postgres.port), "-U", "postgres",
             name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        assert postgres.waits("SELECT count(*) > 10 FROM log", name)

    yield start
    for process in started:
        process.terminate()
        process.wait(mounting.PATIENCE)


def balances(folder, name):
    rows = strict.read_csv((folder / f"{name}.csv").read_bytes())[1:]
    return sum(int(row[1]) for row in rows)


READERS = "max-memory=256M"  # enough for as many as there are processors


@pytest.mark.parametrize("readers", [1, 8])
def test_a_copy_under_load_is_one_moment(postgres, database, mount, work, transfers, readers):
    name = database(ACCOUNTS)
    transfers(name)
    top = mount(postgres.url(name, connections=readers), options=f"{READERS},refresh=0.01")
    seen = set()
    for number in range(8):
        copy = work / f"copy{number}"
        subprocess.run(["cp", "-r", top.live(), copy], check=True)
        assert balances(copy, "a") + balances(copy, "b") == TOTAL
        assert balances(copy, "many") == 30000 * 100
        log = sum(int(row[1]) for row in strict.read_csv((copy / "log.csv").read_bytes())[1:])
        assert balances(copy, "a") == TOTAL // 2 - log
        seen.add(log)
    assert len(seen) > 1, "nothing was written meanwhile"


def test_a_snapshot_under_load_is_one_moment(postgres, database, mount, work, transfers):
    name = database(ACCOUNTS)
    transfers(name)
    passphrase, store = work / "passphrase", work / "store"
    passphrase.write_text("nine words that nobody else would ever think of")
    subprocess.run([mounting.BINARY, "init", "--passphrase-file", passphrase, store], check=True,
                   stdout=subprocess.DEVNULL, env={**os.environ, "XDG_STATE_HOME": str(work)})
    top = mount(postgres.url(name), options=f"store={store},passphrase-file={passphrase}",
                environment={"XDG_STATE_HOME": str(work)})
    for number in range(3):
        top.path("snapshots", str(number)).mkdir()
        (folder,) = top.path("snapshots", str(number)).iterdir()
        assert balances(folder, "a") + balances(folder, "b") == TOTAL
        assert balances(folder, "many") == 30000 * 100


RANGES = """
CREATE TABLE by_int (id int PRIMARY KEY, v text);
INSERT INTO by_int SELECT n * 7 - 100000, repeat('v', 300) FROM generate_series(1, 60000) n WHERE n % 1000 > 100;
CREATE TABLE by_pair (a int, b text, v text, PRIMARY KEY (a, b));
INSERT INTO by_pair SELECT n / 5000, md5(n::text), repeat('v', 300) FROM generate_series(1, 60000) n;
CREATE TABLE by_text (k text COLLATE "en-x-icu" PRIMARY KEY, v text);
INSERT INTO by_text SELECT substr(md5(n::text), 1, 9) || chr(39 + n % 90) || n, repeat('v', 300) FROM generate_series(1, 60000) n;
CREATE TABLE by_uuid (k uuid PRIMARY KEY, v text);
INSERT INTO by_uuid SELECT md5(n::text)::uuid, repeat('v', 300) FROM generate_series(1, 60000) n;
CREATE TABLE by_nothing (n int, v text);
INSERT INTO by_nothing SELECT n, repeat('v', 300) FROM generate_series(1, 60000) n; DELETE FROM by_nothing WHERE n % 10 = 3;
CREATE TABLE by_part (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
CREATE TABLE by_part_1 PARTITION OF by_part FOR VALUES FROM (0) TO (20000);
CREATE TABLE by_part_2 PARTITION OF by_part FOR VALUES FROM (20000) TO (100000);
INSERT INTO by_part SELECT n, repeat('v', 300) FROM generate_series(1, 60000) n;
CREATE TABLE by_time (t timestamptz, d date, n numeric, v text, PRIMARY KEY (t, d, n));
INSERT INTO by_time SELECT '2026-01-01'::timestamptz + n / 3 * interval '1 minute', '2026-01-01'::date + n % 3, n / 7.0,
    repeat('v', 300) FROM generate_series(1, 60000) n;
"""


def test_ranges_give_the_same_bytes_as_one_reader(postgres, database, mount):
    name = database(RANGES)
    folders = [mount(postgres.url(name, connections=readers), options=READERS).live() for readers in (1, 8)]
    for stem in sorted(path.name for path in folders[0].iterdir()):
        one, *others = [(folder / stem).read_bytes() for folder in folders]
        assert all(one == other for other in others), stem
    for stem, key in (("by_int", "id"), ("by_pair", "a, b"), ("by_text", "k"), ("by_uuid", "k"), ("by_part", "id"),
                      ("by_nothing", "ctid")):
        printed = postgres.psql(f"COPY (SELECT * FROM {stem} ORDER BY {key}) TO STDOUT (FORMAT csv, HEADER)", name)
        assert (folders[0] / f"{stem}.csv").read_bytes() == printed


TAILS = """
CREATE TABLE early (n int PRIMARY KEY); INSERT INTO early VALUES (1);
CREATE TABLE by_int (id int PRIMARY KEY, v text); INSERT INTO by_int SELECT n, repeat('v', 300) FROM generate_series(1, 35000) n;
CREATE TABLE by_nothing (n int, v text); INSERT INTO by_nothing SELECT n, repeat('v', 300) FROM generate_series(1, 35000) n;
"""
APPEND = """
UPDATE by_int SET id = id + 1000000 WHERE id % 100 = 0; DELETE FROM by_int WHERE id % 100 = 1;
INSERT INTO by_int SELECT n + 3000000, repeat('w', 300) FROM generate_series(1, 5000) n;
UPDATE by_nothing SET n = -n WHERE n % 100 = 0; DELETE FROM by_nothing WHERE n % 100 = 1;
INSERT INTO by_nothing SELECT n, repeat('w', 300) FROM generate_series(1, 5000) n;
"""


@pytest.mark.parametrize("readers", [1, 8])
def test_rows_that_come_behind_ranges_are_of_another_moment(postgres, database, mount, readers):
    """At the tail and in freed room; those that an update moves there, too."""
    name = database(TAILS)
    top = mount(postgres.url(name, connections=readers), options=READERS)
    printed = {stem: postgres.psql(f"COPY (SELECT * FROM {stem} ORDER BY ctid) TO STDOUT (FORMAT csv, HEADER)", name)
               for stem in ("by_int", "by_nothing")}
    list(top.live().iterdir())
    with open(top.live() / "early.csv", "rb") as early:
        assert early.read() == b"n\n1\n"
        postgres.psql(APPEND, name)
        postgres.psql("VACUUM by_int, by_nothing", name)
        for stem, rows in printed.items():
            assert (top.live() / f"{stem}.csv").read_bytes() == rows, stem


HIDDEN = """
CREATE TABLE log (tenant int, n int, note text); CREATE INDEX ON log (tenant, n);
INSERT INTO log SELECT n % 20, n * 7919 % 30011, repeat(md5(n::text), 58) FROM generate_series(1, 30000) n;
ALTER TABLE log ALTER note SET STORAGE PLAIN; ALTER TABLE log ENABLE ROW LEVEL SECURITY; ANALYZE log;
CREATE POLICY mine ON log USING (tenant = 7); DROP ROLE IF EXISTS tenant; CREATE ROLE tenant LOGIN; GRANT SELECT ON log TO tenant;
"""


def test_ranges_of_a_table_that_a_policy_finds_rows_of_by_an_index(postgres, database, mount):
    """Which index serves a policy depends on how much of the table is asked for; in which order the rows come does not."""
    name = database(HIDDEN)
    postgres.psql(f"ALTER DATABASE {name} SET random_page_cost = 1")
    printed = postgres.psql("COPY (SELECT * FROM log WHERE tenant = 7 ORDER BY ctid) TO STDOUT (FORMAT csv, HEADER)", name)
    for readers in (1, 8):
        top = mount(postgres.url(name, user="tenant", connections=readers), options=READERS)
        assert (top.live() / "log.csv").read_bytes() == printed, readers


def test_ranges_are_read_at_once(postgres, database, mount):
    """While a large table is read there are several transactions of one moment, and afterwards none."""
    name = database(RANGES)
    top = mount(postgres.url(name), options=READERS)
    others = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}' AND xact_start IS NOT NULL AND pid <> pg_backend_pid()"
    with subprocess.Popen(["md5sum", *sorted(top.live().glob("*.csv"))], stdout=subprocess.DEVNULL) as reading:
        assert mounting.eventually(lambda: int(postgres.rows(others, name)[0]) > 2)
    assert reading.returncode == 0
    assert postgres.waits(f"SELECT ({others}) = 0", name)


def test_an_idle_folder_holds_no_transaction(postgres, database, mount):
    name = database(ACCOUNTS)
    top = mount(postgres.url(name))
    list(top.live().iterdir())
    (top.live() / "a.csv").stat()
    assert postgres.waits("SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'crmfs'"
                          " AND xact_start IS NOT NULL", name)
    assert postgres.waits("SELECT count(*) <= 1 FROM pg_stat_activity WHERE application_name = 'crmfs'", name)
    postgres.psql("SET lock_timeout = '10s'; ALTER TABLE a RENAME note TO remark; TRUNCATE b", name)


def test_changes_show_and_nothing_else_is_read_again(postgres, database, mount):
    name = database(ACCOUNTS)
    postgres.psql(f"ALTER DATABASE {name} SET timezone = 'Asia/Kathmandu'; ALTER DATABASE {name} SET extra_float_digits = -9;"
                  f"ALTER DATABASE {name} SET datestyle = 'German'")
    top = mount(postgres.url(name), options="refresh=0.1")

    def generation():
        (top.live() / "log.csv").stat()
        return top.status()["live"][0]["generation"]

    (top.live() / "log.csv").read_bytes()
    first = generation()
    load(1)
    assert generation() == first, "a new generation without a change"
    for number, change in enumerate(["INSERT INTO log (amount) VALUES (1)", "UPDATE log SET amount = 2",
                                     "DELETE FROM log", "TRUNCATE log", "ALTER TABLE log ADD more text",
                                     "CREATE TABLE new (a int)"]):
        postgres.psql(change, name)
        assert mounting.eventually(lambda seen=first + number: generation() > seen), change
    assert "new.csv" in [path.name for path in top.live().iterdir()]


@pytest.fixture(name="pair")
def primary_and_standby(new_server):
    primary = new_server(settings="wal_level = replica\nmax_wal_senders = 5")
    primary.psql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1); CREATE UNLOGGED TABLE u (id int)")
    standby = new_server(primary=primary)
    assert standby.waits("SELECT pg_is_in_recovery() AND count(*) = 1 FROM t")
    return primary, standby


def hosts(*servers):
    return "host=" + ",".join(f"{one.directory}:{one.port}" for one in servers)


def test_a_standby_is_read_and_preferred(pair, mount):
    primary, standby = pair
    top = mount(f"crm=postgresql://postgres@/postgres?{hosts(primary, standby)}", options="refresh=0.1")
    assert (top.live() / "t.csv").read_text() == "id\n1\n"
    assert [path.name for path in top.live().glob("*.csv")] == ["t.csv"]
    assert sessions(standby) >= 1 and sessions(primary) == 0
    primary.psql("INSERT INTO t VALUES (2)")
    assert mounting.eventually(lambda: (top.live() / "t.csv").read_text() == "id\n1\n2\n")
    standby.stop()
    primary.psql("INSERT INTO t VALUES (3)")
    assert mounting.eventually(lambda: attempt(top.live() / "t.csv") == "id\n1\n2\n3\n", mounting.PATIENCE)


def test_a_standby_that_lags_is_passed_over(pair, mount):
    primary, standby = pair
    standby.psql("SELECT pg_wal_replay_pause()")
    primary.psql("INSERT INTO t VALUES (2)")
    load(2)
    lags = mount(f"crm=postgresql://postgres@/postgres?{hosts(standby, primary)}")
    heeds = mount(f"crm=postgresql://postgres@/postgres?{hosts(standby, primary)}&max-lag=1")
    assert (lags.live() / "t.csv").read_text() == "id\n1\n"
    assert (heeds.live() / "t.csv").read_text() == "id\n1\n2\n"


def sessions(server):
    return int(server.rows("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'crmfs'")[0])


def attempt(path):
    try:
        return path.read_text()
    except OSError:
        return None


SWAPS = {
    "truncated": "TRUNCATE late; INSERT INTO late VALUES (77)",
    "swapped": "ALTER TABLE late RENAME TO older; CREATE TABLE late (n int PRIMARY KEY); INSERT INTO late VALUES (77)",
    "altered": "ALTER TABLE late ADD more int",
}


@pytest.mark.parametrize("how", SWAPS)
def test_a_walk_is_never_of_two_moments(postgres, database, mount, how):
    """What cannot be shown as it was any more is an error to who has read other tables of that moment."""
    name = database("CREATE TABLE early (n int PRIMARY KEY); INSERT INTO early VALUES (1);"
                    "CREATE TABLE late (n int PRIMARY KEY); INSERT INTO late VALUES (1)")
    top = mount(postgres.url(name))
    assert "late.csv" in [path.name for path in top.live().iterdir()]
    assert (top.live() / "early.csv").read_text() == "n\n1\n"
    postgres.psql(f"BEGIN; UPDATE early SET n = 77; {SWAPS[how]}; COMMIT", name)
    if how == "altered":
        assert (top.live() / "late.csv").read_text() == "n\n1\n"
    else:
        with pytest.raises(OSError) as refused:
            (top.live() / "late.csv").read_text()
        assert refused.value.errno == errno.EIO
        assert "older moment" in top.errors() and "late" in top.errors()
    assert (top.live() / "early.csv").read_text() == "n\n1\n"

    def begun_anew():
        list(top.live().iterdir())
        return [(top.live() / f"{name}.csv").read_text() for name in ("early", "late")]

    assert mounting.eventually(lambda: begun_anew() == ["n\n77\n", "n,more\n1,\n" if how == "altered" else "n\n77\n"])


REDEFINED = {
    "attached": ("CREATE TABLE late (n int) PARTITION BY RANGE (n); CREATE TABLE l1 PARTITION OF late FOR VALUES FROM (0) TO (9);"
                 "CREATE TABLE l9 (n int); INSERT INTO l9 VALUES (91); INSERT INTO late VALUES (1)",
                 "ALTER TABLE late ATTACH PARTITION l9 FOR VALUES FROM (90) TO (99)", "n\n1\n91\n"),
    "attached deeper": ("CREATE TABLE late (n int) PARTITION BY RANGE (n); CREATE TABLE l1 PARTITION OF late"
                        " FOR VALUES FROM (0) TO (99) PARTITION BY LIST (n); CREATE TABLE l2 PARTITION OF l1 FOR VALUES IN (1);"
                        "CREATE TABLE l9 (n int); INSERT INTO l9 VALUES (91); INSERT INTO late VALUES (1)",
                        "ALTER TABLE l1 ATTACH PARTITION l9 FOR VALUES IN (91)", "n\n1\n91\n"),
    "attached below a view": ("CREATE TABLE p (n int) PARTITION BY RANGE (n); CREATE TABLE l1 PARTITION OF p FOR VALUES FROM (0) TO (9);"
                              "CREATE TABLE l9 (n int); INSERT INTO l9 VALUES (91); INSERT INTO p VALUES (1);"
                              "CREATE VIEW late AS SELECT n FROM p",
                              "ALTER TABLE p ATTACH PARTITION l9 FOR VALUES FROM (90) TO (99)", "n\n1\n91\n"),
    "view": ("CREATE VIEW late AS SELECT 1 AS n", "CREATE OR REPLACE VIEW late AS SELECT 2 AS n", "n\n2\n"),
    "view of a view": ("CREATE VIEW inner_ AS SELECT 1 AS n; CREATE VIEW late AS SELECT n FROM inner_",
                       "CREATE OR REPLACE VIEW inner_ AS SELECT 2 AS n", "n\n2\n"),
    "heir below a view": ("CREATE TABLE p (n int); CREATE TABLE l9 (n int); INSERT INTO l9 VALUES (91); INSERT INTO p VALUES (1);"
                          "CREATE VIEW late AS SELECT n FROM p", "ALTER TABLE l9 INHERIT p", "n\n1\n91\n"),
    "no heir any more": ("CREATE TABLE p (n int); CREATE TABLE l9 () INHERITS (p); INSERT INTO l9 VALUES (91); INSERT INTO p VALUES (1);"
                         "CREATE VIEW late AS SELECT n FROM p", "ALTER TABLE l9 NO INHERIT p", "n\n1\n"),
    "function": ("CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'; CREATE VIEW late AS SELECT f() AS n",
                 "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 2; END'", "n\n2\n"),
    "function of a function": ("CREATE FUNCTION g() RETURNS int LANGUAGE sql AS 'SELECT 1';"
                               "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN g(); END'; CREATE VIEW late AS SELECT f() AS n",
                               "DROP FUNCTION g(); CREATE FUNCTION g() RETURNS int LANGUAGE sql AS 'SELECT 2'", "n\n2\n"),
    "table of a function": ("CREATE TABLE t (n int); INSERT INTO t VALUES (1);"
                            "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT max(n) FROM t); END';"
                            "CREATE VIEW late AS SELECT f() AS n", "TRUNCATE t; INSERT INTO t VALUES (2)", "n\n2\n"),
    "value": ("CREATE TYPE word AS ENUM ('a', 'b'); CREATE TABLE late (n word); INSERT INTO late VALUES ('a')",
              "ALTER TYPE word RENAME VALUE 'a' TO 'c'", "n\nc\n"),
    "value in a text": ("CREATE TYPE word AS ENUM ('a', 'b'); CREATE TABLE t (n word); INSERT INTO t VALUES ('a');"
                        "CREATE VIEW late AS SELECT n::text FROM t", "ALTER TYPE word RENAME VALUE 'a' TO 'c'", "n\nc\n"),
}


def check_late_is_refused(top, change, after):
    """Who has read of the moment before CHANGE is refused late.csv; a walk begun anew sees AFTER."""
    list(top.live().iterdir())
    assert (top.live() / "early.csv").read_text() == "n\n1\n"
    change()
    with pytest.raises(OSError) as refused:
        print((top.live() / "late.csv").read_text())
    assert refused.value.errno == errno.EIO
    assert "older moment" in top.errors() and "late" in top.errors()

    def begun_anew():
        list(top.live().iterdir())
        return attempt(top.live() / "late.csv")

    assert mounting.eventually(lambda: begun_anew() == after)


@pytest.mark.parametrize("how", REDEFINED)
def test_what_a_table_is_made_of_is_of_the_moment_too(postgres, database, mount, how):
    """Partitions, what a view is, names of values: others are an error to who has read tables of the moment before."""
    make, change, after = REDEFINED[how]
    name = database("CREATE TABLE early (n int PRIMARY KEY); INSERT INTO early VALUES (1);" + make)
    check_late_is_refused(mount(postgres.url(name)), lambda: postgres.psql(change, name), after)


POLICIES = {
    "enabled": ("CREATE POLICY mine ON late USING (n > 1)", "ALTER TABLE late ENABLE ROW LEVEL SECURITY", "n\n"),
    "of a table": ("ALTER TABLE late ENABLE ROW LEVEL SECURITY; CREATE TABLE seen (n int); INSERT INTO seen VALUES (1);"
                   "GRANT SELECT ON seen TO tenant; CREATE POLICY mine ON late USING (n IN (SELECT s.n FROM seen s))",
                   "TRUNCATE seen", "n\n"),
    "of a function": ("ALTER TABLE late ENABLE ROW LEVEL SECURITY; CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 0; END';"
                      "CREATE POLICY mine ON late USING (n > f())",
                      "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'", "n\n"),
    "made": ("ALTER TABLE late ENABLE ROW LEVEL SECURITY; CREATE POLICY mine ON late USING (true)",
             "CREATE POLICY other ON late AS RESTRICTIVE USING (n > 1)", "n\n"),
    "altered": ("ALTER TABLE late ENABLE ROW LEVEL SECURITY; CREATE POLICY mine ON late USING (true)",
                "ALTER POLICY mine ON late USING (n > 1)", "n\n"),
    "made anew": ("ALTER TABLE late ENABLE ROW LEVEL SECURITY; CREATE POLICY mine ON late USING (true)",
                  "DROP POLICY mine ON late; CREATE POLICY mine ON late USING (n > 1)", "n\n"),
    "dropped": ("ALTER TABLE late ENABLE ROW LEVEL SECURITY; CREATE POLICY mine ON late USING (true)",
                "DROP POLICY mine ON late", "n\n"),
    "disabled": ("ALTER TABLE late ENABLE ROW LEVEL SECURITY", "ALTER TABLE late DISABLE ROW LEVEL SECURITY", "n\n1\n"),
    "of a role": ("ALTER TABLE late ENABLE ROW LEVEL SECURITY; CREATE POLICY mine ON late USING (true)",
                  "ALTER ROLE tenant BYPASSRLS; ALTER POLICY mine ON late USING (n > 1)", "n\n1\n"),
    "below a view": ("DROP TABLE late; CREATE TABLE t (n int); INSERT INTO t VALUES (1); ALTER TABLE t ENABLE ROW LEVEL SECURITY;"
                     "CREATE POLICY mine ON t USING (true); DROP ROLE IF EXISTS tenant2; CREATE ROLE tenant2; GRANT SELECT ON t TO tenant2;"
                     "CREATE VIEW late AS SELECT n FROM t; ALTER VIEW late OWNER TO tenant2; GRANT SELECT ON late TO tenant",
                     "ALTER POLICY mine ON t USING (n > 1)", "n\n"),
}


@pytest.mark.parametrize("how", POLICIES)
def test_what_a_policy_hides_is_of_the_moment_too(postgres, database, mount, how):
    make, change, after = POLICIES[how]
    name = database("CREATE TABLE early (n int PRIMARY KEY); INSERT INTO early VALUES (1); CREATE TABLE late (n int); INSERT INTO late VALUES (1);"
                    "DROP ROLE IF EXISTS tenant; CREATE ROLE tenant LOGIN; GRANT SELECT ON early, late TO tenant;" + make)
    check_late_is_refused(mount(postgres.url(name, user="tenant")), lambda: postgres.psql(change, name), after)


@pytest.mark.parametrize("how", ["value", "view"])
def test_a_change_that_was_given_up_changes_nothing(postgres, database, mount, how):
    make, change, _ = REDEFINED[how]
    name = database("CREATE TABLE early (n int PRIMARY KEY); INSERT INTO early VALUES (1);" + make)
    postgres.psql(f"BEGIN; {change}; ROLLBACK", name)
    top = mount(postgres.url(name))
    list(top.live().iterdir())
    assert (top.live() / "early.csv").read_text() == "n\n1\n"
    postgres.psql(f"BEGIN; {change}; ROLLBACK; BEGIN; SAVEPOINT s; {change}; ROLLBACK TO s; COMMIT", name)
    assert (top.live() / "late.csv").read_text() in ("n\na\n", "n\n1\n")
    assert top.errors() == ""


def test_values_that_are_renamed_while_they_are_read_are_not_shown_so(postgres, database, mount):
    """The reading stands still at its first row, waiting for a lock that the test has."""
    name = database("""
        CREATE TABLE early (n int PRIMARY KEY); INSERT INTO early VALUES (1);
        CREATE TYPE word AS ENUM ('a', 'b'); CREATE TABLE t (n word); INSERT INTO t VALUES ('a');
        CREATE FUNCTION waits() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_lock_shared(7); RETURN true; END $$;
        CREATE VIEW late AS SELECT n FROM t WHERE waits()""")
    top = mount(postgres.url(name))
    list(top.live().iterdir())
    assert (top.live() / "early.csv").read_text() == "n\n1\n"
    command = [programs() / "psql", "-X", "-q", "-At", "-h", postgres.directory, "-p", postgres.port, "-U", "postgres", name]
    with subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        holder.stdin.write(b"SELECT pg_advisory_lock(7);\n\\echo held\n")
        holder.stdin.flush()
        while b"held" not in holder.stdout.readline():
            pass
        found = []
        reader = threading.Thread(target=lambda: found.append(attempt(top.live() / "late.csv")))
        reader.start()
        assert postgres.waits("SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted", name)
        postgres.psql("ALTER TYPE word RENAME VALUE 'a' TO 'c'", name)
        holder.stdin.close()
        holder.wait(mounting.PATIENCE)
        reader.join(mounting.PATIENCE)
    assert found == [None] and "older moment" in top.errors()


@pytest.mark.parametrize("change", ["TRUNCATE t4", "VACUUM FULL t2"])
def test_a_copy_that_begins_anew_is_of_the_new_moment(postgres, database, mount, work, change):
    """At once: the kernel still knew the names of the moment that had ended."""
    name = database("".join(f"CREATE TABLE t{i} (n int PRIMARY KEY); INSERT INTO t{i} VALUES ({i});" for i in range(1, 5)))
    top = mount(postgres.url(name))

    def copy(to):
        return subprocess.run(["cp", "-r", top.live(), work / to], check=False, capture_output=True, text=True)

    copy("warm")
    postgres.psql("UPDATE t1 SET n = 77", name)
    assert mounting.eventually(lambda: attempt(top.live() / "t1.csv") == "n\n77\n")
    assert subprocess.run(["cat", top.live() / "t3.csv"], check=True, capture_output=True).stdout == b"n\n3\n"
    postgres.psql(change, name)
    copy("first")
    done = copy("second")
    assert done.returncode == 0 and done.stderr == "", (done, top.errors())
    assert (work / "second" / "t1.csv").read_text() == "n\n77\n"
    assert (work / "second" / "t4.csv").read_text() == ("n\n" if "t4" in change else "n\n4\n")
