/* SPDX-License-Identifier: MIT */
/*
 * A source of tables: a live database or an archive. One implementation a file,
 * behind struct source_class; to add a database is to add a file and a line in
 * registry.c.
 *
 *   source   --begin-->  dataset   --open_cursor-->  cursor  --next-->  row
 *   (a place)            (its tables at one moment)   (rows in order)
 *
 * A source and its datasets may be used by several threads; a cursor by one at
 * a time. Cursors of one dataset all see the same moment, however many there
 * are and on whatever connections.
 */
#ifndef CRMFS_SOURCE_SOURCE_H
#define CRMFS_SOURCE_SOURCE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "backends/source/schema.h"
#include "fs/base/buffer.h"
#include "fs/base/failure.h"

enum cell_class {
    CELL_NULL,
    CELL_NUMBER, /* ASCII: a JSON number, or Infinity, -Infinity, NaN */
    CELL_TEXT,   /* the database says text; it may still be invalid UTF-8 or hold NUL */
    CELL_BYTES,
    CELL_BOOLEAN, /* the database has a boolean type; the bytes are its own form, first byte t/1 or
                     f/0 */
};

struct cell {
    enum cell_class class;
    uint64_t size; /* bytes */
    const void
        *data; /* valid until the next call on the cursor; NULL with size > 0: see read_cell */
};

/* A cell above this many bytes may come without data, to be fetched with read_cell. */
#define CELL_INLINE_BYTES ((uint64_t)1 << 20)

struct row {
    const struct cell *cells; /* column_count of them, in the schema's order */
    bool past_range;          /* the row belongs to a later range than the cursor's */
};

struct cursor;
struct cursor_class {
    /* 1 and a row (valid until the next call), 0 at the end, or -errno. */
    int (*next)(struct cursor *cursor, const struct row **ret_row, struct failure *failure);
    /*
     * Reads SIZE bytes at OFFSET of a cell of the current row that came without
     * data. 0 or -errno; a short read is an error.
     */
    int (*read_cell)(struct cursor *cursor, size_t column, uint64_t offset, void *buffer,
                     size_t size, struct failure *failure);
    void (*close)(struct cursor *cursor);
};
struct cursor {
    const struct cursor_class *class;
};

/* How a table may be read by several threads: range I holds the rows from start I to start I+1. */
struct range_plan {
    size_t count;    /* at least 1 */
    int64_t *starts; /* count of them, rising; starts[0] is INT64_MIN. The source gives them their
                        meaning. */
};

struct dataset;
struct dataset_class {
    size_t (*table_count)(const struct dataset *dataset);
    /* Borrowed: as long as the dataset. */
    struct schema *(*schema)(const struct dataset *dataset, size_t table);
    /* The length of the table's rows as CSV, 0: not known. NULL: it never is before they are read.
     */
    uint64_t (*csv_bytes)(const struct dataset *dataset, size_t table);
    /*
     * Splits a table into at most WANTED ranges of about the same number of
     * rows; one range when it cannot. The caller frees ret_plan->starts.
     */
    int (*plan)(struct dataset *dataset, size_t table, size_t wanted, struct range_plan *ret_plan,
                struct failure *failure);
    /*
     * Rows in the schema's order, from the start of range RANGE of PLAN to the
     * end of the table (rows past the range are marked). PLAN outlives the cursor.
     * -ENODATA: there is nothing that could be read, and nothing is lost (a materialised
     * view that was never filled, a table without columns, or whose rows a dump was made without).
     * -EREMOTEIO, of a cursor too: its rows
     * are on another server, which the source's own cannot read.
     */
    int (*open_cursor)(struct dataset *dataset, size_t table, const struct range_plan *plan,
                       size_t range, struct cursor **ret_cursor, struct failure *failure);
    /*
     * 0 if everything read so far belongs to the dataset's moment; -ESTALE if
     * the source changed underneath (only sources that cannot lock).
     */
    int (*verify)(struct dataset *dataset, struct failure *failure);
    /* Gives back connections, locks and transactions while no cursor is open; afterwards
     * only table_count, schema and release may be called. Idempotent. */
    void (*finish)(struct dataset *dataset);
    void (*release)(struct dataset *dataset);
};

/*
 * Whether what a dataset is busy with is still wanted: LOOK gives 0, or the negative errno to end
 * with (-ECANCELED, -ETIMEDOUT). Called every now and then, from any thread, so it is cheap.
 */
struct source_bound {
    int (*look)(void *context); /* NULL: it always is */
    void *context;
};

/*
 * What a dataset's tables hold, beyond the life of a process: datasets of one content, whenever
 * and by whomever they were begun, have the same rows in them. A source that is in any doubt
 * leaves it unknown; then nothing of it is kept for the next mount.
 */
#define SOURCE_IDENTITY_BYTES 32
struct source_identity {
    bool known;
    uint8_t place[SOURCE_IDENTITY_BYTES];   /* whose it is: newer content takes older one's place */
    uint8_t content[SOURCE_IDENTITY_BYTES]; /* schemas are not part of it, how they are read is */
};

struct dataset {
    const struct dataset_class *class;
    /*
     * The user's, zero at first; set only while no plan is made and no cursor is open. What the
     * database is busy with (a view may keep it so for ever) ends soon after it says so, with
     * what it says.
     */
    struct source_bound bound;
    struct source_identity identity; /* zeros: unknown */
    const char *kind;                /* of the database that its tables are of, as a source's; NULL:
                                        the source's own */
    struct timespec changed;         /* when the data last changed, as far as the source can tell */
    /*
     * Why the source may have tables of which nobody is told, this dataset included, in words;
     * NULL: it has none. As long as the dataset.
     */
    const char *unseen;
    /*
     * The dataset holds writers up, or cannot notice them: all its tables are
     * to be read through at once, verified, and finished.
     */
    bool hurry;
    /* How many cursors may usefully run at once; at least 1. */
    unsigned parallel;
    /*
     * Atomic: the connections broke, and the moment is gone with them. As after finish;
     * the source may be asked to begin anew.
     */
    bool lost;
};

/* Which of its tables is called NAME; SIZE_MAX: none. */
static inline size_t dataset_find(const struct dataset *dataset, const char *name)
{
    size_t count = dataset->class->table_count(dataset);

    for (size_t i = 0; i < count; i++) {
        if (strcmp(dataset->class->schema(dataset, i)->name, name) == 0)
            return i;
    }
    return SIZE_MAX;
}

/* Changes whenever the data may have changed; comparable between any two calls on one source. */
struct source_version {
    uint64_t words[4];
};

struct row_taker;
struct source;
struct source_class {
    const char *kind; /* "sqlite", "mysql", "postgresql": what a snapshot is said to be of */
    /*
     * The source is a server: version and begin wait for a network, as long as its
     * timeouts let them, and may fail for a while. They are then asked apart from what
     * answers the mount's requests (fs/tree/live.h).
     */
    bool remote;
    /* Cheap (microseconds; a server's, a round trip or two): asked before an old dataset is shown
     * again. */
    int (*version)(struct source *source, struct source_version *ret_version,
                   struct failure *failure);
    /*
     * One consistent moment of all tables, with the version that it is of. NULL: the
     * source is a stream.
     */
    int (*begin)(struct source *source, struct dataset **ret_dataset,
                 struct source_version *ret_version, struct failure *failure);
    /*
     * Of a source that can only be read through as a whole (stream.h), else NULL: hands all its
     * tables and rows to TAKER. What cannot be read TAKER is told, and the rest goes on.
     * *ret_changed is set before the first table is begun.
     */
    int (*stream)(struct source *source, struct row_taker *taker,
                  struct source_version *ret_version, struct timespec *ret_changed,
                  struct failure *failure);
    /*
     * Of a stream: what it would hand over if it were read now, found without reading it through;
     * unknown while in any doubt. NULL: always unknown.
     */
    void (*identify)(struct source *source, struct source_identity *ret_identity);
    /* Of a stream: hands the bytes of a member (its path as TAKER was told) to TAKE. */
    int (*extract)(struct source *source, const char *path,
                   int (*take)(void *context, const void *bytes, size_t size,
                               struct failure *failure),
                   void *context, struct failure *failure);
    void (*close)(struct source *source); /* after all its datasets are released */
    /*
     * Appends ,"member":value… to a JSON object, from what is known without asking
     * anyone: which host is in use, which tables are not of one moment. NULL: nothing.
     */
    int (*status)(struct source *source, struct buffer *text);
};
struct source {
    const struct source_class *class;
};

#define SOURCE_BUSY_TIMEOUT_MS 5000 /* where nobody says otherwise */

struct source_options {
    unsigned busy_timeout_ms; /* how long to wait for another program's lock, or its files */
    unsigned parallel;        /* threads that the caller can give to one scan */
    const bool *cancelled; /* atomic, NULL: none; when it turns true, what the database is busy with
                              ends soon */
    /* A server's; borrowed until source_open returns; NULL: its URL or option files say. */
    const char *password;
    const char *wishes;           /* an archive's, NAME=VALUE&… as in its URL; NULL: none */
    const char *password_command; /* what it prints is the password; run for each connection */
};

/*
 * Opens what URL names: a path, or SCHEME:…; a path is recognised by its
 * content, a server only by its scheme. Fails with -EINVAL (unknown scheme, malformed), -ENOENT,
 * -EACCES, -EBUSY (locked), -EILSEQ (not such a database, encrypted, corrupt) …
 */
int source_open(const char *url, const struct source_options *options, struct source **ret_source,
                struct failure *failure);

/* Whether URL is a server's, which knows users and passwords. Talks to none. */
bool source_is_server(const char *url);

/*
 * URL as people may see it, in a message or a log: without what stands between its "://" and an
 * '@', a user with a password perhaps, and without the values of its options, known or not. A path
 * stays what it is. The caller's to free; NULL: no memory.
 */
char *source_shown(const char *url);

/* As failure_name(), by URL as people may see it. */
int source_name_failure(struct failure *failure, int code, const char *url);

/*
 * Takes URL apart without looking at any file: *ret_scheme is its scheme as this page spells it
 * ("sqlite", "mysql" …), static, NULL for a bare path; *ret_path a file's path, a server's
 * database (NULL: none), the caller's. -EINVAL in words.
 */
int source_take_apart(const char *url, const char **ret_scheme, char **ret_path,
                      struct failure *failure);

/* Whether PATH is a file, or a folder, that source_open recognises by its content (also package.h).
 */
bool source_is_known(const char *path);

/*
 * Takes NAME=URL apart. *ret_name is NAME, or made of the URL: the last part of
 * its path without .db, .sqlite, .sqlite3; a server's database. Both results are the caller's to
 * free. -EINVAL: empty, '/' or a control byte in the name, "." or "..".
 */
int source_parse(const char *text, char **ret_name, char **ret_url, struct failure *failure);

#endif
