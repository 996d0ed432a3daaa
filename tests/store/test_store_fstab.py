# SPDX-License-Identifier: MIT
"""A store in /etc/fstab: its passphrase from a file, the keys in the daemon alone."""
import os
import subprocess

from mounting import ROOT, alone
from stores import PASSPHRASE

# With its own mounts nothing of the system's /sbin and /etc is touched.
SCRIPT = """
set -eu
sbin=$(readlink -f /sbin)
mount -t overlay overlay -o "lowerdir=$DEST/usr/local:/usr/local" /usr/local
mount -t overlay overlay -o "lowerdir=$DEST/sbin:$sbin" "$sbin"
line() { printf '%s %s crmfs %s 0 0\\n' "$1" "$POINT" "$2" >"$FSTAB"; }
line "$DB" "store=$STORE,passphrase-file=$SECRET,refresh=0"
mount -T "$FSTAB" "$POINT"
mkdir "$POINT/snapshots/one"
cmp "$POINT/snapshots/one/crm_db/accounts.csv" "$POINT/live/crm_db/accounts.csv"
pgrep -f "$WORDS" && exit 9
umount "$POINT"
line "$STORE" "passphrase-file=$SECRET,ro,noauto"
mount -T "$FSTAB" "$POINT"
ls "$POINT" "$POINT/snapshots"
umount "$POINT"
line "$STORE" "passphrase-file=$SECRET.not"
mount -T "$FSTAB" "$POINT" && exit 8
line "$STORE" "noauto"
setsid -w mount -T "$FSTAB" "$POINT" </dev/null && exit 7
! mountpoint -q "$POINT"
"""


def test_fstab(root, work, store, crm_db):
    """Installed with DESTDIR and shown to mount(8) in a namespace of its own."""
    dest, secret = work / "dest", work / "secret"
    dest.mkdir()
    (work / "point").mkdir()
    secret.write_text(PASSPHRASE + "\n")
    secret.chmod(0o600)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    subprocess.run(["make", "-C", ROOT, "install", f"DESTDIR={dest}"], check=True, capture_output=True, env=clean)
    variables = {"DEST": dest, "DB": crm_db, "POINT": work / "point", "FSTAB": work / "fstab", "STORE": store.path,
                 "SECRET": secret, "WORDS": "words that nobody", "TMPDIR": work, "HOME": work,
                 "XDG_STATE_HOME": work / "state"}
    done = subprocess.run(alone(SCRIPT),
                          env={**clean, **{name: str(value) for name, value in variables.items()}},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [f"{work}/point:", "files", "snapshots", f"{work}/point/snapshots:", "latest", "one"]
    assert "secret.not" in done.stderr and "no terminal" in done.stderr
    assert store.names() == ["one"]
