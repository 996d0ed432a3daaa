# SPDX-License-Identifier: MIT
"""Every ```sh block of README.md does what it says, one after another, in a tree of its own."""
import os
import re
import shutil
import subprocess

from mounting import BINARY, ROOT, alone

# Too long for here, or this test itself; that the words exist is checked below.
ELSEWHERE = re.compile(r"^\s*(sh tools/setup\.sh (demo|check)\b|git clone\b)")

PRELUDE = """
set -eu
mount -t tmpfs tmpfs /tmp
PS4='+ README: '
set -x
"""


def blocks():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_every_command_works(root, work):
    tree = work / "tree"
    shutil.copytree(ROOT, tree, symlinks=True, ignore=shutil.ignore_patterns(".git", "build", "crmfs", "corpus"))
    shutil.copy(BINARY, tree / "crmfs")
    lines = [line for block in blocks() for line in block.splitlines() if not ELSEWHERE.match(line)]
    assert len(lines) > 5
    script = PRELUDE + "\n".join(lines).replace("sudo ", "") + "\n! grep -E ' /tmp/crm[a-z-]* ' /proc/self/mounts\n"
    environment = {name: value for name, value in os.environ.items()
                   if name not in ("XDG_STATE_HOME", "CRMFS_PASSPHRASE")}
    done = subprocess.run(alone(script), cwd=tree,
                          env={**environment, "TMPDIR": "/tmp", "HOME": str(work)}, capture_output=True, text=True, timeout=300,
                          check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-3000:]}"


def test_setup_knows_its_words():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    known = subprocess.check_output(["sh", ROOT / "tools/setup.sh", "help"], text=True)
    words = set(re.findall(r"sh tools/setup\.sh (\w+)", text))
    assert {"demo", "check"} <= words
    for word in words:
        assert re.search(rf"^  {word} ", known, re.MULTILINE), word


def test_links_lead_somewhere():
    for path in ("README.md", *(f"{folder}/README.md" for folder in ("fs", "backends", "tools", "tests"))):
        text = (ROOT / path).read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#]+)\)", text):
            if "://" not in target:
                assert (ROOT / path).parent.joinpath(target).exists(), f"{path}: {target}"
