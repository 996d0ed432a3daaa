# SPDX-License-Identifier: MIT
"""How one gets in: sockets and TLS, passwords from everywhere but argv; and what is said to who does not."""
import json
import os
import re
import shlex
import signal
import subprocess

import pytest

import mounting
import server as servers

RULES = """
local   all  guarded                 scram-sha-256
local   crm  peerless                reject
local   all  all                     trust
hostssl all  certified  127.0.0.1/32 cert
hostssl all  all        127.0.0.1/32 scram-sha-256
"""
PASSWORD = r"o\p:e n'sesame"


@pytest.fixture(scope="module", name="guarded")
def guarded_server(prerequisites, certificates):
    one = servers.Server(mounting.SESSION / "guarded", addresses="127.0.0.1").guard(certificates, rules=RULES)
    one.start()
    one.psql(r"""
        SET standard_conforming_strings = on;
        CREATE ROLE guarded LOGIN PASSWORD 'o\p:e n''sesame'; CREATE ROLE certified LOGIN; CREATE ROLE peerless LOGIN;
        CREATE ROLE poor LOGIN; CREATE ROLE asleep; CREATE DATABASE crm; CREATE DATABASE closed;
        REVOKE CONNECT ON DATABASE closed FROM PUBLIC;""")
    one.psql("""
        CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1); CREATE TABLE secret (id int);
        CREATE SCHEMA inner_; CREATE TABLE inner_.deep (id int);
        GRANT SELECT ON t TO guarded, certified, poor, peerless; GRANT SELECT ON inner_.deep TO poor;""", "crm")
    yield one
    one.destroy()


def over_tcp(server, user="guarded", host="localhost", **options):
    more = "&".join(f"{name}={value}" for name, value in options.items())
    return f"postgresql://{user}@{host}:{server.port}/crm?{more}"


def service_file(work, server, text=""):
    path = work / "services.conf"
    path.write_text(f"[sales]\nhost={server.directory}\nport={server.port}\ndbname=crm\nuser=guarded\n{text}")
    return path


def test_passwords_come_from_pgpass(guarded, mount, work):
    path = work / "pgpass"
    path.write_text("*:*:crm:guarded:" + PASSWORD.replace("\\", "\\\\").replace(":", "\\:") + "\n")
    path.chmod(0o600)
    assert (mount(guarded.url("crm", "guarded", passfile=path)).live() / "t.csv").read_text() == "id\n1\n"
    assert (mount(guarded.url("crm", "guarded"), environment={"PGPASSFILE": str(path)}).live() / "t.csv").exists()


def test_passwords_come_from_a_service_file(guarded, mount, work):
    path = service_file(work, guarded, f"password={PASSWORD}\n")
    top = mount("crm=postgresql:///?service=sales", environment={"PGSERVICEFILE": str(path)})
    assert (top.live() / "t.csv").read_text() == "id\n1\n"
    assert PASSWORD not in top.read(".crmfs/status").decode()


def test_passwords_come_from_a_command(guarded, mount, work):
    path = work / "password"
    path.write_text(PASSWORD + "\n")
    top = mount(guarded.url("crm", "guarded", **{"password-command": f"cat%20{path}"}))
    assert (top.live() / "t.csv").read_text() == "id\n1\n"
    assert PASSWORD not in top.read(".crmfs/status").decode() + (top.directory / "stderr").read_text()


def test_tls_is_verified(guarded, mount, certificates, work):
    file = work / "password"
    file.write_text(PASSWORD)
    command = {"password-command": f"cat%20{file}", "sslrootcert": certificates / "ca.pem"}
    top = mount(over_tcp(guarded, sslmode="verify-full", **command))
    assert (top.live() / "t.csv").read_text() == "id\n1\n"
    assert guarded.rows("SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)"
                        " WHERE application_name = 'crmfs'") == ["t"]


def test_a_certificate_instead_of_a_password(guarded, mount, certificates, work, refused):
    for name, words in (("certified", None), ("late", "our certificate .* has expired")):
        make_client(certificates, work, name)
        url = over_tcp(guarded, "certified", sslmode="verify-full", sslrootcert=certificates / "ca.pem",
                       sslcert=work / f"{name}.pem", sslkey=work / f"{name}.key")
        if words is None:
            assert (mount(url).live() / "t.csv").read_text() == "id\n1\n"
        else:
            assert re.search(words, refused("mount", url, work / "mnt").err)


def make_client(certificates, work, name):
    """A certificate for the role "certified"; "late": an expired one."""
    def openssl(*words):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, cwd=work)

    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", "/CN=certified")
    dates = ["-startdate", "20200101000000Z", "-enddate", "20200201000000Z"] if name == "late" else ["-days", "3650"]
    (work / "index.txt").write_text("")
    (work / "serial").write_text(f"{len(name):02}")
    (work / "ca.cnf").write_text(
        "[ca]\ndefault_ca=c\n[c]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\n"
        "default_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n")
    openssl("ca", "-batch", "-config", "ca.cnf", "-cert", certificates / "ca.pem", "-keyfile", certificates / "ca.key",
            "-in", f"{name}.csr", "-out", f"{name}.pem", "-notext", *dates)


@pytest.mark.parametrize("certificate, words", [
    ("old", r"certificate is not to be trusted: it expired on 2020-02-01"),
    ("other", r"certificate is of another host")])
def test_bad_certificates_are_refused_in_words(new_server, certificates, work, refused, certificate, words):
    bad = new_server(start=False, addresses="127.0.0.1").guard(certificates, certificate, RULES).start()
    answer = refused("mount", over_tcp(bad, sslmode="verify-full", sslrootcert=certificates / "ca.pem"), work / "mnt")
    assert re.search(words, answer.err), answer.err
    assert PASSWORD not in answer.err


def test_an_authority_that_is_not_trusted(guarded, work, refused):
    """Every certificate is fine, but nobody whom we trust says so."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", work / "k", "-out", work / "stranger.pem",
                    "-subj", "/CN=stranger", "-days", "9"], check=True, capture_output=True)
    answer = refused("mount", over_tcp(guarded, sslmode="verify-full", sslrootcert=work / "stranger.pem"), work / "mnt")
    assert "nobody whom we trust has signed it" in answer.err


REFUSALS = {
    "wrong password": (lambda s: s.url("crm", "guarded", **{"password-command": "echo%20wrong"}),
                       "the user or the password is wrong.*28P01"),
    "no password": (lambda s: s.url("crm", "guarded"), "the server wants a password"),
    "unknown user": (lambda s: s.url("crm", "nobody_here"), "has no such user.*28000"),
    "no login": (lambda s: s.url("crm", "asleep"), "may not log in.*28000"),
    "pg_hba.conf": (lambda s: s.url("crm", "peerless"), "pg_hba.conf has to have a line"),
    "unknown database": (lambda s: "x=" + s.url("nothing"), "there is no such database.*3D000"),
    "CONNECT": (lambda s: s.url("closed", "poor"), 'GRANT CONNECT ON DATABASE "closed" TO "poor"'),
    "no server": (lambda s: f"postgresql://localhost:{mounting.free_port()}/crm", "no server listens there"),
    "no socket": (lambda s: "postgresql:///crm?host=/nonexistent", "no server listens there"),
    "unknown host": (lambda s: "postgresql://no.such.host.invalid/crm", "the host's name is not known"),
    "unknown option": (lambda s: s.url("crm", nonsense=1), 'invalid connection option "nonsense"'),
    "unknown service": (lambda s: "x=postgresql:///?service=nope", "the service is not in a service file"),
    "password in URL": (lambda s: f"postgresql://guarded:x@localhost:{s.port}/crm", "can be seen by everybody"),
    "session": (lambda s: s.url("crm", target_session_attrs="standby"), "target_session_attrs"),
    "command fails": (lambda s: s.url("crm", "guarded", **{"password-command": "false"}), "password command"),
}
USAGE = ["unknown option", "unknown service", "password in URL"]


@pytest.mark.parametrize("case", REFUSALS)
def test_who_does_not_get_in_is_told_why(guarded, work, refused, case):
    make, words = REFUSALS[case]
    status = 2 if case in USAGE else 1
    answer = refused("mount", make(guarded), work / "mnt", status=status,
                     environment={"PGSERVICEFILE": str(service_file(work, guarded))})
    assert re.search(words, answer.err, re.S), answer.err


@pytest.mark.parametrize("option", ["passfile", "sslrootcert", "sslcert", "sslkey", "sslcrl", "sslcrldir"])
def test_relative_paths_are_refused(work, refused, option):
    (work / "mnt").mkdir()
    answer = refused("mount", f"postgresql://u@localhost/crm?{option}=a/file", work / "mnt", status=2)
    assert "absolute path" in answer.err and option in answer.err, answer.err


def test_a_lost_connection_with_tls(new_server, certificates, mount):
    """It is a lost connection, no failure of TLS; and the next host is asked then."""
    servers = [new_server(addresses="127.0.0.1").guard(certificates, rules="host all all 127.0.0.1/32 trust\n")
               for _ in range(2)]
    for number, server in enumerate(servers):
        server.stop()
        server.start()
        server.psql(f"CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES ({number});"
                    "CREATE VIEW slow AS SELECT id, pg_sleep(1)::text AS slept FROM generate_series(1, 200) id")
    hosts = ",".join(f"127.0.0.1:{server.port}" for server in servers)
    top = mount(f"crm=postgresql://postgres@{hosts}/postgres?sslmode=require&target_session_attrs=any",
                options="refresh=0.1")
    assert (top.live() / "t.csv").read_text() == "id\n0\n"
    with subprocess.Popen(["cat", top.live() / "slow.csv"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as reading:
        assert servers[0].waits("SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE 'COPY%'")
        servers[0].stop(signal.SIGKILL)
        assert b"Input/output error" in reading.communicate(timeout=mounting.PATIENCE)[1]
    assert "connection was lost" in top.errors() and "TLS failed" not in top.errors(), top.errors()
    assert mounting.eventually(lambda: answers(top.live() / "t.csv") == "id\n1\n", mounting.PATIENCE)


def answers(path):
    try:
        return path.read_text()
    except OSError:
        return None


def test_a_server_without_tls(new_server, work, refused):
    server = new_server(addresses="127.0.0.1")
    answer = refused("mount", over_tcp(server, "postgres", sslmode="require"), work / "mnt")
    assert "the server does not do TLS" in answer.err


def test_what_may_not_be_read_says_what_to_grant(guarded, mount):
    top = mount(guarded.url("crm", "poor"))
    for stem, words in (("secret", 'GRANT SELECT ON "public"."secret" TO "poor"'),
                        ("inner_.deep", 'GRANT USAGE ON SCHEMA "inner_" TO "poor"')):
        with pytest.raises(PermissionError):
            (top.live() / f"{stem}.csv").read_bytes()
        assert words in top.errors()
    assert (top.live() / "t.csv").read_text() == "id\n1\n"


def test_what_may_not_be_read_is_granted_or_left_out_of_a_snapshot(guarded, work):
    environment = {**os.environ, "CRMFS_PASSPHRASE": "x", "XDG_STATE_HOME": str(work / "state")}

    def crmfs(*words):
        return subprocess.run([mounting.BINARY, *map(str, words)], env=environment, capture_output=True, text=True,
                              timeout=120, check=False)

    store = work / "store"
    assert crmfs("init", store).returncode == 0
    command = ["snapshot", "--json", "--store", store, f"crm={guarded.url('crm', 'poor')}"]
    done = crmfs(*command)
    assert done.returncode == 1 and re.search('GRANT SELECT ON .* TO "poor"; .*--exclude-table', done.stderr), done
    assert json.loads(crmfs("snapshots", "--json", store).stdout) == []
    done = crmfs(*command, "--exclude-table", "secret,inner_.deep")
    assert done.returncode == 0 and json.loads(done.stdout)["tables"] == 1, done


SECTION = re.search(r"^## PostgreSQL\n(.*?)^## ", (mounting.ROOT / "README.md").read_text(encoding="utf-8"),
                    re.MULTILINE | re.DOTALL).group(1)


def block(kind):
    (found,) = re.findall(rf"^```{kind}\n(.*?)^```", SECTION, re.MULTILINE | re.DOTALL)
    return found


def test_what_the_readme_says(guarded, mount, certificates, work):
    """Its GRANTs are enough, and its commands mount."""
    guarded.psql(block("sql") + "ALTER ROLE crmfs PASSWORD 'sesame'", "crm")
    file = work / "pgpass"
    file.write_text("*:*:*:crmfs:sesame\n")
    file.chmod(0o600)
    (work / "home/.postgresql").mkdir(parents=True)
    (work / "home/.postgresql/root.crt").write_text((certificates / "ca.pem").read_text())
    here = f"localhost:{guarded.port}"
    commands = [shlex.split(line) for line in block("console").splitlines()]
    assert len(commands) == 2
    for command, name, *url, point in commands:
        assert (command, name, point) == ("crmfs", "mount", "/mnt/crm")
        (text,) = url
        text = text.replace("db.example.org", here).replace(
            "replica1,replica2,primary", f"{here},localhost:{mounting.free_port()},{here}")
        folder = mount(text, environment={"PGPASSFILE": str(file), "HOME": str(work / "home"),
                                          "PGSSLROOTCERT": str(certificates / "ca.pem")}).path("live/crm")
        assert sorted(os.listdir(folder)) and (folder / "secret.csv").read_text() == "id\n"
        assert (folder / "inner_.deep.csv").read_text() == "id\n"
