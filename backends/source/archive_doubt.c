/* SPDX-License-Identifier: MIT */
/*
 * Damage that is found late. Compressed data are compared with their checksum when all have been
 * unfolded: if it is another, nobody knows where they are wrong, and no table that came out of
 * them is shown. What was cut short is right as far as it goes.
 */
#include <errno.h>
#include <string.h>

#include "backends/source/archive_internal.h"

/*
 * libarchive has no words of its own for a ZIP that ends within a member: zlib has asked for more
 * bytes, which it also does within a whole file, where they are wrong.
 */
static bool is_cut_zip(const struct archive_walk *walk, struct archive *archive, const char *words)
{
    return strstr(words, "ZIP decompression failed (-5)") != NULL &&
           archive_filter_bytes(archive, -1) >= walk->part->about.st_size;
}

bool archive_is_cut(struct archive *archive)
{
    /* As libarchive's readers say it; the last is liblzma's. */
    static const char *const cuts[] = {"truncated", "unexpected end", "No progress is possible"};
    const char *words = archive_error_string(archive);
    bool cut = false;

    for (size_t i = 0; i < sizeof cuts / sizeof *cuts && words != NULL; i++)
        cut = cut || strcasestr(words, cuts[i]) != NULL;
    return cut;
}

bool archive_is_damaged(const struct archive_walk *walk, struct archive *archive,
                        const struct archive_feed *feed)
{
    const char *words = archive_error_string(archive);

    /* An outer archive's error is that one's matter. */
    if (feed != NULL && feed->error != 0)
        return feed->damaged;
    return !archive_is_cut(archive) &&
           !(feed == NULL && words != NULL && is_cut_zip(walk, archive, words));
}

size_t archive_table_count(const struct archive_walk *walk)
{
    const struct row_taker_class *class = walk->taker != NULL ? walk->taker->class : NULL;

    return class != NULL && class->table_count != NULL ? class->table_count(walk->taker) : 0;
}

/* Whether all members are packed as one, so that damage may be in any of them. */
static bool is_solid(const struct archive_walk *walk, struct archive *archive)
{
    return (walk->feed != NULL && walk->feed->unpack != NULL) ||
           (archive_format(archive) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_7ZIP;
}

int archive_doubt(const struct archive_walk *walk, struct archive *archive, size_t first_table,
                  const struct failure *why)
{
    size_t first = is_solid(walk, archive) ? walk->first_table : first_table;
    struct failure doubt;

    if (first >= archive_table_count(walk))
        return 0;
    failure_set(&doubt, EIO,
                "%.800s; where is not known, and so nothing that came out of the same data is "
                "shown as if it were right",
                why->text);
    return walk->taker->class->doubt_tables(walk->taker, first, &doubt);
}
