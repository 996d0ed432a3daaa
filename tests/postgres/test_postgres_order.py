# SPDX-License-Identifier: MIT
"""The order of rows by keys of text in pg_dump's files, as in the live database where the dump says what it is."""
import pytest

from test_postgres_dump import assert_same, dump, table_files

WORDS = ["a", "B", "b", "C", "_x", "Z", "ä", "Ä", "a b", "a-b", "A", "0", "~"]
TABLES = "".join(f"""
CREATE TABLE {name} (k {declared} PRIMARY KEY, v integer);
INSERT INTO {name} SELECT w, 1 FROM unnest(ARRAY[{", ".join(f"'{word}'" for word in WORDS)}]) AS w;
""" for name, declared in [("t", "text"), ("v", "character varying(9)"), ("c", "character(9)"), ("d", "words"),
                           ("o", 'text COLLATE "C"'), ("p", 'text COLLATE "POSIX"')])
FORMS = {"plain": ["-C"], "clean": ["-C", "--clean"], "inserts": ["-C", "--inserts"], "custom": ["-Fc"], "tape": ["-Ft"]}


@pytest.mark.parametrize("options", ["LOCALE 'C'", "LOCALE 'POSIX'", "LOCALE 'C.UTF-8'",
                                     "LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'"])
def test_bytes(mount, postgres, database, work, options):
    name = database("CREATE DOMAIN words AS text;" + TABLES, f"TEMPLATE template0 ENCODING 'UTF8' {options}")
    for form, words in FORMS.items():
        (work / f"{form}.dump").write_bytes(dump(postgres, name, *words))
    dump(postgres, name, "-Fd", "-f", work / "folder")
    names = [f"{form}.dump" for form in FORMS] + ["folder"]
    top = mount(f"crm={postgres.url(name)}", *(work / one for one in names))
    for one in names:
        assert_same(top.path("live/crm"), top.path(f"archives/{one}"))


def test_unknown(mount, postgres, database, work):
    """Of a dump that does not say so, rows are as words are; those of COLLATE "C" are as live."""
    name = database("CREATE DOMAIN words AS text;" + TABLES)
    (work / "x.sql").write_bytes(dump(postgres, name))
    top = mount(f"crm={postgres.url(name)}", work / "x.sql")
    live, archive = top.path("live/crm"), top.path("archives/x.sql")
    assert table_files(live) == table_files(archive)
    for table in "op":
        assert (live / f"{table}.csv").read_bytes() == (archive / f"{table}.csv").read_bytes()
    keys = [line.split(",")[0] for line in (archive / "t.csv").read_text().splitlines()[1:]]
    assert keys.index("a") < keys.index("B") < keys.index("C")


def test_icu(mount, postgres, database, work):
    """A database's ICU locale counts, not the C beside it."""
    name = database(TABLES.replace(" words ", " text "), "TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C'")
    (work / "x.dump").write_bytes(dump(postgres, name, "-Fc"))
    top = mount(work / "x.dump")
    keys = [line.split(",")[0] for line in top.path("archives/x.dump/t.csv").read_text().splitlines()[1:]]
    assert keys.index("a") < keys.index("B") < keys.index("C")
