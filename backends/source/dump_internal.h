/* SPDX-License-Identifier: MIT */
/*
 * What the files of the dump reader share:
 *
 *   dump_read       the loop over statements; dump_take: what each is for
 *   dump_session    a dump in several files
 *   dump_recognise  what a dump is by how it begins; dump_wide: one in UTF-16
 *   dump_set        SET: what statements are written in
 *   dump_connect    PostgreSQL: which database and schema its statements are about
 *   dump_locale     PostgreSQL: how the database orders texts
 *   dump_statement  one statement, without comments; dump_mark: those that say something;
 *                   dump_extent: where it ends, if there are statements in it
 *   dump_create     CREATE TABLE; dump_column: one of its columns
 *   dump_domain     CREATE DOMAIN, and CREATE TYPE … AS ENUM, AS RANGE
 *   dump_key        keys; dump_alter: ALTER TABLE, CREATE INDEX
 *   dump_table      a table as far as it is known
 *   dump_inherit    PostgreSQL's tables that are made of others
 *   dump_ddl        … and what makes it again; dump_need: types, sequences
 *   dump_fold       … of MySQL's, what is added to it later; dump_reshape: columns are, before rows
 *   dump_schema     … and its schema for the taker
 *   dump_type       native types
 *   dump_charset    character sets
 *   dump_sqlite     CREATE TABLE as SQLite itself understands it
 *   dump_trigger    triggers
 *   dump_view       views, and what else is told of; dump_drop: DROP TABLE, DROP VIEW
 *   dump_insert     INSERT … VALUES; dump_head: what stands before; dump_place: where values go
 *   dump_literal    … one of them
 *   dump_change     rows that cannot be followed; dump_outside: those of other files;
 *                   dump_lack: those of files that are not there
 *   dump_doubt      what cannot be made out, and what could have stood there
 *   dump_broken     tables that the dump's program broke off in
 *   dump_announce   of which tables it has rows; dump_damage.h is of these three
 *   dump_history    rows that were, of tables WITH SYSTEM VERSIONING
 *   dump_copy       the lines behind PostgreSQL's COPY … FROM stdin
 *   dump_load       rows in files of their own, for LOAD DATA; dump_tab: of mysqldump --tab
 *   dump_cell       a literal as a cell; dump_digits: one of digits; dump_moment: UTC
 *   dump_replace    … SQLite's replace() and unistr()
 */
#ifndef CRMFS_SOURCE_DUMP_INTERNAL_H
#define CRMFS_SOURCE_DUMP_INTERNAL_H

#include <iconv.h>
#include <stdint.h>
#include <sys/types.h>

#include "backends/source/byte_stream.h"
#include "backends/source/charset_stream.h"
#include "backends/source/dump.h"
#include "backends/source/dump_tables.h"
#include "backends/source/schema.h"
#include "backends/source/sql_lexer.h"
#include "backends/source/stream.h"
#include "fs/base/buffer.h"
#include "fs/base/name_map.h"

#define DUMP_DELIMITER_SIZE 16
#define DUMP_ZONE_SIZE 40

/* --- dump_change -------------------------------------------------------------------------- */

/* Tells of rows of a table that nothing is known of. */
int dump_note_unknown(struct dump_reader *reader, const char *database, const char *name);

/* All is read: tables whose rows may be among those, for want of a character set, fail. */
int dump_fail_nameless(struct dump_reader *reader);

/* Whether a table is SQLite's own: how far its counters are, how often a key is met. */
bool dump_is_of_sqlite(const struct dump_reader *reader, const char *name);

/* Whether SQLite's .dump writes its virtual tables into it; behind VALUES: tells of one. */
bool dump_is_catalogue(const struct dump_reader *reader, const char *name);
int dump_note_virtual(struct dump_reader *reader, struct failure *failure);

/* The statement is an INSERT or REPLACE whose rows are not taken: the table that it is for fails.
 */
int dump_note_query(struct dump_reader *reader);

/* Whether the dump ends within the statement that was read last. */
bool dump_is_cut(const struct dump_reader *reader);

/* The statement is VERB …: tells of it, if it changes rows that came before. */
int dump_note_change(struct dump_reader *reader, const char *verb);

/* Rows come by a statement that takes rows of one key for one: the last, the first, or, being
 * SAME_KEY_ERROR, something of both. */
int dump_note_merged(struct dump_reader *reader, struct dump_table *table, enum same_key same_key,
                     struct failure *failure);

/* What is in LEXER is not carried out: tells of it, once, if it has a string with a statement that
 * changes rows, or, among its WORDS, one. */
void dump_note_prepared(struct dump_reader *reader, struct sql_lexer lexer, bool words);

/* MariaDB's CREATE SEQUENCE, before whose second word LEXER stands: told once. */
int dump_note_sequence(struct dump_reader *reader, struct sql_lexer *lexer);

/* LEXER stands before a name: a WHAT by it is left out, which is told with CODE once, by *told. 0
 * or -ENOMEM. */
int dump_note_left_out(struct dump_reader *reader, struct sql_lexer *lexer, const char *what,
                       bool *told, int code, const char *why);

void dump_note_change_of(struct dump_reader *reader, struct dump_table *table, const char *verb);

/* --- dump_outside ------------------------------------------------------------------------- */

/* LEXER stands before the name of a table whose rows are in another file: the table fails. */
int dump_note_file(struct dump_reader *reader, struct sql_lexer *lexer);

/* The statement is LOAD DATA, whose file is not read: so does its table. */
int dump_note_load_data(struct dump_reader *reader, struct sql_lexer *lexer);

/* LEXER stands behind COPY: whether rows come in, and it then stands behind FROM. */
bool dump_copies_from(struct sql_lexer *lexer);

/* LINE, NUL-terminated, is for a client: tells of a file that the client would read. */
int dump_note_client_line(struct dump_reader *reader, const char *line);

struct dump_literal;

/* --- dump_trigger ------------------------------------------------------------------------- */

/* LEXER stands behind TRIGGER: what the trigger is on; NULL: there is nothing of that name. */
struct dump_table *dump_triggering(struct dump_reader *reader, struct sql_lexer *lexer);

/* PostgreSQL's: it is among the statements of its table. 0 or -ENOMEM. */
int dump_add_trigger(struct dump_reader *reader, struct sql_lexer *lexer);

/* MySQL's: told once. 0 or -ENOMEM. */
int dump_note_trigger(struct dump_reader *reader, struct sql_lexer *lexer);

/* --- dump_history ------------------------------------------------------------------------- */

/* Whether NAME is what a versioned table's rows have besides its columns; *ret_ends: until when. */
bool dump_is_row_moment(const struct dump_table *table, const char *name, bool *ret_ends);

/* Whether a row that is there until TEXT, in whatever time zone, is one that is there now. */
bool dump_is_for_ever(const char *text, size_t size);

/* Whether the row in the reader's cells, of a versioned table, is not; tells of such, once. */
bool dump_is_history(const struct dump_reader *reader, const struct dump_table *table);
void dump_note_history(const struct dump_reader *reader, struct dump_table *table);

/* --- dump_lack ---------------------------------------------------------------------------- */

/* All is read: tables whose rows the reader's list lacks fail. 0 or -errno. */
int dump_fail_lacking(struct dump_reader *reader);

/* --- dump_read ---------------------------------------------------------------------------- */

/* What is known of the statement being read, from its first SEEN bytes. */
struct dump_extent {
    size_t seen;
    size_t tokens; /* in them */
    size_t depth;  /* of the parentheses that are open behind them */
    size_t blocks; /* BEGIN, and CASE within it, that no END has closed */
    bool creates;
    bool makes;    /* … a function or a procedure; a trigger or an event of MySQL's */
    bool is_rule;  /* … a rule of PostgreSQL's */
    bool begins;   /* the last token is BEGIN */
    bool parted;   /* … is a semicolon */
    bool dotted;   /* … is a dot */
    bool ends;     /* … is an END that closed something */
    bool closed;   /* … is an END behind one */
    bool has_body; /* … what has statements in it: SQLite's triggers, BEGIN ATOMIC … */
    bool has_none; /* … what never has */
    bool asked;    /* whether its semicolons end it, behind another delimiter: … */
    bool is_plain; /* … they do */
};

struct dump_reader {
    struct row_taker *taker;
    const char *place; /* in words: the file, or "the dump" */
    struct byte_window window;
    enum sql_dialect dialect;
    enum sql_pairs pairs;
    const struct pg_list *list; /* what pg_restore left out; NULL */
    const char *wish;           /* what texts are in if the dump says none; NULL */
    const char *charset;        /* of text, not of _binary strings; NULL: UTF-8 */
    const char *named;          /* … as SET NAMES had it last */
    const char *kept_charset;   /* as it was when a variable was set to the client's … */
    enum sql_pairs kept_pairs;
    bool kept_own_bytes;
    iconv_t converter;        /* out of converter_of */
    const char *converter_of; /* NULL: there is none */
    bool backslash;           /* escapes in '…' */
    bool ansi_quotes;
    bool kept_backslash; /* both as they were when a variable was set to the sql_mode */
    bool kept_ansi_quotes;
    char zone[DUMP_ZONE_SIZE]; /* of MySQL's TIMESTAMPs; "": UTC, or not said */
    char kept_zone[DUMP_ZONE_SIZE];
    bool zone_said;
    bool zone_told;
    bool nameless_told;
    bool prepared_told;
    bool rollback_told;
    bool uncommitted;    /* rows came that ROLLBACK would take away, for all that is known */
    bool in_transaction; /* PostgreSQL: BEGIN in it does not commit */
    bool sequence_told;
    bool trigger_told;
    bool announces;    /* it says of tables that their rows follow … */
    bool unannounced;  /* … but not of all of which they do, as far as is known */
    bool lacks_blocks; /* there were zeros in a comment */
    bool names_lost;   /* rows came of a table whose name is not in UTF-8 */
    bool guessed;      /* it was taken for MySQL's, as nothing says whose it is … */
    bool escaped;      /* … a backslash was taken for an escape … */
    bool escape_told;
    bool may_be_garbled; /* the row, as it stands in the dump, is no UTF-8, or has escapes */
    bool garbled;        /* a text of the row is not in UTF-8 … */
    bool garbled_told;
    bool guesses_set; /* texts are taken for what their columns are in, and … */
    bool seems_utf8;  /* … one of the row may be in UTF-8 */
    bool utf8_told;
    bool wide;      /* it was text to whoever wrote it: UTF-16 */
    bool mangled;   /* … and bytes of the row were not */
    bool own_bytes; /* SET NAMES binary: texts are in their columns' character sets */
    bool session;   /* it is a dump of several files */
    bool loads;     /* of this file only LOAD DATA counts */
    bool too_long;  /* the statement is longer than DUMP_STATEMENT_LIMIT: the rest is left out */
    bool commented; /* … and has comments in it that are no more than that */
    bool in_turn;   /* a table's rows stand behind it, and before the next one */
    bool has_rows;  /* some came */
    bool of_shell;  /* MySQL Shell's */
    bool apart;     /* … of a table behind which others stand: of these some may follow as well */
    char delimiter[DUMP_DELIMITER_SIZE];
    char *database;        /* the current one, PostgreSQL's schema; "" */
    char *connected;       /* PostgreSQL's database that what follows is of; NULL: none is named */
    bool is_cluster;       /* … and tables are of several */
    char *created;         /* the last CREATE DATABASE; NULL */
    bool created_in_bytes; /* … orders texts byte by byte … */
    bool in_bytes;         /* … and so does what follows, being of it */
    size_t database_count;

    struct buffer statement; /* without comments, NUL-terminated */
    struct buffer raw;       /* the same with them */
    struct dump_extent extent;

    struct dump_table **tables; /* table_count of them, in the order of the dump */
    size_t table_count;
    size_t table_capacity;
    struct name_map *names; /* keys to indexes into tables */
    size_t finished_count;  /* of the tables: the first ones */
    uint64_t doubted_line;  /* where the dump could not be made out first; 0: it can be */

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
    struct sqlite3 *sqlite;    /* dump_sqlite's; NULL until it is needed */
    struct dump_table *last;   /* that rows, or words, came last of; NULL */
    struct dump_table *locked; /* by LOCK TABLES, for its rows; NULL */
    bool ends_late;            /* pg_dumpall's end counts, not those of its databases */
    bool ends;                 /* the dump says where it ends, unless it was cut short … */
    bool ended;                /* … and has */
    bool ends_dated;           /* … by dump_ends_dated() … */
    bool ends_checked;         /* … or dump_ends_checked() */
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

/* Hands reader->cells over, and tells of bytes in them that became text. Of a row that is too large
 * the table fails. */
int dump_give_row(struct dump_reader *reader, struct dump_table *table, struct failure *failure);
int dump_fail_large_row(struct dump_reader *reader, struct dump_table *table);

/* "[DATABASE.]NAME" as the lexer stands on it; both the caller's to free. DATABASE "": none given.
 */
int dump_take_name(struct sql_lexer *lexer, char **ret_database, char **ret_name);

/* Of the statement that was read; of any text. */
struct sql_lexer dump_statement_lexer(const struct dump_reader *reader);
struct sql_lexer dump_lexer(const struct dump_reader *reader, const char *text, size_t size);

/* --- dump_set ----------------------------------------------------------------------------- */

/* LEXER stands behind SET. 0 or -ENOMEM. */
int dump_take_set(struct dump_reader *reader, struct sql_lexer *lexer);

/* Rows of TABLE come: tells, once, of moments in them that are not in UTC. */
void dump_note_zone(struct dump_reader *reader, const struct dump_table *table);

/* --- dump_charset ------------------------------------------------------------------------- */

extern const char dump_latin1[];
extern const char dump_windows[];

/* A byte of a literal becomes at most so many, decoded and out of its character set. */
#define DUMP_MOST_GROWTH 4

/* Of SET NAMES, and client_encoding. NULL: UTF-8, or unknown. */
const char *dump_charset_find(enum sql_dialect dialect, const char *name);

/* … its letters of two bytes. */
enum sql_pairs dump_charset_pairs(const char *name);

bool dump_charset_is_utf8(const char *name);

/* The dump says what its texts are in: if that is not known, the reader's wish counts. */
void dump_set_charset(struct dump_reader *reader, const char *name);

/* What texts are in where the dump does not say it. NULL: UTF-8. */
const char *dump_charset_wished(const struct dump_reader *reader);

/* Whether CELL is a text that is not in UTF-8, of which was not told yet; tells of it. */
bool dump_is_garbled(const struct dump_reader *reader, const struct cell *cell);
void dump_tell_garbled(struct dump_reader *reader, const struct dump_table *table);

/* Whether CELL, taken for CHARSET, is more likely in UTF-8, of which was not told yet; tells of it.
 */
bool dump_seems_utf8(const struct dump_reader *reader, const char *charset,
                     const struct cell *cell);
void dump_tell_utf8(struct dump_reader *reader, const struct dump_table *table);

/* Of a column whose texts stand in a dump as they are stored; either name may be NULL. */
const char *dump_charset_of_column(const char *charset, const char *collation);

/* Whether a byte is not ASCII. */
bool dump_has_high_byte(const uint8_t *bytes, size_t size);

/* CELL's text out of CHARSET, to scratch, in which there is room. What is not in it stays. */
void dump_convert(struct dump_reader *reader, const char *charset, struct cell *cell);

/* --- dump_wide ---------------------------------------------------------------------------- */

/* UTF-16 as UTF-8, of the lines that a dump program wrote. */
struct dump_wide {
    struct byte_stream stream;
    struct charset_stream text;
    struct buffer lines;
    bool folds;   /* CR LF counts as LF: unless … */
    bool decided; /* … the first line, which has been read, ends otherwise */
    bool held;    /* a CR, until it is known what follows it */
};

/* FROM outlives it. 0, -ENOMEM, -EIO with words; to be ended in any case. */
int dump_wide_begin(struct dump_wide *wide, struct byte_stream *from, enum text_set set,
                    struct failure *failure);
void dump_wide_end(struct dump_wide *wide);

/* --- dump_recognise ----------------------------------------------------------------------- */

enum sql_dialect dump_dialect_of(const char *text, size_t size);

/* Whether something in it is MySQL's, and it was not merely taken for MySQL's as most are. */
bool dump_is_surely_of_mysql(const char *text, size_t size);

/* What many programs for MySQL write first; they end with taking it back (dump_set). */
#define DUMP_KEEPS_CLIENT "@OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT"

/* Whether a dump for MySQL is of a program that writes a table's rows before the next table. */
bool dump_is_in_turn(const char *text, size_t size);

/* Whether MySQL Shell made it, which writes rows into files of their own. */
bool dump_is_of_shell(const char *text, size_t size);

/*
 * Whether it ends with the time, "-- 2024-01-01 10:00:00", as Adminer's do, of versions before 4
 * not all; whether it ends with looking at foreign keys again, as Navicat's do, but for those of
 * old versions, which write it without blanks.
 */
bool dump_ends_dated(const char *text, size_t size, enum sql_dialect dialect);
bool dump_ends_checked(const char *text, size_t size);

/* Whether such a dump says where it ends. */
bool dump_says_its_end(const char *text, size_t size, enum sql_dialect dialect);

/* Whether pg_dumpall made it. */
bool dump_is_cluster(const char *text, size_t size);

/* --- dump_connect ------------------------------------------------------------------------- */

/* SET search_path, behind these words. */
int dump_take_search_path(struct dump_reader *reader, struct sql_lexer *lexer);

/* A line for psql, NUL-terminated: "\\connect x". */
int dump_take_psql_line(struct dump_reader *reader, const char *line);

/* --- dump_mark ---------------------------------------------------------------------------- */

/* At a comment, or whatever stands here: what it says of the dump. 0 or -errno. */
int dump_take_mark(struct dump_reader *reader, struct failure *failure);

/* --- dump_take ---------------------------------------------------------------------------- */

/* Whether what stands in LEXER has no statements within itself, behind which semicolons stand. */
bool dump_is_plain(struct sql_lexer lexer);

/* Takes the statement, or the line for a client, that stands next. 0 or -errno. */
int dump_take_next(struct dump_reader *reader, struct failure *failure);

/* --- dump_statement ----------------------------------------------------------------------- */

/* Whether the text, which is no longer than a statement's marks, stands at the window's place. */
bool dump_stands_here(const struct dump_reader *reader, const char *text);

/* Goes on behind white space and comments. 1: something stands there; 0: the end; -errno. */
int dump_skip_blank(struct dump_reader *reader, struct failure *failure);

/* Reads to the delimiter and behind it, into statement and raw. 0 or -errno. */
int dump_read_statement(struct dump_reader *reader, struct failure *failure);

/* Whether a delimiter here is within the statement, as read so far: in its body, or in the
 * parentheses of PostgreSQL's CREATE RULE … DO (…; …). */
bool dump_goes_on(struct dump_reader *reader);

/* Whether the statement has a body that went on to the dump's end, or for too long. */
bool dump_has_no_end(struct dump_reader *reader);

/* Reads to the end of the line and behind it, into statement. */
int dump_read_line(struct dump_reader *reader, struct failure *failure);

/* Whether the word (capitals) stands at the window's place, as a word. */
bool dump_at_word(const struct dump_reader *reader, const char *word);

#endif
