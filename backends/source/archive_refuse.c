/* SPDX-License-Identifier: MIT */
/* Archives that are whole, but not as they stand: what has to be done to them first is said. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backends/source/archive_internal.h"
#include "backends/source/plain_file.h"
#include "fs/base/ascii.h"
#include "fs/base/memory.h"

static bool ends_in(const char *name, size_t size, const char *ending)
{
    size_t length = strlen(ending);

    if (size <= length)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (ascii_lower(name[size - length + i]) != ending[i])
            return false;
    }
    return true;
}

/* "crm.7z.001", "crm.zip.001": the file itself, cut. */
static bool is_slice(const char *name, size_t size)
{
    return size > 4 && name[size - 4] == '.' && isdigit((unsigned char)name[size - 3]) &&
           isdigit((unsigned char)name[size - 2]) && isdigit((unsigned char)name[size - 1]) &&
           (ends_in(name, size - 4, ".7z") || ends_in(name, size - 4, ".zip"));
}

/* "crm.z01" */
static bool is_segment(const char *name, size_t size)
{
    return size > 4 && ends_in(name, size - 2, ".z") && isdigit((unsigned char)name[size - 2]) &&
           isdigit((unsigned char)name[size - 1]);
}

/* "crm.zip", beside a "crm.z01". */
static bool is_last_segment(const char *path, size_t size)
{
    cleanup_free char *first = NULL;

    if (!ends_in(path, size, ".zip"))
        return false;
    if (asprintf(&first, "%.*s01", (int)(size - 2), path) < 0) {
        first = NULL;
        return false;
    }
    return access(first, F_OK) == 0;
}

int archive_refuse_part(const char *path, struct failure *failure)
{
    size_t size = strlen(path);

    if (is_slice(path, size))
        return failure_set(failure, EILSEQ,
                           SHOWN_PATH ": a part of an archive that was cut into several: join them "
                                      "(cat NAME.001 NAME.002 … > NAME), and mount that",
                           path);
    if (is_segment(path, size) || is_last_segment(path, size))
        return failure_set(failure, EILSEQ,
                           SHOWN_PATH ": a part of a ZIP that was written as several: join them "
                                      "(zip -s 0 NAME.zip --out WHOLE.zip), and mount that",
                           path);
    return 0;
}

int archive_refuse_fed(struct archive *archive, bool fed, const char *name, struct failure *failure)
{
    if ((archive_format(archive) & ARCHIVE_FORMAT_BASE_MASK) != ARCHIVE_FORMAT_7ZIP ||
        !(fed || archive_filter_count(archive) > 1))
        return 0;
    return failure_set(failure, EILSEQ,
                       SHOWN_PATH ": a 7z that is compressed once more, or in another archive: it "
                                  "is read from its end on, which takes a file of its own; unpack "
                                  "it beside, and mount that",
                       name);
}
