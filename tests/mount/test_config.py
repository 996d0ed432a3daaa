# SPDX-License-Identifier: MIT
"""crmfs.conf: the same as the command line, and faults named by file and line."""
import os

import pytest


def config(work, text):
    path = work / "crmfs.conf"
    path.write_text(text)
    return path


def test_sources_and_options(mount, work, crm_db, chinook_db):
    path = config(work, f"""
# a comment
[mount]
umask = 027
uid = 77
auto_unmount = yes
; another
default_permissions = no

[source crm]
url = sqlite:{crm_db}

[source music store]
url={chinook_db}
""")
    for how in (["--config", path], [f"--config={path}"], ["-o", f"config={path}"]):
        top = mount(arguments=how)
        assert sorted(os.listdir(top.path("live"))) == ["crm", "music store"]
        about = os.stat(top.path("live/crm/accounts.csv"))
        assert about.st_uid == 77 and about.st_mode & 0o777 == 0o440
        top.unmount()


def test_command_line_counts_more(mount, work, crm_db):
    path = config(work, f"[mount]\numask = 027\nuid = 77\n[source crm]\nurl = {crm_db}\n")
    top = mount(arguments=["--config", path], options="umask=0")
    about = os.stat(top.path("live/crm/accounts.csv"))
    assert about.st_uid == 77 and about.st_mode & 0o777 == 0o444


def test_sources_of_both(mount, work, crm_db, chinook_db):
    path = config(work, f"[source crm]\nurl = {crm_db}\n")
    top = mount(f"music={chinook_db}", arguments=["--config", path])
    assert sorted(os.listdir(top.path("live"))) == ["crm", "music"]


FAULTS = [
    ("[mount]\nrefresh = 2\nrefrehs = 3\n", 3, "refrehs"),
    ("[mount]\n\n\nnonsense = yes\n", 4, "nonsense"),
    ("[source a]\nurl = sqlite:x.db\npassword = y\n", 3, "password"),
    ("[sauce a]\nurl = x.db\n", 1, "sauce"),
    ("refresh = 2\n", 1, "refresh"),
    ("[mount]\nrefresh = soon\n", 2, "soon"),
    ("[mount]\nallow_other = perhaps\n", 2, "perhaps"),
    ("[mount]\nthis is no line\n", 2, ""),
    ("[mount\nrefresh = 1\n", 1, ""),
    ("[source a]\n", 1, "url"),
    ("[source a/b]\nurl = x.db\n", 2, "a/b"),
    ("[mount]\nconfig = other.conf\n", 2, "config"),
    ("[mount]\nrefresh = 1\numask = 0\nrefresh = 2\n", 4, "twice"),
    ("[mount]\nbusy-timeout = 1\n[source a]\nurl = x.db\n[mount]\nbusy_timeout = 2\n", 6, "twice"),
    ("[source a]b]\nurl = x.db\n", 1, "b]"),
    ("[source a]\nurl =\n", 2, "is empty"),
    ("[source ..]\nurl = x.db\n", 2, "[source ..]"),
    ("[source ]\nurl = x.db\n", 2, "[source NAME]"),
    ("[source a]\nurl = ~/x.db\n", 2, "whole path"),
    ("[source a]\nurl = sqlite:~/x.db\n", 2, "whole path"),
]


@pytest.mark.parametrize("text,line,word", FAULTS)
def test_fault_is_named(refused, work, text, line, word):
    path = config(work, text)
    (work / "point").mkdir()
    answer = refused("mount", "--config", path, work / "point", status=2)
    assert f"{path}:{line}: " in answer.err and word in answer.err, answer


def test_missing_file(refused, work):
    (work / "point").mkdir()
    answer = refused("mount", "--config", work / "none.conf", work / "point", status=(1, 2))
    assert f"{work}/none.conf" in answer.err and "o such file" in answer.err


def test_no_sources(refused, work):
    path = config(work, "[mount]\nrefresh = 2\n")
    (work / "point").mkdir()
    answer = refused("mount", "--config", path, work / "point", status=2)
    assert "source" in answer.err


def test_long_line(refused, work):
    """A line longer than any buffer is a fault, not a cut value."""
    path = config(work, f"[source a]\nurl = /{'x' * 100000}\n")
    (work / "point").mkdir()
    refused("mount", "--config", path, work / "point", status=(1, 2))


def test_same_name_in_both(refused, work, crm_db):
    """Which of the two stands where is said."""
    path = config(work, f"[source crm]\nurl = {crm_db}\n")
    (work / "point").mkdir()
    answer = refused("mount", "--config", path, f"crm={crm_db}", work / "point", status=2)
    assert f"[source crm] in {path}" in answer.err, answer


def test_two_files(refused, work, crm_db):
    path = config(work, f"[source crm]\nurl = {crm_db}\n")
    (work / "point").mkdir()
    for second in (["--config", path], ["-o", f"config={path}"]):
        answer = refused("mount", "--config", path, *second, work / "point", status=2)
        assert "config" in answer.err and "one file" in answer.err, answer
