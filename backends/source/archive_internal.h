/* SPDX-License-Identifier: MIT */
/*
 * What the files of the archive source share:
 *
 *   archive_source  the source: its version, its one pass
 *   archive_identity  what is in it, told without reading it
 *   archive_open    libarchive, for a file and for a member in another
 *   archive_entry   a member as a stream of bytes
 *   archive_walk    member after member: which is what
 *   archive_name    what a member is called under raw/
 */
#ifndef CRMFS_SOURCE_ARCHIVE_INTERNAL_H
#define CRMFS_SOURCE_ARCHIVE_INTERNAL_H

#include <archive.h>
#include <archive_entry.h>
#include <stdint.h>

#include "backends/source/archive.h"
#include "backends/source/byte_stream.h"
#include "backends/source/stream.h"
#include "fs/base/name_map.h"

struct archive_source {
    struct source source;
    char *path;             /* absolute or not: as given */
    char *password;         /* NULL */
    char *password_command; /* NULL */
    const bool *cancelled;  /* NULL */
    /* Atomic; of the pass under way, or the last: bytes of the file. */
    uint64_t bytes_done;
    uint64_t bytes;
};

/* One pass over the file. */
struct archive_walk {
    struct archive_source *source;
    struct row_taker *taker;
    struct archive *outermost;
    uint64_t file_bytes;
    uint64_t unfolded_bytes; /* at any depth */
    struct timespec modified;
    size_t members;
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

/* --- archive_open ------------------------------------------------------------------------- */

/* The file itself. -EILSEQ: libarchive makes nothing of it; -EIO … */
int archive_open_file(const struct archive_source *source, struct archive **ret_archive,
                      struct failure *failure);

/* What a stream holds, which outlives it. */
struct archive_feed {
    struct byte_stream *stream;
    struct failure failure; /* of the stream */
};
int archive_open_stream(const struct archive_source *source, struct archive_feed *from,
                        struct archive **ret_archive, struct failure *failure);

/* Words libarchive's last error; WHAT is the member or file. Returns -errno. */
int archive_failure(struct archive *archive, const char *what, struct failure *failure);

/* --- archive_entry ------------------------------------------------------------------------ */

/* The member that ARCHIVE stands on. One is read at a time. */
struct entry_stream {
    struct byte_stream stream;
    struct archive_walk *walk;
    struct archive *archive;
    const char *name;
    bool nested; /* in another member, whose bytes have been counted */
    uint8_t *buffer;
    uint64_t bytes; /* so far */
    bool given;     /* to the taker, or to whoever extracts */
};
int entry_stream_begin(struct entry_stream *entry, struct archive_walk *walk,
                       struct archive *archive, const char *name);

/* Hands bytes of a member over: to the taker, or to whoever extracts. */
int archive_give(struct archive_walk *walk, const void *bytes, size_t size,
                 struct failure *failure);

/* Reads what is left, so that BYTES is the member's size. 0 or -errno. */
int entry_stream_drain(struct entry_stream *entry, struct failure *failure);
void entry_stream_end(struct entry_stream *entry);

/* --- archive_name ------------------------------------------------------------------------- */

/*
 * A member's path as it is shown: relative, without empty, "." and ".." parts, valid UTF-8 (other
 * bytes are percent-encoded), at most PATH_MAX. The caller frees it. NULL: no memory.
 */
char *archive_shown_name(const char *path);

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
