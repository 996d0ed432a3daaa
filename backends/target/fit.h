/* SPDX-License-Identifier: MIT */
/*
 * What a column of a target can hold. A cell is made what the database is given for it, and is
 * refused when the database would change it: round it, cut it, read it in another way.
 */
#ifndef CRMFS_TARGET_FIT_H
#define CRMFS_TARGET_FIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/source/schema.h"
#include "backends/source/source.h"
#include "fs/base/buffer.h"

enum target_engine { ENGINE_SQLITE, ENGINE_MYSQL, ENGINE_POSTGRES };

enum fit_kind {
    FIT_ANY,        /* SQLite's BLOB affinity: whatever it is */
    FIT_NUMERIC,    /* SQLite's INTEGER and NUMERIC affinity */
    FIT_REAL,       /* SQLite's REAL affinity */
    FIT_LOOSE_TEXT, /* SQLite's TEXT affinity */
    FIT_INTEGER,
    FIT_DECIMAL,
    FIT_FLOAT,
    FIT_SINGLE, /* a float of 32 bits */
    FIT_BOOLEAN,
    FIT_TEXT,
    FIT_BYTES,
    FIT_DATE,
    FIT_TIME,
    FIT_MOMENT, /* a date and a time */
    FIT_JSON,
    FIT_UUID,
    FIT_OTHER, /* the database looks at the text itself */
};

struct fit {
    enum target_engine engine;
    enum fit_kind kind;
    const char *least; /* integers: the digits of the least and the most value, without sign */
    const char *most;
    bool zone;           /* FIT_MOMENT, FIT_TIME: with a time zone */
    bool padded;         /* text: blanks at the end do not count (char(n)) */
    bool cut;            /* text: blanks at the end are lost (MySQL's CHAR) */
    bool fixed;          /* bytes: all values have most_bytes */
    bool reordered;      /* a document: kept as a value, not as a text */
    bool year;           /* MySQL's YEAR */
    unsigned digits;     /* decimals: in all; 0: any */
    unsigned fraction;   /* digits behind the point that are kept, of seconds too */
    uint64_t most_chars; /* 0: any */
    uint64_t most_bytes; /* 0: any */
};

/* Of a column of the target's own schema. */
struct fit fit_of(enum target_engine engine, const struct column *column);

/* What has become of a cell. */
struct fitted {
    struct cell cell;   /* points to the cell that was given, or into the scratch buffer */
    bool exact;         /* the database gives back the very same text, of the same class */
    const char *reason; /* why it is refused: a static string, "is …" */
};

/*
 * Of a cell with data. SCRATCH is appended to; what was appended must not move as long as the
 * result is used, so there must be room for 64 bytes and twice the cell. 0; -EINVAL: see reason.
 */
int fit_cell(const struct fit *fit, const struct cell *cell, struct buffer *scratch,
             struct fitted *ret_fitted);

/* Bytes that fit_cell may append for a cell of SIZE bytes. */
static inline size_t fit_room(uint64_t size)
{
    return 64 + 2 * (size_t)size;
}

/* Whether a date or a time, which fits, comes back in other words: "T", ".50", a zone. */
bool fit_rewords(const struct fit *fit, const struct cell *cell);

/*
 * Appends what the cell's value is: the same for what was fitted and for what the database gives
 * back for it. 0 or -ENOMEM, -EFBIG.
 */
int fit_value(const struct fit *fit, const struct cell *cell, struct buffer *value);

#endif
