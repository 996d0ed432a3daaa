# SPDX-License-Identifier: MIT
"""What a table as text does not say of itself is guessed, and the user is told of a guess."""
import gzip
import json
import os
import tarfile
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


def long_rows(size):
    """What says what it is only further on than SIZE bytes, each with the table that it holds."""
    rows = [f"{number}\t{chr(97 + number) * size}\t{number * number}" for number in range(4)]
    objects = [{"id": number, "text": chr(97 + number) * size} for number in range(3)]
    shown = "".join("{" + f'"id":{each["id"]},"text":"{each["text"]}"' + "}\n" for each in objects)
    return {
        "tabs.txt": ("id\ttext\tsquare\n" + "\n".join(rows) + "\n",
                     "".join(f'{{"id":"{a}","text":"{b}","square":"{c}"}}\n' for a, b, c in (row.split("\t")
                                                                                           for row in rows))),
        "array.txt": (json.dumps(objects), shown),
        "lines": ("".join(json.dumps(each) + "\n" for each in objects), shown),
        "lines.json": ("".join(json.dumps({**each, "no": [{}]}) + "\n" for each in objects),
                       shown.replace("}\n", ',"no":[{}]}\n')),
        "page.json": (json.dumps({"about": "x" * size, "results": objects}), shown),
    }


@pytest.mark.sanitize
@pytest.mark.parametrize("size", [5000, 100000])
def test_long_rows(mount, work, size):
    """Rows that are longer than the first look at a file, or at a member of one: as if they were short."""
    files = long_rows(size)
    paths = []
    for name, (text, _) in files.items():
        paths += [work / name, work / f"{name}.gz"]
        paths[-2].write_text(text)
        paths[-1].write_bytes(gzip.compress(text.encode()))
    paths += [work / "all.zip", work / "all.tar"]
    with zipfile.ZipFile(paths[-2], "w", zipfile.ZIP_DEFLATED) as pack, tarfile.open(paths[-1], "w") as tape:
        for name in files:
            pack.write(work / name, f"{name.replace('.', '-')}/{name}")
            tape.add(work / name, f"{name.replace('.', '-')}/{name}")
    top = mount(*paths)
    names = {name: name.split(".", maxsplit=1)[0] for name in files}
    for name, (_, shown) in files.items():
        for archive in name, f"{name}.gz":
            assert slurp(top.path(f"archives/{archive}/{names[name]}.ndjson")).decode() == shown
    for archive in "all.zip", "all.tar":
        found = sorted(slurp(each).decode() for each in top.path("archives", archive).glob("*.ndjson"))
        assert found == sorted(shown for _, shown in files.values())
    assert top.errors() == ""


def test_rows_too_long_to_guess(mount, work):
    """What a MiB does not tell, nothing does, but a name or the user; and no more than that is looked at."""
    text = long_rows(600000)["tabs.txt"][0]
    with zipfile.ZipFile(work / "all.zip", "w", zipfile.ZIP_DEFLATED) as pack:
        pack.writestr("tabs.txt", text)
        pack.writestr("named.tsv", text)
    (work / "tabs").write_text(text)
    top = mount(work / "all.zip", f"archive://{work}/tabs?delimiter=tab")
    assert [each.stem for each in top.path("archives/all.zip").glob("*.csv")] == ["named"]
    assert slurp(top.path("archives/all.zip/raw/tabs.txt")).decode() == text
    assert slurp(top.path("archives/all.zip/named.csv")) == slurp(top.path("archives/tabs/tabs.csv"))
