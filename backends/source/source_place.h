/* SPDX-License-Identifier: MIT */
/*
 * How a source is named on the command line, and what its URL says:
 *
 *   [NAME=]PATH  [NAME=]sqlite:PATH  [NAME=]sqlite:///ABSOLUTE/PATH
 *   [NAME=]archive:PATH  [NAME=]archive:///ABSOLUTE/PATH?OPTION=VALUE&… (archive_option.c)
 *   [NAME=]mysql://USER@HOST/DATABASE?OPTION=VALUE&…  (server_url.h), and postgresql://…
 *
 * A text is read the same way whatever files there are. What stands before the
 * first '=' is a name unless it holds a '/' or begins as a URL does: then all of
 * it is the URL. So ./a=b.db is a path, and a=b.db the file b.db, shown as "a".
 * What begins with letters and ':' is a URL, never a path; ./x:y.db is a path.
 * Only the form with "//" is percent-decoded. A server without a name of its own is
 * shown under its database's.
 */
#ifndef CRMFS_SOURCE_SOURCE_PLACE_H
#define CRMFS_SOURCE_SOURCE_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#include "backends/source/source.h"
#include "fs/base/failure.h"

#define SOURCE_KNOWN_FORMS                                    \
    "a path, sqlite:PATH, sqlite:///ABSOLUTE/PATH, or a URL " \
    "mysql://USER@HOST/DATABASE or postgresql://USER@HOST/DATABASE"

/* A kind of database or backup: a line of registry.c. */
struct source_kind {
    const char *scheme;
    const char *begin; /* the first bytes of every such file; NULL: a server, named by a URL */
    size_t begin_size;
    bool takes_options; /* of a file, behind a '?' */
    /* PLACE is the file's path, or the server's URL. */
    int (*open)(const char *place, const struct source_options *options, struct source **ret_source,
                struct failure *failure);
};

/* The kind whose scheme the first LENGTH bytes are; NULL: there is none. */
const struct source_kind *source_kind_find(const char *scheme, size_t length);

/* A source's URL taken apart. */
struct source_place {
    const struct source_kind *kind; /* NULL: to be recognised by its content */
    char *path;                     /* owned; a server's: its database, or NULL */
    const char *url;                /* a server's, borrowed */
    const char *wishes;             /* an archive's options, borrowed; NULL */
};

/* Bytes of the scheme that URL begins with, without its ':'; 0: it has none. */
size_t source_scheme_length(const char *url);

/*
 * Takes URL, which is borrowed, apart; the caller frees ret_place->path. Looks at no file, and
 * talks to no server.
 */
int source_place_parse(const char *url, struct source_place *ret_place, struct failure *failure);

#endif
