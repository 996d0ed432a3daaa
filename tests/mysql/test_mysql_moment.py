# SPDX-License-Identifier: MIT
"""One moment over all tables, on however many connections, while others commit all the time."""
import errno
import os
import subprocess
import threading
import time

import pytest

import strict
from between import BEFORE, GO_ON, Between
from mariadb import defaults_file
from mounting import BINARY, eventually

ROWS, START = 30000, 100
USERS = """
CREATE USER reader@localhost IDENTIFIED BY 'x';
GRANT SELECT, SHOW VIEW ON bank.* TO reader@localhost;
CREATE USER locker@localhost IDENTIFIED BY 'x';
GRANT SELECT, SHOW VIEW ON bank.* TO locker@localhost;
GRANT RELOAD ON *.* TO locker@localhost;
"""


def make_bank(server):
    """Two tables worth several connections; what one loses the other gains."""
    rows = f"SELECT seq, {START}, REPEAT('x', 400) FROM mysql.seq_1_to_{ROWS}"
    server.sql("CREATE DATABASE bank; USE bank;"
               + "".join(f"CREATE TABLE {table} (id INT PRIMARY KEY, balance INT NOT NULL, note TEXT) ENGINE=InnoDB;"
                         f"INSERT INTO {table} {rows.replace('mysql.', '')};" for table in ("a", "b"))
               + "CREATE TABLE log (id INT AUTO_INCREMENT PRIMARY KEY, amount INT); ANALYZE TABLE a, b;" + USERS)


class Transfers:
    """Moves money from a to b, one client and many transactions, until it is left."""

    def __init__(self, server, database="bank"):
        self.server, self.database = server, database
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        process = subprocess.Popen(["mariadb", "--no-defaults", "-uroot", f"--socket={self.server.socket}",
                                    self.database], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        number = 0
        while not self.over.wait(0.002):
            number += 1
            one, two, amount = number * 7919 % ROWS + 1, number * 104729 % ROWS + 1, number % 50 + 1
            process.stdin.write(
                f"BEGIN; UPDATE a SET balance = balance - {amount} WHERE id = {one};"
                f"UPDATE b SET balance = balance + {amount} WHERE id = {two};"
                f"INSERT INTO log (amount) VALUES ({amount}); COMMIT;\n".encode())
            process.stdin.flush()
        process.stdin.close()
        process.wait()

    def __enter__(self):
        self.thread.start()
        assert eventually(lambda: int(self.server.sql("SELECT COUNT(*) FROM log", self.database)) > 5)
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def copied_state(folder):
    rows = {table: strict.read_csv((folder / f"{table}.csv").read_bytes())[1:] for table in ("a", "b", "log")}
    sums = [sum(int(record[1]) for record in rows[table]) for table in ("a", "b")]
    assert sum(sums) == 2 * ROWS * START, "money was made or lost"
    assert sums[1] - ROWS * START == sum(int(record[1]) for record in rows["log"]), "two moments"
    return len(rows["log"])


@pytest.mark.parametrize("more, user, connections", [
    ("", "locker", 2),  # commits are held up for a moment
    ("log-bin=binlog", "reader", 2),  # by the places in the binary log
    ("", "reader", 1),  # nothing to join several by
])
def test_every_copy_is_one_moment(mount, own_server, work, more, user, connections):
    server = own_server(more=more)
    make_bank(server)
    top = mount(server.url("bank", user, password_command="echo%20x"), options="refresh=0.2")
    states = []
    with Transfers(server):
        for number in range(8):
            target = work / f"copy-{number}"
            subprocess.run(["cp", "-r", top.live(), target], check=True)
            states.append(copied_state(target))
            (status,) = top.status()["live"]
            assert status["connections"] == connections, status
    assert states == sorted(states) and states[-1] > states[0]


def test_tables_without_transactions_are_named(mount, server, database):
    server.sql("CREATE TABLE safe (id INT PRIMARY KEY) ENGINE=InnoDB;"
               "CREATE TABLE old (id INT PRIMARY KEY) ENGINE=MyISAM;"
               "CREATE TABLE quick (id INT PRIMARY KEY) ENGINE=MEMORY;"
               "CREATE TABLE ours (id INT PRIMARY KEY) ENGINE=Aria; INSERT INTO old VALUES (3)", database)
    top = mount(server.url(database))
    assert (top.live() / "old.csv").read_bytes() == b"id\n3\n"
    (status,) = top.status()["live"]
    assert status["not_consistent"] == ["old", "ours", "quick"]


KEYS = {
    "numbers": ("id BIGINT UNSIGNED PRIMARY KEY", "seq * 3"),
    "sparse": ("id BIGINT PRIMARY KEY", "CAST(seq * seq AS SIGNED) * 1000003 - 9000000000000000000"),
    "texts": ("id VARCHAR(40) PRIMARY KEY", "MD5(seq)"),
    "uuids": ("id UUID PRIMARY KEY", "CONCAT_WS('-', LEFT(MD5(seq), 8), MID(MD5(seq), 9, 4), "
              "CONCAT('4', MID(MD5(seq), 14, 3)), CONCAT('8', MID(MD5(seq), 18, 3)), RIGHT(MD5(seq), 12))"),
    "binaries": ("id BINARY(16) PRIMARY KEY", "UNHEX(MD5(seq))"),
    "days": ("id DATETIME PRIMARY KEY", "'2000-01-01' + INTERVAL seq HOUR"),
}


@pytest.mark.parametrize("key", [*KEYS, "composite", "keyless"])
def test_ranges_give_the_same_bytes(mount, own_server, key):
    """However many connections read a table, and whatever key it has."""
    server = own_server(more="log-bin=binlog")
    filler = "REPEAT(CHAR(97 + seq % 26), 300 + seq % 97)"
    if key == "composite":
        make = ("CREATE TABLE t (a INT, b VARCHAR(40) CHARACTER SET latin1, c INT, note TEXT, PRIMARY KEY (a, b, c));"
                f"INSERT INTO t SELECT seq DIV 40, MD5(seq % 7), seq, {filler} FROM seq_1_to_60000")
    elif key == "keyless":
        make = f"CREATE TABLE t (a INT, note TEXT); INSERT INTO t SELECT seq % 1000, {filler} FROM seq_1_to_60000"
    else:
        declared, value = KEYS[key]
        make = (f"CREATE TABLE t ({declared}, n INT, note TEXT, large LONGTEXT);"
                f"INSERT INTO t SELECT {value}, seq, {filler}, NULL FROM seq_1_to_60000")
    server.sql(f"CREATE DATABASE keyed; USE keyed; {make}; ANALYZE TABLE t")
    whole = []
    for connections in (1, 2, 5):
        top = mount(server.url("keyed", connections=connections), options="max-memory=256M")
        whole.append((top.live() / "t.csv").read_bytes())
        top.unmount()
    assert len(strict.read_csv(whole[0])) == 60001
    assert whole[0] == whole[1] == whole[2]


def test_idle_generation_holds_no_transaction(mount, server, database):
    server.sql("CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1); "
               "CREATE TABLE u (id INT PRIMARY KEY)", database)
    top = mount(server.url(database))
    assert (top.live() / "t.csv").read_bytes() == b"id\n1\n"
    open_ones = "SELECT COUNT(*) FROM information_schema.INNODB_TRX"
    # Asked more often than that, InnoDB answers from a cache, for ever.
    assert eventually(lambda: server.lines(open_ones) == ["0"], 20, 0.5)
    server.sql("ALTER TABLE t ADD COLUMN v INT", database)


def test_connections_that_were_one_too_many_hold_no_transaction(mount, own_server, work):
    """Where others commit all the time, several snapshots are never the same one: then one does, and the others end."""
    server = own_server(more="log-bin=binlog")
    make_bank(server)
    writers = [subprocess.Popen(["mariadb", "--no-defaults", "-uroot", f"--socket={server.socket}", "bank"],
                                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) for _ in range(3)]
    lines = b"INSERT INTO log (amount) VALUES (1);\n" * 1000
    threads = [threading.Thread(target=lambda to=writer.stdin: feed(to, lines)) for writer in writers]
    for thread in threads:
        thread.start()
    try:
        top = mount(server.url("bank", "reader", password_command="echo%20x", connections=16), options="refresh=0.2")
        assert eventually(lambda: read_anew(top)["connections"] == 1)
    finally:
        for writer, thread in zip(writers, threads):
            writer.kill()
            writer.wait()
            thread.join()
    assert eventually(lambda: server.lines("SELECT COUNT(*) FROM information_schema.INNODB_TRX") == ["0"], 20, 0.5)


def feed(to, lines):
    """Writes until the other end is gone."""
    try:
        while True:
            to.write(lines)
    except OSError:
        pass


def read_anew(top):
    (top.live() / "log.csv").read_bytes()
    (status,) = top.status()["live"]
    return status


@pytest.mark.parametrize("more", ["", "log-bin=binlog"])
def test_changes_show_and_nothing_else_does(mount, own_server, more):
    """A change is a new generation; none is the old one, whatever becomes of other databases."""
    server = own_server(more=more)
    server.sql("CREATE DATABASE crm; CREATE DATABASE other; CREATE TABLE other.o (id INT);"
               "CREATE TABLE crm.t (id INT PRIMARY KEY); INSERT INTO crm.t VALUES (1)")
    top = mount(server.url(), options="refresh=0.1")
    path = top.live() / "t.csv"

    def generation():
        path.read_bytes()
        return top.status()["live"][0]["generation"]

    def stays():
        before = generation()
        time.sleep(0.3)  # the server is asked anew
        return generation() == before

    assert eventually(stays, 20)  # the table's time, which is known to the second, has settled
    settled = generation()
    for _ in range(20):
        assert generation() == settled
    server.sql("INSERT INTO t VALUES (2)", "crm")
    assert eventually(lambda: path.read_bytes() == b"id\n1\n2\n")
    server.sql("ALTER TABLE t ADD COLUMN v INT DEFAULT 5", "crm")
    assert eventually(lambda: path.read_bytes() == b"id,v\n1,5\n2,5\n")
    for number in (6, 7) if more else ():  # the log stands where it did the last time
        server.sql(f"UPDATE t SET v = {number}; RESET MASTER", "crm")
        assert eventually(lambda: path.read_text() == f"id,v\n1,{number}\n2,{number}\n", 10)  # pylint: disable=cell-var-from-loop
        assert eventually(stays, 20)
    server.sql("CREATE TABLE newer (id INT PRIMARY KEY)", "crm")
    assert eventually((top.live() / "newer.csv").exists)
    server.sql("DROP TABLE t", "crm")
    assert eventually(lambda: not path.exists())


UNLOGGED = {
    "a replica's": ("log-bin=binlog", "SET GLOBAL gtid_slave_pos = '7-7-7'", "SET sql_log_bin = 0"),
    "filtered": ("log-bin=binlog\nbinlog-ignore-db=crm", "DO 0", "USE crm"),
}


@pytest.mark.parametrize("whose", UNLOGGED)
def test_changes_that_are_not_logged_show(mount, own_server, whose):
    """A replica's binary log lacks what it applies of its primary's; then tables' times tell of it."""
    more, before, meanwhile = UNLOGGED[whose]
    server = own_server(more=more)
    server.sql(f"{before}; CREATE DATABASE crm; CREATE TABLE crm.t (id INT PRIMARY KEY)")
    top = mount(server.url(), options="refresh=0.1")
    assert (top.live() / "t.csv").read_bytes() == b"id\n"
    server.sql(f"{meanwhile}; INSERT INTO crm.t VALUES (1)")
    assert eventually(lambda: (top.live() / "t.csv").read_bytes() == b"id\n1\n", 20)
    assert top.status()["live"][0]["changes_seen_by"] == "update time"


def test_an_archive_is_written_to_during_a_walk(mount, own_server):
    """The server says when such a table was made, or last written to, only while it has it open."""
    server = own_server()
    server.sql("INSTALL SONAME 'ha_archive'; CREATE DATABASE crm; CREATE TABLE crm.early (n INT PRIMARY KEY);"
               "CREATE TABLE crm.late (n INT) ENGINE=ARCHIVE; INSERT INTO crm.late VALUES (1)")
    made = "SELECT CREATE_TIME FROM information_schema.TABLES WHERE TABLE_NAME = 'late'"
    assert (mount(server.url("crm")).live() / "late.csv").read_text() == "n\n1\n"
    before = server.lines(made)
    top = mount(server.url("crm"))
    assert "late.csv" in [path.name for path in top.live().iterdir()]
    assert (top.live() / "early.csv").read_text() == "n\n"
    server.sql("INSERT INTO late VALUES (2); FLUSH TABLES", "crm")
    assert server.lines(made) != before
    assert (top.live() / "late.csv").read_text().startswith("n\n1\n")


SWAPS = {
    "truncated": "TRUNCATE late; INSERT INTO late VALUES (77)",
    "swapped": "RENAME TABLE late TO older; CREATE TABLE late (n INT PRIMARY KEY); INSERT INTO late VALUES (77)",
    "swapped for one that was there": "INSERT INTO spare VALUES (77); RENAME TABLE late TO older, spare TO late",
    "altered": "ALTER TABLE late ADD more INT",
}


@pytest.mark.parametrize("how", SWAPS)
def test_a_walk_is_never_of_two_moments(server, database, mount, how):
    """What cannot be shown as it was any more is an error to who has read other tables of that moment."""
    server.sql("CREATE TABLE early (n INT PRIMARY KEY); INSERT INTO early VALUES (1);"
               "CREATE TABLE late (n INT PRIMARY KEY); INSERT INTO late VALUES (1);"
               "CREATE TABLE spare (n INT PRIMARY KEY)", database)
    time.sleep(1.1)  # the server knows when a table was made to the second
    top = mount(server.url(database))
    assert "late.csv" in [path.name for path in top.live().iterdir()]
    assert (top.live() / "early.csv").read_text() == "n\n1\n"
    server.sql(f"UPDATE early SET n = 77; {SWAPS[how]}", database)
    with pytest.raises(OSError) as refused:
        (top.live() / "late.csv").read_text()
    assert refused.value.errno == errno.EIO
    assert "older moment" in top.errors() and "late" in top.errors()
    assert (top.live() / "early.csv").read_text() == "n\n1\n"

    def begun_anew():
        list(top.live().iterdir())
        return [(top.live() / f"{name}.csv").read_text() for name in ("early", "late")]

    assert eventually(lambda: begun_anew() == ["n\n77\n", "n,more\n1,\n" if how == "altered" else "n\n77\n"])


BEFORE_THE_CATALOGUE = {
    "swapped": "RENAME TABLE late TO older, spare TO late",
    "a view redefined": "CREATE OR REPLACE VIEW seen AS SELECT 5 AS n",
    "made anew": "DROP TABLE late; CREATE TABLE late (n INT PRIMARY KEY) ENGINE=MyISAM; INSERT INTO late VALUES (5)",
}


@pytest.mark.parametrize("how", BEFORE_THE_CATALOGUE)
def test_what_changes_as_a_moment_begins(server, database, mount, work, how):
    """Between its snapshot and the looking at what tables there are: it is not taken for what was there."""
    server.sql("CREATE TABLE early (n INT PRIMARY KEY); INSERT INTO early VALUES (1);"
               "CREATE TABLE late (n INT PRIMARY KEY); INSERT INTO late VALUES (1);"
               "CREATE VIEW seen AS SELECT n FROM late", database)
    time.sleep(1.1)  # the server knows when a table was made to the second
    server.sql("CREATE TABLE spare (n INT PRIMARY KEY); INSERT INTO spare VALUES (5)", database)
    subprocess.run([BINARY, "init", work / "store"], env={**os.environ, "CRMFS_PASSPHRASE": "p"}, check=True, capture_output=True)

    def strike(_):
        server.sql(f"UPDATE early SET n = 5; {BEFORE_THE_CATALOGUE[how]}", database)
        return GO_ON

    with Between(work / "s", server.socket, 1, BEFORE, strike, b"SAVEPOINT CRMFS") as between:
        command = [BINARY, "snapshot", "--store", work / "store", server.url(database, socket=work / "s")]
        taken = subprocess.run(command, env={**os.environ, "CRMFS_PASSPHRASE": "p"}, capture_output=True, text=True, check=False)
        assert between.struck
    assert taken.returncode == 0, taken.stderr
    kept = [subprocess.run([BINARY, "export", work / "store", "latest", name], env={**os.environ, "CRMFS_PASSPHRASE": "p"},
                           capture_output=True, text=True, check=True).stdout for name in ("early", "late", "seen")]
    assert kept == ["n\n5\n", "n\n1\n" if how == "a view redefined" else "n\n5\n", "n\n5\n"]


def test_an_exchanged_partition_is_noticed(server, database, mount):
    """By a user with PROCESS: of both tables, and of a view over one."""
    server.sql("CREATE TABLE early (n INT PRIMARY KEY); INSERT INTO early VALUES (1);"
               "CREATE TABLE `la-te é` (n INT PRIMARY KEY); INSERT INTO `la-te é` VALUES (1);"
               "CREATE TABLE parts (n INT PRIMARY KEY) PARTITION BY RANGE (n) (PARTITION p0 VALUES LESS THAN (9), PARTITION p1 VALUES LESS THAN (99));"
               "INSERT INTO parts VALUES (5); CREATE VIEW seen AS SELECT n FROM `la-te é`;"
               f"CREATE USER {database}; GRANT SELECT, SHOW VIEW ON {database}.* TO {database}; GRANT PROCESS ON *.* TO {database}", database)
    try:
        for name in ("la-te é", "parts", "seen"):
            top = mount(server.url(database, database))
            assert f"{name}.csv" in [path.name for path in top.live().iterdir()]
            assert (top.live() / "early.csv").read_text() == "n\n1\n"
            server.sql("ALTER TABLE parts EXCHANGE PARTITION p0 WITH TABLE `la-te é`", database)
            with pytest.raises(OSError) as refused:
                print((top.live() / f"{name}.csv").read_text())
            assert refused.value.errno == errno.EIO
            assert "older moment" in top.errors() and name in top.errors()
    finally:
        server.sql(f"DROP USER {database}")


def test_a_partition_exchanged_by_another_database_is_noticed(server, database, mount):
    """Of a database that has no partitions itself."""
    other = f"{database}_other"
    server.sql("CREATE TABLE early (n INT PRIMARY KEY); INSERT INTO early VALUES (1);"
               "CREATE TABLE late (n INT PRIMARY KEY); INSERT INTO late VALUES (1);"
               f"CREATE DATABASE {other}; CREATE TABLE {other}.parts (n INT PRIMARY KEY) PARTITION BY RANGE (n) (PARTITION p0 VALUES LESS THAN (9));"
               f"INSERT INTO {other}.parts VALUES (5); CREATE USER {database};"
               f"GRANT SELECT, SHOW VIEW ON {database}.* TO {database}; GRANT PROCESS ON *.* TO {database}", database)
    try:
        top = mount(server.url(database, database))
        list(top.live().iterdir())
        assert (top.live() / "early.csv").read_text() == "n\n1\n"
        server.sql(f"ALTER TABLE {other}.parts EXCHANGE PARTITION p0 WITH TABLE late", database)
        with pytest.raises(OSError) as refused:
            print((top.live() / "late.csv").read_text())
        assert refused.value.errno == errno.EIO and "older moment" in top.errors()
    finally:
        server.sql(f"DROP USER {database}; DROP DATABASE {other}")


def test_an_exchanged_partition_shows(server, database, mount):
    """Also where nothing but the times of tables tells of changes, which it leaves as they are."""
    server.sql("CREATE TABLE late (n INT PRIMARY KEY); INSERT INTO late VALUES (1);"
               "CREATE TABLE parts (n INT PRIMARY KEY) PARTITION BY RANGE (n) (PARTITION p0 VALUES LESS THAN (9));"
               "INSERT INTO parts VALUES (5)", database)
    time.sleep(3.1)  # what is older than two seconds is settled
    top = mount(server.url(database), options="refresh=0.1")

    def shown():
        list(top.live().iterdir())
        try:
            return [(top.live() / f"{name}.csv").read_text() for name in ("late", "parts")]
        except OSError:  # one of both had been read before
            return None

    assert shown() == ["n\n1\n", "n\n5\n"]
    server.sql("ALTER TABLE parts EXCHANGE PARTITION p0 WITH TABLE late", database)
    assert eventually(lambda: shown() == ["n\n5\n", "n\n1\n"])


BELOW = {
    "swapped": "RENAME TABLE {other}.base TO {other}.older, {other}.spare TO {other}.base",
    "altered": "ALTER TABLE {other}.base RENAME COLUMN n TO n2, ADD COLUMN n INT DEFAULT 7",
    "swapped below another view": "RENAME TABLE deep TO older, spare TO deep",
    "a view redefined": "CREATE OR REPLACE VIEW late AS SELECT 5 AS n",
    "another view redefined": "CREATE OR REPLACE VIEW middle AS SELECT 5 AS n",
}


@pytest.mark.parametrize("how", BELOW)
def test_what_a_view_stands_on_is_of_the_same_moment(server, database, mount, how):
    """A view shows its tables as they are called now: another one below it is an error, too."""
    other = f"{database}_other"
    server.sql(f"CREATE DATABASE {other}; CREATE TABLE {other}.base (n INT PRIMARY KEY);"
               f"CREATE TABLE {other}.spare (n INT PRIMARY KEY); INSERT INTO {other}.base VALUES (1);"
               "CREATE TABLE early (n INT PRIMARY KEY); INSERT INTO early VALUES (1);"
               "CREATE TABLE deep (n INT PRIMARY KEY); INSERT INTO deep VALUES (1);"
               "CREATE TABLE spare (n INT PRIMARY KEY); CREATE VIEW middle AS SELECT n FROM deep;"
               f"CREATE VIEW late AS SELECT b.n FROM {other}.base b JOIN (SELECT 'it''s \\\\' AS t) x"
               " JOIN middle m ON m.n = b.n WHERE x.t <> '`from `a`.`b`'", database)
    try:
        time.sleep(1.1)  # the server knows when a table was made to the second
        top = mount(server.url(database))
        assert "late.csv" in [path.name for path in top.live().iterdir()]
        assert (top.live() / "early.csv").read_text() == "n\n1\n"
        assert top.status()["live"][0]["not_consistent"] == []
        server.sql(f"UPDATE early SET n = 77; {BELOW[how].format(other=other)}", database)
        with pytest.raises(OSError) as refused:
            (top.live() / "late.csv").read_text()
        assert refused.value.errno == errno.EIO
        assert "older moment" in top.errors() and "late" in top.errors()
        assert (top.live() / "early.csv").read_text() == "n\n1\n"
    finally:
        server.sql(f"DROP DATABASE {other}")


def test_views_that_may_show_another_moment_are_named(mount, server, database, work):
    """Those over tables without transactions, or over what the user cannot be told of; and sequences."""
    other = f"{database}_other"
    server.sql(f"CREATE DATABASE {other}; CREATE TABLE {other}.base (n INT PRIMARY KEY);"
               "CREATE TABLE safe (n INT PRIMARY KEY); CREATE TABLE old (n INT PRIMARY KEY) ENGINE=MyISAM;"
               "CREATE SEQUENCE counter; CREATE VIEW v_safe AS SELECT n FROM safe;"
               "CREATE VIEW v_old AS SELECT n FROM old; CREATE VIEW v_over AS SELECT n FROM v_old;"
               "CREATE FUNCTION largest() RETURNS INT READS SQL DATA RETURN (SELECT MAX(n) FROM safe);"
               "CREATE VIEW v_called AS SELECT largest() AS n;"
               f"CREATE VIEW v_other AS SELECT n FROM {other}.base;"
               f"CREATE USER {database}; GRANT SELECT, SHOW VIEW ON {database}.* TO {database};"
               f"CREATE USER {other}; GRANT SELECT ON {database}.* TO {other}", database)

    def status(user):
        top = mount(server.url(database, user))
        assert (top.live() / "safe.csv").read_bytes() == b"n\n"
        return top.status()["live"][0]

    try:
        named = ["counter", "old", "v_called", "v_old", "v_over"]
        assert status("root")["not_consistent"] == named
        assert status(database)["not_consistent"] == [*named[:4], "v_other", "v_over"]
        views = ["v_called", "v_old", "v_other", "v_over", "v_safe"]
        assert status(other)["not_consistent"] == ["counter", "old", *views]
        assert status(other)["without_definition"] == views
        assert status(database)["without_definition"] == []
    finally:
        server.sql(f"DROP DATABASE {other}; DROP USER {database}, {other}")


def test_a_locked_table_keeps_nobody_from_the_others(mount, own_server, work):
    """Without a binary log commits cannot be held up while somebody holds a table: one connection does without."""
    server = own_server()
    make_bank(server)
    file = defaults_file(work, password="x")
    with subprocess.Popen(["mariadb", "--no-defaults", "-uroot", f"--socket={server.socket}", "bank"],
                          stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as session:
        session.stdin.write(b"LOCK TABLES b WRITE;\n")
        session.stdin.flush()
        assert eventually(lambda: server.lines("SHOW OPEN TABLES FROM bank WHERE `Table` = 'b' AND In_use = 1"))
        over = threading.Event()
        writing = threading.Thread(target=write_on, args=(server, over))
        writing.start()
        top = mount(server.url("bank", "locker", defaults_file=file))
        time.sleep(3)  # so that the source is asked again, while its tables are written
        assert len((top.live() / "log.csv").read_bytes()) > 0
        assert len((top.live() / "a.csv").read_bytes().splitlines()) == ROWS + 1
        with pytest.raises(OSError) as refused:
            (top.live() / "b.csv").read_bytes()
        assert refused.value.errno == errno.EBUSY
        assert "locks the table" in top.errors() and "WAL" not in top.errors()
        over.set()
        writing.join()
        session.stdin.close()
        session.wait()
    assert eventually(lambda: lines_of(top.live() / "b.csv") == ROWS + 1)


def write_on(server, over):
    while not over.wait(0.2):
        server.sql("INSERT INTO bank.log (amount) VALUES (1)")


def lines_of(path):
    try:
        return len(path.read_bytes().splitlines())
    except OSError:
        return 0
