# SPDX-License-Identifier: MIT
"""A MariaDB server of a test's own: in a directory, on a socket, and on TCP with TLS if asked for."""
import itertools
import os
import pwd
import shutil
import signal
import subprocess

import mounting
from mounting import as_user, eventually, is_alive

USER = pwd.getpwnam("nobody")  # whom a server that root starts runs as: it refuses to run as root
NUMBERS = itertools.count()
PASSWORD = "Se cret'\"\\1"
CONFIG = """[mariadbd]
datadir={directory}/data
socket={directory}/s
pid-file={directory}/pid
tmpdir={directory}/tmp
log-error={directory}/log
innodb-log-file-size=8M
innodb-buffer-pool-size=64M
innodb-flush-log-at-trx-commit=2
innodb-flush-method=nosync
debug-no-sync
character-set-server=utf8mb4
bind-address=127.0.0.1
max-allowed-packet=256M
{more}
"""


def run_as_server(command, **how):
    user = USER if os.geteuid() == 0 else None
    return subprocess.run(as_user(user, command), check=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **how)


def make_template(directory):
    """A fresh data directory, to be copied: making one takes seconds."""
    directory.mkdir()
    if os.geteuid() == 0:
        os.chown(directory, USER.pw_uid, USER.pw_gid)
    run_as_server(["mariadb-install-db", "--no-defaults", f"--datadir={directory}/data", "--skip-test-db",
                   "--auth-root-authentication-method=normal", "--innodb-log-file-size=8M"])


class Server:
    """One mariadbd. start() returns when it answers; stop(), kill(), pause() and resume() do as they say."""

    def __init__(self, directory, template=None, more=""):
        self.directory = directory
        self.socket = directory / "s"
        self.config = directory / "my.cnf"
        self.process = None
        directory.mkdir()
        directory.chmod(0o755)
        (directory / "tmp").mkdir()
        shutil.copytree(template or mounting.made_once("mariadb", make_template) / "data", directory / "data")
        if "port" not in more:
            more += "\nskip-networking"
        self.config.write_text(CONFIG.format(directory=directory, more=more))
        if os.geteuid() == 0:
            run = subprocess.run(["chown", "-R", f"{USER.pw_uid}:{USER.pw_gid}", directory], check=False)
            assert run.returncode == 0

    def start(self):
        user = USER if os.geteuid() == 0 else None
        self.process = subprocess.Popen(
            as_user(user, ["mariadbd", f"--defaults-file={self.config}"]), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        assert eventually(self.answers, 60, 0.1), (self.directory / "log").read_text()[-3000:]
        return self

    def answers(self):
        assert self.process.poll() is None, (self.directory / "log").read_text()[-3000:]
        return self.client("SELECT 1", check=False).returncode == 0

    def client(self, statements, database=None, check=True, raw=True):
        """The server's own client, as root: what it prints, as bytes."""
        command = ["mariadb", "--no-defaults", "-uroot", f"--socket={self.socket}", "-N", "-B",
                   "--default-character-set=utf8mb4", "--init-command=SET time_zone='+00:00'",
                   "--max-allowed-packet=256M", "--binary-mode"]
        command += ["--raw"] if raw else []
        command += [database] if database else []
        answer = subprocess.run(command, input=statements if isinstance(statements, bytes)
                                else statements.encode(), capture_output=True, check=False, timeout=120)
        assert not check or answer.returncode == 0, answer.stderr.decode(errors="replace")
        return answer

    def sql(self, statements, database=None):
        return self.client(statements, database).stdout

    def lines(self, statements, database=None):
        return self.sql(statements, database).decode().splitlines()

    def url(self, database="crm", user="root", **options):
        options = {"socket": str(self.socket), **options}
        query = "&".join(f"{name.replace('_', '-')}={value}" for name, value in options.items())
        return f"mysql://{user}@/{database}?{query}"

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process is None:
            return
        if self.process.poll() is None:
            self.resume()
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        assert not is_alive(self.process.pid)


def make_server(**how):
    """A server in a new directory of this session's, not started."""
    return Server(mounting.SESSION / f"mariadb-{next(NUMBERS)}", **how)


def defaults_file(work, **keys):
    """An option file for the client: [client] with the keys."""
    path = work / f"client-{len(list(work.iterdir()))}.cnf"
    quoted = {name: str(value).replace("\\", "\\\\").replace('"', '\\"') for name, value in keys.items()}
    path.write_text("[client]\n" + "".join(f'{name}="{value}"\n' for name, value in quoted.items()))
    path.chmod(0o600)
    return path
