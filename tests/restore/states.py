# SPDX-License-Identifier: MIT
"""All that stands in a database, as text that is the same for the same."""
import re
import sqlite3
import subprocess

import server as postgres_server

EVERYTHING = r"""
SELECT format('SELECT %L, t FROM %I t ORDER BY t::text', tablename, tablename) FROM pg_tables
    WHERE schemaname = 'public' ORDER BY 1 \gexec
SELECT table_name, column_name, data_type, column_default, is_nullable FROM information_schema.columns
    WHERE table_schema = 'public' ORDER BY table_name, ordinal_position;
SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2, 3;
SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1;
SELECT viewname, definition FROM pg_views WHERE schemaname = 'public' ORDER BY 1;
"""
HALF_MADE = re.compile(r"CREATE TABLE `crmfs_new_\w+`.*?;\n|INSERT INTO `crmfs_new_\w+` [^\n]*\n", re.DOTALL)


def of_sqlite(path):
    """With what an interrupted transaction left taken back, as SQLite does for whoever comes next."""
    with sqlite3.connect(path) as database:
        database.text_factory = bytes
        assert database.execute("PRAGMA integrity_check").fetchone() == (b"ok",)
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        schema = database.execute("SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2").fetchall()
        rows = [(name, database.execute(f'SELECT * FROM "{name.decode()}" ORDER BY 1, 2').fetchall())
                for kind, name, _ in schema if kind == b"table"]
    database.close()
    return repr((schema, rows))


def of_mysql(server, database, half_made=False):
    """HALF_MADE: with tables that a killed restore has left, which the next one drops."""
    dump = subprocess.run(
        ["mariadb-dump", "--no-defaults", "-uroot", f"--socket={server.socket}", "--skip-comments", "--compact",
         "--order-by-primary", "--skip-extended-insert", "--hex-blob", database],
        capture_output=True, check=True, timeout=60, text=True, errors="surrogateescape").stdout
    dump = re.sub(r" AUTO_INCREMENT=\d+", "", re.sub(r"/\*.*?\*/;\n", "", dump))
    return dump if half_made else HALF_MADE.sub("", dump)


def of_postgres(server: postgres_server.Server, database):
    return server.psql(EVERYTHING, database).decode(errors="surrogateescape")


NOTHING = repr(([], []))  # of an SQLite file without a table
