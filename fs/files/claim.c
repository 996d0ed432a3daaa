/* SPDX-License-Identifier: MIT */
/*
 * When a claim's process has certainly ended:
 *
 *   same boot and space of numbers         there is no such process, whatever the host is called
 *                                          now; one of another name might be a copy of this machine
 *                                          that runs on: its lock is not held
 *   same boot, else another container      its lock is free, on the very file that it took it on
 *   same host's name, another boot         its lock is not held: another machine may have the name
 *   another host                           that cannot be told: locks may not get there
 */
#include "fs/files/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fs/base/memory.h"

#define END_ATTEMPTS 100
#define ENDING "crmfs-ending" /* at most 15 bytes */

#define TEXT_SIZE (FILES_CLAIM_TEXT_LIMIT + 1)
#define ID_SIZE 64
#define STAT_SIZE 1024
#define STATE_FIELD 3 /* of /proc/<pid>/stat, proc(5) */
#define START_FIELD 22
#define UNKNOWN "-"

/* What a claim says of its process. */
struct holder {
    long process;
    unsigned long long start; /* in ticks since the boot; 0: not known */
    char boot[ID_SIZE];
    char space[ID_SIZE]; /* that PROCESS is its number in; empty: nothing is said from here on */
    bool has_lock;
    struct claim_file lock;
};

static int read_text(const char *path, char *text, size_t size)
{
    cleanup_fd int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = descriptor >= 0 ? read(descriptor, text, size - 1) : -1;

    if (length <= 0)
        return -ENOENT;
    text[length] = '\0';
    return 0;
}

static void read_boot(char boot[ID_SIZE])
{
    if (read_text("/proc/sys/kernel/random/boot_id", boot, ID_SIZE) != 0)
        snprintf(boot, ID_SIZE, UNKNOWN);
    boot[strcspn(boot, " \n")] = '\0';
}

/* The name space of process numbers: containers have their own. */
static void read_space(char space[ID_SIZE])
{
    struct stat status;

    if (stat("/proc/self/ns/pid", &status) == 0)
        snprintf(space, ID_SIZE, "%ju", (uintmax_t)status.st_ino);
    else
        snprintf(space, ID_SIZE, UNKNOWN);
}

struct process {
    unsigned long long start; /* in ticks since the boot; 0: there is none, or it is not known */
    bool ended;               /* but nobody has waited for it */
    bool ending;              /* it says so itself */
};

/* The second field, in brackets, is a name of any bytes; the third follows CLOSED, its end. */
static const char *find_field(const char *closed, int number)
{
    const char *at = closed;

    for (int field = STATE_FIELD - 1; at != NULL && field < number; field++)
        at = strchr(at + 1, ' ');
    return at != NULL ? at + 1 : "";
}

/* Whether /proc has the numbers of our own name space: it may be of one around it. */
static bool proc_is_ours(void)
{
    char target[ID_SIZE];
    ssize_t length = readlink("/proc/self", target, sizeof target - 1);

    if (length <= 0)
        return false;
    target[length] = '\0';
    return strtol(target, NULL, 10) == (long)getpid();
}

static struct process look_at(const char *name)
{
    char path[64];
    char text[STAT_SIZE];
    struct process process = {.start = 0};

    snprintf(path, sizeof path, "/proc/%s/stat", name);
    if (read_text(path, text, sizeof text) != 0)
        return process;

    const char *opened = strchr(text, '(');
    const char *closed = strrchr(text, ')');
    const char *state = find_field(closed, STATE_FIELD);

    process.start = strtoull(find_field(closed, START_FIELD), NULL, 10);
    process.ended = *state == 'Z' || *state == 'X';
    process.ending = opened != NULL && strncmp(opened + 1, ENDING ")", strlen(ENDING ")")) == 0;
    return process;
}

static struct process look_at_number(long number)
{
    char name[24];

    if (!proc_is_ours())
        return (struct process){.start = 0};
    snprintf(name, sizeof name, "%ld", number);
    return look_at(name);
}

static char *describe_self(const struct claim_lock *lock)
{
    char boot[ID_SIZE];
    char space[ID_SIZE];
    char place[ID_SIZE] = UNKNOWN;
    char *text;

    read_boot(boot);
    read_space(space);
    if (lock->file >= 0)
        snprintf(place, sizeof place, "%" PRIu64 ":%" PRIu64, lock->place.device,
                 lock->place.inode);
    if (asprintf(&text, "%ld %llu %s %s %s", (long)getpid(), look_at("self").start, boot, space,
                 place) < 0)
        return NULL;
    return text;
}

int claim_make(struct storage *storage, struct own_claim *ret_own, struct failure *failure)
{
    char host[TEXT_SIZE] = "";
    struct own_claim own = {.claim = {.stands = true}, .lock = {.file = -1}};

    if (gethostname(host, sizeof host - 1) != 0 || host[0] == '\0')
        snprintf(host, sizeof host, UNKNOWN);
    randombytes_buf(own.claim.writer, sizeof own.claim.writer);
    (void)claim_lock_take(storage, own.claim.writer, &own.lock);
    own.claim.host = strdup(host);
    own.claim.process = describe_self(&own.lock);
    if (own.claim.host == NULL || own.claim.process == NULL) {
        claim_release(storage, &own);
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    }
    *ret_own = own;
    return 0;
}

void claim_release(struct storage *storage, struct own_claim *own)
{
    claim_lock_release(storage, own->claim.writer, &own->lock);
    free(own->claim.host);
    free(own->claim.process);
    own->claim = (struct files_claim){.stands = false};
}

/* ---- Another's ---- */

static bool read_holder(const struct files_claim *claim, struct holder *ret_holder)
{
    struct holder holder = {.process = 0};
    char end;

    if (sscanf(claim->process, "%ld %llu %63s %63s %" SCNu64 ":%" SCNu64 "%c", &holder.process,
               &holder.start, holder.boot, holder.space, &holder.lock.device, &holder.lock.inode,
               &end) < 3 ||
        holder.process <= 0)
        return false;
    holder.has_lock = holder.lock.inode != 0;
    *ret_holder = holder;
    return true;
}

static bool is_of_this_host(const struct files_claim *claim)
{
    char host[TEXT_SIZE] = "";

    return gethostname(host, sizeof host - 1) == 0 && strcmp(host, claim->host) == 0;
}

/* Whether its number means the same process to us. One that does not say whose number it is was
 * made by a crmfs that knew of no others. */
static bool is_of_our_space(const struct holder *holder)
{
    char space[ID_SIZE];

    read_space(space);
    return holder->space[0] == '\0' || strcmp(space, holder->space) == 0;
}

static bool has_ended(const struct holder *holder)
{
    if (kill((pid_t)holder->process, 0) != 0 && errno == ESRCH)
        return true;

    struct process now = look_at_number(holder->process);

    return now.ended || (holder->start != 0 && now.start != 0 && now.start != holder->start);
}

enum boots { BOOTS_UNKNOWN, BOOTS_SAME, BOOTS_DIFFER };

static enum boots compare_boots(const struct holder *holder)
{
    char boot[ID_SIZE];

    read_boot(boot);
    if (strcmp(boot, UNKNOWN) == 0 || strcmp(holder->boot, UNKNOWN) == 0)
        return BOOTS_UNKNOWN;
    return strcmp(boot, holder->boot) == 0 ? BOOTS_SAME : BOOTS_DIFFER;
}

/* Whether it can be seen from here. The name of a host may change while its processes run. */
static bool is_near(const struct files_claim *claim, const struct holder *holder)
{
    enum boots boots = compare_boots(holder);

    return is_of_our_space(holder) &&
           (is_of_this_host(claim) ? boots != BOOTS_DIFFER
                                   : boots == BOOTS_SAME && holder->space[0] != '\0' &&
                                         strcmp(holder->space, UNKNOWN) != 0);
}

bool claim_is_dead(struct storage *storage, const struct files_claim *claim)
{
    struct holder holder;

    if (!read_holder(claim, &holder))
        return false;
    if (is_near(claim, &holder))
        return has_ended(&holder) &&
               (is_of_this_host(claim) ||
                claim_lock_look(storage, claim->writer, NULL) != CLAIM_LOCK_HELD);
    switch (compare_boots(&holder)) {
    case BOOTS_SAME:
        return holder.has_lock &&
               claim_lock_look(storage, claim->writer, &holder.lock) == CLAIM_LOCK_FREE;
    case BOOTS_DIFFER: /* two machines may have one name */
        return is_of_this_host(claim) &&
               claim_lock_look(storage, claim->writer, NULL) != CLAIM_LOCK_HELD;
    case BOOTS_UNKNOWN: break;
    }
    return false;
}

bool claim_is_ending(const struct files_claim *claim)
{
    struct holder holder;

    return read_holder(claim, &holder) && is_near(claim, &holder) && !has_ended(&holder) &&
           look_at_number(holder.process).ending;
}

void claim_say_ending(void)
{
    cleanup_fd int name = open("/proc/self/comm", O_WRONLY | O_CLOEXEC);

    if (name >= 0 && write(name, ENDING, strlen(ENDING)) < 0) {
        /* Then nobody waits. */
    }
}

int claim_refuse(const struct files_claim *claim, struct failure *failure)
{
    time_t since = (time_t)(claim->time_ns / 1000000000);
    struct tm parts;
    char when[32] = "?";

    if (gmtime_r(&since, &parts) != NULL)
        strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S UTC", &parts);
    return failure_set(failure, EROFS,
                       "process %.*s on %s has been writing to files/ since %s, and only one can: "
                       "unmount there first; if it has ended, or writes to another copy of this "
                       "store, `crmfs repair --release-files` on this one says so",
                       (int)strcspn(claim->process, " "), claim->process, claim->host, when);
}

/* One that runs, but does not hold here the lock that it has, writes to what this is a copy of. */
static bool is_seen_alive(struct storage *storage, const struct files_claim *claim)
{
    struct holder holder;

    return claim_lock_look(storage, claim->writer, NULL) == CLAIM_LOCK_HELD ||
           (read_holder(claim, &holder) && !holder.has_lock && is_near(claim, &holder) &&
            !has_ended(&holder));
}

/* Takes it back once. -EAGAIN: others have changed the log. */
static int end_once(struct store *store, struct log_state *state, struct failure *failure)
{
    int error = log_read(store, state, failure);
    const struct files_claim *claim = &state->claim;
    uint8_t writer[FILES_WRITER_BYTES];

    if (error != 0)
        return error;
    if (!claim->stands)
        return -ENOENT;
    if (is_seen_alive(store_storage(store), claim))
        return failure_set(failure, EBUSY,
                           "process %.*s on %s is seen to run, and writes to files/: unmount there",
                           (int)strcspn(claim->process, " "), claim->process, claim->host);
    memcpy(writer, claim->writer, sizeof writer);
    error = log_release(store, state, writer, failure);
    if (error == 0)
        claim_lock_remove(store_storage(store), writer);
    return error;
}

int claim_end(struct store *store, bool *ret_stood, struct failure *failure)
{
    struct log_state state = {.sequence = 0};
    int error = -EAGAIN;

    for (int i = 0; i < END_ATTEMPTS && error == -EAGAIN; i++)
        error = end_once(store, &state, failure);
    log_state_release(&state);
    if (error == 0 || error == -ENOENT)
        *ret_stood = error == 0;
    return error == -ENOENT ? 0 : error;
}
