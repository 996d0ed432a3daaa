# SPDX-License-Identifier: MIT
"""bash completion, as bash itself runs it."""
import re
import subprocess

import pytest

from command import crmfs
from mounting import ROOT

SCRIPT = r"""
source /usr/share/bash-completion/bash_completion
source "$1/tools/completion/crmfs.bash"
cd "$2"
COMP_LINE=$3 COMP_POINT=${#3} COMP_TYPE=9 COMP_KEY=9
# As readline does it: blanks and COMP_WORDBREAKS part the words.
mapfile -t COMP_WORDS < <(printf '%s' "$COMP_LINE" | sed 's/\([=:]\)/ \1 /g' | tr -s ' ' '\n')
[[ $COMP_LINE != *' ' ]] || COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
compopt() { :; }
_crmfs
printf '%s\n' "${COMPREPLY[@]}"
"""


def complete(line, directory):
    done = subprocess.run(["bash", "--norc", "-c", SCRIPT, "bash", ROOT, directory, line], capture_output=True,
                          text=True, check=False)
    assert done.stderr == "", done.stderr
    return [word.rstrip(" ") for word in done.stdout.splitlines() if word]


@pytest.mark.parametrize("line,wanted", [
    ("crmfs ", {"mount", "init", "key", "snapshot", "import", "diff", "export", "restore", "migrate", "verify-restore",
                "snapshots", "forget", "prune", "check", "repair", "stats", "help", "--help", "--version"}),
    ("crmfs mo", {"mount"}),
    ("crmfs --v", {"--version"}),
    ("crmfs help m", {"mount", "migrate"}),
    ("crmfs mount --c", {"--config"}),
    ("crmfs init --ci", {"--cipher"}),
    ("crmfs init --cipher a", {"aes-256-gcm"}),
    ("crmfs init --compression ", {"auto", "fast", "max", "none"}),
    ("crmfs key ", {"list", "add", "remove", "change", "recovery"}),
    ("crmfs key add --l", {"--label"}),
    ("crmfs key list --pass", {"--passphrase-file", "--passphrase-command"}),
    ("crmfs snapshot --t", {"--tag", "--table"}),
    ("crmfs export --format ", {"csv", "json", "ndjson"}),
    ("crmfs diff --j", {"--json"}),
    ("crmfs restore --m", {"--mode", "--map"}),
    ("crmfs restore --mode ", {"append", "upsert", "replace", "missing"}),
    ("crmfs migrate --jo", {"--journal"}),
    ("crmfs verify-restore --sc", {"--scratch"}),
    ("crmfs forget --keep-w", {"--keep-weekly", "--keep-within", "--keep-within-hourly", "--keep-within-daily",
                               "--keep-within-weekly", "--keep-within-monthly", "--keep-within-yearly"}),
    ("crmfs prune --gr", {"--grace"}),
    ("crmfs check --read", {"--read-data", "--read-data-subset"}),
    ("crmfs repair --f", {"--forget-damaged"}),
    ("crmfs stats --a", {"--accept-rollback"}),
    ("crmfs snapshots --ho", {"--host"}),
    ("crmfs mount -", {"-o", "-f", "--foreground", "--config", "--store", "--passphrase-file",
                       "--passphrase-command", "--accept-rollback", "--help"}),
    ("crmfs mount -o sto", {"store="}),
    ("crmfs mount -o allow_", {"allow_other", "allow_root"}),
    ("crmfs mount -o max", {"max-garbage=", "max-memory=", "max_read="}),
    ("crmfs mount -o ro,spool-", {"ro,spool-size="}),
    ("crmfs mount -o nothing-like-it", set()),
])
def test_words(work, line, wanted):
    assert set(complete(line, work)) == wanted


@pytest.mark.parametrize("command", ["mount", "init", "key list", "snapshot", "import", "diff", "export", "restore", "migrate",
                                     "verify-restore", "snapshots", "forget", "prune", "check", "repair", "stats"])
def test_every_option_that_the_help_has(work, command):
    """… and no other, but for those that the help of forget has as "..."."""
    text = crmfs(command.split()[0], "--help").stdout
    shown = {word for word in re.findall(r"(?<![\w-])--[a-z-]*[a-z]\b", text) if not word.endswith("keep")}
    known = {word for word in complete(f"crmfs {command} -", work) if word.startswith("--")}
    assert not {word for word in known ^ shown if not word.startswith("--keep-within-")}


def test_files(work):
    """Sources, mountpoints and configurations are files."""
    (work / "crm.db").touch()
    (work / "crm.conf").touch()
    (work / "point").mkdir()
    assert set(complete("crmfs mount c", work)) == {"crm.db", "crm.conf"}
    assert set(complete("crmfs mount crm.db po", work)) in ({"point"}, {"point/"})
    assert set(complete("crmfs mount --config crm.c", work)) == {"crm.conf"}


def test_every_option_is_completed(work):
    """What mount --help lists and what bash offers are the same."""
    offered = {word.rstrip("=") for word in complete("crmfs mount -o ", work)}
    text = crmfs("mount", "--help").stdout
    for word in offered - {"subtype", "fsname", "rw", "noauto_unmount"}:
        assert word in text, word
    for word in ("allow_other", "uid", "umask", "max-memory", "refresh", "spool", "spool-size", "busy-timeout"):
        assert word in offered
