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

#define TEXT_SIZE (FILES_CLAIM_TEXT_LIMIT + 1)
#define BOOT_SIZE 64
#define STAT_SIZE 1024
#define START_FIELD 22 /* of /proc/<pid>/stat, proc(5) */

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

/* When a process began, in ticks since the boot; 0: there is none, or nothing is known of it. */
static unsigned long long start_of(long process)
{
    char path[64];
    char text[STAT_SIZE];
    unsigned long long start = 0;

    snprintf(path, sizeof path, "/proc/%ld/stat", process);
    if (read_text(path, text, sizeof text) != 0)
        return 0;

    /* The second field, in brackets, is a name of any bytes. */
    const char *at = strrchr(text, ')');

    for (int field = 2; at != NULL && field < START_FIELD; field++)
        at = strchr(at + 1, ' ');
    if (at != NULL)
        start = strtoull(at + 1, NULL, 10);
    return start;
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
    if (asprintf(&claim.process, "%ld %llu %s", (long)getpid(), start_of((long)getpid()), boot) < 0)
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

bool claim_is_dead(const struct files_claim *claim)
{
    char host[TEXT_SIZE] = "";
    char own_boot[BOOT_SIZE];
    char boot[BOOT_SIZE];
    unsigned long long start;
    long process;

    if (gethostname(host, sizeof host - 1) != 0 || strcmp(host, claim->host) != 0 ||
        sscanf(claim->process, "%ld %llu %63s", &process, &start, boot) != 3 || process <= 0)
        return false;
    read_boot(own_boot);
    if (strcmp(boot, own_boot) != 0)
        return strcmp(boot, "-") != 0 && strcmp(own_boot, "-") != 0;
    if (kill((pid_t)process, 0) != 0 && errno == ESRCH)
        return true;

    unsigned long long now = start_of(process);

    return start != 0 && now != 0 && now != start;
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
