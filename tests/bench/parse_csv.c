/* SPDX-License-Identifier: MIT */
/* CSV taken apart by crmfs and thrown away: `parse_csv FILE` prints bytes, rows and seconds of CPU.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "backends/source/delimited.h"

#define PIECE_BYTES ((size_t)256 << 10)

struct file_stream {
    struct byte_stream stream;
    FILE *file;
    unsigned long long bytes;
    char piece[PIECE_BYTES];
};

static int file_next(struct byte_stream *stream, const void **ret_data, size_t *ret_size,
                     struct failure *failure)
{
    struct file_stream *own = (struct file_stream *)stream;

    (void)failure;
    *ret_size = fread(own->piece, 1, sizeof own->piece, own->file);
    *ret_data = own->piece;
    own->bytes += *ret_size;
    return 0;
}

static const struct byte_stream_class file_class = {file_next};

/* Counts rows, and nothing else. */
struct counter {
    struct row_taker taker;
    unsigned long long rows;
};

static int begin_table(struct row_taker *taker, const struct stream_table *table, size_t *ret_table,
                       struct failure *failure)
{
    (void)taker;
    (void)table;
    (void)failure;
    *ret_table = 0;
    return 0;
}

static int take_row(struct row_taker *taker, size_t table, const struct cell *cells,
                    struct failure *failure)
{
    (void)table;
    (void)cells;
    (void)failure;
    ((struct counter *)taker)->rows++;
    return 0;
}

static int fail_table(struct row_taker *taker, size_t table, const struct failure *why)
{
    (void)taker;
    (void)table;
    fprintf(stderr, "%s\n", why->text);
    exit(1);
}

static void take_trouble(struct row_taker *taker, const struct failure *why)
{
    (void)taker;
    fprintf(stderr, "%s\n", why->text);
}

static const struct row_taker_class counter_class = {
    .begin_table = begin_table,
    .row = take_row,
    .fail_table = fail_table,
    .trouble = take_trouble,
};

int main(int count, char **words)
{
    static struct file_stream stream = {.stream = {&file_class}};
    struct counter counter = {.taker = {&counter_class}};
    struct dialect dialect = {.signs = {',', '"'}, .set = TEXT_UTF8};

    stream.file = count == 2 ? fopen(words[1], "rb") : NULL;
    if (stream.file == NULL || delimited_read(&stream.stream, &dialect, "activities.csv",
                                              &counter.taker, NULL, NULL) != 0) {
        fprintf(stderr, "usage: parse_csv FILE\n");
        return 1;
    }
    printf("%llu %llu %.6f\n", stream.bytes, counter.rows, (double)clock() / CLOCKS_PER_SEC);
    fclose(stream.file);
    return 0;
}
