/* SPDX-License-Identifier: MIT */
#include "tools/usage.h"

#include <stdio.h>

#include "tools/commands.h"

const char usage_crmfs[] =
    "usage: crmfs COMMAND ...\n"
    "\n"
    "Databases as directories: every table is a CSV, a JSON and an NDJSON file.\n"
    "\n"
    "  mount      mount sources on a directory\n"
    "  init       make a store for snapshots\n"
    "  key        list, add, remove and change a store's passphrases\n"
    "  help CMD   show what a command takes\n"
    "\n"
    "  -h, --help\n"
    "  --version\n"
    "\n"
    "  crmfs mount crm.db /mnt/crm     shows crm.db in /mnt/crm/live/crm\n"
    "  fusermount3 -u /mnt/crm         unmounts it\n"
    "\n"
    "man crmfs says more.\n";

const char usage_mount[] =
    "usage: crmfs mount [-o OPTION,...] [-f] [--config FILE] SOURCE... MOUNTPOINT\n"
    "\n"
    "Shows the tables of each SOURCE as files in MOUNTPOINT/live/NAME/. A SOURCE is\n"
    "a path or a URL (crm.db, sqlite:/srv/crm.db), with a name if you like: crm=a.db.\n"
    "\n"
    "  -o OPTION,...      mount options, see below; may be given more than once\n"
    "  -f, --foreground   stay in the foreground\n"
    "  --config FILE      take sources and options from FILE, see crmfs.conf(5)\n"
    "  -h, --help\n"
    "\n"
    "options:\n"
    "  refresh=SECONDS       a change in a source shows after this time (2)\n"
    "  max-memory=SIZE       the most memory to use, caches included (64M)\n"
    "  spool=DIR             where the sealed spool stands ($TMPDIR, else /tmp)\n"
    "  spool-size=SIZE       the most room it may take (half of what is free there)\n"
    "  busy-timeout=SECONDS  how long to wait for a locked database (5)\n"
    "  config=FILE           the same as --config\n"
    "  allow_other           let other users see the mount\n"
    "  allow_root            let root see it\n"
    "  uid=, gid=            owner and group to show (yours); names or numbers\n"
    "  umask=OCTAL           permissions to leave out of 0444 and 0555\n"
    "  auto_unmount          unmount even when crmfs is killed (so it is;\n"
    "                        noauto_unmount leaves a mount that does not answer)\n"
    "  default_permissions   let the kernel keep to the permissions shown (so it is)\n"
    "  ro, rw                the mount is read-only either way\n"
    "  fsname=, subtype=     what mount(8) and df(1) show\n"
    "  max_read=SIZE         the most that the kernel asks for at once\n"
    "  debug                 report every request; goes with -f\n"
    "Those of mount(8), such as nofail and x-systemd.automount, are taken too.\n";

#define PASSPHRASE_LINES                                                                 \
    "  --passphrase-file FILE        the passphrase is in FILE; \"-\": standard input\n" \
    "  --passphrase-command COMMAND  ... is what COMMAND prints\n"                       \
    "Otherwise it is taken from CRMFS_PASSPHRASE, from a systemd credential called\n"    \
    "crmfs-passphrase, or from the terminal.\n"

const char usage_init[] =
    "usage: crmfs init [OPTION...] STORE\n"
    "\n"
    "Makes a store for snapshots in the directory STORE, which is empty or missing.\n"
    "\n"
    "  --cipher CIPHER               aes-256-gcm or xchacha20-poly1305 (the faster)\n"
    "  --compression HOW             auto, fast, max or none (auto)\n"
    "  --group-size SIZE             rows stored as one piece, 64K to 4M (384K)\n"
    "  -h, --help\n"
    "\n" PASSPHRASE_LINES;

const char usage_key[] =
    "usage: crmfs key list [--json] STORE\n"
    "       crmfs key add [--label TEXT] STORE\n"
    "       crmfs key remove STORE ID\n"
    "       crmfs key change STORE\n"
    "       crmfs key recovery [--label TEXT] STORE\n"
    "\n"
    "The passphrases that open a store: lists their keys, adds one, removes one,\n"
    "replaces the one that was given, or makes a recovery key to be printed. One that\n"
    "was removed opens the store no more.\n"
    "\n"
    "  --label TEXT                  what to call the new key\n"
    "  --json                        answer in JSON\n"
    "  --new-passphrase-file FILE\n"
    "  --new-passphrase-command COMMAND\n"
    "                                the one to add; otherwise CRMFS_NEW_PASSPHRASE,\n"
    "                                or the terminal\n"
    "  -h, --help\n"
    "\n" PASSPHRASE_LINES;

const char usage_mount_helper[] =
    "usage: mount.crmfs SOURCE MOUNTPOINT [-sfnv] [-o OPTION,...]\n"
    "\n"
    "For mount(8) and /etc/fstab; otherwise use crmfs mount. With config=FILE among the\n"
    "options, SOURCE may be \"none\".\n";

int usage_show(const char *text)
{
    fputs(text, stdout);
    if (fflush(stdout) == 0)
        return 0;
    perror("crmfs: cannot write");
    return STATUS_FAILED;
}
