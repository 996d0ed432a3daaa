/* SPDX-License-Identifier: MIT */
#include "backends/source/archive_recognise.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/archive.h"
#include "backends/source/archive_unpack.h"
#include "backends/source/dump.h"
#include "backends/source/pg_restore.h"
#include "backends/source/plain_file.h"
#include "fs/base/memory.h"

bool archive_is_packed(const uint8_t *bytes, size_t size)
{
    static const struct {
        const char *bytes;
        size_t size;
    } marks[] = {
        {"PK\x03\x04", 4},   {"PK\x05\x06", 4},   {"7z\xbc\xaf\x27\x1c", 6},
        {"Rar!\x1a\x07", 6}, {"MSCF\0\0\0\0", 8},
    };

    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        if (size >= marks[i].size && memcmp(bytes, marks[i].bytes, marks[i].size) == 0)
            return true;
    }
    return archive_unpack_recognise(bytes, size) ||
           (size >= 262 && memcmp(bytes + 257, "ustar", 5) == 0);
}

struct archive_text archive_recognise_text(const char *name, const uint8_t *begin, size_t size,
                                           bool ended, const struct dialect_wish *wish)
{
    struct archive_text text = {.kind = ARCHIVE_TEXT_NONE};

    if (size == 0)
        return text;
    if (dump_recognise(begin, size, &text.set)) {
        text.kind = ARCHIVE_TEXT_DUMP;
        return text;
    }
    if (json_rows_recognise(name, begin, size, &text.form))
        text.kind = ARCHIVE_TEXT_JSON;
    else if (delimited_recognise(name, begin, size, ended, wish, &text.dialect))
        text.kind = ARCHIVE_TEXT_DELIMITED;
    text.unsure =
        !ended && (text.form.unsure || text.dialect.unsure || dump_begin_size(begin, size) > size);
    return text;
}

/* Zeros stand where there are fewer bytes. */
static struct archive_text recognise(const char *path, const uint8_t *begin, size_t size)
{
    size_t written = size;

    while (written > 0 && begin[written - 1] == '\0')
        written--;
    return archive_recognise_text(path, begin, written, written < size, NULL);
}

int archive_recognise(const char *path, const void *begin, bool *ret_archive,
                      struct failure *failure)
{
    size_t size = ARCHIVE_BEGIN_BYTES;
    struct archive_text text;

    *ret_archive = true;
    if (archive_is_packed(begin, size) || pg_format_of(begin, size) == PG_CUSTOM)
        return 0;
    text = recognise(path, begin, size);
    while (text.kind == ARCHIVE_TEXT_NONE && text.unsure && size < ARCHIVE_LOOK_MOST) {
        size *= ARCHIVE_LOOK_GROWTH;

        cleanup_free uint8_t *more = malloc(size);
        int error = more != NULL ? plain_file_begin(path, more, size, failure) : -ENOMEM;

        if (error != 0)
            return error;
        text = recognise(path, more, size);
    }
    *ret_archive = text.kind != ARCHIVE_TEXT_NONE;
    return 0;
}
