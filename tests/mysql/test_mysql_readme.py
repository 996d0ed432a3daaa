# SPDX-License-Identifier: MIT
"""What README.md says of MySQL: its GRANTs suffice, and its commands mount."""
import re
import shlex

import pytest

from mariadb import defaults_file
from mounting import ROOT, free_port

SECTION = re.search(r"^## MySQL and MariaDB\n(.*?)^## ", (ROOT / "README.md").read_text(encoding="utf-8"),
                    re.MULTILINE | re.DOTALL).group(1)


def block(kind):
    (found,) = re.findall(rf"^```{kind}\n(.*?)^```", SECTION, re.MULTILINE | re.DOTALL)
    return found


COMMANDS = [shlex.split(line) for line in block("console").splitlines()]


@pytest.mark.parametrize("words", COMMANDS, ids=str)
def test_commands(mount, own_server, certificates, work, words):
    port = free_port()
    server = own_server(more=f"port={port}\nssl-cert={certificates}/good.pem\nssl-key={certificates}/good.key")
    server.sql("CREATE DATABASE crm; CREATE TABLE crm.t (id INT PRIMARY KEY); INSERT INTO crm.t VALUES (1);"
               "CREATE VIEW crm.v AS SELECT id FROM crm.t;" + block("sql").replace("localhost", "'%'"))
    home = work / "m0"
    home.mkdir()
    file = defaults_file(work, user="crmfs", password="a password")
    (home / ".my.cnf").write_text(file.read_text())
    assert words[:2] == ["crmfs", "mount"] and words[-1] == "/mnt/crm"
    (url,) = words[2:-1]
    for written, meant in (("db.example.org", f"127.0.0.1:{port}"), ("/etc/ssl/db-ca.pem", f"{certificates}/ca.pem"),
                           ("/run/mysqld/mysqld.sock", str(server.socket)), ("/etc/crmfs.cnf", str(file)),
                           ("replica1,replica2,primary", f"127.0.0.1:{port},127.0.0.1:1,127.0.0.1:{port}")):
        url = url.replace(written, meant)
    folder = mount(url).path("live", "crm")
    assert (folder / "t.csv").read_bytes() == (folder / "v.csv").read_bytes() == b"id\n1\n"
    assert "VIEW `v`" in (folder / "schema.sql").read_text()
