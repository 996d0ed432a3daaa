/* SPDX-License-Identifier: MIT */
/*
 * What the files of the archive source share:
 *
 *   archive_source  the source: its version, its passes
 *   archive_endings  what files are called
 *   archive_option  how a user wants it to be read
 *   archive_parts   the files that it is in
 *   archive_postgres  pg_dump's own formats; archive_pg_folder: a folder of them (a header of
 *                   their own)
 *   archive_plan    what is known of it before tables are read; archive_dump: mydumper's
 *   archive_packages  folders of crmfs's own files in it; archive_tab: of mysqldump --tab
 *   archive_tab_folder  whether a folder is such
 *   archive_pass    one pass over them, and all passes
 *   archive_identity  what is in it, told without reading it
 *   archive_open    libarchive, and how it is fed
 *   archive_file    the file that it reads
 *   archive_unpack  what is compressed
 *   archive_entry   a member as a stream of bytes
 *   archive_refuse  what is to be done to an archive before it can be read
 *   archive_doubt   what damage makes of tables that came before it
 *   archive_rest    what stands behind the end
 *   archive_walk    member after member
 *   archive_recognise  what a file or a member is, by how it begins (a header of its own)
 *   archive_tables  which of them is what, and the tables in it
 *   archive_name    what a member is called under raw/
 */
#ifndef CRMFS_SOURCE_ARCHIVE_INTERNAL_H
#define CRMFS_SOURCE_ARCHIVE_INTERNAL_H

#include <pthread.h>
#include <stdint.h>
#include <sys/stat.h>

#include "backends/source/archive.h"
#include "backends/source/archive_file.h"
#include "backends/source/archive_library.h"
#include "backends/source/archive_tab.h"
#include "backends/source/byte_stream.h"
#include "backends/source/delimited.h"
#include "backends/source/dump.h"
#include "backends/source/mydumper.h"
#include "backends/source/stream.h"
#include "fs/base/name_map.h"

struct pg_folder; /* archive_postgres.h */

struct archive_source {
    struct source source;
    char *path;               /* absolute or not: as given */
    bool folder;              /* … and its files are the archive, or those of … */
    char *series;             /* … NULL: all */
    struct dialect_wish wish; /* for tables as text; the character set also for dumps */
    char *names;              /* the character set of members' names, as iconv calls it; NULL */
    char *password;           /* NULL */
    char *password_command;   /* NULL */
    const bool *cancelled;    /* NULL */
    pthread_mutex_t lock;     /* of … */
    struct archive_endings *endings; /* … those that were read last; NULL */
    /* Atomic; of the pass under way, or the last: bytes of the file. */
    uint64_t bytes_done;
    uint64_t bytes;
};

/* --- archive_option ----------------------------------------------------------------------- */

/* NAME=VALUE&… -EINVAL in words, -ENOMEM. */
int archive_options_take(struct archive_source *source, const char *query, struct failure *failure);

/* --- archive_parts ------------------------------------------------------------------------ */

struct archive_part {
    char *path;
    char *name; /* it is a member, of that name; NULL: its members are the archive's */
    struct stat about;
};

struct archive_parts {
    struct archive_part *items;
    size_t count;
    unsigned long missing; /* the first number of a series that is not there; 0: none is */
    uint64_t bytes;        /* of all */
    struct timespec changed;
    struct source_version version;
};

/* Looks at all files. -ENOENT, -EACCES …; the caller releases them. */
int archive_parts_list(const struct archive_source *source, struct archive_parts *ret_parts,
                       struct failure *failure);
void archive_parts_release(struct archive_parts *parts);

/* Whether SOURCE is one file of a series of which there are others. */
bool archive_is_single_part(const struct archive_source *source);

/* --- archive_endings ---------------------------------------------------------------------- */

/* The endings of files that are shown with one they have not; counted, as it never changes. */
struct archive_endings;

struct archive_endings *archive_endings_create(const struct source_version *version); /* or NULL */
struct archive_endings *archive_endings_reference(struct archive_endings *endings);
void archive_endings_release(struct archive_endings *endings); /* NULL is allowed */
bool archive_endings_are_of(const struct archive_endings *endings,
                            const struct source_version *version);

/* Whether the member NAME says what files are called; whether it is such a file. */
bool archive_is_list(const char *name);
bool archive_is_listed(const char *name);

/* Adds what a list says; when all have been read, they are sorted. */
int archive_endings_read(struct archive_endings *endings, struct byte_stream *stream,
                         const struct dialect *dialect, const char *name, struct failure *failure);
void archive_endings_sort(struct archive_endings *endings);

/* What stands behind the name of a member: ".pdf", or "". ENDINGS may be NULL. */
const char *archive_ending_of(const struct archive_endings *endings, const char *name);

/* --- archive_plan ------------------------------------------------------------------------- */

/*
 * Passes over the archive. Where a first look at the names of its members finds nothing that
 * takes more, tables are read in one.
 */
enum archive_pass {
    PASS_NAMES,  /* which members there are */
    PASS_LISTS,  /* what files are called */
    PASS_TABLES, /* mydumper's: what tables are like … */
    PASS_LOADS,  /* … and files of their rows */
    PASS_ALL,    /* everything else, and all members are told */
};

/* A folder with a dump by mydumper, or of pg_dump's. */
struct archive_dump {
    char *folder;               /* shown name; "": the archive's own */
    unsigned kinds;             /* of files in it, a bit each: enum mydumper_file, PG_FOLDER_… */
    struct dump_reader *reader; /* NULL: it is none by mydumper */
    struct pg_folder *postgres; /* NULL: it is none of pg_dump's */
};

struct archive_plan {
    struct archive_dump *dumps;
    size_t dump_count;
    struct name_map *folders; /* to dumps */
    struct archive_packages *packages;
    struct archive_tabs *tabs;
    bool dumped;   /* one of them is … */
    bool loaded;   /* … and has files of rows */
    bool lists;    /* there are some … */
    bool listed;   /* … and files that may be in them */
    size_t others; /* members, not empty, that are no tables, or that were refused */
};

int archive_plan_create(struct archive_plan *plan); /* 0 or -ENOMEM */
void archive_plan_release(struct archive_plan *plan);

/* PASS_NAMES met a member. */
int archive_plan_note(struct archive_plan *plan, const char *name);

/* … and is over. CHARSET: what the user says of dumps; NULL. */
int archive_plan_decide(struct archive_plan *plan, const char *charset, struct row_taker *taker);

/* The dump that the member NAME belongs to; NULL: none. */
struct archive_dump *archive_plan_dump(struct archive_plan *plan, const char *name);

/* The same of one of pg_dump's. */
struct pg_folder *archive_plan_postgres(struct archive_plan *plan, const char *name);

/* All is read: what became known last is told. */
int archive_plan_end(struct archive_plan *plan, struct row_taker *taker, struct failure *failure);

/* One pass over the file. */
struct archive_walk {
    struct archive_source *source;
    struct row_taker *taker;
    enum archive_pass pass;
    struct archive_plan *plan;
    struct delimited_parts *parts;   /* NULL in other passes than PASS_ALL */
    struct archive_endings *endings; /* NULL: there are none */
    const struct archive_part *part;
    bool part_is_dump; /* its members are those of a dump of pg_dump's, which is read as a whole */
    struct archive_file *outermost;
    struct archive_feed *feed; /* of the archive that is walked; NULL: it is a file */
    size_t first_table;        /* that came out of the archive that is walked */
    uint64_t bytes_before;     /* of the parts before */
    uint64_t file_bytes;       /* of all parts */
    uint64_t unfolded_bytes;   /* at any depth */
    struct timespec modified;
    size_t members;
    bool enough;         /* names were looked at */
    bool broken;         /* something of the archive that is walked could not be read */
    size_t odd_names;    /* in no character set that is known */
    size_t renamed;      /* members that are shown by another name … */
    char *first_renamed; /* … and "PATH as NAME" of the first; NULL: no memory, or none is */
    /* Extracting: the member that is wanted, and where its bytes go. Nothing else is read. */
    const char *wanted; /* NULL: not extracting */
    int (*take)(void *context, const void *bytes, size_t size, struct failure *failure);
    void *take_context;
    bool found;
    struct name_map *names; /* of the members so far */
    char **name_list;       /* members of them */
    size_t name_capacity;
};

/* --- archive_identity ---------------------------------------------------------------------- */

void archive_identify(struct source *base, struct source_identity *ret_identity);

/* --- archive_dump ------------------------------------------------------------------------- */

/*
 * STREAM, compressed or not, is the member PATH of a dump by mydumper: reads it if this is the pass
 * for it.
 */
int archive_dump_read(struct archive_walk *walk, struct archive_dump *dump,
                      struct byte_stream *stream, const char *path, bool packed,
                      struct failure *failure);

/* --- archive_entry ------------------------------------------------------------------------ */

/* The member that ARCHIVE stands on. One is read at a time. */
struct entry_stream {
    struct byte_stream stream;
    struct archive_walk *walk;
    struct archive *archive;
    const char *name;
    struct archive_feed *feed;    /* ARCHIVE's; NULL */
    struct byte_stream *straight; /* what gives the member's bytes; NULL: ARCHIVE does */
    uint64_t place;               /* how much of it ARCHIVE has given, holes included */
    uint64_t hole;                /* bytes of a hole that come next, and then … */
    const void *block;            /* … this */
    size_t block_size;
    uint8_t *zeros;     /* what holes are made of; NULL: there was none so far */
    uint64_t bytes;     /* so far */
    bool broken;        /* behind them … */
    bool damaged;       /* … and they may be others than were packed */
    int error;          /* what it is then, said again whoever asks … */
    struct failure why; /* … in these words */
    bool given;         /* to the taker, or to whoever extracts */
};
int entry_stream_begin(struct entry_stream *entry, struct archive_walk *walk,
                       struct archive *archive, const char *name);

/* Hands bytes of a member over: to the taker, or to whoever extracts. */
int archive_give(struct archive_walk *walk, const void *bytes, size_t size,
                 struct failure *failure);

/* Reads what is left, so that BYTES is the member's size. 0 or -errno. */
int entry_stream_drain(struct entry_stream *entry, struct failure *failure);
void entry_stream_end(struct entry_stream *entry);

/*
 * Has READ read what STREAM, the compressed member NAME, holds; its stream stands until READ
 * returns. As READ, or as the stream.
 */
int archive_read_unpacked(struct archive_walk *walk, struct byte_stream *stream, const char *name,
                          int (*read)(void *context, struct byte_stream *stream,
                                      struct failure *failure),
                          void *context, struct failure *failure);

/* --- archive_refuse ----------------------------------------------------------------------- */

/* What begins so, called NAME, is a dump, but as XML. -EILSEQ; 0: it is none. */
int archive_refuse_xml(const void *begin, size_t size, const char *name, struct failure *failure);

/* What ARCHIVE, called NAME, if it is FED, would have to be a file for. -EILSEQ; 0: nothing.
 */
int archive_refuse_fed(struct archive *archive, bool fed, const char *name,
                       struct failure *failure);

/* --- archive_doubt ------------------------------------------------------------------------ */

/*
 * Whether what ARCHIVE, fed by FEED (NULL: it is a file that WALK is in), gave before its last
 * error may be other bytes than were packed: not where it was merely cut short.
 */
bool archive_is_damaged(const struct archive_walk *walk, struct archive *archive,
                        const struct archive_feed *feed);

/* The number that the next table gets. */
size_t archive_table_count(const struct archive_walk *walk);

/*
 * ARCHIVE's data, or those of the member that it stands on, turned out to be damaged, for WHY: no
 * table that came out of them can be trusted. FIRST_TABLE: the first one of the member.
 */
int archive_doubt(const struct archive_walk *walk, struct archive *archive, size_t first_table,
                  const struct failure *why);

/* --- archive_rest ------------------------------------------------------------------------- */

/*
 * What FEED gives, called NAME, or the file PATH, has been read: tells, when
 * everything is told, of what stands behind its end.
 */
void archive_tell_rest_of_feed(const struct archive_walk *walk, const struct archive_feed *feed,
                               const char *name);
void archive_tell_rest_of_file(const struct archive_walk *walk, const struct archive_file *file,
                               const char *path);

/* --- archive_tables ----------------------------------------------------------------------- */

/* A stream whose beginning has been looked at. */
struct looked_stream {
    struct byte_stream stream;
    struct byte_window window; /* what was looked at, until it is given */
    struct byte_stream *rest;
    bool given;
};

/* Looks at the beginning of REST, which outlives it. 0 or -errno; damage is in the window. */
int looked_stream_begin(struct looked_stream *looked, struct byte_stream *rest,
                        struct failure *failure);
void looked_stream_end(struct looked_stream *looked);

/*
 * Reads whatever tables are in LOOKED, the member NAME, so DEPTH. *ret_none: it was not read
 * further than it had been looked at.
 */
int archive_read_tables(struct archive_walk *walk, struct looked_stream *looked, const char *name,
                        unsigned depth, bool *ret_none, struct failure *failure);

/* Whether the archive goes on, without what was refused so. */
bool archive_is_passed_over(int error);

/* --- archive_name ------------------------------------------------------------------------- */

/*
 * A member's path as it is shown: relative, without empty, "." and ".." parts, valid UTF-8 (other
 * bytes are percent-encoded), at most PATH_MAX. The caller frees it. NULL: no memory.
 */
char *archive_shown_name(const char *path);

/*
 * What a member is called: in UTF-8, out of the character set that the user says, or, when there is
 * none, the bytes that there are. The caller frees it. NULL: no memory.
 */
char *archive_member_path(struct archive_walk *walk, struct archive_entry *about);

/* NAME without the endings of compressions, the caller's. NULL: no memory. */
char *archive_unpacked_name(const char *name);

/*
 * The name of the member PATH, which no other has: a second one gets "~2" behind it. Borrowed. 0,
 * -ENOMEM, -EILSEQ: there are too many of one name.
 */
int archive_choose_name(struct archive_walk *walk, const char *path, const char **ret_name);

/* A shown name with its ending. */
char *archive_ended_name(const struct archive_endings *endings, const char *path);

/* --- archive_pass ------------------------------------------------------------------------- */

/* All passes. As the source's stream(). */
int archive_read_all(struct archive_source *source, const struct archive_parts *parts,
                     struct row_taker *taker, struct failure *failure);

/* One member. As the source's extract(). */
int archive_read_member(struct archive_source *source, const struct archive_parts *parts,
                        struct archive_walk *walk, struct failure *failure);

/* --- archive_walk ------------------------------------------------------------------------- */

/*
 * Hands over what ARCHIVE stands on, which ABOUT is about; OUTER: the name of what it is in, "" at
 * the top. Links and devices are passed over.
 */
int archive_walk_entry(struct archive_walk *walk, struct archive *archive,
                       struct archive_entry *about, const char *outer, unsigned depth,
                       struct failure *failure);

/* Hands everything else in ARCHIVE over. 0, or what the taker said, -ENOMEM, -ECANCELED. */
int archive_walk(struct archive_walk *walk, struct archive *archive, const char *outer,
                 unsigned depth, struct failure *failure);

#endif
