# SPDX-License-Identifier: MIT
"""Who may in, and how: passwords, option files, TLS, privileges; and what a refusal says."""
import errno
import os
import subprocess

import pytest

import mounting
from mariadb import PASSWORD, defaults_file, make_server
from mounting import eventually, free_port

GRANTS = "GRANT SELECT, SHOW VIEW ON crm.* TO"


@pytest.fixture(scope="module")
def guarded(tools, certificates):
    """A server on TCP with TLS, and a user with a password who may read."""
    port = free_port()
    new = make_server(more=f"port={port}\nssl-ca={certificates}/ca.pem\nssl-cert={certificates}/good.pem\n"
                      f"ssl-key={certificates}/good.key").start()
    new.port = port
    literal = PASSWORD.replace("\\", "\\\\").replace("'", "\\'")
    new.sql("CREATE DATABASE crm; CREATE TABLE crm.t (id INT PRIMARY KEY); INSERT INTO crm.t VALUES (1);"
            "CREATE VIEW crm.v AS SELECT id FROM crm.t;"
            f"CREATE USER reader@'%' IDENTIFIED BY '{literal}'; {GRANTS} reader@'%';"
            f"CREATE USER sealed@'%' IDENTIFIED BY '{literal}' REQUIRE SSL; {GRANTS} sealed@'%';"
            f"CREATE USER nobody@'%' IDENTIFIED BY '{literal}';"
            f"CREATE USER partly@'%' IDENTIFIED BY '{literal}'; GRANT SELECT (id) ON crm.t TO partly@'%'")
    yield new
    new.stop()


def tcp(server, user="reader", host="localhost", **options):
    query = "&".join(f"{name.replace('_', '-')}={value}" for name, value in options.items())
    # "localhost" alone would mean the socket.
    return f"mysql://{user}@127.0.0.1:{server.port}/crm?{query}" if host == "localhost" else \
        f"mysql://{user}@{host}:{server.port}/crm?{query}"


def shows(top):
    return (top.live() / "t.csv").read_bytes() == b"id\n1\n"


def test_option_file(mount, guarded, work):
    file = defaults_file(work, user="reader", password=PASSWORD, socket=guarded.socket)
    assert shows(mount(f"mysql:///crm?defaults-file={file}"))


def test_option_file_of_the_home(mount, guarded, work):
    home = work / "m0"
    home.mkdir()
    defaults_file(work, password=PASSWORD, socket=guarded.socket).rename(home / ".my.cnf")
    assert shows(mount("mysql://reader@/crm"))


def test_group(mount, guarded, work):
    file = defaults_file(work, password="wrong")
    file.write_text(f'[client]\nsocket={guarded.socket}\npassword=wrong\n[ours]\npassword="'
                    + PASSWORD.replace("\\", "\\\\").replace('"', '\\"') + '"\n')
    assert shows(mount(f"mysql://reader@/crm?defaults-file={file}&defaults-group=ours"))


def test_password_command(mount, guarded, work):
    secret = work / "secret"
    secret.write_text(PASSWORD + "\n")
    secret.chmod(0o600)
    top = mount(f"mysql://reader@/crm?socket={guarded.socket}&password-command=cat%20{secret}")
    assert shows(top)
    line = open(f"/proc/{top.pid}/cmdline", "rb").read()
    assert PASSWORD.encode() not in line and PASSWORD not in str(top.status())


@pytest.mark.parametrize("key", ["password", "password-command"])
def test_configuration(mount, guarded, work, key):
    value = PASSWORD if key == "password" else f"cat {work}/secret"
    (work / "secret").write_text(PASSWORD)
    config = work / "crmfs.conf"
    config.write_text(f"[source crm]\nurl = mysql://reader@/crm?socket={guarded.socket}\n{key} = {value}\n")
    config.chmod(0o600)
    assert shows(mount(arguments=["--config", config]))


@pytest.mark.parametrize("mode, warned", [(0o644, True), (0o600, False)])
def test_a_password_that_others_may_read(refused, work, mode, warned):
    config = work / "crmfs.conf"
    config.write_text(f"[source crm]\nurl = mysql://reader@/crm?socket={work}/none\npassword = x\n")
    config.chmod(mode)
    (work / "mnt").mkdir()
    answer = refused("mount", "--config", config, work / "mnt")
    assert ("chmod 600" in answer.err) == warned, answer.err


def test_all_hosts_are_named(refused, work):
    (work / "mnt").mkdir()
    ports = [free_port(), free_port()]
    for scheme in ("mysql", "postgresql"):
        hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
        answer = refused("mount", f"{scheme}://reader@{hosts}/crm", work / "mnt")
        assert all(str(port) in answer.err for port in ports), answer.err


def test_privileges_as_in_the_readme(mount, guarded, work):
    """SELECT and SHOW VIEW are all it takes."""
    file = defaults_file(work, password=PASSWORD)
    top = mount(guarded.url(user="reader", defaults_file=file))
    assert shows(top) and (top.live() / "v.csv").read_bytes() == b"id\n1\n"
    assert "CREATE TABLE `t`" in (top.live() / "schema.sql").read_text()
    assert "VIEW `v`" in (top.live() / "schema.sql").read_text()


def test_encrypted_and_verified(mount, guarded, certificates, work):
    file = defaults_file(work, password=PASSWORD)
    common = {"defaults_file": file, "ssl_ca": f"{certificates}/ca.pem"}
    assert shows(mount(tcp(guarded, "sealed", ssl_mode="VERIFY_IDENTITY", **common)))
    assert shows(mount(tcp(guarded, "sealed", ssl_mode="REQUIRED", defaults_file=file)))
    assert shows(mount(tcp(guarded, compress="yes", **common)))


def test_tls_where_it_is_offered(mount, refused, guarded, certificates, work):
    """PREFERRED, which is the default, uses what the server offers; DISABLED nothing, whatever else is set."""
    file = defaults_file(work, password=PASSWORD)
    assert shows(mount(tcp(guarded, "sealed", defaults_file=file)))
    (work / "mnt").mkdir()
    for more in ({}, {"ssl_ca": f"{certificates}/ca.pem"}):
        answer = refused("mount", tcp(guarded, "sealed", defaults_file=file, ssl_mode="DISABLED", **more), work / "mnt")
        assert "REQUIRE SSL" in answer.err and "ssl-mode=REQUIRED" in answer.err, answer.err


def test_tls_is_not_forced_on_who_offers_none(mount, own_server):
    port = free_port()
    server = own_server(more=f"port={port}\nskip-ssl")
    server.port = port
    server.sql(f"CREATE DATABASE crm; CREATE TABLE crm.t (id INT); INSERT INTO crm.t VALUES (1);"
               f"CREATE USER reader@'%'; {GRANTS} reader@'%'")
    assert shows(mount(tcp(server)))


def test_a_port_means_tcp(mount, guarded, work):
    """Also on localhost, and although an option file names a socket."""
    file = defaults_file(work, password=PASSWORD, socket=work / "no-such-socket")
    top = mount(f"mysql://reader@localhost:{guarded.port}/crm?defaults-file={file}")
    assert shows(top)
    assert top.status()["live"][0]["host"] == f"localhost:{guarded.port}"


@pytest.mark.parametrize("option, words", [
    ("defaults-file=/nowhere/my.cnf", "defaults-file=/nowhere/my.cnf"),
    ("ssl-ca=/nowhere/ca.pem", "ssl-ca=/nowhere/ca.pem"), ("ssl-crl=/nowhere/crl.pem", "ssl-crl=/nowhere/crl.pem"),
    ("ssl-cipher=NO-SUCH-CIPHER&tls-version=TLSv1.2", "ssl-cipher=NO-SUCH-CIPHER"),
    ("ssl-ca=/etc/passwd", "ssl-ca=/etc/passwd"),
])
def test_what_does_not_fit_is_named(refused, guarded, work, option, words):
    file = defaults_file(work, password=PASSWORD)
    (work / "mnt").mkdir()
    more = option if "defaults-file" in option else f"{option}&defaults-file={file}"
    answer = refused("mount", f"mysql://reader@127.0.0.1:{guarded.port}/crm?{more}", work / "mnt")
    assert words in answer.err, answer.err


def test_a_view_without_its_definer(mount, guarded):
    guarded.sql("CREATE DATABASE gone; CREATE TABLE gone.t (id INT); CREATE USER ghost; GRANT ALL ON gone.* TO ghost;"
                "CREATE DEFINER=ghost SQL SECURITY DEFINER VIEW gone.v AS SELECT * FROM gone.t; DROP USER ghost")
    top = mount(guarded.url("gone"))
    with pytest.raises(OSError):
        (top.live() / "v.csv").read_bytes()
    assert "definer" in top.errors() and "password" not in top.errors(), top.errors()


@pytest.mark.parametrize("certificate, words", [("old", "expired"), ("other", "is of another host")])
def test_wrong_certificate(refused, own_server, certificates, work, certificate, words):
    port = free_port()
    server = own_server(more=f"port={port}\nssl-cert={certificates}/{certificate}.pem\n"
                        f"ssl-key={certificates}/{certificate}.key")
    server.port = port
    server.sql(f"CREATE DATABASE crm; CREATE USER reader@'%' IDENTIFIED BY 'x'; {GRANTS} reader@'%'")
    file = defaults_file(work, password="x")
    (work / "mnt").mkdir()
    answer = refused("mount", tcp(server, defaults_file=file, ssl_ca=f"{certificates}/ca.pem"), work / "mnt")
    assert "SSL" in answer.err or "TLS" in answer.err, answer.err
    assert words in answer.err, answer.err
    assert "certificate" in answer.err, answer.err


def test_wanted_tls_is_not_given_up(refused, own_server, work):
    """ssl-mode=REQUIRED against a server without TLS: refused, not in the clear."""
    port = free_port()
    server = own_server(more=f"port={port}\nskip-ssl")
    server.port = port
    server.sql(f"CREATE DATABASE crm; CREATE USER reader@'%' IDENTIFIED BY 'x'; {GRANTS} reader@'%'")
    file = defaults_file(work, password="x")
    (work / "mnt").mkdir()
    answer = refused("mount", tcp(server, defaults_file=file, ssl_mode="REQUIRED"), work / "mnt")
    assert "TLS" in answer.err, answer.err


@pytest.mark.parametrize("user, database, password, words", [
    ("reader", "crm", "wrong", ["Access denied for user 'reader'", "is the password right?"]),
    ("reader", "other", PASSWORD, ["Access denied", "GRANT SELECT, SHOW VIEW ON `other`.* TO 'reader'"]),
    ("root", "nowhere", "", ["Unknown database 'nowhere'", "SHOW DATABASES"]),
    ("nobody", "crm", PASSWORD, ["Access denied", "GRANT SELECT, SHOW VIEW ON `crm`.* TO 'nobody'"]),
])
def test_refusals_say_what_to_do(refused, guarded, work, user, database, password, words):
    file = defaults_file(work, password=password)
    (work / "mnt").mkdir()
    answer = refused("mount", guarded.url(database, user, defaults_file=file), work / "mnt")
    for word in words:
        assert word in answer.err, answer.err
    assert not password or password not in answer.err


def test_limits_of_the_hour_say_what_lifts_them(refused, guarded, work):
    """connections=1, which is of use where there are too many at once, is not told then."""
    guarded.sql("CREATE USER hurried@localhost WITH MAX_QUERIES_PER_HOUR 3; GRANT SELECT ON crm.* TO hurried@localhost")
    (work / "mnt").mkdir()
    answer = refused("mount", guarded.url(user="hurried"), work / "mnt")
    assert "MAX_QUERIES_PER_HOUR 0" in answer.err and "connections=1" not in answer.err, answer.err


def test_a_server_that_ends_connections_with_transactions(mount, own_server):
    server = own_server(more="completion-type=RELEASE\nlog-bin=binlog")
    server.sql("CREATE DATABASE crm; CREATE TABLE crm.t (id INT PRIMARY KEY); INSERT INTO crm.t VALUES (1)")
    top = mount(server.url())
    assert shows(top)
    os.listdir(top.live())


def test_unreachable(refused, work):
    (work / "mnt").mkdir()
    answer = refused("mount", f"mysql://x@/crm?socket={work}/none", work / "mnt")
    assert "does the server run" in answer.err, answer.err
    answer = refused("mount", f"mysql://x@127.0.0.1:{free_port()}/crm", work / "mnt")
    assert "does the server run" in answer.err, answer.err


def test_column_privilege(mount, guarded, work):
    """A table of which the user may read some columns is refused, in a mount and in a snapshot, not shown without."""
    file = defaults_file(work, password=PASSWORD)
    guarded.sql("CREATE TABLE IF NOT EXISTS two (id INT PRIMARY KEY, secret INT); GRANT SELECT (id) ON two TO partly@'%';"
                "CREATE VIEW IF NOT EXISTS wide AS SELECT id, secret FROM two; GRANT SELECT (id) ON wide TO partly@'%'",
                "crm")
    top = mount(guarded.url(user="partly", defaults_file=file))
    assert not (top.live() / "v.csv").exists()
    for name in ("two", "wide"):
        with pytest.raises(OSError) as refused:
            (top.live() / f"{name}.csv").read_bytes()
        assert refused.value.errno == errno.EACCES
        assert f"table {name}" in top.errors() and "GRANT SELECT, SHOW VIEW ON `crm`.* TO 'partly'" in top.errors()
    environment = {**os.environ, "CRMFS_PASSPHRASE": "p", "XDG_STATE_HOME": str(work / "state")}

    def crmfs(*words):
        return subprocess.run([mounting.BINARY, *words], env=environment, capture_output=True, check=False, text=True)

    assert crmfs("init", work / "store").returncode == 0
    take = ["snapshot", "--store", work / "store", guarded.url(user="partly", defaults_file=file)]
    done = crmfs(*take, "--table", "two")
    assert done.returncode == 1 and "two" in done.stderr and "GRANT SELECT, SHOW VIEW" in done.stderr, done


def test_privilege_taken_away(mount, guarded, work):
    """A table that the user may not see any more goes from the folder; the others stay."""
    guarded.sql("CREATE TABLE secret (id INT PRIMARY KEY); INSERT INTO secret VALUES (1);"
                "CREATE USER fading@localhost; GRANT SELECT ON crm.t TO fading@localhost;"
                "GRANT SELECT ON crm.secret TO fading@localhost", "crm")
    top = mount(guarded.url(user="fading"), options="refresh=0.1")
    assert shows(top)
    guarded.sql("REVOKE SELECT ON crm.secret FROM fading@localhost")
    assert eventually(lambda: "secret.csv" not in os.listdir(top.live()), 20)
    assert shows(top)


@pytest.mark.parametrize("url, word", [
    ("mysql://root:kwyjibo@/crm", "password"),
    ("mysql://root@/crm?pasword=x", "pasword"),
    ("mysql://root@/crm?ssl-mode=SOMETIMES", "VERIFY_IDENTITY"),
    ("mysql://root@/crm?tls-version=TLSv1.2,TLSv9", "TLSv1.3"),
    ("mysql://root@/crm?ssl-ca=ca.pem", "absolute"),
    ("mysql://root@host:0/crm", "port"),
    ("mysql://root@/?socket=/x", "NAME="),
    ("mysql:crm", "mysql://USER@HOST/DATABASE"),
])
def test_wrong_urls(refused, work, url, word):
    (work / "mnt").mkdir()
    answer = refused("mount", url, work / "mnt", status=(1, 2))
    assert word in answer.err, answer.err
    assert "kwyjibo" not in answer.err.replace(url, "")


def test_nothing_is_written(mount, guarded, work):
    """A transaction that is READ ONLY, whatever the user may."""
    guarded.sql("SET GLOBAL general_log=1; SET GLOBAL log_output='TABLE'")
    top = mount(guarded.url())
    for name in os.listdir(top.live()):
        (top.live() / name).read_bytes()
    said = guarded.sql("SET GLOBAL general_log=0; SELECT argument FROM mysql.general_log WHERE command_type='Query'"
                       ).decode(errors="replace")
    statements = {line.split(" ")[0].upper() for line in said.splitlines() if line.strip()}
    assert "SELECT" in statements
    assert not statements & {"INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP", "REPLACE", "TRUNCATE"}
