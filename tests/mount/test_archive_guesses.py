# SPDX-License-Identifier: MIT
"""What a table as text does not say of itself is guessed, and the user is told of a guess."""
import os
import zipfile

import pytest

from folder import slurp

TABS = "id\tname, first\n1\tDoe, J\n2\tRoe, K\n"


@pytest.mark.parametrize("name", ["p.tsv", "p.txt", "p.csv", "p"])
@pytest.mark.parametrize("charset", ["utf-8", "utf-16"])
def test_commas_in_names(mount, work, name, charset):
    (work / name).write_bytes(TABS.encode(charset))
    top = mount(work / name)
    assert slurp(top.path(f"archives/{name}/p.csv")).decode() == 'id,"name, first"\n1,"Doe, J"\n2,"Roe, K"\n'
    assert top.errors() == ""


def test_two_would_do(mount, work):
    (work / "p.csv").write_text("last,first;id\nDoe,J;1\n")
    top = mount(work / "p.csv")
    assert slurp(top.path("archives/p.csv/p.csv")).decode() == '"last,first",id\n"Doe,J",1\n'
    assert "may be told apart by semicolons or by commas" in top.errors()
    top.unmount()
    top = mount(f"archive://{work}/p.csv?delimiter=%2C")
    assert slurp(top.path("archives/p.csv/p.csv")).decode() == 'last,first;id\nDoe,J;1\n'
    assert top.errors() == ""


def test_character_sets(mount, work):
    """One archive with many files in another character set: a line for the first, and one for all others."""
    (work / "dos.csv").write_bytes("id;Name\r\n1;Müller\r\n".encode("cp850"))
    (work / "mixed.csv").write_bytes("a,b\n1,Müller\n2,".encode() + "Müller\n".encode("latin-1"))
    with zipfile.ZipFile(work / "many.zip", "w") as archive:
        for i in range(30):
            archive.writestr(f"table{chr(97 + i % 26)}{i}x.csv", f"id,name\n{i},Müller\n".encode("latin-1"))
    top = mount(work / "dos.csv", work / "mixed.csv", work / "many.zip")
    for name in "dos.csv", "mixed.csv", "many.zip":
        assert len(os.listdir(top.path(f"archives/{name}"))) > 3
    lines = {name: [line for line in top.errors().splitlines() if f"archives/{name}" in line]
             for name in ("dos.csv", "mixed.csv", "many.zip")}
    assert any("line 2, byte 9" in line and "no character in Windows-1252" in line for line in lines["dos.csv"])
    assert len(lines["mixed.csv"]) == 1 and "line 3, byte 14" in lines["mixed.csv"][0]
    assert len(lines["many.zip"]) == 2 and "29 more tables as text" in lines["many.zip"][1]
