/* SPDX-License-Identifier: MIT */
/*
 * What libarchive reads, and how it comes by it: what is compressed is fed to it unpacked. What
 * deflate made small is unfolded here instead, several times as fast: a .gz, and large members of
 * a ZIP, which are taken straight from the file.
 */
#ifndef CRMFS_SOURCE_ARCHIVE_FILE_H
#define CRMFS_SOURCE_ARCHIVE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "backends/source/archive_library.h"
#include "backends/source/archive_unpack.h"
#include "backends/source/byte_stream.h"
#include "backends/source/file_stream.h"
#include "backends/source/inflate_stream.h"
#include "backends/source/zip_directory.h"

struct archive_source;

/* --- archive_open ------------------------------------------------------------------------- */

/* For a source's archives, with its password; not open. 0, -ENOMEM, -ENOTSUP. */
int archive_create(const struct archive_source *source, struct archive **ret_archive,
                   struct failure *failure);

/* What an archive is made from, which outlives it. */
struct archive_feed {
    struct byte_stream *stream;
    int error;              /* the stream's: it ended there, as far as libarchive knows … */
    struct failure failure; /* … and why */
    bool told;              /* whoever read a member has been told */
    struct archive_unpack *unpack; /* NULL: it is not compressed */
    bool begun;
    const void *begin; /* what comes before the stream's next bytes … */
    size_t begin_size; /* … if it is not nothing */
    uint64_t given;    /* bytes … */
    uint64_t zeros;    /* … of which so many at the end are zeros */
    bool has_rest;     /* behind the end of a tar, or of what is compressed, is more than zeros */
    bool damaged;      /* ERROR says that what came before it may be wrong */
};

/*
 * Opens ARCHIVE. libarchive, told of an error, forgets what it has read before: to it the stream
 * ends there, and whoever meets that end asks for the error. 0, or -EIO: the archive has the words.
 */
int archive_feed_begin(struct archive *archive, struct archive_feed *from);

/*
 * ARCHIVE has been read. Reads FEED to its end, which is behind that of a tar, or of what is
 * compressed: there is a checksum, and perhaps something else.
 */
void archive_feed_drain(struct archive *archive, struct archive_feed *feed); /* NULL is allowed */

/* The stream's error, of the archive or member WHAT; 0: there was none. FEED may be NULL. */
int archive_feed_error(const struct archive_feed *feed, const char *what, struct failure *failure);

/* Whether, as libarchive's last error says, what it read was cut short. */
bool archive_is_cut(struct archive *archive);

int archive_open_stream(const struct archive_source *source, struct archive_feed *from,
                        struct archive **ret_archive, struct failure *failure);

/* What one of its filters, which unpack, failed for. -EIO, -EFBIG, -ENOMEM. */
int archive_filter_failure(struct archive *archive, struct failure *failure);

/* Words libarchive's last error; WHAT is the member or file. Returns -errno. */
int archive_failure(struct archive *archive, const char *what, struct failure *failure);

/* --- archive_file ------------------------------------------------------------------------- */

struct archive_file {
    struct archive *archive;
    struct file_stream bytes; /* of what is compressed, or a ZIP, else not open */
    bool is_packed;           /* … which feeds the archive */
    struct archive_feed feed;
    bool is_zip;
    struct zip_directory *directory; /* NULL: not looked for yet */
    struct inflate_stream *member;   /* NULL: libarchive unfolds it */
};

/* The caller closes it. -EILSEQ: libarchive makes nothing of it; -EIO … */
int archive_file_open(const struct archive_source *source, const char *path,
                      struct archive_file *ret_file, struct failure *failure);

/* … as the one member that it is. */
int archive_file_open_plain(const char *path, struct archive_file *ret_file,
                            struct failure *failure);

/* … and without its compression. */
int archive_file_open_unpacked(const char *path, struct archive_file *ret_file,
                               struct failure *failure);

/* Of one that is open, or all zeros. */
void archive_file_close(struct archive_file *file);

/* Whether all of it is compressed, so that what is in it is come by only through what is before. */
bool archive_file_is_packed(const struct archive_file *file);

/* How far it has been read. */
uint64_t archive_file_bytes_read(const struct archive_file *file);

/*
 * The member that the archive stands on, whose data have not been asked for, straight from the
 * file: borrowed until the next call. NULL: that cannot be done.
 */
struct byte_stream *archive_file_member(struct archive_file *file);

#endif
