# SPDX-License-Identifier: MIT
"""crmfs init and crmfs key: where passphrases come from, and what opens the store."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

from command import crmfs
from mounting import BINARY, NOBODY, PATIENCE, as_user, binary_for, eventually, is_alive
from terminal import Terminal

STORE_FILES = {"store", "log", "keys"}


@pytest.fixture(autouse=True)
def memory(work, monkeypatch):
    """What this client remembers of stores stays in the test's own folder."""
    monkeypatch.setenv("XDG_STATE_HOME", str(work / "state"))
    for name in ("CRMFS_PASSPHRASE", "CRMFS_NEW_PASSPHRASE", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def store(work):
    """A store whose passphrase is "one"."""
    path = work / "store"
    done = crmfs("init", str(path), CRMFS_PASSPHRASE="one")
    assert done.returncode == 0, done.stderr
    return path


def keys(store, passphrase):
    """The store's keys; None: it does not open."""
    done = crmfs("key", "list", "--json", str(store), CRMFS_PASSPHRASE=passphrase)
    if done.returncode == 1:
        assert "no key of the store opens with that passphrase" in done.stderr
        return None
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def opens(store, passphrase):
    return keys(store, passphrase) is not None


def key(store, action, *words, passphrase="one", **environment):
    """The answer of `crmfs key ACTION`, which succeeds, as JSON."""
    done = crmfs("key", action, "--json", str(store), *words, CRMFS_PASSPHRASE=passphrase, **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# ---- init ----

@pytest.mark.sanitize
def test_init(store):
    assert {entry.name for entry in store.iterdir()} - {"tmp"} == STORE_FILES
    assert (store / "store").stat().st_size == 64
    assert len(list((store / "keys").iterdir())) == 1
    assert len(list((store / "log").iterdir())) == 1
    for file in store.rglob("*"):
        assert file.stat().st_mode & 0o277 == (0o200 if file.is_dir() else 0), file
    assert opens(store, "one") and not opens(store, "two") and not opens(store, "one ")


def header(store):
    return (store / "store").read_bytes()


@pytest.mark.parametrize("words,place,value", [
    (["--cipher", "aes-256-gcm"], 18, b"\1"),
    (["--cipher", "xchacha20-poly1305"], 18, b"\2"),
    (["--compression", "none"], 24, b"\0\0\0\0"),
    (["--compression", "fast"], 24, b"\x81\0\0\0"),
    (["--compression", "auto"], 24, b"\x83\0\0\0"),
    (["--compression=max"], 24, b"\x93\0\0\0"),
    (["--group-size", "1M"], 20, b"\0\0\x10\0"),
    (["--group-size", "64K"], 20, b"\0\0\1\0"),
    ([], 20, b"\0\0\x06\0"),
])
def test_choices(work, words, place, value):
    done = crmfs("init", *words, str(work / "store"), CRMFS_PASSPHRASE="one")
    assert done.returncode == 0, done.stderr
    assert header(work / "store")[place:place + len(value)] == value
    assert opens(work / "store", "one")


@pytest.mark.sanitize
@pytest.mark.parametrize("words", [
    ["--cipher", "rot13"], ["--cipher", ""], ["--compression", "9"], ["--group-size", "63K"],
    ["--group-size", "4097K"], ["--group-size", "x"], ["--nonsense"], ["--cipher"], ["a", "b"], [],
])
def test_wrong_command_line(work, words):
    path = work / "store"
    done = crmfs("init", *words, *([] if words in ([], ["--cipher"]) else [str(path)]), CRMFS_PASSPHRASE="one")
    assert done.returncode == 2 and done.stdout == ""
    assert "crmfs" in done.stderr and not path.exists()


def test_only_an_empty_directory(work, store):
    before = sorted(store.rglob("*"))
    done = crmfs("init", str(store), CRMFS_PASSPHRASE="two")
    assert done.returncode == 1 and "not empty" in done.stderr
    assert sorted(store.rglob("*")) == before and opens(store, "one")
    (work / "full").mkdir()
    (work / "full/letter.txt").write_text("Dear")
    done = crmfs("init", str(work / "full"), CRMFS_PASSPHRASE="two")
    assert done.returncode == 1 and "not empty" in done.stderr
    assert [entry.name for entry in (work / "full").iterdir()] == ["letter.txt"]


def test_where_it_cannot_be_made(work):
    (work / "file").touch()
    for path, word in ((work / "no/such", "No such file"), (work / "file", "Not a directory")):
        done = crmfs("init", str(path), CRMFS_PASSPHRASE="one")
        assert done.returncode == 1 and word in done.stderr and str(path) in done.stderr


def test_read_only_directory(root, work, store):
    """Somebody who may only read a store can list its keys, and changes nothing."""
    os.chmod(work, 0o755)
    for path in [store, *store.rglob("*")]:
        os.chmod(path, 0o555 if path.is_dir() else 0o444)
    environment = {**os.environ, "CRMFS_PASSPHRASE": "one", "CRMFS_NEW_PASSPHRASE": "two", "XDG_STATE_HOME": "/x"}
    command = [binary_for(NOBODY), "key", "list", str(store)]
    done = subprocess.run(as_user(NOBODY, command), env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    command = [binary_for(NOBODY), "key", "add", str(store)]
    done = subprocess.run(as_user(NOBODY, command), env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "cannot be written to" in done.stderr


# ---- Where the passphrase comes from ----

@pytest.mark.parametrize("content,passphrase", [
    (b"one", "one"), (b"one\n", "one"), (b"one\r\n", "one"), (b" one \n", " one "), (b"one\n\n", "one\n"),
    ("pässwörd\n".encode(), "pässwörd"), (b"x" * 4096 + b"\n", "x" * 4096),
])
def test_file(work, content, passphrase):
    (work / "secret").write_bytes(content)
    done = crmfs("init", "--passphrase-file", str(work / "secret"), str(work / "store"))
    assert done.returncode == 0, done.stderr
    assert opens(work / "store", passphrase)
    again = crmfs("key", "list", "--passphrase-file", str(work / "secret"), str(work / "store"))
    assert again.returncode == 0, again.stderr


@pytest.mark.parametrize("content,word", [
    (b"", "empty"), (b"\n", "empty"), (b"x" * 4097, "too long"), (b"x" * 4097 + b"\n", "too long"),
    (b"x" * 100000, "too long"),
])
def test_bad_file(work, content, word):
    (work / "secret").write_bytes(content)
    done = crmfs("init", "--passphrase-file", str(work / "secret"), str(work / "store"))
    assert done.returncode == 1 and word in done.stderr
    assert not (work / "store/store").exists()


def test_no_file(work, store):
    done = crmfs("key", "list", "--passphrase-file", str(work / "absent"), str(store))
    assert done.returncode == 1 and "absent" in done.stderr and "No such file" in done.stderr


def test_standard_input(store):
    done = subprocess.run([BINARY, "key", "list", "--passphrase-file", "-", store], input="one\n", text=True,
                          capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_command(store, work):
    for command in ("echo one", "printf one", "echo one; exec 2>&-", f"echo one | tee {work}/copy"):
        done = crmfs("key", "list", "--passphrase-command", command, str(store))
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command,word", [
    ("echo one; false", "status 1"), ("no-such-command-at-all", "status 127"), ("kill -9 $$", "signal 9"),
    ("true", "empty"), ("cat /dev/zero", "too long"), ("yes; sleep 1000", "too long"),
])
def test_bad_command(store, command, word):
    done = crmfs("key", "list", "--passphrase-command", command, str(store))
    assert done.returncode == 1 and word in done.stderr


def test_not_both(store):
    done = crmfs("key", "list", "--passphrase-file", "x", "--passphrase-command", "y", str(store))
    assert done.returncode == 1 and "not from both" in done.stderr


def test_credential(work, store):
    (work / "credentials").mkdir()
    (work / "credentials/crmfs-passphrase").write_text("one\n")
    assert crmfs("key", "list", str(store), CREDENTIALS_DIRECTORY=str(work / "credentials")).returncode == 0
    done = crmfs("key", "list", str(store), CREDENTIALS_DIRECTORY=str(work))
    assert done.returncode == 1 and f"nor a credential crmfs-passphrase in {work}:" in done.stderr
    # What comes before it counts more.
    done = crmfs("key", "list", str(store), CREDENTIALS_DIRECTORY=str(work / "credentials"),
                 CRMFS_PASSPHRASE="two")
    assert done.returncode == 1
    done = crmfs("key", "list", "--passphrase-command", "echo one", str(store), CRMFS_PASSPHRASE="two")
    assert done.returncode == 0


def test_none_at_all(work, store):
    done = subprocess.run([BINARY, "key", "list", store], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          start_new_session=True, check=False)
    assert done.returncode == 1 and "--passphrase-file" in done.stderr and "no terminal" in done.stderr
    done = subprocess.run([BINARY, "init", work / "new"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          start_new_session=True, check=False)
    assert done.returncode == 1 and "no terminal" in done.stderr
    assert not (work / "new/store").exists()


# ---- What must not leak ----

def test_children_do_not_see_it(work, store):
    """A passphrase command finds neither the variables nor a file of ours."""
    report = work / "report"
    command = f"{{ env; ls -l /proc/self/fd; tr '\\0' '\\n' </proc/$PPID/environ; }} >{report} 2>&1; echo one"
    done = crmfs("key", "list", "--passphrase-command", command, str(store), CRMFS_PASSPHRASE="canary-a",
                 CRMFS_NEW_PASSPHRASE="canary-b")
    assert done.returncode == 0, done.stderr
    said = report.read_text()
    assert "PATH=" in said and "canary" not in said
    # An empty value is what is left of it in the memory of the process.
    assert not re.search(r"(?m)^CRMFS_\w*PASSPHRASE=.", said)
    assert f"{store}/" not in said


def test_own_environment_is_wiped(work, store):
    """Even root sees it no more in /proc/PID/environ once crmfs runs."""
    os.mkfifo(work / "wait")
    process = subprocess.Popen([BINARY, "key", "add", "--new-passphrase-file", work / "wait", store],
                               env={**os.environ, "CRMFS_PASSPHRASE": "one", "CRMFS_NEW_PASSPHRASE": "canary"})
    with open(work / "wait", "wb") as pipe:  # it has opened the store by now
        content = open(f"/proc/{process.pid}/environ", "rb").read()
        line = open(f"/proc/{process.pid}/cmdline", "rb").read()
        limits = open(f"/proc/{process.pid}/limits", encoding="ascii").read()
        locked = open(f"/proc/{process.pid}/status", encoding="ascii").read()
        pipe.write(b"two\n")
    assert process.wait(60) == 0
    assert b"canary" not in content and b"PASSPHRASE=one" not in content and b"canary" not in line
    assert re.search(r"Max core file size\s+0\s+0", limits)
    assert int(re.search(r"VmLck:\s+(\d+)", locked)[1]) > 0
    assert opens(store, "two")


def test_nothing_readable_in_the_store(store):
    key(store, "add", "--label", "Kanarienvogel", CRMFS_NEW_PASSPHRASE="two")
    content = b"".join(file.read_bytes() for file in store.rglob("*") if file.is_file())
    for word in (b"Kanarien", b"passphrase", b'{"store":'):
        assert word not in content, word
    assert [entry["label"] for entry in keys(store, "one") if entry["label"]] == ["Kanarienvogel"]


MEASURE = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def test_memory(work):
    """Also while a passphrase is tried."""
    for words in (["init"], ["key", "list"]):
        # By a small process of its own: what this one has taken until now would count too.
        done = subprocess.run([sys.executable, "-c", MEASURE, BINARY, *words, work / "store"], capture_output=True,
                              text=True, env={**os.environ, "CRMFS_PASSPHRASE": "one"}, check=True)
        assert int(done.stdout) <= 64 << 10


# ---- key ----

@pytest.mark.sanitize
def test_add_list_remove(store):
    added = key(store, "add", "--label", "büro", CRMFS_NEW_PASSPHRASE="two")["id"]
    listed = keys(store, "two")
    assert len(listed) == 2 and re.fullmatch("[0-9a-f]{32}", added)
    mine = next(entry for entry in listed if entry["id"] == added)
    other = next(entry for entry in listed if entry["id"] != added)
    assert mine["opened"] and mine["label"] == "büro" and mine["kind"] == "passphrase" and not mine["damaged"]
    assert abs(time.mktime(time.strptime(mine["created"], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone - time.time()) < 100
    assert not other["opened"] and other["label"] == ""

    text = crmfs("key", "list", str(store), CRMFS_PASSPHRASE="two").stdout
    assert re.search(rf"^\* {added[:8]}  passphrase  .*  büro$", text, re.MULTILINE)
    assert re.search(rf"^  {other['id'][:8]}  passphrase  \S+$", text, re.MULTILINE)

    assert key(store, "remove", other["id"][:8], passphrase="two") == {"id": other["id"]}
    assert not opens(store, "one") and opens(store, "two")
    done = crmfs("key", "remove", str(store), added, CRMFS_PASSPHRASE="two")
    assert done.returncode == 1 and "last key" in done.stderr and opens(store, "two")


def test_removed_key_comes_back(work, store):
    """As a mirror keeps it that is brought up to date without removing anything there."""
    gone = key(store, "add", CRMFS_NEW_PASSPHRASE="two")["id"]
    kept = work / "kept"
    shutil.copy(store / "keys" / gone, kept)
    key(store, "remove", gone)
    shutil.copy(kept, store / "keys" / gone)
    for command in (["snapshots"], ["key", "list"], ["key", "add"], ["check"], ["prune"], ["repair"]):
        done = crmfs(*command, str(store), CRMFS_PASSPHRASE="two", CRMFS_NEW_PASSPHRASE="three")
        assert done.returncode == 1 and f"{gone[:8]}, was removed" in done.stderr, command
    listed = next(entry for entry in keys(store, "one") if entry["id"] == gone)
    assert listed["removed"] and listed["kind"] == "removed"
    assert f"  {gone[:8]}  removed" in crmfs("key", "list", str(store), CRMFS_PASSPHRASE="one").stdout
    done = crmfs("check", str(store), CRMFS_PASSPHRASE="one")
    assert done.returncode == 1 and f"keys/{gone}: the key was removed" in done.stdout
    # The passphrase may be given a new key; then it is that one which opens.
    again = key(store, "add", CRMFS_NEW_PASSPHRASE="two")["id"]
    assert [entry["id"] for entry in keys(store, "two") if entry["opened"]] == [again]
    key(store, "remove", gone)
    assert crmfs("check", str(store), CRMFS_PASSPHRASE="one").returncode == 0


@pytest.mark.parametrize("wanted", ["", "abc", "zzzz", "0" * 33, "ABCDEF12"])
def test_remove_what_is_not_there(store, wanted):
    key(store, "add", CRMFS_NEW_PASSPHRASE="two")
    done = crmfs("key", "remove", str(store), wanted, CRMFS_PASSPHRASE="one")
    assert done.returncode == 1 and "key list" in done.stderr
    assert len(keys(store, "one")) == 2


def test_change(store):
    before = keys(store, "one")[0]["id"]
    after = key(store, "change", CRMFS_NEW_PASSPHRASE="two")["id"]
    assert before != after and not opens(store, "one")
    assert [entry["id"] for entry in keys(store, "two")] == [after]


def test_new_passphrase_options(work, store):
    (work / "two").write_text("two\n")
    done = crmfs("key", "add", "--new-passphrase-file", str(work / "two"), str(store), CRMFS_PASSPHRASE="one")
    assert done.returncode == 0, done.stderr
    done = crmfs("key", "change", "--new-passphrase-command", "echo three", "--passphrase-file", str(work / "two"),
                 str(store))
    assert done.returncode == 0, done.stderr
    assert opens(store, "one") and not opens(store, "two") and opens(store, "three")
    done = crmfs("key", "add", "--new-passphrase-command", "printf ''", str(store), CRMFS_PASSPHRASE="one")
    assert done.returncode == 1 and "empty" in done.stderr


@pytest.mark.sanitize
def test_recovery(store):
    done = crmfs("key", "recovery", str(store), CRMFS_PASSPHRASE="one")
    assert done.returncode == 0
    text = re.search(r"^    ((?:[0-9A-HJKMNP-TV-Z]{4}-){6}[0-9A-HJKMNP-TV-Z]{4})$", done.stdout, re.MULTILINE)[1]
    for typed in (text, text.lower(), text.replace("-", ""), text.replace("-", " ").replace("0", "o"),
                  text.replace("1", "l")):
        assert opens(store, typed), typed
    for place in (0, 7, len(text) - 1):
        wrong = text[:place] + ("3" if text[place] == "2" else "2") + text[place + 1:]
        done = crmfs("key", "list", str(store), CRMFS_PASSPHRASE=wrong)
        assert done.returncode == 1 and "typing error" in done.stderr
    # Whoever forgot the passphrase.
    lost = next(entry["id"] for entry in keys(store, text) if entry["kind"] == "passphrase")
    done = crmfs("key", "change", str(store), CRMFS_PASSPHRASE=text, CRMFS_NEW_PASSPHRASE="two")
    assert done.returncode == 1 and "recovery key" in done.stderr
    key(store, "add", passphrase=text, CRMFS_NEW_PASSPHRASE="two")
    key(store, "remove", lost, passphrase=text)
    assert not opens(store, "one") and opens(store, "two") and opens(store, text)


def test_recovery_json_and_lost_output(store):
    answer = key(store, "recovery", "--label", "safe")
    assert opens(store, answer["recovery_key"])
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([BINARY, "key", "recovery", store], stdout=full, stderr=subprocess.PIPE, text=True,
                              env={**os.environ, "CRMFS_PASSPHRASE": "one"}, check=False)
    assert done.returncode == 1 and "No space" in done.stderr
    assert len(keys(store, "one")) == 2  # what nobody saw is not kept


def test_every_word_of_damage(store):
    """A changed header or key opens nothing, and says so."""
    slot = next((store / "keys").iterdir())
    for file, places in ((store / "store", (0, 16, 18, 20, 24, 33, 63)), (slot, (0, 9, 20, 31, 40, 80, 150, 255))):
        good = file.read_bytes()
        for place in places:
            os.chmod(file, 0o600)
            file.write_bytes(good[:place] + bytes([good[place] ^ 0x40]) + good[place + 1:])
            done = crmfs("key", "list", str(store), CRMFS_PASSPHRASE="one")
            assert done.returncode == 1 and done.stderr.startswith("crmfs: ") and done.stdout == ""
        file.write_bytes(good)
    assert opens(store, "one")
    slot.unlink()
    done = crmfs("key", "list", str(store), CRMFS_PASSPHRASE="one")
    assert done.returncode == 1 and "has no key" in done.stderr


@pytest.mark.parametrize("words", [["list"], [], ["burn", "x"], ["list", "a", "b"], ["remove", "x"], ["add"],
                                   ["--nonsense"], ["list", "--label"]])
def test_wrong_key_command_line(words):
    done = crmfs("key", *words, CRMFS_PASSPHRASE="one")
    assert done.returncode == 2 and done.stdout == "" and "--help" in done.stderr


def test_no_store(work):
    for path, word in ((work / "absent", "No such file"), (work, "crmfs init")):
        done = crmfs("key", "list", str(path), CRMFS_PASSPHRASE="one")
        assert done.returncode == 1 and word in done.stderr and str(path) in done.stderr


def test_help():
    for command in ("init", "key"):
        done = crmfs(command, "--help")
        assert done.returncode == 0 and all(len(line) <= 80 for line in done.stdout.splitlines())
        assert done.stdout == crmfs("help", command).stdout
        assert "--passphrase-file" in done.stdout and "CRMFS_PASSPHRASE" in done.stdout


@pytest.mark.parametrize("action,words", [("list", "cannot list the keys: "), ("add", "cannot add a key: "),
                                          ("change", "cannot change the key: "), ("remove", "cannot remove the key: "),
                                          ("recovery", "cannot make a recovery key: ")])
def test_says_what_failed(store, action, words):
    """Without a passphrase, without a terminal."""
    more = ["0" * 32] if action == "remove" else []
    done = subprocess.run(["setsid", "-w", BINARY, "key", action, store, *more], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stdout == ""
    assert words in done.stderr and "--passphrase-file" in done.stderr


# ---- On a terminal ----

@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("made", [False, True])
def test_given_up_while_it_asks(work, signal_number, made):
    """Nothing is left of it, but a directory that was there before; and the next one works."""
    if made:
        (work / "store").mkdir()
    terminal = Terminal("init", work / "store")
    terminal.expect("New passphrase for ")
    os.kill(terminal.pid, signal_number)
    assert terminal.end() == -signal_number
    assert (work / "store").is_dir() == made
    if made:
        assert not list((work / "store").iterdir())
    done = crmfs("init", str(work / "store"), CRMFS_PASSPHRASE="one")
    assert done.returncode == 0, done.stderr


ENDED_AT_RMDIR = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <unistd.h>

int rmdir(const char *path)
{
    int (*real)(const char *) = (int (*)(const char *))dlsym(RTLD_NEXT, "rmdir");
    kill(getpid(), SIGINT);
    return real(path);
}
"""


def test_given_up_before_it_asks(work):
    """In the moment in which the place is tried."""
    library = work / "ended.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", library, "-ldl"], input=ENDED_AT_RMDIR, text=True,
                   check=True)
    done = crmfs("init", str(work / "store"), CRMFS_PASSPHRASE="one", LD_PRELOAD=str(library))
    assert done.returncode == -signal.SIGINT and not (work / "store").exists(), done.stderr


def test_asked_twice_when_new(work):
    terminal = Terminal("init", work / "store")
    terminal.expect("New passphrase for ")
    assert not terminal.echoes()
    terminal.type("three words long\n")
    terminal.expect("again: ")
    assert not terminal.echoes()
    terminal.type("three words long\n")
    assert terminal.end() == 0
    assert "words" not in terminal.said
    assert opens(work / "store", "three words long")


def test_the_two_differ(work):
    terminal = Terminal("init", work / "store")
    terminal.expect("New passphrase for ")
    terminal.type("one\n")
    terminal.expect("again: ")
    terminal.type("two\n")
    assert terminal.end() == 1 and "differ" in terminal.said
    assert not (work / "store/store").exists()


def test_three_tries(store):
    terminal = Terminal("key", "list", store)
    for _ in range(2):
        terminal.expect(f"Passphrase or recovery key for {store}: ")
        terminal.type("two\n")
        terminal.expect("no key of the store opens")
    terminal.expect("recovery key for ")
    terminal.type("one\n")
    assert terminal.end() == 0 and "LABEL" in terminal.said
    terminal = Terminal("key", "list", store)
    for _ in range(3):
        terminal.expect("recovery key for ")
        terminal.type("two\n")
    assert terminal.end() == 1


def test_old_and_new(store):
    terminal = Terminal("key", "change", store)
    terminal.expect("recovery key for ")
    terminal.type("one\n")
    terminal.expect("New passphrase for ")
    terminal.type("two\n")
    terminal.expect("again: ")
    terminal.type("two\n")
    assert terminal.end() == 0
    assert opens(store, "two") and not opens(store, "one")


@pytest.mark.parametrize("how,status", [("\x03", -signal.SIGINT), ("\x1c", -signal.SIGQUIT), ("\x04", 1)])
def test_interrupted(store, how, status):
    """Ctrl-C, Ctrl-\\ and Ctrl-D end it, and the terminal echoes again."""
    terminal = Terminal("key", "list", store)
    terminal.expect("recovery key for ")
    assert not terminal.echoes()
    terminal.type(how)  # at once: it may not be waiting yet
    while terminal.read(60):
        pass
    _, ended = os.waitpid(terminal.pid, 0)
    assert os.waitstatus_to_exitcode(ended) == status
    assert terminal.echoes()
    os.close(terminal.master)


def test_too_long_a_line(store):
    terminal = Terminal("key", "list", store)
    terminal.expect("recovery key for ")
    terminal.type("\n")
    assert terminal.end() == 1 and "empty" in terminal.said


def test_one_passphrase_one_key(store):
    """Two keys of one passphrase: whoever removes or changes one would think that it opens nothing any more."""
    for words in (["add"], ["change"]):
        done = crmfs("key", *words, str(store), CRMFS_PASSPHRASE="one", CRMFS_NEW_PASSPHRASE="one")
        assert done.returncode == 1 and "opens the store already" in done.stderr
    assert len(keys(store, "one")) == 1
    done = crmfs("key", "remove", str(store), "abc", CRMFS_PASSPHRASE="one")
    assert done.returncode == 1 and "4 digits or more" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("action", ["change", "recovery"])
def test_interrupted_between_its_steps(store, action, number):
    """The new key is there, and nobody has been told: it goes on, and says what the keys are."""
    process = subprocess.Popen([BINARY, "key", action, "--json", store], stdin=subprocess.DEVNULL, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env={**os.environ, "CRMFS_PASSPHRASE": "one", "CRMFS_NEW_PASSPHRASE": "two"})
    while len(os.listdir(store / "keys")) < 2 and process.poll() is None:
        pass
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    told = json.loads(out)
    listed = keys(store, told.get("recovery_key", "two"))
    assert told["id"] in [key["id"] for key in listed]
    assert len(listed) == (1 if action == "change" else 2) and opens(store, "one") == (action == "recovery")


def memory_of(pid):
    """All that can be read of a process's memory."""
    pieces = []
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as file:
        for line in open(f"/proc/{pid}/maps"):
            first, last = (int(part, 16) for part in line.split()[0].split("-"))
            try:
                file.seek(first)
                pieces.append(file.read(last - first))
            except (OSError, OverflowError, ValueError):
                pass  # a guard page, or the kernel's own
    return b"".join(piece for piece in pieces if piece)


@pytest.mark.parametrize("source", [False, True])
def test_a_mount_keeps_no_passphrase(work, source, root):
    """Once the store is open, or there is none, nothing of it is left in memory, locked or not."""
    (work / "mnt").mkdir()
    secret = {"CRMFS_PASSPHRASE": "a passphrase of note", "CRMFS_NEW_PASSPHRASE": "one that nobody asks for"}
    if source:
        subprocess.run(["sqlite3", work / "store", "CREATE TABLE t (x)"], check=True)
    else:
        assert crmfs("init", str(work / "store"), **secret).returncode == 0
    done = crmfs("mount", str(work / "store"), str(work / "mnt"), **secret)
    assert done.returncode == 0, done.stderr
    try:
        (pid,) = map(int, subprocess.run(["pgrep", "-f", f"mount .*{work}/mnt"], capture_output=True, check=True).stdout.split())
        found = memory_of(pid)
    finally:
        subprocess.run(["fusermount3", "-u", work / "mnt"], check=True)
        assert eventually(lambda: not is_alive(pid), PATIENCE)
    assert os.fsencode(work / "mnt") in found
    assert [value for value in secret.values() if value.encode() in found] == []
