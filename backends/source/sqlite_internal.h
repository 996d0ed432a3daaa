/* SPDX-License-Identifier: MIT */
/*
 * What the files of the SQLite source share:
 *
 *   sqlite_vfs      SQLite's view of the file system, cut down to reading
 *   sqlite_held_vfs  … and of bytes held elsewhere; sqlite_member: what reads these
 *   sqlite_place    the database's files: what is there, and whether it changed
 *   sqlite_log      the -wal: what of it readers see; sqlite_identity: what a database holds
 *   sqlite_open     sources and connections
 *   sqlite_failure  SQLite's results as errno values and words
 *   sqlite_catalogue  all tables; sqlite_schema: a table; sqlite_order: its keys and order;
 *                   sqlite_type: types; sqlite_link: statements, and what foreign keys refer to;
 *                   sqlite_shadow: which are a virtual table's own
 *   sqlite_dataset  a moment and its connections; sqlite_begin: how it is got hold of
 *   sqlite_plan     ranges of rowids; sqlite_cursor: rows; sqlite_large: large rows
 */
#ifndef CRMFS_SOURCE_SQLITE_INTERNAL_H
#define CRMFS_SOURCE_SQLITE_INTERNAL_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>
#include <xxhash.h>

#include "backends/source/source.h"
#include "backends/source/sql_text.h"
#include "fs/base/failure.h"
#include "fs/base/number_text.h"

/* Rows above so many bytes in all are not sorted; see sqlite.h. */
#define SQLITE_SORT_BYTES ((uint64_t)4 << 20)

/* --- sqlite_vfs --------------------------------------------------------------------------- */

/* With SQLite's locks and shared memory; and without any, for files that nobody holds. */
#define SQLITE_VFS_LOCKING "crmfs"
#define SQLITE_VFS_UNLOCKED "crmfs-unlocked"

/* Makes the two known to SQLite, once. An SQLite result code. */
int sqlite_vfs_register(void);

/* The same for databases that are not files (sqlite_held_vfs.c). */
#define SQLITE_VFS_HELD "crmfs-held"
int sqlite_held_vfs_register(void);

/* --- sqlite_place ------------------------------------------------------------------------- */

/* What stat says of a file. */
struct file_mark {
    bool present; /* else all is zero */
    dev_t device;
    ino_t inode;
    off_t size_bytes;
    struct timespec modified;
    struct timespec changed;
};

/* A database and what lies beside it. */
struct place {
    char *path; /* without symbolic links; owned */
    struct file_mark database;
    struct file_mark log; /* -wal */
    bool shared_memory;   /* -shm */
    bool fresh;           /* a write at this very moment might leave the times as they are */
    bool hidden; /* the -wal may have a commit that was not read: it shows without a write */
    struct timespec taken; /* when, by the monotonic clock */
};

/* Looks at the files. PATH is the source's. -ENOENT, -EACCES … with words. */
int place_look(const char *path, struct place *ret_place, struct failure *failure);
void place_release(struct place *place);

bool file_mark_same_file(const struct file_mark *left, const struct file_mark *right);
bool file_mark_equal(const struct file_mark *left, const struct file_mark *right);

/* The same files with the same content. */
bool place_equal(const struct place *left, const struct place *right);

struct source_version place_version(const struct place *place);

/* Whether a -journal waits to be rolled back. */
bool place_has_hot_journal(const struct place *place);

#define cleanup_place __attribute__((__cleanup__(place_release)))

/* --- sqlite_open -------------------------------------------------------------------------- */

struct sqlite_source {
    struct source source;
    char *path; /* absolute */
    struct source_options options;

    pthread_mutex_t lock;
    struct catalogue *latest; /* that was read, or NULL; guarded by lock */
};

/* How a dataset is one moment; see sqlite.h. */
enum moment {
    MOMENT_SNAPSHOT, /* -wal and -shm */
    MOMENT_LOCKED,   /* rollback journal */
    MOMENT_FILE,     /* a WAL database without -wal */
    MOMENT_FILE_LOG, /* a WAL database with -wal, without -shm */
    MOMENT_HELD,     /* no file, and never changed */
};

/* One user at a time. */
struct connection {
    sqlite3 *database;
    const char *path; /* for words */
    bool taken;       /* guarded by the dataset's lock */
    bool ready;       /* the schema is read */
    int longest;      /* SQLite's own limit to the length of a cell */
    bool
        foreign_collation; /* a comparison was asked for that only the database's own program has */
    const bool *cancelled; /* the source's */
    const struct source_bound *bound; /* the dataset's; NULL: none */
    int ended;                        /* what one of the two ended the last statement with */
};

/* Opens; reads nothing of the database yet. CONNECTION must stay where it is until it is closed. */
int connection_open(struct connection *connection, const char *path, enum moment moment,
                    const struct source_options *options, struct failure *failure);

/* The same of a database that BYTES are, which outlive it; NAME is for words. */
struct held_bytes;
int connection_open_held(struct connection *connection, const char *name, struct held_bytes *bytes,
                         const struct source_options *options, struct failure *failure);
void connection_close(struct connection *connection);

/* Starts the transaction, at once. An SQLite result code. */
int connection_start(struct connection *connection);
void connection_end(struct connection *connection);

/* Reads the schema within the transaction, once. */
int connection_ready(struct connection *connection, struct failure *failure);

/*
 * Has the program that closes the database last leave the -wal: it would need the file for itself.
 * Held until the connection is closed. SQLITE_BUSY: one does so now.
 */
int connection_keep_log(struct connection *connection);

/* Whether the file's header says WAL. An SQLite result code. */
int connection_header_says_wal(struct connection *connection, bool *ret_wal);

/* A number that changes with every commit of others. An SQLite result code. */
int connection_data_version(struct connection *connection, int64_t *ret_version);

/* Prepares a statement of FORMAT as sqlite3_mprintf has it (%w: within quotes). A result code. */
int connection_prepare(struct connection *connection, sqlite3_stmt **ret_statement,
                       const char *format, ...);

/* A column of the row that STATEMENT stands on; "" for NULL. Valid until the next step. */
const char *connection_text(sqlite3_stmt *statement, int column);

/* --- sqlite_failure ----------------------------------------------------------------------- */

/*
 * Words SQLite's result CODE, which CONNECTION gave last; returns -errno. What was tried is PATH,
 * and the table when it is not NULL.
 */
int sqlite_failure(struct failure *failure, struct connection *connection, int code,
                   const char *table);
int sqlite_no_memory(struct failure *failure, const char *path);

/* --- sqlite_catalogue, sqlite_schema, sqlite_order, sqlite_type ----------------------------- */

struct table {
    struct schema *schema; /* the name is as in the database, valid UTF-8 or not */
    char **raw_columns; /* their names as in the database: the schema's, where that is the same */
    bool broken;        /* its columns cannot be known: SQLite says why when it is opened */
    bool without_rowid;
    char *rowid;       /* an expression that gives the rowid; NULL: there is none */
    int rowid_column;  /* the column that is the rowid, or -1 */
    bool rowid_order;  /* rows stand in the order of the rowid, and can be had by it */
    char *from;        /* behind FROM: the table and the index to use */
    char *order;       /* behind ORDER BY; "": no order needed */
    bool sorts;        /* … which SQLite would have to sort for */
    bool large_by_row; /* large cells can be had one by one */
};

/*
 * Reads the table's columns and keys; its name and kind are known. One that SQLite
 * cannot make sense of is marked broken. An SQLite result code.
 */
int table_read(struct connection *connection, struct table *table, bool utf16);
void table_release(struct table *table);

/* Never changed once it is read; shared by all datasets in which the database says the same. */
struct catalogue {
    unsigned references;  /* atomic */
    XXH128_hash_t digest; /* of what the database says: sqlite_schema and the encoding */
    struct table *tables;
    size_t count;
    bool utf16;
};

/*
 * Reads all tables, unless LATEST (or NULL) is of the same words: that is
 * referenced then. The connection's transaction is open.
 */
int catalogue_read(struct connection *connection, struct catalogue *latest,
                   struct catalogue **ret_catalogue, struct failure *failure);
struct catalogue *catalogue_reference(struct catalogue *catalogue);
void catalogue_release(struct catalogue *catalogue); /* NULL is allowed */

/* Adds each table's statements, and gives foreign keys' targets their own spelling. A result code.
 */
int catalogue_link(struct connection *connection, struct catalogue *catalogue);

/*
 * Whether the table, whose name SQLite takes for a shadow table's, is one: what its virtual table
 * keeps its rows in, and shows. A result code.
 */
int table_is_shadow(struct connection *connection, const char *name, bool *ret_shadow);

/* Finds the table's order; its columns and primary key are known. A result code. */
int table_find_order(struct connection *connection, struct table *table);

enum column_type sqlite_column_type(const char *declared);

/* --- sqlite_log ----------------------------------------------------------------------------- */

/* The state of the -wal, as the shared memory that goes with it tells. */
#define LOG_MARK_BYTES 48
struct log_mark {
    bool known;
    uint8_t bytes[LOG_MARK_BYTES];
};

/* What the connection, which has read in WAL mode before, finds there now. */
struct log_mark connection_log_mark(struct connection *connection);

/*
 * Whether who reads at MARK sees every commit that the -wal of PLACE holds, so that none can show
 * up without a write to the file. False also when that cannot be told.
 */
bool log_shows_all(const struct place *place, const struct log_mark *mark);

/* --- sqlite_identity ------------------------------------------------------------------------ */

struct sqlite_dataset;

/* Says what the dataset holds (sqlite_identity.c). AFTER: the files, once it had begun. */
void sqlite_identify(struct sqlite_dataset *dataset, const struct place *after);

/* --- sqlite_dataset, sqlite_begin ----------------------------------------------------------- */

struct sqlite_dataset {
    struct dataset dataset;
    struct sqlite_source *source;
    enum moment moment;
    struct place place;          /* when it began */
    struct log_mark log_mark;    /* MOMENT_SNAPSHOT: of what is read, unless it could not be told */
    struct catalogue *catalogue; /* NULL until it is read */

    pthread_mutex_t lock;
    pthread_cond_t given_back;
    struct connection *connections; /* connection_count of them; which are taken: guarded by lock */
    size_t connection_count;        /* 0 when finished; guarded by lock */
};

/* -EILSEQ: no database. */
int sqlite_begin(struct sqlite_source *source, struct dataset **ret_dataset,
                 struct source_version *ret_version, struct failure *failure);

/* An empty dataset with room for COUNT connections. NULL: no memory. */
struct sqlite_dataset *sqlite_dataset_create(struct sqlite_source *source, size_t count);

/* Takes a connection with its schema read, waiting for one to be given back. */
int sqlite_dataset_take(struct sqlite_dataset *dataset, struct connection **ret_connection,
                        struct failure *failure);
void sqlite_dataset_give_back(struct sqlite_dataset *dataset, struct connection *connection);

/* As sqlite_failure; -ESTALE when the database changed underneath. */
int sqlite_dataset_failure(struct sqlite_dataset *dataset, struct connection *connection, int code,
                           const struct table *table, struct failure *failure);

/* --- sqlite_plan, sqlite_cursor, sqlite_large ------------------------------------------------ */

int sqlite_plan(struct dataset *base, size_t index, size_t wanted, struct range_plan *ret_plan,
                struct failure *failure);
int sqlite_open_cursor(struct dataset *base, size_t index, const struct range_plan *plan,
                       size_t range, struct cursor **ret_cursor, struct failure *failure);

struct large_rows;

struct sqlite_cursor {
    struct cursor cursor;
    struct row row;
    struct sqlite_dataset *dataset;
    const struct table *table;
    struct connection *connection;
    sqlite3_stmt *rows;
    struct large_rows *large; /* not NULL: rows come one by one from there */
    struct cell *cells;
    char (*numbers)[32]; /* one a column */
    int rowid_result;    /* the result column that is the rowid, or -1 */
    bool text_is_utf8;   /* as stored */
    bool has_end;
    int64_t end;        /* of the range */
    int64_t rowid;      /* of the last row, when rowid_result says so; else where to start */
    uint64_t row_count; /* given so far */
    int error;          /* once it has failed, it stays so */
};

/* VALUE, of a database in UTF-8; its bytes are VALUE's, or in NUMBER. */
struct cell sqlite_cell(sqlite3_value *value, char number[DOUBLE_TEXT_SIZE]);

/* Makes a row of what STATEMENT stands on. */
void sqlite_cursor_fill(struct sqlite_cursor *cursor, sqlite3_stmt *statement);

/* Goes on after the rows given so far, row by row, large ones cell by cell. */
int large_rows_create(struct sqlite_cursor *cursor, struct failure *failure);
int large_rows_next(struct sqlite_cursor *cursor, struct failure *failure);
int large_rows_read_cell(struct sqlite_cursor *cursor, size_t column, uint64_t offset, void *buffer,
                         size_t size, struct failure *failure);
void large_rows_free(struct large_rows *large);

#endif
