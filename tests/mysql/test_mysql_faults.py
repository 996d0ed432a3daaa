# SPDX-License-Identifier: MIT
"""Servers that die, stop, come back; tables that go while they are read; a spool that is full."""
import errno
import os
import signal
import subprocess
import threading
import time

import pytest

import mounting
import strict
from between import Between
from mounting import eventually

LARGE = ("CREATE DATABASE crm; USE crm; CREATE TABLE small (id INT PRIMARY KEY); INSERT INTO small VALUES (1);"
         "CREATE TABLE large (id INT PRIMARY KEY, note TEXT);"
         "INSERT INTO large SELECT seq, REPEAT(MD5(seq), 12) FROM seq_1_to_{rows}; ANALYZE TABLE large")
END_CONNECTIONS = """DELIMITER //
BEGIN NOT ATOMIC
    FOR connected IN (SELECT ID FROM information_schema.PROCESSLIST WHERE DB = 'crm') DO
        EXECUTE IMMEDIATE CONCAT('KILL ', connected.ID);
    END FOR;
END//
"""
OPTIONS = {"connect_timeout": "2", "timeout": "3"}


def read_slowly(path, results):
    """In another thread: the bytes, or the errno."""
    def run():
        try:
            results.append(path.read_bytes())
        except OSError as problem:
            results.append(problem.errno)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def wait_for_query(server, words="FROM `large`"):
    """Until the server sends the table's rows."""
    query = f"SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE '%{words}%' AND INFO NOT LIKE '%PROCESSLIST%'"
    assert eventually(lambda: server.lines(query) != ["0"], 20, 0.005)


def names(folder):
    return sorted(os.listdir(folder))


@pytest.mark.parametrize("how", ["kill", "pause", "end connections"])
def test_server_lost_while_reading(mount, own_server, how):
    """EIO and a line in the log, never a short file; the names stay; all is well once it is back."""
    server = own_server()
    server.sql(LARGE.format(rows=400000))
    top = mount(server.url(**OPTIONS), options="refresh=0.5")
    folder = top.live()
    before = names(folder)
    assert (folder / "small.csv").read_bytes() == b"id\n1\n"
    results = []
    thread = read_slowly(folder / "large.csv", results)
    wait_for_query(server)
    # So that the rows are not all there before that has happened.
    os.kill(top.pid, signal.SIGSTOP)
    if how == "kill":
        server.kill()
    elif how == "pause":
        server.pause()
    else:
        server.sql(END_CONNECTIONS)
    os.kill(top.pid, signal.SIGCONT)
    for _ in range(5):
        assert names(folder) == before
    thread.join(60)
    assert results == [errno.EIO]
    if how == "kill":
        assert "large.csv" in top.errors() and "connection" in top.errors()
        assert eventually(lambda: reads(folder / "small.csv") == errno.ECONNREFUSED)
        assert names(folder) == before
        server.start()
    elif how == "pause":
        assert "large.csv" in top.errors()
        server.resume()
    assert eventually(lambda: reads(folder / "small.csv") == b"id\n1\n", 40)
    assert eventually(lambda: whole(folder / "large.csv").count(b"\n") == 400001, 40, 0.2)
    assert top.status()["live"][0]["error"] is None


def reads(path):
    try:
        return path.read_bytes()
    except OSError as problem:
        return problem.errno


def whole(path):
    shown = reads(path)
    return shown if isinstance(shown, bytes) else b"none\n"


def test_names_while_the_server_is_away(mount, own_server):
    """`ls` answers throughout, at once; what may have changed is not handed out."""
    server = own_server()
    server.sql(LARGE.format(rows=100))
    top = mount(server.url(**OPTIONS), options="refresh=0.1")
    folder = top.live()
    before = names(folder)
    assert reads(folder / "small.csv") == b"id\n1\n"
    server.kill()
    assert eventually(lambda: reads(folder / "small.csv") == errno.ECONNREFUSED)
    for _ in range(3):
        assert names(folder) == before
        assert subprocess.run(["ls", "-l", folder / "small.csv"], check=False, capture_output=True).returncode == 0
        time.sleep(0.3)
    assert "ECONNREFUSED live/crm" in top.errors()
    (status,) = top.status()["live"]
    assert "does the server run" in status["error"]
    server.start()
    server.sql("INSERT INTO small VALUES (2)", "crm")
    assert eventually(lambda: reads(folder / "small.csv") == b"id\n1\n2\n", 30)


def test_a_stopped_server_is_found_out(mount, own_server, server, database, work):
    """
    However long it may take to answer: it lets nobody else in either, which is tried once. One that is only
    slow does, and is waited for.
    """
    patient, slow, large = {"timeout": "3600", "connect_timeout": "2"}, [], []
    server.sql("CREATE VIEW slow AS SELECT SLEEP(12) AS s", database)
    waiting = read_slowly(mount(server.url(database, **patient)).live() / "slow.csv", slow)
    stopped = own_server()
    stopped.sql(LARGE.format(rows=400000))
    with Between(work / "s", stopped.socket) as between:
        top = mount(stopped.url(**patient, socket=work / "s"))
        reading = read_slowly(top.live() / "large.csv", large)
        wait_for_query(stopped)
        before = between.connections
        stopped.pause()
        reading.join(120)
        assert large == [errno.EIO]
        assert between.connections - before <= 2, "one on a machine that is not slow itself"
        assert "large.csv" in top.errors() and "connection" in top.errors()
        stopped.resume()
        assert eventually(lambda: whole(top.live() / "large.csv").count(b"\n") == 400001, 40, 0.2)
        top.unmount()
    waiting.join(120)
    assert slow == [b"s\n0\n"]


def test_a_view_is_given_up_though_the_server_is_stopped(mount, own_server):
    """Who cannot be told to end a query is not waited for, however long connecting may take."""
    server = own_server()
    server.sql("CREATE DATABASE crm; USE crm; CREATE VIEW slow AS SELECT SLEEP(1000) AS s")
    top = mount(server.url(timeout="3600", connect_timeout="3600"), options="view-timeout=2")
    results = []
    thread = read_slowly(top.live() / "slow.csv", results)
    wait_for_query(server, "FROM `slow`")
    server.pause()
    thread.join(60)
    server.resume()
    assert results == [errno.ETIMEDOUT]


def test_names_while_the_server_is_stopped(mount, own_server):
    """A server that neither answers nor goes away keeps nobody from looking, as long as it may take."""
    server = own_server()
    server.sql(LARGE.format(rows=100))
    top = mount(server.url(timeout="3600", connect_timeout="3600"), options="refresh=0.1")
    before = names(top.live())
    assert reads(top.live() / "small.csv") == b"id\n1\n"
    server.pause()
    for _ in range(8):
        listed = subprocess.run(["ls", top.live()], capture_output=True, text=True, timeout=30, check=True)
        assert sorted(listed.stdout.split()) == before
        assert top.status()["live"][0]["tables"] == 2
        time.sleep(0.2)
    server.resume()
    server.sql("INSERT INTO small VALUES (2)", "crm")
    assert eventually(lambda: reads(top.live() / "small.csv") == b"id\n1\n2\n", 30)


def test_walk_goes_on_without_the_server(mount, own_server):
    """Who has begun a walk finishes it in its moment, as far as that was read."""
    server = own_server()
    server.sql(LARGE.format(rows=100))
    top = mount(server.url(**OPTIONS), options="refresh=0.1")
    script = f"cd {top.live()} && ls >/dev/null && wc -c *.csv && read go && cat small.csv large.csv | wc -l"
    with subprocess.Popen(["bash", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as walker:
        lines = [walker.stdout.readline() for _ in range(3)]
        assert "total" in lines[-1]
        server.kill()
        out, err = walker.communicate("go\n", timeout=60)
    assert out.strip() in ("103", "0"), (out, err)
    assert out.strip() == "103" or "Connection refused" in err


@pytest.mark.parametrize("statement", ["DROP TABLE large", "ALTER TABLE large ADD COLUMN more INT DEFAULT 1"])
def test_table_altered_while_read(mount, own_server, statement):
    """The reader gets the table as it was, or a new look at it; nothing in between."""
    server = own_server()
    server.sql(LARGE.format(rows=300000))
    top = mount(server.url(), options="refresh=0.2")
    results = []
    thread = read_slowly(top.live() / "large.csv", results)
    wait_for_query(server)
    server.sql(statement, "crm")
    thread.join(60)
    (shown,) = results
    if isinstance(shown, bytes):
        commas = {line.count(b",") for line in shown.splitlines()}  # no cell has any
        assert shown.count(b"\n") == 300001 and commas in ({1}, {2})
    else:
        assert shown == errno.ENOENT and "DROP" in statement
    if "DROP" in statement:
        assert eventually(lambda: not (top.live() / "large.csv").exists(), 20)
    else:
        assert eventually(lambda: whole(top.live() / "large.csv").startswith(b"id,note,more\n"), 20)


def test_view_that_takes_too_long(mount, server, database):
    """It is ended on the server as well; its transaction and the other tables go on."""
    server.sql("CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t SELECT seq FROM seq_1_to_1000;"
               "CREATE VIEW endless AS SELECT SUM(SLEEP(0.5)) AS s FROM t", database)
    top = mount(server.url(database), options="view-timeout=1")
    assert reads(top.live() / "endless.csv") == errno.ETIMEDOUT
    busy = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE '%`endless`%' AND INFO NOT LIKE '%PROCESSLIST%'"
    assert eventually(lambda: server.lines(busy) == ["0"])
    assert len(strict.read_csv(reads(top.live() / "t.csv"))) == 1001


def test_view_that_takes_too_long_when_the_clock_is_put_back(mount, server, database, clock_ahead):
    """Who looks after the server's answers looks as often."""
    server.sql("CREATE VIEW endless AS SELECT SLEEP(20) AS s", database)
    top = mount(server.url(database), options="view-timeout=1", environment=clock_ahead)
    assert reads(top.live() / "endless.csv") == errno.ETIMEDOUT


def test_full_spool(mount, server, database):
    """A table that does not fit is refused, and the others are read as ever."""
    server.sql("CREATE TABLE small (id INT PRIMARY KEY); INSERT INTO small VALUES (1);"
               "CREATE TABLE large (id INT PRIMARY KEY, note VARBINARY(900));"
               "INSERT INTO large SELECT seq, RANDOM_BYTES(900) FROM seq_1_to_20000", database)
    top = mount(server.url(database), options="spool-size=4M")
    assert reads(top.live() / "large.csv") == errno.ENOSPC
    assert reads(top.live() / "small.csv") == b"id\n1\n"
    assert "large.csv" in top.errors()
    assert reads(top.live() / "large.csv") == errno.ENOSPC


def test_unmount_does_not_wait_for_a_stopped_server(mount, own_server):
    server = own_server()
    server.sql(LARGE.format(rows=300000))
    top = mount(server.url(timeout="3600"))
    results = []
    thread = read_slowly(top.live() / "large.csv", results)
    wait_for_query(server)
    server.pause()
    os.kill(top.pid, 15)
    top.assert_gone()
    thread.join(30)
    assert not isinstance(results[0], bytes)
    server.resume()


def test_next_host_on_failure(mount, own_server):
    """The first host that answers is used; when it is lost, the next one is."""
    servers = [own_server(), own_server()]
    for number, each in enumerate(servers):
        each.sql(f"CREATE DATABASE crm; CREATE TABLE crm.me (id INT PRIMARY KEY); INSERT INTO crm.me VALUES ({number})")
    hosts = ",".join(str(each.socket) for each in servers)
    url = f"mysql://root@/crm?host={hosts}&connect-timeout=2&timeout=3"
    top = mount(url, options="refresh=0.1")
    assert reads(top.live() / "me.csv") == b"id\n0\n"
    assert top.status()["live"][0]["host"] == str(servers[0].socket)
    servers[0].kill()
    assert eventually(lambda: reads(top.live() / "me.csv") == b"id\n1\n", 30)
    assert top.status()["live"][0]["host"] == str(servers[1].socket)


def test_lagging_replica_is_passed_over(mount, own_server):
    """max-lag: a replica that does not follow its primary is not asked."""
    primary = own_server(more="log-bin=binlog\nserver-id=1")
    replica = own_server(more="server-id=2")
    primary.sql("CREATE DATABASE crm; CREATE TABLE crm.me (id INT PRIMARY KEY); INSERT INTO crm.me VALUES (1)")
    replica.sql("CREATE DATABASE crm; CREATE TABLE crm.me (id INT PRIMARY KEY); INSERT INTO crm.me VALUES (2);"
                "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=1, MASTER_USER='x'")
    hosts = f"{replica.socket},{primary.socket}"
    assert reads(mount(f"mysql://root@/crm?host={hosts}").live() / "me.csv") == b"id\n2\n"
    assert reads(mount(f"mysql://root@/crm?host={hosts}&max-lag=10").live() / "me.csv") == b"id\n1\n"


def test_snapshot_of_a_lost_server_leaves_nothing(own_server, work):
    """`crmfs snapshot`: fails in words, and no snapshot is to be seen."""
    server = own_server()
    server.sql(LARGE.format(rows=400000))
    environment = {**os.environ, "CRMFS_PASSPHRASE": "p"}
    binary = str(mounting.BINARY)
    subprocess.run([binary, "init", work / "store"], env=environment, check=True, capture_output=True)
    taking = subprocess.Popen([binary, "snapshot", "--store", work / "store", server.url(**OPTIONS)],
                              env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    wait_for_query(server)
    server.kill()
    _, err = taking.communicate(timeout=60)
    assert taking.returncode == 1 and "connection is lost" in err, err
    listed = subprocess.run([binary, "snapshots", "--json", work / "store"], env=environment, check=True,
                            capture_output=True, text=True)
    assert '"name"' not in listed.stdout
