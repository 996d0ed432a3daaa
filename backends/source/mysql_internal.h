/* SPDX-License-Identifier: MIT */
/*
 * The inside of MySQL sources, from the bottom up: links (mysql_link, mysql_connect),
 * what they are asked (mysql_query), the catalogue (mysql_catalogue, mysql_keys,
 * mysql_numbers, mysql_type, mysql_unfinished, mysql_views, mysql_grants), datasets and how they
 * begin (mysql_dataset, mysql_begin, mysql_version), rows (mysql_plan, mysql_statement,
 * mysql_cursor, mysql_large).
 */
#ifndef CRMFS_SOURCE_MYSQL_INTERNAL_H
#define CRMFS_SOURCE_MYSQL_INTERNAL_H

#include <mysql.h>
#include <pthread.h>

#include "backends/source/server_hosts.h"
#include "backends/source/server_password.h"
#include "backends/source/server_url.h"
#include "backends/source/source.h"
#include "fs/base/buffer.h"

#define MYSQL_LINKS_MOST 16
#define MYSQL_PLACE_SIZE 300
#define MYSQL_PROBE_S 10 /* of silence, until the server is asked; and for its answer */
#define MYSQL_BRIEF_S 5  /* that the server has for what is only in passing */
#define MYSQL_STATEMENT_LIMIT ((size_t)16 << 20) /* bytes */
#define MYSQL_TABLES_LIMIT 1000000
#define MYSQL_SORTED_BYTES 1024 /* of a value, that servers compare when they sort */

/* --- links ----------------------------------------------------------------------------------- */

/* How changes are noticed (mysql_version.c). */
enum mysql_changes { CHANGES_BINLOG, CHANGES_GTID, CHANGES_TABLES };

/* One connection. Used by one thread at a time. */
struct mysql_link {
    MYSQL *handle;
    unsigned long id;             /* the server's number for it */
    size_t host;                  /* index into the source's hosts */
    char place[MYSQL_PLACE_SIZE]; /* HOST:PORT or a socket's path */
    bool mariadb;
    unsigned version; /* 101105: 10.11.5 */
    enum mysql_changes changes;
    bool pending; /* it was told to roll back, and has not been listened to since */
    const struct source_bound *bound; /* of what it is busy with: guarded by the source's lock */
    bool killing;                     /* the guard is about to: likewise */
    int ended;                        /* atomic: what the bound said; 0: nothing yet */
    unsigned waits;      /* atomic: one more whenever it begins or ends to wait: odd meanwhile */
    unsigned waits_seen; /* by the guard, likewise guarded … */
    uint64_t silent_ns;  /* … since when */
    unsigned patience_s; /* the longest wait for it, whatever the settings say; 0: as they do */
    unsigned refusal;    /* the number of the error for which it was not connected; 0: none */
    bool broken;         /* nothing more can be asked of it */
    bool taken;          /* of a dataset's: guarded by its lock */
    struct mysql_link *next; /* of the source's links: guarded by its lock */
};

enum mysql_tls { TLS_DISABLED, TLS_PREFERRED, TLS_REQUIRED, TLS_VERIFY_CA, TLS_VERIFY_IDENTITY };

/* What the URL's options say; strings are the URL's. */
struct mysql_settings {
    const char *socket;
    const char *defaults_file;
    const char *defaults_group;
    const char *ssl_ca, *ssl_capath, *ssl_cert, *ssl_key, *ssl_crl, *ssl_cipher, *tls_version;
    enum mysql_tls tls;
    bool compress;
    unsigned connect_timeout_s;
    unsigned timeout_s; /* the longest wait for anything that the server sends */
    unsigned connections;
};

struct mysql_source {
    struct source source;
    struct server_url url;
    struct mysql_settings settings;
    struct server_hosts *hosts;
    struct server_password *password; /* NULL: option files say it, or there is none */
    const char *database;             /* the URL's */
    bool writes;           /* whoever uses it writes rows, which takes other privileges */
    bool gives_lines;      /* links connected from now on may be given rows (LOAD DATA LOCAL) */
    const bool *cancelled; /* atomic; NULL: none */
    uint64_t unique;       /* atomic: makes versions that equal no other */
    bool numbered;         /* atomic: when tables were made has InnoDB's numbers with it */

    pthread_mutex_t lock;     /* guards all below */
    struct mysql_link *links; /* all that are in use, for the guard */
    struct mysql_link *idle[MYSQL_LINKS_MOST];
    size_t idle_count;
    struct failure last_failure;  /* of the last attempt to connect */
    size_t host;                  /* where the last one led */
    char place[MYSQL_PLACE_SIZE]; /* the same, for the status */
    char server[80];              /* what it calls itself */
    uint64_t lock_after_ns;       /* atomic: from when on locking is worth a try */
    enum mysql_changes changes;   /* of the last one */
    unsigned parallel_now;        /* connections of the last dataset */
    char *inconsistent;           /* JSON strings with commas: tables of no moment; NULL: none */
    char *undefined;              /* likewise: views whose definition the user may not see */
    bool one_by_one;              /* how tables are granted to the user of the last one */
    bool guarded;                 /* the guard runs */
    bool closing;
    pthread_t guard;
    pthread_cond_t changed; /* a link is not being killed any more, or the source is closed */
};

/*
 * A link to a server that works, new or kept; its session is set up, no transaction
 * open. -ECANCELED, or as mysql_source_open.
 */
int mysql_link_take(struct mysql_source *source, struct mysql_link **ret_link,
                    struct failure *failure);
/* The same, to the host of LIKE and always new. */
int mysql_link_another(struct mysql_source *source, const struct mysql_link *like,
                       struct mysql_link **ret_link, struct failure *failure);
/* Has the server end what LINK is busy with, its transaction goes on; -errno: it cannot be told. */
int mysql_link_interrupt(struct mysql_source *source, const struct mysql_link *link);
/* Keeps it for the next who takes one, if it works, without its transaction. Waits for nothing. */
void mysql_link_give_back(struct mysql_source *source, struct mysql_link *link);
void mysql_link_close(struct mysql_source *source, struct mysql_link *link);

/* What LINK is busy with from now on is bounded so; or no more. */
void mysql_link_bind(struct mysql_source *source, struct mysql_link *link,
                     const struct source_bound *bound);
void mysql_link_unbind(struct mysql_source *source, struct mysql_link *link);

/* Between these LINK waits for the server, which the guard looks after if it stays silent. */
static inline void mysql_link_wait_begins(struct mysql_link *link)
{
    __atomic_store_n(&link->waits, link->waits | 1, __ATOMIC_RELAXED);
}
static inline void mysql_link_wait_ends(struct mysql_link *link)
{
    __atomic_store_n(&link->waits, (link->waits | 1) + 1, __ATOMIC_RELAXED);
}

/* The next row of what LINK sends, or NULL: as mysql_fetch_row. */
static inline MYSQL_ROW mysql_link_fetch(struct mysql_link *link, MYSQL_RES *rows)
{
    mysql_link_wait_begins(link);

    MYSQL_ROW row = mysql_fetch_row(rows);

    mysql_link_wait_ends(link);
    return row;
}

/* Ends what the links are busy with, soon after cancelled turns true, their bounds say so, or the
 * server turns out to be silent to all. */
int mysql_guard_start(struct mysql_source *source, struct failure *failure);
void mysql_guard_stop(struct mysql_source *source);

/* Connects LINK (its host is set) and sets its session up. A failed one is closed. */
int mysql_connect_link(struct mysql_source *source, struct mysql_link *link,
                       struct failure *failure);

/* Reads the URL's options. -EINVAL in words. */
int mysql_read_settings(const struct server_url *url, const struct source_options *options,
                        struct mysql_settings *ret_settings, struct failure *failure);

/* --- asking ---------------------------------------------------------------------------------- */

/*
 * Words what the server or the library said last; TABLE may be NULL. Marks a broken link.
 * -ESTALE when the table is not any more what the dataset knows.
 */
int mysql_link_failure(struct mysql_source *source, struct mysql_link *link, const char *table,
                       struct failure *failure);
bool mysql_is_cancelled(const struct mysql_source *source);

/* Runs a statement that gives no rows. FORMAT as printf; no values from outside. */
int mysql_do(struct mysql_source *source, struct mysql_link *link, struct failure *failure,
             const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Runs a query and holds all its rows: for short ones. The caller frees *ret_rows. */
int mysql_ask(struct mysql_source *source, struct mysql_link *link, const char *query,
              MYSQL_RES **ret_rows, struct failure *failure);
/*
 * The same of COLUMNS of information_schema.WHAT about table NAME, and others that the server takes
 * for called alike.
 */
int mysql_ask_about(struct mysql_source *source, struct mysql_link *link, const char *columns,
                    const char *what, const char *database, const char *name, MYSQL_RES **ret_rows,
                    struct failure *failure);

static inline void mysql_free_rows(MYSQL_RES *const *rows)
{
    if (*rows != NULL)
        mysql_free_result(*rows);
}
#define cleanup_rows cleanup(mysql_free_rows)

/* Appends `NAME`, quoted; 'TEXT' as a literal; both for any bytes. 0 or -errno. */
int mysql_add_name(struct buffer *text, const char *name);
int mysql_add_literal(struct buffer *text, const char *bytes, size_t size, bool binary);

/* --- catalogue ------------------------------------------------------------------------------- */

/* How a column's text becomes a cell. */
enum mysql_reading {
    READ_TEXT,
    READ_NUMBER,
    READ_BYTES,
    READ_BITS,   /* bytes that are a number, highest first */
    READ_DOUBLE, /* a double's text, written anew in our style */
    READ_FLOAT,  /* a double's text whose value is a float's */
};

/* How a key's values stand in a statement. */
enum mysql_keying { KEY_NONE, KEY_INTEGER, KEY_NUMBER, KEY_TEXT, KEY_BYTES };

struct mysql_column {
    enum mysql_reading reading;
    enum mysql_keying keying;
    bool is_long;   /* may be above CELL_INLINE_BYTES */
    bool is_text;   /* has a character set */
    bool converted; /* … one of which a byte may become several in UTF-8 */
    bool recast;    /* its text has fewer digits than its value */
    bool outgrows;  /* it may be above MYSQL_SORTED_BYTES */
};

/* What a view stands on, other views and their tables included. */
struct mysql_standing {
    uint64_t words[2]; /* a digest: the same until any of it is altered or swapped */
    bool mixed;        /* it has tables without transactions */
    bool untold;       /* the server does not tell the user of all of it */
};

struct mysql_table {
    struct schema *schema;
    struct mysql_column *columns;   /* the schema's */
    char *engine;                   /* "" for views */
    char *made;                     /* when, in the server's words, perhaps with InnoDB's numbers;
                                       NULL: it does not say (views) */
    char *definition;               /* of a view; NULL or "": the user may not see it */
    struct mysql_standing standing; /* of a view */
    bool is_sequence;
    bool is_partitioned;
    uint64_t rows;  /* about */
    uint64_t bytes; /* about; of the data */
    bool by_key;    /* rows can be found again by the order key */
    bool has_long;
    /* Of the last plan: literals where ranges begin, boundary_count of them; guarded by the
     * dataset's lock. */
    char **boundaries;
    size_t boundary_count;
};

struct mysql_catalogue {
    struct mysql_table *tables;
    size_t count;
};

/*
 * Reads all tables through LINK, within its transaction. BEFORE: what mysql_catalogue_outline gave
 * when that had not begun. What has become another since is noted as it was then, so that it is
 * refused when it has been read; NULL: all is taken for what it is.
 */
int mysql_catalogue_read(struct mysql_source *source, struct mysql_link *link,
                         struct mysql_catalogue *before, struct mysql_catalogue *ret_catalogue,
                         struct failure *failure);
/* Tables without columns or keys, and what views are: what tells each from another of its name. */
int mysql_catalogue_outline(struct mysql_source *source, struct mysql_link *link,
                            struct mysql_catalogue *ret_catalogue, struct failure *failure);
void mysql_catalogue_release(struct mysql_catalogue *catalogue);

/* The table NAME of a catalogue sorted by name; NULL: there is none. */
struct mysql_table *mysql_catalogue_find(struct mysql_catalogue *catalogue, const char *name);
/* The index of the column NAME, letters alike; -1: there is none. */
ssize_t mysql_find_column(const struct schema *schema, const char *name);

/* The name of a table that a restore into the source's database makes as number NUMBER; and whether
 * NAME is one of these. Such are in no catalogue. */
#define MYSQL_UNFINISHED_SIZE 64
void mysql_unfinished_name(const struct mysql_source *source, size_t number,
                           char name[MYSQL_UNFINISHED_SIZE]);
bool mysql_is_unfinished(const struct mysql_source *source, const char *name);

/* Adds keys and foreign keys. */
int mysql_read_keys(struct mysql_source *source, struct mysql_link *link,
                    struct mysql_catalogue *catalogue, struct failure *failure);

/* Adds InnoDB's numbers to when tables were made, where they are wanted and told. */
int mysql_number_tables(struct mysql_source *source, struct mysql_link *link,
                        struct mysql_catalogue *catalogue, struct failure *failure);
/* The same to *made, which may be NULL, of a table of any database. */
int mysql_number_table(struct mysql_source *source, struct mysql_link *link, const char *database,
                       const char *name, char **made, struct failure *failure);

/* Adds to the catalogue's views what the server has of their statements. */
int mysql_read_definitions(struct mysql_source *source, struct mysql_link *link,
                           struct mysql_catalogue *catalogue, struct failure *failure);
/* Adds to the catalogue's views, definitions and all, what they stand on. */
int mysql_read_views(struct mysql_source *source, struct mysql_link *link,
                     struct mysql_catalogue *catalogue, struct failure *failure);
/* Whether the view is what it was for the catalogue, within a transaction that has read from it.
 * -ESTALE in words when not. */
int mysql_check_view(struct mysql_source *source, struct mysql_link *link,
                     const struct mysql_table *table, struct failure *failure);
/* Whether tables of the engine ("": a view's) show as they were when a transaction began. */
bool mysql_is_transactional(const char *engine);

/* Whether the user is told of no tables but those that are granted to it one by one; and that, in
 * words. */
int mysql_read_grants(struct mysql_source *source, struct mysql_link *link, bool *ret_one_by_one,
                      struct failure *failure);
#define MYSQL_GRANTS_SIZE 400
void mysql_word_grants(const struct mysql_source *source, char words[MYSQL_GRANTS_SIZE]);

/* What DATA_TYPE, COLUMN_TYPE and CHARACTER_SET_NAME (NULL: none) of information_schema mean. */
enum column_type mysql_column_type(const char *data_type, const char *column_type,
                                   const char *charset, struct mysql_column *ret_column);

/* --- datasets -------------------------------------------------------------------------------- */

struct mysql_dataset {
    struct dataset dataset;
    struct mysql_source *source;
    struct mysql_catalogue catalogue;
    char unseen[MYSQL_GRANTS_SIZE]; /* dataset.unseen, if that is not NULL */

    pthread_mutex_t lock;
    pthread_cond_t given_back;
    struct mysql_link *links[MYSQL_LINKS_MOST]; /* which are taken: guarded by lock */
    size_t link_count;                          /* 0 when finished; guarded by lock */
};

struct mysql_dataset *mysql_dataset_create(struct mysql_source *source);
int mysql_dataset_take(struct mysql_dataset *dataset, struct mysql_link **ret_link,
                       struct failure *failure);
/* Also a broken one: then the dataset is lost. */
void mysql_dataset_give_back(struct mysql_dataset *dataset, struct mysql_link *link);

int mysql_begin(struct source *base, struct dataset **ret_dataset,
                struct source_version *ret_version, struct failure *failure);

/* The version as LINK sees it now. BINLOG versions end the link's transaction. */
int mysql_read_version(struct mysql_source *source, struct mysql_link *link,
                       struct source_version *ret_version, struct failure *failure);
/* The same of the snapshot that LINK has open, where that can be told (CHANGES_BINLOG). */
int mysql_snapshot_version(struct mysql_source *source, struct mysql_link *link,
                           struct source_version *ret_version, struct failure *failure);
/* One that equals no other. */
struct source_version mysql_unique_version(struct mysql_source *source);
bool mysql_is_unique(const struct source_version *version);
/* What the server can tell of changes. */
enum mysql_changes mysql_find_changes(struct mysql_source *source, struct mysql_link *link);

/* --- rows ------------------------------------------------------------------------------------ */

int mysql_plan(struct dataset *base, size_t index, size_t wanted, struct range_plan *ret_plan,
               struct failure *failure);
int mysql_open_cursor(struct dataset *base, size_t index, const struct range_plan *plan,
                      size_t range, struct cursor **ret_cursor, struct failure *failure);

/* A part of a table in order; what is NULL does not bound it. */
struct mysql_part {
    const char *from;          /* a literal: the leading key column is at least this */
    const char *below;         /* … and less than this */
    const struct buffer *last; /* behind the row with this key (mysql_key_copy) */
    uint64_t limit;            /* rows; 0: all */
    uint64_t offset;           /* rows left out at the beginning */
    bool unordered;            /* in whatever order they come soonest */
};

/*
 * Appends the query. Its columns are the schema's; in a table that is read BY_PIECES, each
 * long column is NULL where its cell is large, and the lengths of these follow behind.
 */
int mysql_write_query(const struct mysql_table *table, bool by_pieces,
                      const struct mysql_part *part, struct buffer *text);

/* Copies the key of a row (as the text protocol gives it): a literal and a NUL for each column. */
int mysql_key_copy(const struct mysql_table *table, const char *const *values,
                   const unsigned long *lengths, struct buffer *ret_key);

/* Appends " WHERE" and the conditions that the row's key is KEY. */
int mysql_write_key_is(const struct mysql_table *table, const struct buffer *key,
                       struct buffer *text);

struct mysql_cursor {
    struct cursor cursor;
    struct row row;
    struct mysql_dataset *dataset;
    const struct mysql_table *table;
    struct mysql_link *link;
    MYSQL_RES *rows; /* streaming; NULL: none under way */
    struct cell *cells;
    char (*numbers)[32]; /* one a column */
    bool by_pieces;
    const char *from;  /* the range's bounds, as in mysql_part */
    const char *below; /* NULL: to the end of the table */
    bool past;         /* past the range */
    bool ended;
    uint64_t page_rows;  /* of the query under way; 0: all */
    uint64_t page_done;  /* rows it has given */
    uint64_t past_done;  /* rows past the range, in all */
    bool admitted;       /* the user may read all of its columns */
    bool checked;        /* the table is the one that the moment knows */
    struct buffer key;   /* of the current row, by pieces only */
    struct buffer saved; /* cells of a row that has large ones */
    struct buffer piece; /* of a large cell, read ahead */
    size_t piece_column;
    uint64_t piece_offset;
    int error; /* once it has failed, it stays so */
};

int mysql_cursor_fail(struct mysql_cursor *cursor, struct failure *failure);
/* Makes the row's cells of what the text protocol gave. */
void mysql_fill_cells(struct mysql_cursor *cursor, char *const *row, const unsigned long *lengths);
/* Whether the row has large cells; then ends the page and keeps the row. 1, 0 or -errno. */
int mysql_keep_large_row(struct mysql_cursor *cursor, MYSQL_ROW row, unsigned long *lengths,
                         struct failure *failure);
int mysql_read_cell(struct cursor *base, size_t column, uint64_t offset, void *buffer, size_t size,
                    struct failure *failure);

#endif
