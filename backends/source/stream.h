/* SPDX-License-Identifier: MIT */
/*
 * Sources whose tables come in one stream: archives. A dump holds one table after
 * another, and often says only at its end what a table's primary key is; reading
 * it once for each table would take as many passes as there are tables. So such a
 * source is read through once, and hands every row to a taker as it comes:
 *
 *   begin_table  row row row …  [change_table]  [fail_table]  [finish_table]
 *
 * Rows of several tables may come mixed. What keeps them until all is read, puts
 * them in order and shows them as a dataset is fs/table/indexed.h; a table that the
 * stream says is finished is shown before.
 */
#ifndef CRMFS_SOURCE_STREAM_H
#define CRMFS_SOURCE_STREAM_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "backends/source/held_bytes.h"
#include "backends/source/key_labels.h"
#include "backends/source/source.h"

/* How the values of one column of the order key compare. */
enum key_order {
    KEY_UNKNOWN, /* the stream's own order is taken for the table's */
    KEY_NUMBER,  /* by value */
    KEY_BYTES,   /* byte by byte */
    KEY_LETTERS, /* as words do in most collations: see fs/table/key_compare.h */
    KEY_NOCASE,  /* SQLite's NOCASE: bytes, letters A to Z as small ones */
    KEY_TRIMMED, /* SQLite's RTRIM: bytes, without spaces at the end */
    KEY_LABELS,  /* as the values of an enumeration were declared */
    /* PostgreSQL's: */
    KEY_ADDRESS,    /* inet and cidr */
    KEY_MOMENT,     /* dates and timestamps, in UTC */
    KEY_ZONED_TIME, /* time with time zone */
    KEY_INTERVAL,
    KEY_MONEY,
    KEY_LOG_PLACE,  /* pg_lsn */
    KEY_JSON,       /* jsonb, whose texts compare as KEY_LETTERS has it; … */
    KEY_JSON_BYTES, /* … byte by byte */
};

/* What consists of values of PostgreSQL's. */
enum key_wrap {
    KEY_PLAIN, /* it is a value */
    KEY_ARRAY,
    KEY_RANGE, /* or a multirange */
};

/* An array of a domain over an array of ranges; deeper ones compare as texts. */
#define KEY_WRAPS_MOST 4

/* One column of what rows are sorted by. */
struct key_term {
    size_t column; /* of the schema's */
    enum key_order order;
    bool descending;
    uint8_t wraps[KEY_WRAPS_MOST]; /* of enum key_wrap, the outermost first: what is in all of them
                                      compares so */
    struct key_labels *labels;     /* of KEY_LABELS; borrowed, a taker references it */
};

/* What rows are whose terms, none of them NULL, are the same. */
enum same_key {
    SAME_KEY_ROWS,  /* rows as others */
    SAME_KEY_ERROR, /* such as there are none in the database: that there are is told */
    SAME_KEY_LAST,  /* one row: the last that came … */
    SAME_KEY_FIRST, /* … or the first */
};

struct stream_table {
    struct schema *schema;        /* borrowed; the taker references it */
    size_t term_count;            /* 0: the rows' order is the stream's own */
    const struct key_term *terms; /* of the schema's order key, or more columns; borrowed */
    bool nulls_last;              /* in the order; first otherwise */
    enum same_key same_key;       /* but for the first two only where the order can be told */
    bool has_more_keys;           /* by which rows may be one as well, which is not looked for */
};

/* What stands in an archive: shown byte for byte under raw/. */
struct stream_member {
    const char *path; /* relative, without "..", '/' between its parts; valid UTF-8 */
    uint64_t bytes;
    struct timespec modified; /* of the archive where the member has none */
};

/* No row that a stream hands over is larger; a table with such rows fails. */
#define STREAM_ROW_LIMIT ((size_t)32 << 20)

/* Functions give 0 or -errno, which ends the stream. */
struct row_taker;
struct row_taker_class {
    /* *ret_table is the table's number from now on: 0, 1, 2 … */
    int (*begin_table)(struct row_taker *taker, const struct stream_table *table, size_t *ret_table,
                       struct failure *failure);
    /*
     * The table is this one after all: under other names or keys, and with more columns behind
     * the ones that it had, which are NULL in the rows so far. A type may have become another,
     * but for bytes; where it has become json, texts so far turn into JSON's strings.
     */
    int (*change_table)(struct row_taker *taker, size_t table, const struct stream_table *changed,
                        struct failure *failure);
    /* CELLS as a cursor gives them, all with data; valid during the call. */
    int (*row)(struct row_taker *taker, size_t table, const struct cell *cells,
               struct failure *failure);
    /* The table cannot be had whole: its files give this failure. ENODATA: what is read was made
     * without its rows, and nothing is lost. The stream goes on. */
    int (*fail_table)(struct row_taker *taker, size_t table, const struct failure *why);
    /*
     * Nothing more is to be expected of the table: it may be shown while the stream goes on. Should
     * something come after all, what was shown is not what the table is at the end. NULL: the taker
     * shows nothing early.
     */
    int (*finish_table)(struct row_taker *taker, size_t table, struct failure *failure);
    /*
     * What tables FIRST and later came out of is not what was once packed, nobody knows where:
     * they fail, and none of their rows is shown. table_count: how many have begun, and the number
     * of the next one. Both NULL: the taker takes no archives.
     */
    int (*doubt_tables)(struct row_taker *taker, size_t first, const struct failure *why);
    size_t (*table_count)(const struct row_taker *taker);
    /* There is no such table after all. Its number is not given to another. */
    int (*drop_table)(struct row_taker *taker, size_t table);
    /*
     * Something is wrong that is no single table's matter: told to the user. EIO, EILSEQ, EFBIG: it
     * is what is read, and will be as wrong at the next reading; ENODATA: it has nothing of what is
     * named, and nothing is lost; ENOEXEC: programs and sequences, which are no part of tables, are
     * left out, and nothing else is lost; ENOTUNIQ: it says nothing of how it is to be read, and is
     * read in one way of several: a notice, nothing is left out; other codes: it may be overcome.
     */
    void (*trouble)(struct row_taker *taker, const struct failure *why);
    /* The tables that follow are of such a database, as a source's kind. NULL: it does not matter.
     */
    void (*kind)(struct row_taker *taker, const char *kind);
    /* When the data were taken from their database, as they themselves say. */
    void (*moment)(struct row_taker *taker, struct timespec moment);
    /*
     * Bytes of the member that comes next, in order: of one that is costly to come by again, and
     * that holds no tables.
     */
    int (*member_bytes)(struct row_taker *taker, const void *bytes, size_t size,
                        struct failure *failure);
    int (*member)(struct row_taker *taker, const struct stream_member *member,
                  struct failure *failure);
    /*
     * Keeps bytes of what cannot be read in order, sealed, behind those that *HELD has (NULL at
     * first; the stream releases it). NULL: the taker keeps none.
     */
    int (*hold)(struct row_taker *taker, struct held_bytes **held, const void *bytes, size_t size,
                struct failure *failure);
};
struct row_taker {
    const struct row_taker_class *class;
};

/* Whether something of tables is missed, or may be wrong, for what trouble() was told. */
static inline bool stream_trouble_is_loss(const struct failure *why)
{
    return why->code != ENODATA && why->code != ENOEXEC && why->code != ENOTUNIQ;
}

#endif
