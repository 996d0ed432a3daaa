/* SPDX-License-Identifier: MIT */
#include "fs/table/reader.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/base/workers.h"
#include "fs/table/render_cache.h"

#define PARTS_AHEAD 5    /* rendered ahead, */
#define PARTS_EXPECTED 8 /* and so many more are fetched from the disk */

struct reader {
    struct render_cache *cache;
    struct image *image;
    enum table_format format;
    size_t last_part; /* atomic: where the last read ended */
};

struct reader *reader_create(struct render_cache *cache, struct image *image,
                             enum table_format format)
{
    struct reader *reader = calloc(1, sizeof *reader);

    if (reader == NULL)
        return NULL;
    reader->cache = cache;
    reader->image = image_reference(image);
    reader->format = format;
    return reader;
}

void reader_free(struct reader *reader)
{
    if (reader == NULL)
        return;
    image_release(reader->image);
    free(reader);
}

/* Reading on from where the last read ended, or from the start: more will be wanted soon. */
static void read_ahead(struct reader *reader, uint64_t first, const struct image_part *end)
{
    size_t last = __atomic_exchange_n(&reader->last_part, end->number, __ATOMIC_RELAXED);

    if ((first != last && first != last + 1) || (end->number == last && last > 1))
        return;

    struct image_part ahead = *end;

    for (int i = 0; i < PARTS_AHEAD + PARTS_EXPECTED; i++) {
        ahead = image_next(reader->image, reader->format, &ahead);
        if (ahead.size == 0)
            break;
        if (i < PARTS_AHEAD)
            render_cache_prepare(reader->cache, reader->image, reader->format, &ahead);
        else if (i == PARTS_AHEAD + PARTS_EXPECTED - 1 || last <= 1)
            image_expect(reader->image, &ahead);
    }
}

static void give_entry(void *object)
{
    render_cache_give(object);
}

/* One piece per part; false when there are more parts than a reading has room for. */
static int read_pieces(struct reader *reader, uint64_t offset, size_t size, struct reading *reading,
                       struct failure *failure)
{
    struct image_part part = image_find(reader->image, reader->format, offset);
    struct image_part end = part;
    uint64_t first = part.number;

    while (size > 0 && part.size != 0) {
        struct rendered *rendered;

        if (reading->count == READING_PIECES)
            return -E2BIG;

        int error = render_cache_take(reader->cache, reader->image, reader->format, &part,
                                      &rendered, failure);

        if (error != 0)
            return error;

        size_t skip = (size_t)(offset - part.start);
        size_t length = (size_t)part.size - skip < size ? (size_t)part.size - skip : size;

        reading->held[reading->held_count].release = give_entry;
        reading->held[reading->held_count++].object = rendered;
        reading->pieces[reading->count++] =
            (struct iovec){(uint8_t *)rendered_bytes(rendered) + skip, length};
        offset += length;
        size -= length;
        end = part;
        part = image_next(reader->image, reader->format, &part);
    }
    read_ahead(reader, first, &end);
    return 0;
}

/* Many small parts: copied together, as many at a time as a reading has room for. */
static int read_copied(struct reader *reader, uint64_t offset, size_t size, struct reading *reading,
                       struct failure *failure)
{
    uint8_t *copy = malloc(size);
    size_t used = 0;
    int error = 0;

    if (copy == NULL)
        return -ENOMEM;
    while (used < size) {
        struct reading some = {0};

        error = read_pieces(reader, offset + used, size - used, &some, failure);
        if (error == -E2BIG)
            error = 0;
        for (unsigned i = 0; i < some.count; i++) {
            memcpy(copy + used, some.pieces[i].iov_base, some.pieces[i].iov_len);
            used += some.pieces[i].iov_len;
        }
        unsigned count = some.count;

        reading_release(&some);
        if (error != 0 || count == 0)
            break;
    }
    if (error != 0) {
        free(copy);
        return error;
    }
    reading->pieces[0] = (struct iovec){copy, used};
    reading->count = 1;
    reading->held[0].release = free;
    reading->held[0].object = copy;
    reading->held_count = 1;
    return 0;
}

int reader_read(struct reader *reader, uint64_t offset, size_t size, struct reading *ret_reading,
                struct failure *failure)
{
    uint64_t length = image_size(reader->image, reader->format);
    struct reading reading = {0};
    int error = 0;

    if (offset < length) {
        if (size > length - offset)
            size = (size_t)(length - offset);
        error = read_pieces(reader, offset, size, &reading, failure);
        if (error == -E2BIG) {
            reading_release(&reading);
            error = read_copied(reader, offset, size, &reading, failure);
        }
    }
    if (error != 0)
        reading_release(&reading);
    else
        *ret_reading = reading;
    return error;
}
