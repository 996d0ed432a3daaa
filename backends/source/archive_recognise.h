/* SPDX-License-Identifier: MIT */
/* What a file, or a member of an archive, is by how it begins. */
#ifndef CRMFS_SOURCE_ARCHIVE_RECOGNISE_H
#define CRMFS_SOURCE_ARCHIVE_RECOGNISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/source/delimited.h"
#include "backends/source/json_rows.h"
#include "backends/source/text_set.h"

/*
 * Where a beginning leaves it open what it is, since its rows are long, so many times as much is
 * looked at, and at last so much: most say it at once.
 */
#define ARCHIVE_LOOK_GROWTH 4
#define ARCHIVE_LOOK_MOST ((size_t)1 << 20)

/* What libarchive can take apart. */
bool archive_is_packed(const uint8_t *bytes, size_t size);

struct archive_text {
    enum {
        ARCHIVE_TEXT_NONE, /* there are no tables in it */
        ARCHIVE_TEXT_DUMP,
        ARCHIVE_TEXT_JSON,
        ARCHIVE_TEXT_DELIMITED,
    } kind;
    bool unsure;       /* more of it may say otherwise */
    enum text_set set; /* of a dump */
    struct json_form form;
    struct dialect dialect;
};

/* What NAME is that begins so; ENDED: that is all. WISH: as of delimited_recognise. */
struct archive_text archive_recognise_text(const char *name, const uint8_t *begin, size_t size,
                                           bool ended, const struct dialect_wish *wish);

#endif
