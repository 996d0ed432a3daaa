/* SPDX-License-Identifier: MIT */
#include "fs/files/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fs/base/memory.h"

#define ENDING "crmfs-ending" /* at most 15 bytes */

#define TEXT_SIZE (FILES_CLAIM_TEXT_LIMIT + 1)
#define BOOT_SIZE 64
#define STAT_SIZE 1024
#define STATE_FIELD 3 /* of /proc/<pid>/stat, proc(5) */
#define START_FIELD 22

static int read_text(const char *path, char *text, size_t size)
{
    cleanup_fd int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = descriptor >= 0 ? read(descriptor, text, size - 1) : -1;

    if (length <= 0)
        return -ENOENT;
    text[length] = '\0';
    return 0;
}

static void read_boot(char boot[BOOT_SIZE])
{
    if (read_text("/proc/sys/kernel/random/boot_id", boot, BOOT_SIZE) != 0)
        snprintf(boot, BOOT_SIZE, "-");
    boot[strcspn(boot, " \n")] = '\0';
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

static struct process look_at(long number)
{
    char path[64];
    char text[STAT_SIZE];
    struct process process = {.start = 0};

    snprintf(path, sizeof path, "/proc/%ld/stat", number);
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

int claim_make(struct files_claim *ret_claim, struct failure *failure)
{
    char host[TEXT_SIZE] = "";
    char boot[BOOT_SIZE];
    struct files_claim claim = {.stands = true};

    if (gethostname(host, sizeof host - 1) != 0 || host[0] == '\0')
        snprintf(host, sizeof host, "-");
    read_boot(boot);
    claim.host = strdup(host);
    if (asprintf(&claim.process, "%ld %llu %s", (long)getpid(), look_at((long)getpid()).start,
                 boot) < 0)
        claim.process = NULL;
    if (claim.host == NULL || claim.process == NULL) {
        claim_release(&claim);
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    }
    randombytes_buf(claim.writer, sizeof claim.writer);
    *ret_claim = claim;
    return 0;
}

void claim_release(struct files_claim *claim)
{
    free(claim->host);
    free(claim->process);
    *claim = (struct files_claim){.stands = false};
}

/* Which process of this host made it; false: another's, or that cannot be told. */
static bool is_of_this_host(const struct files_claim *claim, long *ret_process,
                            unsigned long long *ret_start, char boot[BOOT_SIZE])
{
    char host[TEXT_SIZE] = "";

    return gethostname(host, sizeof host - 1) == 0 && strcmp(host, claim->host) == 0 &&
           sscanf(claim->process, "%ld %llu %63s", ret_process, ret_start, boot) == 3 &&
           *ret_process > 0;
}

bool claim_is_dead(const struct files_claim *claim)
{
    char own_boot[BOOT_SIZE];
    char boot[BOOT_SIZE];
    unsigned long long start;
    long process;

    if (!is_of_this_host(claim, &process, &start, boot))
        return false;
    read_boot(own_boot);
    if (strcmp(boot, own_boot) != 0)
        return strcmp(boot, "-") != 0 && strcmp(own_boot, "-") != 0;
    if (kill((pid_t)process, 0) != 0 && errno == ESRCH)
        return true;

    struct process now = look_at(process);

    return now.ended || (start != 0 && now.start != 0 && now.start != start);
}

bool claim_is_ending(const struct files_claim *claim)
{
    char boot[BOOT_SIZE];
    unsigned long long start;
    long process;

    if (!is_of_this_host(claim, &process, &start, boot) || claim_is_dead(claim))
        return false;
    return look_at(process).ending;
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
                       "unmount there first",
                       (int)strcspn(claim->process, " "), claim->process, claim->host, when);
}
