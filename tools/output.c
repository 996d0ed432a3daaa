/* SPDX-License-Identifier: MIT */
#include "tools/output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fs/base/log.h"
#include "tools/commands.h"

/*
 * The first failure: what does not go through stdio's buffer is not tried again by fflush, which
 * then has nothing to say of it.
 */
static int failed;

static void note(int error)
{
    if (failed == 0)
        failed = error != 0 ? error : EIO;
}

void output_write(const void *data, size_t size)
{
    errno = 0;
    if (fwrite(data, 1, size, stdout) != size)
        note(errno);
}

int output_end(const char *done)
{
    errno = 0;
    if (fflush(stdout) != 0 || ferror(stdout))
        note(errno);
    if (failed == 0)
        return 0;
    log_message(LOG_LEVEL_ERROR, "cannot write to standard output: %s%s%s", strerror(failed),
                done != NULL ? "; all the same, " : "", done != NULL ? done : "");
    return STATUS_FAILED;
}
