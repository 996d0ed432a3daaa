/* SPDX-License-Identifier: MIT */
/*
 * What the files of the PostgreSQL source share:
 *
 *   postgres_connect      a connection to one host; postgres_certificate: why TLS failed
 *   postgres_link         what is said over a connection, and how long we wait for an answer
 *   postgres_failure      the server's refusals as errno values and words
 *   postgres_hosts        which of several hosts is asked
 *   postgres_open         sources and their versions
 *   postgres_catalogue    tables and columns; postgres_keys: keys and order; postgres_type: types;
 *                         postgres_ddl: the statements that make a table
 *   postgres_dataset      a moment and its connections
 *   postgres_guard        whether a table still is what the moment knows; postgres_policies:
 *                         whether the rows that it shows are
 *   postgres_query        the statements that read rows; postgres_plan: ranges of keys
 *   postgres_cursor       rows; postgres_row: COPY's text form; postgres_large: large cells
 */
#ifndef CRMFS_SOURCE_POSTGRES_INTERNAL_H
#define CRMFS_SOURCE_POSTGRES_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/source/postgres_library.h"
#include "backends/source/server_hosts.h"
#include "backends/source/server_password.h"
#include "backends/source/server_url.h"
#include "backends/source/source.h"
#include "fs/base/buffer.h"
#include "fs/base/failure.h"
#include "fs/base/memory.h"
#include "fs/base/number_text.h"

#define POSTGRES_SQL_LIMIT ((size_t)16 << 20) /* bytes of a statement */
#define POSTGRES_TID_RANGES 140000            /* the first version that seeks ranges of ctid */

/* --- postgres_connect, postgres_link ---------------------------------------------------------- */

/* libpq's parameters, ended by NULL; what both arrays point to is owned. */
#define POSTGRES_PARAMETERS_LIMIT (SERVER_OPTIONS_LIMIT + 24)
struct parameters {
    char *names[POSTGRES_PARAMETERS_LIMIT + 1];
    char *values[POSTGRES_PARAMETERS_LIMIT + 1];
    size_t count;
};

/* Those of SOURCE for its host number HOST. The caller releases *ret_parameters. */
struct postgres_source;
int postgres_parameters_create(const struct postgres_source *source, size_t host,
                               struct parameters *ret_parameters, struct failure *failure);
void postgres_parameters_release(struct parameters *parameters);

#define cleanup_parameters __attribute__((__cleanup__(postgres_parameters_release)))

#define POSTGRES_PLACE_SIZE 256

/* A connection. One user at a time. */
struct link {
    PGconn *connection; /* NULL: there is none */
    const struct postgres_source *source;
    size_t host;
    char place[POSTGRES_PLACE_SIZE]; /* for words: postgresql://HOST:PORT/DATABASE */
    uint64_t patience_ns; /* answers are waited for so long; 0: while the server is alive */
    bool guards;          /* a table, see postgres_guard … */
    bool guards_foreign;  /* … whose rows another server gives, which may be silent so long … */
    bool foreign_silent;  /* … and was for longer */
    const struct source_bound *bound; /* of the dataset that it reads for; NULL: none */
    int ended;                        /* what the bound ended it with; 0: nothing */
    int version;                      /* as PQserverVersion */
    const char *client_encoding;      /* a static string */
};

/* Connects to host number HOST within the time of connect_timeout. */
int postgres_link_open(const struct postgres_source *source, size_t host, struct link *link,
                       struct failure *failure);

/* Idempotent. What the server is busy with ends when it notices. */
void postgres_link_close(struct link *link);

#define cleanup_postgres_link __attribute__((__cleanup__(postgres_link_close)))

/* Whether it cannot be used any more. */
bool postgres_link_is_lost(const struct link *link);

/*
 * Waits until the socket can be read (or, if WRITE, written), or UNTIL_NS has come (0: never).
 * -ETIMEDOUT, -ECANCELED (the mount ends, or the bound says so: link->ended).
 */
int postgres_link_wait(struct link *link, bool write, uint64_t until_ns);

/* Runs SQL, several statements perhaps, and gives the last one's result, which is the caller's. */
int postgres_link_run(struct link *link, const char *sql, PGresult **ret_result,
                      struct failure *failure);

/* The same for statements whose results nobody wants. */
int postgres_link_do(struct link *link, const char *sql, struct failure *failure);

/* Starts COPY … TO STDOUT. */
int postgres_link_copy_begin(struct link *link, const char *sql, struct failure *failure);

/*
 * The next row, with its line end, in *ret_row (PQfreemem): its size, or 0 at the end, or
 * -errno.
 */
ssize_t postgres_link_copy_row(struct link *link, char **ret_row, struct failure *failure);

/* Starts a query whose results come a row at a time and in binary, and the next of them, the
 * caller's; NULL at the end. */
int postgres_link_rows_begin(struct link *link, const char *sql, struct failure *failure);
int postgres_link_rows_next(struct link *link, PGresult **ret_result, struct failure *failure);

static inline void clear_result(PGresult **result)
{
    PQclear(*result);
}

#define cleanup_result __attribute__((__cleanup__(clear_result)))

/* Starts the transaction of a moment: SNAPSHOT imports one, NULL begins a new one. */
int postgres_link_begin(struct link *link, const char *snapshot, struct failure *failure);

/* The same of one that writes. */
int postgres_link_begin_writing(struct link *link, struct failure *failure);

/*
 * Runs a COPY … FROM STDIN and gives it the lines. 0: *ret_result says how that went, good or bad,
 * and is the caller's; -errno: the connection was lost.
 */
int postgres_link_send_rows(struct link *link, const char *sql, const void *lines, size_t size,
                            PGresult **ret_result, struct failure *failure);

/* Whether the server behind a silent link still talks to us. */
int postgres_link_probe(const struct link *link, struct failure *failure);

/* --- postgres_failure, postgres_certificate ----------------------------------------------------
 */

/* Words what RESULT refused, or what befell the link when it is NULL; returns -errno. */
int postgres_failure(struct failure *failure, const struct link *link, const PGresult *result);
int postgres_no_memory(struct failure *failure, const struct link *link);

/* Why the server's certificate was not accepted, in words; "": unknown. */
void postgres_certificate_cause(const struct postgres_source *source, size_t host, char *words,
                                size_t size);

/* --- postgres_open, postgres_hosts ------------------------------------------------------------ */

struct postgres_source {
    struct source source;
    struct source_options options;
    struct server_url url;
    struct server_hosts *hosts;
    struct server_password *password; /* NULL: libpq's own ways */
    uint64_t connect_timeout_ns;
    uint64_t foreign_timeout_ns; /* how long a foreign table's server may be silent; 0: for ever */
    bool several;                /* hosts */

    pthread_mutex_t lock;        /* guards all below */
    struct link control;         /* asked for versions; never in a transaction */
    struct catalogue *catalogue; /* the last, a reference, NULL before the first moment */
    bool foreign;                /* there are foreign tables, whose changes nobody tells us of */
    struct failure failure;      /* the last connection's, when all hosts are left alone */

    pthread_mutex_t note_lock; /* guards what the status says: */
    char place[POSTGRES_PLACE_SIZE];
    struct buffer policies; /* names of tables, as JSON, with commas */
};

/*
 * Connects to the best host: the one of the control connection, while that works. The
 * lock is held.
 */
int postgres_control(struct postgres_source *source, struct failure *failure);

/*
 * For who writes: a source whose server answers, and of which nothing has been read; as
 * postgres_source_open. And the connection that it has, which becomes the caller's: there need not
 * be another one. No moment may be begun.
 */
int postgres_source_reach(const char *url, const struct source_options *options,
                          struct postgres_source **ret_source, struct failure *failure);
int postgres_source_take(struct postgres_source *source, struct link *ret_link,
                         struct failure *failure);

/* Runs SQL over the control connection, to host *ret_host, outside of any moment. The result is the
 * caller's. */
int postgres_ask_now(struct postgres_source *source, const char *sql, PGresult **ret_result,
                     size_t *ret_host, struct failure *failure);

/* What says that nothing has changed. The link may be in a moment's transaction. */
#define POSTGRES_STATE_LIMIT 65536
int postgres_read_state(struct link *link, struct buffer *state, struct failure *failure);

/* --- postgres_catalogue, postgres_keys, postgres_type, postgres_ddl --------------------------- */

/* What becomes of a column's text form. */
enum value_form { VALUE_TEXT, VALUE_NUMBER, VALUE_FLOAT, VALUE_SINGLE, VALUE_BOOLEAN, VALUE_BYTES };

struct value_type {
    enum column_type type;
    enum value_form form;
    bool sortable;   /* has an order that no other program can redefine */
    bool has_length; /* octet_length() tells a large one cheaply */
};

/* ORIGIN: the type's oid, that of a domain's base. KIND: pg_type.typtype. */
struct value_type postgres_value_type(Oid origin, char kind);

struct table_column {
    char *raw_name; /* as in the database */
    int number;     /* pg_attribute.attnum */
    Oid type;       /* a domain's: what it is based on */
    bool domain;
    int modifier; /* pg_attribute.atttypmod */
    struct value_type value;
    bool may_be_large; /* of no fixed length */
};

enum table_order {
    ORDER_KEY,   /* schema->order_key */
    ORDER_PLACE, /* as the rows lie: ctid */
    ORDER_ALL,   /* by all columns */
};

struct table {
    struct schema *schema;
    Oid oid;
    char kind;  /* pg_class.relkind */
    char *from; /* behind FROM */
    char *raw_schema;
    char *raw_name;
    struct table_column *columns; /* schema->column_count of them */
    enum table_order order;
    char *order_terms; /* behind ORDER BY; "": none is needed */
    char *key_terms;   /* what ranges are compared by; NULL: it has no ranges */
    size_t key_count;
    bool policies; /* rows are hidden from us by row-level security */
};

/* Never changed once it is read, and shared by counting. */
struct catalogue {
    unsigned references;  /* atomic */
    char *mark;           /* of what it was read from: the same as long as nothing of it changes */
    struct table *tables; /* by the names that are shown */
    size_t count;
    bool foreign;
};

/*
 * Reads all tables; or, when nothing has changed since LAST (NULL: there is none) was read, gives a
 * reference to that. The link is in the moment's transaction.
 */
int postgres_catalogue_read(struct link *link, struct catalogue *last,
                            struct catalogue **ret_catalogue, struct failure *failure);
void postgres_catalogue_release(struct catalogue *catalogue); /* NULL is allowed */

/* While the catalogue is read: the table with that oid, or NULL. */
struct table *postgres_catalogue_find(const struct catalogue *catalogue, const char *oid_text);

/* Columns in pg_attribute's numbering; -1: it is not shown. */
ssize_t postgres_table_find_column(const struct table *table, int number);

/* Adds primary and foreign keys, and what the rows are ordered by. */
int postgres_catalogue_read_keys(struct link *link, struct catalogue *catalogue,
                                 struct failure *failure);

/* Adds the statements that make each table. */
int postgres_catalogue_read_ddl(struct link *link, const struct catalogue *catalogue,
                                struct failure *failure);

/* --- postgres_dataset ------------------------------------------------------------------------- */

#define POSTGRES_LINKS_MOST 16

struct postgres_dataset {
    struct dataset dataset;
    struct postgres_source *source;
    struct catalogue *catalogue; /* a reference */
    struct link keeper;          /* exports the snapshot; it lives as long as the moment */
    char *snapshot;

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t given_back;
    struct link *idle[POSTGRES_LINKS_MOST];
    size_t idle_count;
    size_t link_count; /* idle and taken */
    size_t link_limit;
    bool keeper_lent; /* it is one of those above */
    bool finished;
    char *
        *starts; /* start_count: what begins ranges, as SQL; none is freed before the dataset is */
    size_t start_count;
};

/* Begins a moment at the source's best host. The source's lock is held. */
int postgres_begin(struct postgres_source *source, struct dataset **ret_dataset,
                   struct buffer *state, struct failure *failure);

/* Takes a connection at the dataset's moment, waiting for one to be given back. */
int postgres_dataset_take(struct postgres_dataset *dataset, struct link **ret_link,
                          struct failure *failure);

/* Gives it back; one that is lost, or not at rest, is closed. */
void postgres_dataset_give_back(struct postgres_dataset *dataset, struct link *link);

/* One more connection at the moment, beyond those that are shared. */
int postgres_dataset_connect(struct postgres_dataset *dataset, struct link *link,
                             struct failure *failure);

/* As link_…'s failures, of TABLE: what the moment does not know any more is -ESTALE. */
int postgres_dataset_failure(struct postgres_dataset *dataset, const struct table *table, int error,
                             struct failure *failure);

/* --- postgres_guard, postgres_query, postgres_plan -------------------------------------------- */

/*
 * Takes a connection at the dataset's moment, as postgres_dataset_take; locks the table there
 * against what would change its shape and sees to it that it is what the moment knows: -ESTALE.
 * *ret_large: it may have cells above CELL_INLINE_BYTES. A connection that was lost while nobody
 * used it is no failure, for as long as the moment can be had.
 */
int postgres_dataset_take_guarded(struct postgres_dataset *dataset, const struct table *table,
                                  struct link **ret_link, bool *ret_large, struct failure *failure);

/* Whether policies, of a table that LINK has locked, are those that the moment knows: *ret_same. */
int postgres_policies_hold(struct postgres_source *source, struct link *link,
                           const struct table *table, bool *ret_same, struct failure *failure);

/*
 * Of what is guarded, after rows of it were read: -ESTALE if what the lock does not keep out has
 * come meanwhile.
 */
int postgres_table_check_again(struct link *link, const struct table *table,
                               struct failure *failure);

/* As ERROR; -EREMOTEIO where the server of a foreign table is to blame, and the link is good. */
int postgres_foreign_failure(const struct link *link, const struct table *table, int error,
                             struct failure *failure);

/* Gives back the locks of what was guarded last, and forgets its error. Nothing was: idempotent. */
void postgres_table_leave(struct link *link);

/* What a statement reads of a table. */
struct row_query {
    const struct table *table;
    const char *from;  /* a range's start as SQL; NULL: the table's */
    const char *until; /* likewise; NULL: the table's end */
    bool large;        /* cells may come without data */
    bool utf8;         /* the server's own encoding is UTF-8 */
    uint64_t skip;     /* rows */
    uint64_t most;     /* rows; 0: all */
};

/* COPY (SELECT …) TO STDOUT. */
int postgres_row_query_write(const struct row_query *query, struct buffer *sql);

int postgres_plan(struct dataset *base, size_t index, size_t wanted, struct range_plan *ret_plan,
                  struct failure *failure);

/* --- postgres_cursor, postgres_row, postgres_large -------------------------------------------- */

struct large_cell;

/* Where a row with large cells is. */
struct row_place {
    bool known;
    char table[16]; /* its oid: a partition's, perhaps */
    char ctid[32];
};

/* Takes ROW (SIZE bytes, with its line end) apart, in place. -EBADMSG: it is none of the table's.
 */
int postgres_row_read(const struct table *table, char *row, size_t size, bool large,
                      struct cell *cells, char (*numbers)[DOUBLE_TEXT_SIZE],
                      struct row_place *ret_place);

int postgres_large_cell_create(struct postgres_dataset *dataset, struct large_cell **ret_large,
                               struct failure *failure);
int postgres_large_cell_read(struct large_cell *large, const struct table *table,
                             const struct row_place *place, size_t column, uint64_t cell_bytes,
                             uint64_t offset, void *buffer, size_t size, struct failure *failure);
void postgres_large_cell_row_ends(struct large_cell *large); /* the next row is another one */
void postgres_large_cell_free(struct large_cell *large);     /* NULL is allowed */

int postgres_open_cursor(struct dataset *base, size_t index, const struct range_plan *plan,
                         size_t range, struct cursor **ret_cursor, struct failure *failure);

#endif
