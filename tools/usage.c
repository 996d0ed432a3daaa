/* SPDX-License-Identifier: MIT */
#include "tools/usage.h"

#include <string.h>

#include "tools/output.h"

const char usage_crmfs[] =
    "usage: crmfs COMMAND ...\n"
    "\n"
    "Databases as directories: every table is a CSV, a JSON and an NDJSON file.\n"
    "\n"
    "  mount      mount sources on a directory\n"
    "  init       make a store for snapshots\n"
    "  key        list, add, remove and change a store's passphrases\n"
    "  snapshot   take a snapshot of sources into a store\n"
    "  import     take a snapshot of each of some old backups, dated as they are\n"
    "  diff       say which tables differ between two snapshots\n"
    "  export     write tables of a snapshot to files or standard output\n"
    "  restore    write tables of a snapshot, or of any source, into a database\n"
    "  migrate    copy a whole database into an empty one, of whatever kind\n"
    "  verify-restore  see whether a snapshot can be restored\n"
    "  snapshots  list the snapshots of a store\n"
    "  forget     forget snapshots, by name or by rule\n"
    "  prune      give back the room of what was forgotten\n"
    "  check      see whether a store is sound, and what damage touches\n"
    "  repair     make again what of a store can be made again\n"
    "  stats      show how much a store holds\n"
    "  help CMD   show what a command takes\n"
    "\n"
    "  -h, --help\n"
    "  --version\n"
    "\n"
    "  crmfs mount crm.db /mnt/crm     shows crm.db in /mnt/crm/live/crm\n"
    "  fusermount3 -u /mnt/crm         unmounts it\n"
    "\n"
    "man crmfs says more.\n";

#define PASSPHRASE_LINES                                                                 \
    "  --passphrase-file FILE        the passphrase is in FILE; \"-\": standard input\n" \
    "  --passphrase-command COMMAND  ... is what COMMAND prints\n"                       \
    "Otherwise it is taken from CRMFS_PASSPHRASE, from a systemd credential called\n"    \
    "crmfs-passphrase, or from the terminal.\n"

#define STORE_LINES \
    "  --accept-rollback             an older copy was put back on purpose\n" PASSPHRASE_LINES

const char usage_mount[] =
    "usage: crmfs mount [OPTION...] [--store STORE] SOURCE... MOUNTPOINT\n"
    "       crmfs mount [OPTION...] STORE MOUNTPOINT\n"
    "\n"
    "Shows the tables of each SOURCE as files in MOUNTPOINT/live/NAME/. A SOURCE is\n"
    "a path or a URL (crm.db, sqlite:/srv/crm.db, mysql://user@host/crm), with a name\n"
    "if you like: crm=a.db.\n"
    "Old backups (SQL dumps, archives), and every one in a directory that is given,\n"
    "are shown in MOUNTPOINT/archives/NAME/.\n"
    "The snapshots of STORE stand in MOUNTPOINT/snapshots/: mkdir takes one, rmdir\n"
    "forgets one, mv renames one.\n"
    "\n"
    "  -o OPTION,...      mount options, see below; may be given more than once\n"
    "  -f, --foreground   stay in the foreground\n"
    "  --config FILE      take sources and options from FILE, see crmfs.conf(5)\n"
    "  --store STORE      show and take snapshots, see crmfs init --help\n"
    "  -h, --help\n"
    "\n" STORE_LINES "\n"
    "options:\n"
    "  refresh=SECONDS       a change in a source shows after this time (2)\n"
    "  max-garbage=SIZE      garbage in a store before it is pruned; 0: never (1G)\n"
    "  max-memory=SIZE       the most memory to use, at least 24M (64M)\n"
    "  spool=DIR             where the sealed spool stands ($TMPDIR, else /tmp)\n"
    "  spool-size=SIZE       the most room it may take (half of what is free there),\n"
    "                        and the store's cache/ (a tenth)\n"
    "  busy-timeout=SECONDS  how long to wait for a locked database (5)\n"
    "  view-timeout=SECONDS  how long reading a view may take; 0: for ever (60)\n"
    "  records               list the folders of single rows, <table>/<key>.json, too\n"
    "  rw-live               let rows be written: <table>/<key>.json, .import/<mode>/\n"
    "  config=FILE           the same as --config\n"
    "  allow_other           let other users see the mount\n"
    "  allow_root            let root see it\n"
    "  uid=, gid=            owner and group to show (yours); names or numbers\n"
    "  umask=OCTAL           permissions to leave out of 0444 and 0555\n"
    "  auto_unmount          unmount even when crmfs is killed (so it is;\n"
    "                        noauto_unmount leaves a mount that does not answer)\n"
    "  default_permissions   let the kernel keep to the permissions shown (so it is)\n"
    "  store=STORE           the same as --store\n"
    "  passphrase-file=FILE, passphrase-command=COMMAND\n"
    "                        the same as --passphrase-file and --passphrase-command\n"
    "  ro, rw                whether snapshots can only be looked at; live sources\n"
    "                        can only be looked at but with rw-live, which ro undoes\n"
    "  fsname=, subtype=     what mount(8) and df(1) show\n"
    "  max_read=SIZE         the most that the kernel asks for at once\n"
    "  debug                 report every request; goes with -f\n"
    "Those of mount(8), such as nofail and x-systemd.automount, are taken too.\n";

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
    "\n" STORE_LINES;

const char usage_snapshot[] =
    "usage: crmfs snapshot [OPTION...] --store STORE SOURCE...\n"
    "\n"
    "Takes a snapshot of each SOURCE, a path or a URL as of crmfs mount, into STORE.\n"
    "What has not changed since the last one takes no room. It succeeds only when the\n"
    "snapshot is safely on disk; stopped before, it leaves nothing to be seen.\n"
    "Status 3: it is taken, without something that could not be read.\n"
    "\n"
    "  --store STORE                 where to put it\n"
    "  --name NAME                   what to call it (the time: 2026-11-20T120000Z)\n"
    "  --tag TAG                     a word to find it by; may be repeated\n"
    "  --table TABLE,...             these only; TABLE or SOURCE.TABLE\n"
    "  --exclude-table TABLE,...     all but these\n"
    "  --view-timeout SECONDS        leave out views that take longer; 0: none (60)\n"
    "  --json                        answer in JSON\n"
    "  -q, --quiet                   say nothing unless it fails\n"
    "  -h, --help\n"
    "\n" STORE_LINES;

const char usage_import[] =
    "usage: crmfs import [OPTION...] --store STORE BACKUP...\n"
    "\n"
    "Takes a snapshot of each BACKUP (a dump, an archive, a copied database) into\n"
    "STORE, with the time at which the backup was made. Its source is called as the\n"
    "file is, without a date (crm of crm-2019-03-01.sql.gz), so that backups of one\n"
    "CRM are compared, and stored against each other; or as in crm=old.zip.\n"
    "Status 3: they are taken, without something that could not be read.\n"
    "\n"
    "  --store STORE                 where to put it\n"
    "  --name NAME                   what to call it (its time: 2019-03-01T020000Z)\n"
    "  --tag TAG                     a word to find it by; may be repeated\n"
    "  --table TABLE,...             these only; TABLE or SOURCE.TABLE\n"
    "  --exclude-table TABLE,...     all but these\n"
    "  --view-timeout SECONDS        leave out views that take longer; 0: none (60)\n"
    "  --json                        answer in JSON\n"
    "  -q, --quiet                   say nothing unless it fails\n"
    "  -h, --help\n"
    "\n" STORE_LINES;

const char usage_export[] =
    "usage: crmfs export [OPTION...] STORE SNAPSHOT [TABLE]\n"
    "\n"
    "Writes TABLE, or SOURCE/TABLE, of SNAPSHOT to standard output; or, with\n"
    "--output, all its tables into DIRECTORY/SOURCE/, with the names that a mount\n"
    "shows. The newest snapshot can be called \"latest\".\n"
    "\n"
    "  -f, --format csv|json|ndjson  (csv)\n"
    "  -o, --output DIRECTORY        where to; \"-\": standard output\n"
    "  -h, --help\n"
    "\n" STORE_LINES;

const char usage_diff[] =
    "usage: crmfs diff [OPTION...] STORE SNAPSHOT SNAPSHOT\n"
    "\n"
    "Says which tables were added, removed and changed between two snapshots, how\n"
    "many rows they have, and how much of them is not the same: a changed row counts\n"
    "with all of its row group. The newest snapshot can be called \"latest\".\n"
    "\n"
    "  --json                        answer in JSON\n"
    "  -h, --help\n"
    "\n"
    "The exit status is 0 when nothing differs, 1 when something does, 2 for trouble.\n"
    "\n" STORE_LINES;

const char usage_restore[] =
    "usage: crmfs restore [OPTION...] --store STORE --to TARGET\n"
    "                     SNAPSHOT[/SOURCE[/TABLE]]\n"
    "       crmfs restore [OPTION...] --to TARGET SOURCE\n"
    "\n"
    "Writes tables back into a database, all in one transaction: what fails has\n"
    "changed nothing. TARGET is an SQLite file, mysql://user@host/database or\n"
    "postgresql://user@host/database; tables that are not there are made. SOURCE is\n"
    "whatever crmfs reads: a database, a backup.\n"
    "\n"
    "  --mode MODE            append (the default): all rows are new\n"
    "                         upsert: rows that are there are updated\n"
    "                         replace: ... and those not in SNAPSHOT are deleted\n"
    "                         missing: only rows that are not there come back\n"
    "  --table NAME,...       only these tables\n"
    "  --exclude-table NAME,...  all but these\n"
    "  --where CONDITION      only rows that meet it: SQL on a row's columns\n"
    "  --key KEY,...          only the rows with these primary keys\n"
    "  --with-parents         and the rows that these refer to, where missing\n"
    "  --orphans              rows may refer to what is not there, as they did\n"
    "  --map OLD=NEW          the column OLD is called NEW now; TABLE.OLD=NEW: in one\n"
    "                         table\n"
    "  --ignore-columns NAME,...  these columns are not written\n"
    "  --no-create            a table that is not there is an error\n"
    "  --skip-bad FILE        rows that do not fit are set aside in FILE, and why\n"
    "  -n, --dry-run          do it all, say what came of it and all that stands in\n"
    "                         the way, and take it back\n"
    "  --json                 say it as JSON\n"
    "  -q, --quiet            say nothing\n"
    "  -h, --help\n"
    "\n" STORE_LINES;

const char usage_migrate[] =
    "usage: crmfs migrate [OPTION...] SOURCE TARGET\n"
    "       crmfs migrate [OPTION...] --store STORE SNAPSHOT[/SOURCE] TARGET\n"
    "\n"
    "Copies every table of SOURCE into TARGET, a database that has none of them:\n"
    "types, keys, indexes and foreign keys are made as they are there. Every table is\n"
    "read back and compared. What was interrupted goes on when the same is asked\n"
    "again.\n"
    "\n"
    "  --journal FILE  where it says how far it is, else in ~/.local/state/crmfs\n"
    "  --orphans       rows may refer to what is not there, as they did\n"
    "  -n, --dry-run   say what would be done and all that stands in the way, and do\n"
    "                  nothing\n"
    "  --json          say it as JSON\n"
    "  -q, --quiet     say nothing\n"
    "  -h, --help\n"
    "\n" STORE_LINES;

const char usage_verify_restore[] =
    "usage: crmfs verify-restore [OPTION...] --store STORE SNAPSHOT[/SOURCE[/TABLE]]\n"
    "\n"
    "Restores a snapshot into a database that is thrown away, reads every table back\n"
    "and compares. The exit status is 0 if all of it is as it was.\n"
    "\n"
    "  --to TARGET    into this database, which has none of the tables; nothing stays\n"
    "  --scratch DIR  else the database is made in DIR; if not given, in memory, in\n"
    "                 /dev/shm\n"
    "  --json         say it as JSON\n"
    "  -q, --quiet    say nothing\n"
    "  -h, --help\n"
    "\n" STORE_LINES;

const char usage_snapshots[] =
    "usage: crmfs snapshots [OPTION...] STORE\n"
    "\n"
    "Lists the snapshots of STORE, the oldest first.\n"
    "\n"
    "  --tag TAG,...                 those that have all these tags; given again: or\n"
    "                                these; \"\": those that have none\n"
    "  --host HOST                   those of this host; may be given more than once\n"
    "  --json                        answer in JSON\n"
    "  -h, --help\n"
    "\n" STORE_LINES;

const char usage_forget[] =
    "usage: crmfs forget [OPTION...] STORE NAME...\n"
    "       crmfs forget [OPTION...] --keep-... STORE\n"
    "\n"
    "Forgets the snapshots NAME, or those that no rule keeps. The room that they took\n"
    "is given back by crmfs prune.\n"
    "\n"
    "  --keep-last N                 keep the last N snapshots\n"
    "  --keep-hourly N, --keep-daily N, --keep-weekly N, --keep-monthly N,\n"
    "  --keep-yearly N               keep the newest one of each of the last N hours,\n"
    "                                days ... that have one\n"
    "  --keep-within DURATION        keep those taken so long before the newest one:\n"
    "                                years, months, days, hours, as in 2y5m7d3h\n"
    "  --keep-within-hourly DURATION, --keep-within-daily DURATION ...\n"
    "                                keep the newest one of each hour, day ... of it\n"
    "  --keep-tag TAG,...            keep those that have all these tags\n"
    "N can be \"unlimited\". What one rule keeps is kept.\n"
    "\n"
    "  --tag TAG,..., --host HOST    look only at those, as crmfs snapshots does\n"
    "  --group-by host,sources,tags  apply the rules to each group by itself\n"
    "                                (host,sources); \"\": to all together\n"
    "  -n, --dry-run                 only say what would be forgotten\n"
    "  --prune                       run crmfs prune afterwards\n"
    "  --json                        answer in JSON\n"
    "  -h, --help\n"
    "\n" STORE_LINES;

const char usage_prune[] =
    "usage: crmfs prune [OPTION...] STORE\n"
    "\n"
    "Gives back the room of what no snapshot needs. Snapshots may be taken and read\n"
    "meanwhile. What is not needed is marked first, and removed by a later prune.\n"
    "\n"
    "  --max-unused LIMIT            how much may stay unused in files that are\n"
    "                                needed otherwise: 5%, 10G or unlimited (5%)\n"
    "  --grace DURATION              between marking and removing, for readers that\n"
    "                                are at it: 30m, 1h, 2d (1h)\n"
    "  -n, --dry-run                 only say what would be done\n"
    "  --json                        answer in JSON\n"
    "  -h, --help\n"
    "\n" STORE_LINES;

const char usage_check[] =
    "usage: crmfs check [OPTION...] STORE\n"
    "\n"
    "Looks whether all is there that the snapshots need, and says of any damage which\n"
    "rows of which table of which snapshot it touches. Exit status 1: there is some.\n"
    "\n"
    "  --read-data                   read every byte; otherwise only what describes\n"
    "                                the tables\n"
    "  --read-data-subset N/T        read the N-th of T parts of the data\n"
    "  --json                        answer in JSON\n"
    "  -h, --help\n"
    "\n" STORE_LINES;

const char usage_repair[] =
    "usage: crmfs repair [OPTION...] STORE\n"
    "\n"
    "Makes the indexes again from the data, checkpoints from the log, and packs whose\n"
    "directory is damaged from what can be read of them. It drops nothing, unless it\n"
    "is told to. What is lost is named; while there is some, the exit status is 1.\n"
    "\n"
    "  --forget-damaged              forget the snapshots that lost something, see\n"
    "                                crmfs check; set files/ back where its tree is\n"
    "                                lost\n"
    "  --drop-records                give up damaged records of the log: what they\n"
    "                                said is lost, what the others say stays\n"
    "  --read-data                   read every byte to find what is damaged\n"
    "  --json                        answer in JSON\n"
    "  -h, --help\n"
    "\n" STORE_LINES;

const char usage_stats[] =
    "usage: crmfs stats [OPTION...] STORE\n"
    "\n"
    "Shows how much the snapshots hold as CSV, and how much room they take.\n"
    "\n"
    "  --json                        answer in JSON\n"
    "  -h, --help\n"
    "\n" STORE_LINES;

const char usage_mount_helper[] =
    "usage: mount.crmfs SOURCE MOUNTPOINT [-sfnvrw] [-N NAMESPACE] [-o OPTION,...]\n"
    "\n"
    "For mount(8) and /etc/fstab; otherwise use crmfs mount, whose options these are.\n"
    "With config=FILE or store=STORE among them, SOURCE may be \"none\".\n"
    "\n"
    "  -r, -w         the options ro and rw\n"
    "  -s             pass over options that are not known\n"
    "  -f             do everything but mount\n"
    "  -n, -v, -N, -t have no effect here\n"
    "  -h, --help\n"
    "  -V, --version\n";

int usage_show(const char *text)
{
    output_write(text, strlen(text));
    return output_end(NULL);
}
