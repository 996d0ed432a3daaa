# SPDX-License-Identifier: MIT
"""The exports of Salesforce, HubSpot and Zoho: tables in several pieces, and files without endings."""
import csv
import io
import os
import zipfile

import pytest

from folder import slurp

ORG = "WE_00D30000000XXXXEAA"


def table(*rows, delimiter=",", encoding="utf-8"):
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    return text.getvalue().encode(encoding)


def pack(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def salesforce(folder, numbers=(1, 2, 3)):
    """Three ZIPs of one week: Account goes on in all, with other columns; files in two."""
    parts = {
        1: {"Account.csv": table(["Id", "Name", "Name"], ["001A", "Åsa & Co", "x"], ["001B", "b\nb", ""]),
            "Contact.csv": table(["Id", "Email"], ["003A", "a@example.com"]),
            "Attachments/00P000000000001AAA": b"%PDF-1.4 one",
            "Attachments/00P000000000002AAA": b"second"},
        2: {"Account.csv": table(["Id", "City"], ["001C", "Oslo"]),
            "Attachment.csv": table(["Id", "ParentId", "Name"], ["00P000000000001AAA", "001A", "Offer 2019.pdf"],
                                    ["00P000000000002AAA", "001A", "no ending"],
                                    ["00P000000000003AAA", "001A", "../../evil.d/oc"],
                                    ["00P000000000004AAA", "001A", "Foto.JPG"]),
            "Attachments/00P000000000003AAA": b"third", "Attachments/00P000000000004AAA": b"\xff\xd8\xff",
            "ContentVersion.csv": table(["Id", "Title", "PathOnClient", "FileExtension"],
                                        ["068000000000001AAA", "Deck", "Deck.pptx", "pptx"],
                                        ["068000000000002AAA", "Note", "", "snote"]),
            "ContentVersion/068000000000001AAA": b"deck", "ContentVersion/068000000000002AAA": b"note"},
        3: {"Account.csv": table(["Name", "Id"], ["last", "001D"]),
            "Documents/015000000000001AAA": b"doc",
            "Document.csv": table(["Id", "Name", "Type"], ["015000000000001AAA", "logo", "png"])},
    }
    folder.mkdir()
    for number in numbers:
        pack(folder / f"{ORG}_{number}.ZIP", parts[number])
    return parts


def all_members(top):
    return {os.path.relpath(os.path.join(where, name), top): slurp(os.path.join(where, name))
            for where, _, names in os.walk(top) for name in names}


@pytest.mark.sanitize
def test_salesforce(mount, work):
    """One table each, whichever ZIP its rows are in, and attachments that a file manager knows."""
    week = work / "week"
    parts = salesforce(week)
    (week / "notes.csv").write_text("a,b\n1,2\n")
    top = mount(week)
    assert sorted(os.listdir(top.path("archives"))) == [ORG, "notes.csv"]
    folder = top.path(f"archives/{ORG}")
    assert slurp(folder / "Account.csv").decode() == (
        'Id,Name,Name (2),City\n001A,Åsa & Co,x,\n001B,"b\nb","",\n001C,,,Oslo\n001D,last,,\n')
    assert slurp(folder / "Contact.csv") == b"Id,Email\n003A,a@example.com\n"
    assert sorted(name for name in os.listdir(folder) if name.endswith(".csv")) == [
        "Account.csv", "Attachment.csv", "Contact.csv", "ContentVersion.csv", "Document.csv"]
    assert all_members(folder / "raw") == {
        "Account.csv": parts[1]["Account.csv"], "Account.csv~2": parts[2]["Account.csv"],
        "Account.csv~3": parts[3]["Account.csv"], "Contact.csv": parts[1]["Contact.csv"],
        "Attachment.csv": parts[2]["Attachment.csv"], "ContentVersion.csv": parts[2]["ContentVersion.csv"],
        "Document.csv": parts[3]["Document.csv"],
        "Attachments/00P000000000001AAA.pdf": b"%PDF-1.4 one", "Attachments/00P000000000002AAA": b"second",
        "Attachments/00P000000000003AAA": b"third", "Attachments/00P000000000004AAA.JPG": b"\xff\xd8\xff",
        "ContentVersion/068000000000001AAA.pptx": b"deck", "ContentVersion/068000000000002AAA.snote": b"note",
        "Documents/015000000000001AAA.png": b"doc"}
    assert not (top.path(".crmfs/errors")).stat().st_size
    top.unmount()
    # A pattern does the same; a single file is what is in it alone.
    assert os.listdir(mount(f"{week}/WE_*").path("archives")) == [ORG]
    (work / "crmfs.conf").write_text(f"[source sf]\nurl = {week}\nseries = {ORG}_\n")
    folder = mount(arguments=["--config", work / "crmfs.conf"]).path("archives/sf")
    assert slurp(folder / "Account.csv").count(b"\n") == 6
    folder = mount(week / f"{ORG}_2.ZIP").path(f"archives/{ORG}_2.ZIP")
    assert slurp(folder / "Account.csv") == b"Id,City\n001C,Oslo\n"
    assert os.path.exists(folder / "raw/Attachments/00P000000000004AAA.JPG")


def test_salesforce_lacks_a_part(mount, work, refused):
    """A table that may lack rows is not shown as if it were whole."""
    salesforce(work / "lacking", (1, 3))
    salesforce(work / "damaged")
    path = work / "damaged" / f"{ORG}_2.ZIP"
    path.write_bytes(b"PK\x03\x04" + bytes(200))
    for week, words in (("lacking", "2.zip is not there"), ("damaged", f"{ORG}_2.ZIP")):
        top = mount(work / week)
        with pytest.raises(OSError, match="Input/output"):
            slurp(top.path(f"archives/{ORG}/Account.csv"))
        assert slurp(top.path(f"archives/{ORG}/raw/Contact.csv"))
        assert words in slurp(top.path(".crmfs/errors")).decode()
        top.unmount()


def test_salesforce_changes(mount, work):
    """A part that comes later is noticed."""
    salesforce(work / "week", (1, 2))
    top = mount(work / "week", options="refresh=0.1")
    account = top.path(f"archives/{ORG}/Account.csv")
    assert slurp(account).count(b"\n") == 5
    pack(work / "week" / f"{ORG}_3.ZIP", {"Account.csv": table(["Id"], ["001Z"])})
    from mounting import eventually
    assert eventually(lambda: slurp(account).endswith(b"001Z,,,\n"))


def test_hubspot(mount, work):
    """A ZIP with numbered parts; one table, by the name of what was exported."""
    name = "hubspot-crm-exports-all-contacts-2024-01-15"
    rows = [[str(number), f"user{number}@example.com"] for number in range(3000)]
    pack(work / f"{name}.zip", {
        f"{name}-{part + 1}.csv": table(["Record ID", "Email"], *rows[part * 1000:(part + 1) * 1000])
        for part in range(3)})
    folder = mount(work / f"{name}.zip").path(f"archives/{name}.zip")
    assert [each for each in os.listdir(folder) if each.endswith(".csv")] == ["all-contacts.csv"]
    lines = slurp(folder / "all-contacts.csv").decode().splitlines()
    assert lines == ["Record ID,Email"] + [",".join(row) for row in rows]
    assert sorted(os.listdir(folder / "raw")) == [f"{name}-{part}.csv" for part in (1, 2, 3)]


def test_zoho(mount, work):
    """Numbered from 001 even where there is one part; attachments in an archive of their own."""
    pack(work / "inner.zip", {"4876876000000425001/offer.pdf": b"%PDF"})
    pack(work / "zoho.zip", {
        "Data/Contacts_001.csv": table(["Record Id", "Last Name", "Owner"], ["zcrm_1", "Åberg", "x"]),
        "Data/Contacts_002.csv": table(["Record Id", "Owner", "Last Name"], ["zcrm_2", "y", "Berg"]),
        "Data/Deals_001.csv": table(["Record Id", "Stage"], ["zcrm_9", "Closed Won"]),
        "Attachments_001.zip": (work / "inner.zip").read_bytes()})
    folder = mount(work / "zoho.zip").path("archives/zoho.zip")
    assert slurp(folder / "Contacts.csv").decode() == "Record Id,Last Name,Owner\nzcrm_1,Åberg,x\nzcrm_2,Berg,y\n"
    assert slurp(folder / "Deals.csv") == b"Record Id,Stage\nzcrm_9,Closed Won\n"
    assert sorted(name for name in os.listdir(folder) if name.endswith(".csv")) == ["Contacts.csv", "Deals.csv"]
    assert slurp(folder / "raw/Attachments_001.zip") == (work / "inner.zip").read_bytes()


def test_damaged_part(mount, work):
    """A part that ends within quotes fails the table that it is a part of, and no other."""
    pack(work / "x.zip", {"a_001.csv": b"x\n1\n", "a_002.csv": b'x\n"2\n', "b_001.csv": b"x\n3\n"})
    top = mount(work / "x.zip")
    with pytest.raises(OSError, match="Input/output"):
        slurp(top.path("archives/x.zip/a.csv"))
    assert slurp(top.path("archives/x.zip/b.csv")) == b"x\n3\n"
    assert "a_002.csv" in slurp(top.path(".crmfs/errors")).decode()


# --- dialects ----------------------------------------------------------------------------------

ROWS = [["id", "näme", "text"], ["1", "Åsa €", 'say "hi", ok'], ["2", "", "line\nbreak; and|more"], ["3", "x", ""]]
SHOWN = 'id,näme,text\n1,Åsa €,"say ""hi"", ok"\n2,"","line\nbreak; and|more"\n3,x,""\n'


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_dialects(mount, work, delimiter, encoding):
    """Whatever a spreadsheet writes is the same table."""
    data = table(*ROWS, delimiter=delimiter).decode()
    paths = []
    for name, end in (("lf", "\n"), ("crlf", "\r\n")):
        paths.append(work / f"{name}.csv")
        paths[-1].write_bytes(data.replace("\n", end).encode(encoding))
    top = mount(*paths)
    assert slurp(top.path("archives/lf.csv/lf.csv")).decode() == SHOWN
    assert slurp(top.path("archives/crlf.csv/crlf.csv")).decode() == SHOWN.replace("line\nbreak", "line\r\nbreak") \
        .replace("line\r\nbreak; and|more", "line\r\nbreak; and|more")


def test_dialects_that_are_said(mount, work, refused):
    """What cannot be detected stands in the URL, or in the configuration."""
    path = work / "odd ?.csv"
    path.write_bytes("1^a~b^'x^y'\n2^ä^z\n".encode("latin1"))
    config = work / "crmfs.conf"
    config.write_text(f"[source config]\nurl = {path}\ndelimiter = ^\nquote = '\nheader = no\ncharset = latin1\n")
    url = f"url=archive://{str(path).replace(' ', '%20').replace('?', '%3F')}?delimiter=^&quote=%27&header=no"
    top = mount(url, arguments=("--config", str(config)))
    expected = "column1,column2,column3\n1,a~b,x^y\n2,ä,z\n"
    assert slurp(top.path("archives/config/odd ?.csv")).decode() == expected
    assert slurp(top.path("archives/url/odd ?.csv")).decode() == expected
    top.unmount()
    (work / "point").mkdir()
    for wish, words in (("delimiter=ab", "one character"), ("charset=klingon", "charset=klingon"),
                        ("colour=red", 'unknown option "colour"'), ("header", "NAME=VALUE")):
        said = refused("mount", f"archive://{work}/x.csv?{wish}".replace("x.csv", "crmfs.conf"), work / "point", status=2)
        assert words in said.err, said.err


def test_charset_of_a_dump(mount, work):
    """Where a dump does not say what its text is in, that is told, and can be said."""
    path = work / "crm.sql"
    path.write_bytes("CREATE TABLE t (a text);\nINSERT INTO t VALUES ('ä');\n".encode("latin1"))
    top = mount(f"unsaid={path}", f"said=archive://{path}?charset=latin1")
    assert slurp(top.path("archives/unsaid/t.csv")) == b"a\ntext;base64:5A==\n"
    assert slurp(top.path("archives/said/t.csv")).decode() == "a\nä\n"
    assert "archives/unsaid" in top.errors() and "?charset=latin1" in top.errors()
    assert "archives/said" not in top.errors()
