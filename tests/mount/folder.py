# SPDX-License-Identifier: MIT
"""What tests ask of a folder of tables: which file is which table's, and how to read it."""
import os

from reference import FORMATS


def stems(folder):
    """Table name (bytes) → its files' name without extension, by the files' own xattr."""
    found = {}
    for name in os.listdir(os.fsencode(folder)):
        if name.endswith(b".csv"):
            table = os.getxattr(os.path.join(os.fsencode(folder), name), "user.crmfs.table")
            assert table not in found, f"two files of {table!r}"
            found[table] = name[: -len(b".csv")]
    assert found, f"no tables in {folder}"
    return found


def table_path(folder, stem, form):
    return os.path.join(os.fsencode(folder), stem + b"." + form.encode())


def slurp(path):
    with open(path, "rb") as file:
        return file.read()


def table_files(folder):
    """Paths of every table's every file."""
    return [table_path(folder, stem, form) for stem in stems(folder).values() for form in FORMATS]


def walk(top):
    """As os.walk, which takes a folder that cannot be read for an empty one."""
    def refuse(problem):
        raise problem
    return os.walk(os.fsencode(top), onerror=refuse)


def all_files(top):
    """Every regular file below, as bytes paths."""
    return [os.path.join(where, name) for where, _, names in walk(top) for name in names]
