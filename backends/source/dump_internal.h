/* SPDX-License-Identifier: MIT */
/*
 * What the files of the dump reader share:
 *
 *   dump_read       the loop over statements, and what each is for
 *   dump_session    a dump in several files
 *   dump_recognise  what a dump is by how it begins
 *   dump_connect    PostgreSQL: which database and schema its statements are about
 *   dump_statement  one statement, without comments
 *   dump_create     CREATE TABLE
 *   dump_key        keys: in CREATE TABLE, ALTER TABLE … ADD, CREATE UNIQUE INDEX
 *   dump_table      a table as far as it is known
 *   dump_inherit    PostgreSQL's tables that are made of others
 *   dump_ddl        … and what makes it again; dump_need: types, sequences
 *   dump_schema     … and its schema for the taker
 *   dump_type       native types
 *   dump_charset    character sets
 *   dump_sqlite     CREATE TABLE as SQLite itself understands it
 *   dump_view       views, and what else is told of; dump_drop: DROP TABLE, DROP VIEW
 *   dump_insert     INSERT … VALUES; dump_head: what stands before; dump_literal: one value of it
 *   dump_change     rows that cannot be followed
 *   dump_copy       the lines behind PostgreSQL's COPY … FROM stdin
 *   dump_load       rows in files of their own, for LOAD DATA
 *   dump_cell       a literal as a cell; dump_replace: SQLite's replace(); dump_moment: UTC
 */
#ifndef CRMFS_SOURCE_DUMP_INTERNAL_H
#define CRMFS_SOURCE_DUMP_INTERNAL_H

#include <iconv.h>
#include <stdint.h>
#include <sys/types.h>

#include "backends/source/byte_stream.h"
#include "backends/source/dump.h"
#include "backends/source/schema.h"
#include "backends/source/sql_lexer.h"
#include "backends/source/stream.h"
#include "fs/base/buffer.h"
#include "fs/base/name_map.h"

#define DUMP_DELIMITER_SIZE 16
#define DUMP_COLUMNS_LIMIT ((size_t)4096)

/* --- dump_type ---------------------------------------------------------------------------- */

/* What a column's literals become. */
enum dump_value {
    VALUE_ANY, /* what the literal says: SQLite, and columns of which nothing is known */
    VALUE_NUMBER,
    VALUE_DOUBLE, /* written as crmfs writes doubles */
    VALUE_FLOAT,  /* … and floats */
    VALUE_TEXT,
    VALUE_MOMENTS, /* a text with moments in it, written in UTC */
    VALUE_BYTES,
    VALUE_HEX_BYTES, /* PostgreSQL's bytea: \x and digits, in its strings */
    VALUE_BITS,      /* MySQL's BIT: bytes as a number */
    VALUE_BOOLEAN,
};

struct dump_type {
    enum column_type type;
    enum dump_value value;
    enum key_order order;
    const char *charset; /* of MySQL's texts, where the dump has their own bytes; NULL: UTF-8 */
};

/* Of a type as CREATE TABLE has it: "int(11) unsigned", "character varying(40)". COLLATION: NULL
 * when none is given. */
struct dump_type dump_type_of(enum sql_dialect dialect, const char *native, const char *collation);

/*
 * A type of PostgreSQL's without quotes that need not be, and without the name of its own schema:
 * "pg_catalog"."bytea" is bytea. The caller's; NULL: no memory.
 */
char *dump_postgres_type(const char *type, size_t size);

/* --- dump_table --------------------------------------------------------------------------- */

struct dump_column {
    char *name;
    char *native;
    char *collation; /* NULL: none is given */
    char *charset;   /* NULL: none is given */
    struct dump_type type;
    bool not_null;
    bool generated;
    bool invisible; /* INSERT without names leaves it out */
    bool inherited; /* a parent's, of which the table's own statement does not speak */
    bool left_out;  /* generated, and the dump does not have its values … */
    bool computed;  /* … but they are made */
};

/* Indexes into the table's columns. */
struct dump_key {
    char *name; /* of a unique key, NULL: none */
    size_t count;
    size_t *columns;
};

struct dump_foreign_key {
    struct dump_key key;
    char *target_database; /* NULL: none */
    char *target_table;
    size_t target_count;
    char **target_columns;
};

struct dump_computer;
struct dump_load;
struct dump_reader;

struct dump_table {
    char *connected; /* PostgreSQL's database; NULL: none is named */
    char *database;  /* "": none; MySQL's database, PostgreSQL's schema */
    char *name;
    char *key;               /* by which it is found: database, NUL as '\n', name */
    enum relation_kind kind; /* a view has no columns */
    size_t column_count;
    struct dump_column *columns;
    struct dump_key primary;
    size_t unique_count;
    struct dump_key *uniques; /* in the order of the dump */
    size_t foreign_count;
    struct dump_foreign_key *foreigns;
    char *ddl;                /* what makes it … */
    char *needed;             /* what it needs, set by dump_ddl_settle; NULL: nothing */
    char *needed_later;       /* … and what its additions do */
    char *partitions;         /* … and its partitions; NULL: none … */
    char *additions;          /* … and what is added afterwards, of PostgreSQL's; NULL */
    char *collation;          /* the table's own; NULL */
    char *charset;            /* … and its character set; NULL */
    size_t inherited_count;   /* columns that are its parents' …: the first ones */
    struct dump_table *whole; /* PostgreSQL: it is a partition of that one, and not shown; NULL */
    size_t part_count;        /* of its partitions, if any */
    bool named_by_rows;       /* there is no CREATE TABLE: columns are those of the first INSERT */
    struct dump_key order;    /* set by dump_sqlite; else made of the keys … */
    struct key_term *terms;   /* … as these */
    bool order_known;

    bool begun;   /* the taker knows it as number */
    bool changed; /* keys were added since */
    bool failed;
    bool dropped;
    bool seen;          /* rows of it were said to follow, if only none */
    bool changed_later; /* … and others to become of them: it was told */
    bool finished;
    size_t number;
    size_t shown_count;     /* columns without those that are left out */
    size_t *shown;          /* a column's place among them, SIZE_MAX for those that are left out */
    struct dump_load *load; /* how files of its rows are written; NULL: none was said */
    struct dump_computer *computer; /* NULL: none is computed */
};

/* --- dump_compute: the generated columns of SQLite's dumps --------------------------------- */

/* Makes what is left out of TABLE computed, if SQLite can. 0 or -ENOMEM. */
int dump_compute_begin(struct dump_reader *reader, struct dump_table *table);

/* Fills what is computed in the reader's cells, until its end. 0, or as dump_table_fail. */
int dump_compute(struct dump_reader *reader, struct dump_table *table);
void dump_compute_end(struct dump_table *table);

void dump_computer_free(struct dump_computer *computer); /* NULL is allowed */

/* --- dump_load ---------------------------------------------------------------------------- */

/* The statement is LOAD DATA: its table knows how to read files of its rows, or fails. */
int dump_load_statement(struct dump_reader *reader);

/* All rows of the stream that has begun, of TABLE, which has a load. */
int dump_load_rows(struct dump_reader *reader, struct dump_table *table, struct failure *failure);

/* Whether there were fewer files than statements, or more. */
bool dump_load_lacks(const struct dump_table *table);

void dump_load_free(struct dump_load *load); /* NULL is allowed */

/* A type, a sequence or a schema of PostgreSQL's, which tables need. */
struct dump_object {
    char *name; /* as statements spell it */
    char *text; /* what makes it */
    bool used;  /* a table has it */
};

/* PostgreSQL's CREATE DOMAIN: another name for a type. */
struct dump_domain {
    char *name; /* as columns have it: "public.email" */
    char *base;
};

void dump_table_free(struct dump_table *table);

/* Adds an empty key, or a foreign one; NULL: no memory. */
struct dump_key *dump_table_add_unique(struct dump_table *table);
struct dump_foreign_key *dump_table_add_foreign(struct dump_table *table);

/* Adds a column, all zeros. 0; -EILSEQ: there are too many; -ENOMEM. */
int dump_table_add_column(struct dump_table *table, struct dump_column **ret_column);
void dump_column_release(struct dump_column *column);

/* The column's index, by name, if need be without regard to case; -1: none. */
ssize_t dump_table_column(const struct dump_table *table, const char *name);

/* Whether values of columns are not in the dump. */
bool dump_has_left_out(const struct dump_table *table);

/* A new table of that name, empty, the reader's own; a table of that name that is there already is
 * forgotten (it was dropped). */
int dump_table_add(struct dump_reader *reader, const char *database, const char *name,
                   struct dump_table **ret_table);

/* Whether there is, or was, a table of that name. */
bool dump_table_was_there(const struct dump_reader *reader, const char *database, const char *name);

/* NULL: there is none. */
struct dump_table *dump_table_find(struct dump_reader *reader, const char *database,
                                   const char *name);

/*
 * Tells the taker of the table, or of what has changed. Columns stay as they are from then on: a
 * table with generated columns waits for its first row.
 */
int dump_table_tell(struct dump_reader *reader, struct dump_table *table, struct failure *failure);

/* The table fails, for the dump ends where there should be more: cut short, or damaged. */
int dump_table_cut(struct dump_reader *reader, struct dump_table *table);

/* What it is called to users, the caller's; NULL: no memory. */
char *dump_shown_name(const struct dump_reader *reader, const struct dump_table *table);

/* The dump drops it. 0 or -errno. */
int dump_table_drop(struct dump_reader *reader, struct dump_table *table);

/*
 * Where the dump is of a program that writes one table after another, keys and all, those that
 * came before this place are finished.
 */
int dump_tables_finish(struct dump_reader *reader, struct failure *failure);

/* The table fails, at the window's place. */
int dump_table_fail(struct dump_reader *reader, struct dump_table *table, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* --- dump_view, dump_drop ----------------------------------------------------------------- */

/* LEXER stands behind CREATE [OR REPLACE] [TEMP]: whether a view is made; it then stands behind
 * VIEW. */
bool dump_makes_view(struct sql_lexer *lexer, enum relation_kind *ret_kind);
int dump_create_view(struct dump_reader *reader, struct sql_lexer *lexer, enum relation_kind kind);

/* LEXER stands behind REFRESH; behind DROP. */
int dump_refresh_view(struct dump_reader *reader, struct sql_lexer *lexer);
int dump_drop(struct dump_reader *reader, struct sql_lexer *lexer);

/* All is told of: which views and generated columns the dump has no values of. */
int dump_tell_left_out(struct dump_reader *reader);

/* --- dump_inherit ------------------------------------------------------------------------- */

/*
 * LEXER stands behind the name in CREATE TABLE: gives TABLE the columns that it has of others.
 * -EILSEQ, with words or without: they are not known.
 */
int dump_inherit(struct dump_reader *reader, const struct sql_lexer *lexer,
                 struct dump_table *table, struct failure *failure);

/* LEXER stands behind ALTER TABLE whole ATTACH. */
int dump_attach(struct dump_reader *reader, struct sql_lexer *lexer, struct dump_table *whole);

/* The table that its rows are shown in: itself, or what it is a partition of. NULL: that was
 * dropped. */
struct dump_table *dump_table_whole(struct dump_table *table);

/* Where the value of its column stands among WHOLE's shown ones; SIZE_MAX: it is not shown. */
size_t dump_table_place(const struct dump_table *table, size_t column,
                        const struct dump_table *whole);

/* --- dump_ddl ----------------------------------------------------------------------------- */

#define DUMP_DDL_LIMIT ((size_t)8 << 20) /* of one table; what is beyond is left out */
#define DUMP_OBJECT_DEPTH 32             /* types within types; deeper ones may stand anywhere */

/* The statement as the dump has it, the caller's; NULL: no memory. */
char *dump_statement_text(const struct dump_reader *reader);

/* "schema.name" as the text spells it, which LEXER stands before, the caller's. NULL: there is
 * none.
 */
char *dump_spelled_name(struct sql_lexer *lexer);

/* The statement makes what tables may need; says whose a sequence is; makes TABLE. */
int dump_note_object(struct dump_reader *reader);
int dump_alter_sequence(struct dump_reader *reader);
int dump_ddl_begin(struct dump_reader *reader, struct dump_table *table);

/* … adds something to TABLE. */
int dump_ddl_add(struct dump_reader *reader, struct dump_table *table);

/* PART is one of WHOLE's; BOUND: which of the rows are there, in the dump's words. */
int dump_ddl_attach(struct dump_table *part, struct dump_table *whole, const char *bound);

/* All is read: which table has what several need. */
int dump_ddl_settle(struct dump_reader *reader);

/* All of it, the caller's; NULL: no memory. */
char *dump_ddl_of(const struct dump_table *table);

/* --- dump_change -------------------------------------------------------------------------- */

/* Tells of rows of a table that nothing is known of. */
int dump_note_unknown(struct dump_reader *reader, const char *database, const char *name);

/* Whether SQLite's .dump writes its virtual tables into it; behind VALUES: tells of one. */
bool dump_is_catalogue(const struct dump_reader *reader, const char *name);
int dump_note_virtual(struct dump_reader *reader, struct failure *failure);

/* The statement is VERB …: tells of it, if it changes rows that came before. */
int dump_note_change(struct dump_reader *reader, const char *verb);

/* --- dump_read ---------------------------------------------------------------------------- */

struct dump_reader {
    struct row_taker *taker;
    const char *place; /* in words: the file, or "the dump" */
    struct byte_window window;
    enum sql_dialect dialect;
    const char *charset;      /* of text, not of _binary strings; NULL: UTF-8 */
    iconv_t converter;        /* out of converter_of */
    const char *converter_of; /* NULL: there is none */
    bool backslash;           /* escapes in '…' */
    bool ansi_quotes;
    bool own_bytes; /* SET NAMES binary: texts are in their columns' character sets */
    bool session;   /* it is a dump of several files */
    bool loads;     /* of this file only LOAD DATA counts */
    bool too_long;  /* the statement is longer than DUMP_STATEMENT_LIMIT: the rest is left out */
    bool in_turn;   /* a table's rows stand behind it, and before the next one */
    char delimiter[DUMP_DELIMITER_SIZE];
    char *database;  /* the current one, PostgreSQL's schema; "" */
    char *connected; /* PostgreSQL's database that what follows is of; NULL: none is named */
    bool is_cluster; /* … and tables are of several */
    size_t database_count;

    struct buffer statement; /* without comments, NUL-terminated */
    struct buffer raw;       /* the same with them */

    struct dump_table **tables; /* table_count of them, in the order of the dump */
    size_t table_count;
    size_t table_capacity;
    struct name_map *names; /* keys to indexes into tables */
    size_t finished_count;  /* of the tables: the first ones */

    struct dump_domain *domains;
    size_t domain_count;

    struct dump_object *objects;
    size_t object_count;
    struct name_map *object_names; /* to objects; NULL: there are none */

    struct cell *cells;
    size_t cell_capacity;
    struct buffer scratch; /* decoded cells of one row */
    struct dump_literal *literals;
    size_t literal_capacity;
    struct sqlite3 *sqlite;  /* dump_sqlite's; NULL until it is needed */
    struct dump_table *last; /* that rows, or words, came last of; NULL */
    bool ends_late;          /* pg_dumpall's end counts, not those of its databases */
    bool ends;               /* the dump says where it ends, unless it was cut short … */
    bool ended;              /* … and has */
};

/* What dump_read is made of, for a dump in several files. */
void dump_set_up(struct dump_reader *reader, struct row_taker *taker);
int dump_begin(struct dump_reader *reader, struct byte_stream *stream, struct failure *failure);
int dump_use_database(struct dump_reader *reader, char *database); /* taken over; NULL: -ENOMEM */
int dump_read_all(struct dump_reader *reader, struct failure *failure);
int dump_note_cut(struct dump_reader *reader);
int dump_tell_changes(struct dump_reader *reader, struct failure *failure);
void dump_release(struct dump_reader *reader);

/* Room for COUNT cells and literals. 0 or -ENOMEM. */
int dump_reserve_cells(struct dump_reader *reader, size_t count);

/* Hands reader->cells over. */
int dump_give_row(struct dump_reader *reader, struct dump_table *table, struct failure *failure);

/* "[DATABASE.]NAME" as the lexer stands on it; both the caller's to free. DATABASE "": none given.
 */
int dump_take_name(struct sql_lexer *lexer, char **ret_database, char **ret_name);

/* Of the statement that was read; of any text. */
struct sql_lexer dump_statement_lexer(const struct dump_reader *reader);
struct sql_lexer dump_lexer(const struct dump_reader *reader, const char *text, size_t size);

/* --- dump_charset ------------------------------------------------------------------------- */

extern const char dump_latin1[];
extern const char dump_windows[];

/* A byte of a literal becomes at most so many, decoded and out of its character set. */
#define DUMP_MOST_GROWTH 4

/* Of SET NAMES, and client_encoding. NULL: UTF-8, or unknown. */
const char *dump_charset_find(enum sql_dialect dialect, const char *name);

/* Of a column whose texts stand in a dump as they are stored; either name may be NULL. */
const char *dump_charset_of_column(const char *charset, const char *collation);

/* CELL's text out of CHARSET, to scratch, in which there is room. What is not in it stays. */
void dump_convert(struct dump_reader *reader, const char *charset, struct cell *cell);

/* --- dump_recognise ----------------------------------------------------------------------- */

enum sql_dialect dump_dialect_of(const char *text, size_t size);

/* Whether such a dump says where it ends. */
bool dump_says_its_end(const char *text, size_t size, enum sql_dialect dialect);

/* Whether pg_dumpall made it. */
bool dump_is_cluster(const char *text, size_t size);

/* --- dump_connect ------------------------------------------------------------------------- */

/* SET search_path, behind these words. */
int dump_take_search_path(struct dump_reader *reader, struct sql_lexer *lexer);

/* A line for psql, NUL-terminated: "\\connect x". */
int dump_take_psql_line(struct dump_reader *reader, const char *line);

/* --- dump_statement ----------------------------------------------------------------------- */

/* Goes on behind white space and comments. 1: something stands there; 0: the end; -errno. */
int dump_skip_blank(struct dump_reader *reader, struct failure *failure);

/* Reads to the delimiter and behind it, into statement and raw. 0 or -errno. */
int dump_read_statement(struct dump_reader *reader, struct failure *failure);

/* Reads to the end of the line and behind it, into statement. */
int dump_read_line(struct dump_reader *reader, struct failure *failure);

/* Whether the word (capitals) stands at the window's place, as a word. */
bool dump_at_word(const struct dump_reader *reader, const char *word);

/* --- dump_create, dump_key, dump_sqlite
 * ------------------------------------------------------------- */

/* The statement is CREATE TABLE …: adds the table. -EILSEQ with words: makes no sense. */
int dump_create_table(struct dump_reader *reader, struct failure *failure);

/* … CREATE DOMAIN …: notes it. */
int dump_create_domain(struct dump_reader *reader);

/* Takes a key, if one stands here. 1: one did, or something else that is no column; 0; -errno. */
int dump_take_constraint(struct sql_lexer *lexer, struct dump_table *table);

/* … ALTER TABLE … or CREATE UNIQUE INDEX …: adds keys. What makes no sense is passed over. */
int dump_alter_table(struct dump_reader *reader, struct failure *failure);
int dump_create_index(struct dump_reader *reader, struct failure *failure);

/* Fills TABLE in as SQLite understands the statement SQL. -EILSEQ: it does not. */
int dump_sqlite_columns(struct dump_reader *reader, struct dump_table *table, const char *sql,
                        struct failure *failure);
int dump_sqlite_index(struct dump_reader *reader, const char *sql);
/* All is read: what indexes make of the keys. */
int dump_sqlite_end(struct dump_reader *reader, struct failure *failure);

/* --- dump_literal, dump_insert, dump_copy, dump_cell --------------------------------------- */

enum literal_type {
    LITERAL_NULL,
    LITERAL_NUMBER,
    LITERAL_STRING,  /* as it stands */
    LITERAL_ESCAPED, /* holds escapes, or doubled quotes */
    LITERAL_HEX,     /* digits */
    LITERAL_BITS,    /* 0 and 1 */
    LITERAL_TRUE,
    LITERAL_FALSE,
    LITERAL_REPLACE, /* SQLite's .dump: replace('…','\n',char(10)), as a whole */
    LITERAL_FIELD,   /* of COPY: with its escapes */
    LITERAL_DEFAULT, /* the word: whatever the column's default is */
};

struct dump_literal {
    enum literal_type type;
    bool binary;    /* not in the dump's character set */
    bool backslash; /* an escaped string's escapes */
    char quote;
    size_t at; /* in the window, from its place */
    size_t size;
};

/* How a tuple ended. */
enum { TUPLE_BAD = -1, TUPLE_MORE = 0, TUPLE_WHOLE = 1 };

/*
 * Takes apart "(…)", which begins at AT; *ret_end: behind it. At most MOST literals; *ret_count of
 * them. TUPLE_MORE: it is not all there. Reads at most BYTE_WINDOW_SLACK behind END.
 */
int dump_parse_tuple(const struct dump_reader *reader, const uint8_t *at, const uint8_t *end,
                     struct dump_literal *literals, size_t most, size_t *ret_count,
                     const uint8_t **ret_end);

/* INSERT INTO database.name (names) VALUES */
struct dump_head {
    char *database;
    char *name;
    char **names; /* count of them; NULL: none are given */
    size_t count;
    bool values; /* VALUES follows: the rows are here */
};

/*
 * Reads it; the window then stands behind VALUES, and the caller releases it. -EILSEQ: it is
 * another kind of INSERT.
 */
int dump_take_head(struct dump_reader *reader, struct dump_head *head, struct failure *failure);
void dump_head_release(struct dump_head *head);

/* At INSERT or REPLACE: reads the statement and hands its rows over. */
int dump_insert(struct dump_reader *reader, struct failure *failure);

/* The statement is COPY … FROM stdin: reads the lines that follow. */
int dump_copy(struct dump_reader *reader, struct failure *failure);

/*
 * Makes CELL of a literal in a column of that TYPE. BASE: where the literals are counted from;
 * what is decoded goes to reader->scratch, in which there is room (dump_cell_room). -EILSEQ:
 * makes no sense in such a column.
 */
int dump_make_cell(struct dump_reader *reader, const struct dump_type *type, const uint8_t *base,
                   const struct dump_literal *literal, struct cell *cell);

/* Decodes a literal's escapes and doubled quotes, FROM its bytes to scratch. */
void dump_decode(struct dump_reader *reader, const struct dump_literal *literal,
                 const uint8_t *from, struct cell *cell);

/* Of LITERAL_REPLACE. 0 or -EILSEQ. */
int dump_make_replaced(struct dump_reader *reader, const uint8_t *at, size_t size,
                       struct cell *cell);

/* The moments in CELL, a text, in UTC; to scratch, in which there is room. */
void dump_make_utc(struct dump_reader *reader, struct cell *cell);

/* Empties scratch and makes room for what SIZE bytes of literals may become. */
int dump_cell_room(struct dump_reader *reader, size_t size, size_t count);

#endif
