# SPDX-License-Identifier: MIT
"""-o rw-live: whole files of rows loaded by copying them."""
import errno
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from folder import slurp
from mounting import BINARY, NOBODY, as_user, eventually
from rw_live import crm, errors, folder, rows  # noqa: F401
from writing import put, refused

NEW = 'id,name,n\n2,"Bo, ""B""",\n4,Dag,4.5\n'


@pytest.mark.sanitize
@pytest.mark.parametrize("form", ["csv", "json", "ndjson"])
@pytest.mark.parametrize("how", ["cp", "mv", "rsync"])
def test_upsert(folder, crm, work, how, form):
    texts = {"csv": NEW, "json": '[\n{"id":2,"name":"Bo, \\"B\\"","n":null},\n{"id":4,"name":"Dag","n":4.5}\n]\n',
             "ndjson": '{"id":2,"name":"Bo, \\"B\\"","n":null}\n{"id":4,"name":"Dag","n":4.5}\n'}
    file = work / f"contacts.{form}"
    file.write_text(texts[form])
    into = folder / ".import/upsert"
    if how == "mv":
        subprocess.run(["cp", file, into / "contacts.part"], check=True)
        assert len(rows(crm, "contacts")) == 3
        subprocess.run(["mv", into / "contacts.part", into / file.name], check=True)
    else:
        subprocess.run(["cp", file, into] if how == "cp" else ["rsync", "-a", file, f"{into}/"], check=True)
    assert rows(crm, "contacts", "id, name, note, n") == [
        (1, "Åsa", "x", 1.5), (2, 'Bo, "B"', None, None), (3, "Cy", "", 3), (4, "Dag", None, 4.5)]
    assert slurp(into / f"{file.name}.result") == (
        b"applied: 2 rows: 1 inserted, 1 updated, 0 left alone, 0 deleted\n")
    assert os.listdir(into) == [f"{file.name}.result"]
    assert b"Dag" in slurp(folder / "contacts.csv")
    os.unlink(into / f"{file.name}.result")
    assert os.listdir(into) == []


def test_modes(folder, crm, work):
    imports = folder / ".import"
    assert sorted(os.listdir(imports)) == ["append", "missing", "replace", "upsert"]
    assert ".import" not in os.listdir(folder)
    refused(errno.EEXIST, put, imports / "append/contacts.csv", NEW)
    assert "line 2" in slurp(imports / "append/contacts.csv.result").decode()
    assert len(rows(crm, "contacts")) == 3
    put(imports / "append/contacts.csv", "id,name\n5,Eva\n")
    put(imports / "missing/contacts.csv", NEW)
    assert rows(crm, "contacts", "id, name") == [(1, "Åsa"), (2, "Bo"), (3, "Cy"), (4, "Dag"), (5, "Eva")]
    put(imports / "replace/contacts.json", '[{"id":1,"name":"Åsa"},{"id":4,"name":"D"}]')
    assert rows(crm, "contacts", "id, name") == [(1, "Åsa"), (4, "D")]
    refused(errno.EBUSY, put, imports / "replace/contacts.json", "[]")
    assert rows(crm, "contacts", "id, name") == [(1, "Åsa"), (4, "D")]


def test_replace_wants_a_whole_file(folder, crm, work):
    """A file that may lack rows at its end would delete them."""
    into = folder / ".import/replace"
    for form, text in (("csv", "country,code,price\nfi,1,1\n"), ("ndjson", '{"country":"fi","code":"1","price":1}\n')):
        refused(errno.EINVAL, put, into / f"prices.{form}", text)
        assert "certainly whole" in slurp(into / f"prices.{form}.result").decode()
        assert len(rows(crm, "prices")) == 3
    put(into / "prices.part", "country,code,price\nfi,1,1")
    os.rename(into / "prices.part", into / "prices.csv")
    assert rows(crm, "prices") == [("fi", "1", 1)]


@pytest.mark.parametrize("form, empty", [("ndjson", ""), ("ndjson", "\n"), ("csv", ""), ("json", "")])
def test_an_empty_file_deletes_nothing(folder, crm, form, empty):
    """A program that failed before its first row leaves such; that there are no rows, other files say."""
    into = folder / ".import/replace"
    put(into / "prices.part", empty)
    refused(errno.EBADMSG, os.rename, into / "prices.part", into / f"prices.{form}")
    assert len(rows(crm, "prices")) == 3
    put(into / "prices.json", "[]")
    assert rows(crm, "prices") == []


@pytest.mark.parametrize("name, text, words", [
    ("contacts.csv", "id,name\n7,Sju\n8,Ott", "no line end"),
    ("contacts.csv", 'id,name\n7,Sju\n8,"Ott\n', "within quotes"),
    ("contacts.csv", "id,name\n7,Sju\n8\n", "1 fields"),
    ("contacts.csv", "id,name\n7,Sju\n8,Otto,x\n", "3 fields"),
    ("contacts.json", '[{"id":7,"name":"Sju"},', "array"),
    ("contacts.json", '[{"id":7,"name":"Sju"}', "array"),
    ("contacts.ndjson", '{"id":7,"name":"Sju"}\n{"id":8,"na', "within a row"),
    ("contacts.ndjson", '{"id":7,"name":"Sju"}', "no line end"),
    ("contacts.csv", "id,name\n7,Sju\n8,\n", "contacts"),
    ("contacts.csv", "id,nome\n7,Sju\n", "nome"),
    ("activities.csv", "id,contact\n7,1\n8,99\n", "activities"),
    ("kontacts.csv", "id,name\n7,Sju\n", "no table"),
    ("names.csv", "name\nSju\n", "not a table"),
])
def test_a_bad_file_changes_nothing(folder, crm, name, text, words):
    before = [rows(crm, table) for table in ("contacts", "activities")]
    for mode in ("append", "upsert", "missing"):
        with pytest.raises(OSError):
            put(folder / f".import/{mode}/{name}", text)
        result = slurp(folder / f".import/{mode}/{name}.result").decode()
        assert words in result and result.endswith("nothing was changed\n")
        assert words in errors(folder)
        assert [rows(crm, table) for table in ("contacts", "activities")] == before
        assert os.listdir(folder / f".import/{mode}") == [f"{name}.result"]


def test_a_writer_that_is_killed(folder, crm):
    """What it left is not taken for whole, though it ends at a row."""
    into = folder / ".import/append"
    program = ("import os, sys, time\nfile = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)\n"
               "os.write(file, b'id,name\\n7,Sju\\n')\nprint('written', flush=True)\ntime.sleep(600)")
    for name in ("contacts.csv", "contacts.part"):
        with subprocess.Popen([sys.executable, "-c", program, into / name], stdout=subprocess.PIPE) as writer:
            assert writer.stdout.readline() == b"written\n"
            writer.send_signal(signal.SIGKILL)
    assert eventually((into / "contacts.csv.result").exists)
    assert "ended without closing" in slurp(into / "contacts.csv.result").decode()
    assert eventually(lambda: "ended without closing" in errors(folder))
    refused(errno.EBUSY, os.rename, into / "contacts.part", into / "contacts.csv")
    os.unlink(into / "contacts.part")
    assert len(rows(crm, "contacts")) == 3


def test_two_writers_of_one_file(folder, crm):
    """The second one waits its turn: what is applied is never a mixture of both."""
    path = folder / ".import/append/contacts.csv"
    program = ("import os, sys\nfile = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)\n"
               "os.write(file, b'id,name\\n7,Sju\\n')\nprint('written', flush=True)\nsys.stdin.read()\n"
               "os.write(file, b'8,Eight\\n')\nos.close(file)")
    with subprocess.Popen([sys.executable, "-c", program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout.readline() == b"written\n"
        refused(errno.EBUSY, put, path, "id,name\n9,Nine\n")
        assert "being written by another program" in errors(folder)
        writer.stdin.close()
        assert writer.wait() == 0
    assert rows(crm, "contacts", "id")[3:] == [(7,), (8,)]
    put(path, "id,name\n9,Nine\n")
    assert rows(crm, "contacts", "id")[5:] == [(9,)]


def test_a_rename_that_is_refused(folder):
    """Not with EINVAL, of which mv says that a folder would become a part of itself."""
    put(folder / "contacts/.new", '{"nome": "x"}')
    done = subprocess.run(["mv", folder / "contacts/.new", folder / "contacts/1.json"], capture_output=True, text=True,
                          check=False, timeout=60)
    assert done.returncode == 1 and "itself" not in done.stderr
    refused(errno.EBADMSG, os.rename, folder / "contacts/.new", folder / "contacts/1.json")
    assert 'no column "nome"' in errors(folder)


def test_a_writer_that_cannot_be_seen(root, mount, work, crm):
    """Where the daemon is in a container and the writer is not: that it was killed could not be told."""
    top = mount(work / "crm.db", options="rw-live,refresh=0.1", start=None)
    command = ["unshare", "--pid", "--fork", "--kill-child", *top.command[:2], "-f", *top.command[2:]]
    top.process = subprocess.Popen(command, env=top.environment, cwd=top.directory)
    assert eventually((top.point / ".crmfs/status").exists)
    into = top.live() / ".import/append"
    refused(errno.EPERM, put, into / "contacts.csv", "id,name\n7,Sju\n")
    assert "another container" in slurp(into / "contacts.csv.result").decode()
    assert len(rows(crm, "contacts")) == 3
    put(into / "contacts.part", "id,name\n7,Sju\n")
    os.rename(into / "contacts.part", into / "contacts.csv")
    assert len(rows(crm, "contacts")) == 4


HIDDEN = """
mount -t proc -o hidepid=2 proc /proc && mount --bind fuse.conf /etc/fuse.conf &&
setpriv --reuid=nobody --regid=nogroup --clear-groups "$0" mount -o allow_other,rw-live,umask=0 crm.db m || exit
umask 0
{ echo id,name; echo 7,Sju; } >m/live/crm/.import/append/contacts.csv
{ echo id,name; echo 8,Otto; } >m/live/crm/.import/append/contacts.part
mv m/live/crm/.import/append/contacts.part m/live/crm/.import/append/contacts.csv
cat m/.crmfs/errors
umount m
"""


def test_a_writer_that_is_hidden(root, work, crm):
    """Of another user, by hidepid: that it was killed could not be told either."""
    (work / "m").mkdir()
    (work / "fuse.conf").write_text("user_allow_other\n")
    for path in (work, work / "m", work / "crm.db"):
        shutil.chown(path, "nobody")
    command = ["unshare", "--mount", "sh", "-c", HIDDEN, BINARY]
    told = subprocess.run(command, cwd=work, env={**os.environ, "HOME": str(work)}, capture_output=True, text=True,
                          check=False, timeout=60)
    assert "contacts.csv: the program that wrote it" in told.stdout and "hidepid" in told.stdout, told
    assert rows(crm, "contacts", "id, name")[3:] == [(8, "Otto")]


def test_a_child_that_closes_it(folder, crm):
    """Others' descriptors are not the writer's end."""
    path = folder / ".import/append/contacts.csv"
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    os.write(file, b"id,name\n7,Sju\n")
    subprocess.run(["true"], pass_fds=[file], check=True)
    subprocess.run(["bash", "-c", f"exec {file}>&-"], pass_fds=[file], check=True)
    assert len(rows(crm, "contacts")) == 3
    os.write(file, b"8,Otto\n")
    os.close(file)
    assert rows(crm, "contacts", "id, name")[3:] == [(7, "Sju"), (8, "Otto")]
    subprocess.run(["sh", "-c", '{ echo id,name; echo 9,Nia; } > "$1"', "sh", path], check=True)
    assert rows(crm, "contacts", "id, name")[-1] == (9, "Nia")


def test_programs_that_run_others(mount, work, crm):
    """While a program is exchanged for another one, whoever looks at it too closely waits until its files are closed."""
    top = mount(work / "crm.db", options="rw-live,refresh=0.1")
    path = top.live() / ".import/append/contacts.csv"
    program = ("import os, sys\nfile = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)\nos.system('true')\n"
               "os.write(file, b'id,name\\n7,Sju\\n')\nos.system('true')\nos.write(file, b'8,Otto\\n')\n"
               "os.execvp('true', ['true'])")
    with subprocess.Popen([sys.executable, "-c", program, path]) as writer:
        try:
            assert writer.wait(30) == 0
        except subprocess.TimeoutExpired:
            os.kill(top.pid, signal.SIGKILL)  # or they wait for ever, and so does ps
            raise
    assert rows(crm, "contacts", "id, name")[3:] == [(7, "Sju"), (8, "Otto")]


def test_written_anywhere(folder, crm):
    """In any order, cut and written again, and read back meanwhile."""
    path = folder / ".import/append/contacts.part"
    text = b"id,name\n" + b"".join(b"%d,name of %d\n" % (n, n) for n in range(100, 30_000))
    with open(path, "w+b", buffering=0) as file:
        step = 70_001
        for at in reversed(range(0, len(text), step)):
            file.seek(at)
            file.write(text[at:at + step])
        file.truncate(len(text) + 500)
        file.truncate(len(text))
        file.seek(250_000)
        assert file.read(30_000) == text[250_000:280_000]
    assert os.stat(path).st_size == len(text)
    assert slurp(path) == text
    os.rename(path, folder / ".import/append/contacts.csv")
    assert len(rows(crm, "contacts")) == 29_903


def test_whoever_sets_room_aside_first(folder, crm):
    """… is told that there is no such thing here, and writes."""
    text = b"id,name\n7,Sju\n"
    file = os.open(folder / ".import/append/contacts.csv", os.O_WRONLY | os.O_CREAT)
    os.posix_fallocate(file, 0, len(text))
    os.write(file, text)
    os.close(file)
    assert rows(crm, "contacts", "id, name")[3:] == [(7, "Sju")]


def test_many_that_wait_for_their_names(mount, work, crm):
    """Files that are not applied yet take room in the spool, and little memory; they are what was written."""
    top = mount(work / "crm.db", options="rw-live,refresh=0.1")
    waiting = top.live() / ".import/append"
    before = top.high_water()
    for number in range(400):
        put(waiting / f"{number}.part", f"[{{\"id\": {number + 10}, \"name\": \"n{number}\"}}]")
    assert top.high_water() - before < 40 << 20
    with open(waiting / "7.part", "r+b") as file:
        file.seek(0, os.SEEK_END)
        file.write(b"\n")
    os.rename(waiting / "7.part", waiting / "contacts.json")
    assert rows(crm, "contacts", "id, name")[-1] == (17, "n7")
    assert slurp(waiting / "8.part") == b'[{"id": 18, "name": "n8"}]'


def test_spool_is_full(mount, work, crm):
    folder = mount(work / "crm.db", options="rw-live,spool-size=1M").live()
    into = folder / ".import/append"
    file = os.open(into / "contacts.csv", os.O_WRONLY | os.O_CREAT)
    os.write(file, b"id,name\n")
    with pytest.raises(OSError) as refusal:
        for number in range(100):
            os.write(file, b"%d,%s\n" % (1000 + number, os.urandom(50_000).hex().encode()))
    assert refusal.value.errno == errno.ENOSPC
    refused(errno.ENOSPC, os.close, file)
    assert len(rows(crm, "contacts")) == 3
    assert "could not be written" in slurp(into / "contacts.csv.result").decode()
    put(into / "contacts.csv", "id,name\n7,Sju\n")
    assert len(rows(crm, "contacts")) == 4


def test_killed_while_it_loads(mount, work, crm):
    """The database is as it was, or as it is to be."""
    text = "id,name\n" + "".join(f"{n},name of {n}\n" for n in range(100, 150_100))
    (work / "contacts.csv").write_text(text)
    for pause in (0.05, 0.2, 0.5):
        top = mount(work / "crm.db", options="rw-live")
        with subprocess.Popen(["cp", work / "contacts.csv", top.live() / ".import/upsert/"],
                              stderr=subprocess.DEVNULL) as copying:
            time.sleep(pause)
            os.kill(top.pid, signal.SIGKILL)
            copying.wait()
        assert len(rows(crm, "contacts")) in (3, 150_003)
        assert crm.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        top.assert_gone()


def test_as_an_ordinary_user(root, mount, work, crm):
    """Who mounts may write what is shown as writable, and nobody else."""
    os.chown(work, NOBODY.pw_uid, NOBODY.pw_gid)
    os.chown(work / "crm.db", NOBODY.pw_uid, NOBODY.pw_gid)
    folder = mount(work / "crm.db", options="rw-live", user=NOBODY).point / "live/crm"

    def run(text, path):
        return subprocess.run(as_user(NOBODY, ["sh", "-c", 'printf %s "$1" >"$2"', "sh", text, path]), check=False,
                              capture_output=True).returncode

    assert run('{"note":"mine"}', folder / "contacts/2.json") == 0
    assert run('{"name":"new"}', folder / "contacts/8.json") == 0
    assert run("id,name\n9,Nio\n", folder / ".import/append/contacts.csv") == 0
    assert run("x", folder / "contacts.csv") != 0
    assert rows(crm, "contacts", "id")[3:] == [(8,), (9,)]


def test_an_old_result_says_nothing_of_a_new_file(folder, crm):
    """An empty file is nothing to be applied, and leaves no word of what was before."""
    into = folder / ".import/append"
    put(into / "activities.csv", "id,contact\n7,2\n")
    assert (into / "activities.csv.result").exists()
    os.close(os.open(into / "activities.csv", os.O_CREAT | os.O_WRONLY))
    assert not (into / "activities.csv.result").exists() and rows(crm, "activities") == [(1, 1), (7, 2)]
