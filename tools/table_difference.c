/* SPDX-License-Identifier: MIT */
#include "tools/table_difference.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "tools/schema_difference.h"

/* A row group, in short. */
struct mark {
    uint8_t id[OBJECT_ID_BYTES];
    uint64_t bytes;
};

struct marks {
    struct mark *items;
    size_t count;
    size_t capacity;
};

static int by_id(const void *left, const void *right)
{
    return memcmp(left, right, OBJECT_ID_BYTES); /* an id comes first in both structures */
}

_Static_assert(offsetof(struct object_reference, id) == 0 && offsetof(struct mark, id) == 0,
               "by_id");

static int damaged(int error, struct failure *failure)
{
    return error == -EBADMSG
               ? failure_set(failure, EIO, "the store is damaged: the table cannot be made out")
               : error;
}

static int read_image(struct object_reader *reader, const struct object_reference *reference,
                      struct stored_image *ret_image, struct failure *failure)
{
    cleanup_buffer struct buffer data = BUFFER(OBJECT_DATA_LIMIT);
    int error = object_read(reader, reference, OBJECT_IMAGE, false, &data, failure);

    return error != 0 ? error
                      : damaged(stored_image_decode(data.data, data.size, ret_image), failure);
}

static int add_groups(struct marks *marks, const struct stored_group *groups, size_t count)
{
    if (marks->count + count > marks->capacity) {
        size_t capacity = 2 * marks->capacity + count;
        struct mark *items = reallocarray(marks->items, capacity, sizeof *items);

        if (items == NULL)
            return -ENOMEM;
        marks->items = items;
        marks->capacity = capacity;
    }
    for (size_t i = 0; i < count; i++) {
        struct mark *mark = &marks->items[marks->count++];

        memcpy(mark->id, groups[i].reference.id, OBJECT_ID_BYTES);
        mark->bytes = groups[i].csv_bytes;
    }
    return 0;
}

static int add_page(struct object_reader *reader, const struct object_reference *page,
                    struct buffer *data, struct marks *marks, struct failure *failure)
{
    cleanup_free struct stored_group *groups = NULL;
    size_t count = 0;
    int error = object_read(reader, page, OBJECT_PAGE, false, data, failure);

    if (error == 0)
        error = damaged(page_decode(data->data, data->size, &groups, &count), failure);
    return error != 0 ? error : add_groups(marks, groups, count);
}

/* The row groups of the pages of IMAGE that OTHER, whose pages are sorted, has not; sorted. */
static int collect(struct object_reader *reader, const struct stored_image *image,
                   const struct stored_image *other, struct marks *marks, struct failure *failure)
{
    cleanup_buffer struct buffer data = BUFFER(OBJECT_DATA_LIMIT);
    int error = 0;

    for (size_t i = 0; i < image->page_count && error == 0; i++) {
        if (bsearch(&image->pages[i], other->pages, other->page_count, sizeof other->pages[0],
                    by_id) == NULL)
            error = add_page(reader, &image->pages[i], &data, marks, failure);
    }
    if (error == 0 && marks->count != 0)
        qsort(marks->items, marks->count, sizeof *marks->items, by_id);
    return error;
}

static void sort_pages(struct stored_image *image)
{
    if (image->page_count != 0)
        qsort(image->pages, image->page_count, sizeof image->pages[0], by_id);
}

static void count(const struct marks *from, const struct marks *to,
                  struct table_difference *difference)
{
    size_t i = 0;
    size_t j = 0;

    while (i < from->count || j < to->count) {
        int order = i == from->count ? 1
                    : j == to->count ? -1
                                     : by_id(&from->items[i], &to->items[j]);

        if (order < 0) {
            difference->groups_gone++;
            difference->bytes_gone += from->items[i].bytes;
        } else if (order > 0) {
            difference->groups_new++;
            difference->bytes_new += to->items[j].bytes;
        }
        i += order <= 0;
        j += order >= 0;
    }
}

static int compare_rows(struct object_reader *reader, struct stored_image *from,
                        struct stored_image *to, struct table_difference *difference,
                        struct failure *failure)
{
    struct marks old = {.count = 0};
    struct marks new = {.count = 0};

    sort_pages(from);
    sort_pages(to);

    int error = collect(reader, from, to, &old, failure);

    if (error == 0)
        error = collect(reader, to, from, &new, failure);
    if (error == 0)
        count(&old, &new, difference);
    free(old.items);
    free(new.items);
    return error;
}

static int read_schema(struct object_reader *reader, const struct object_reference *reference,
                       struct schema **ret_schema, struct failure *failure)
{
    cleanup_buffer struct buffer data = BUFFER(OBJECT_DATA_LIMIT);
    int error = object_read(reader, reference, OBJECT_SCHEMA, false, &data, failure);

    return error != 0 ? error : damaged(schema_decode(data.data, data.size, ret_schema), failure);
}

static int compare_schemas(struct object_reader *reader, const struct stored_image *from,
                           const struct stored_image *to, const char *kind,
                           struct table_difference *difference, struct failure *failure)
{
    struct schema *old = NULL;
    struct schema *new = NULL;
    int error;

    if (memcmp(from->schema.id, to->schema.id, OBJECT_ID_BYTES) == 0)
        return 0;
    error = read_schema(reader, &from->schema, &old, failure);
    if (error == 0)
        error = read_schema(reader, &to->schema, &new, failure);
    if (error == 0)
        error = schema_differs(old, new, kind, &difference->schema);
    schema_release(old);
    schema_release(new);
    return error;
}

int table_difference(struct object_reader *reader, const struct stored_table *from,
                     const struct stored_table *to, const char *kind,
                     struct table_difference *ret_difference, struct failure *failure)
{
    struct table_difference difference = {.rows = false};
    struct stored_image old = {.page_count = 0};
    struct stored_image new = {.page_count = 0};
    bool statement = stored_table_is_statement(from) || stored_table_is_statement(to);
    int error = 0;

    if (memcmp(from->image.id, to->image.id, OBJECT_ID_BYTES) != 0) {
        error = read_image(reader, &from->image, &old, failure);
        if (error == 0)
            error = read_image(reader, &to->image, &new, failure);
        if (error == 0)
            error = compare_schemas(reader, &old, &new, kind, &difference, failure);
        difference.rows = !statement && (old.rows != new.rows ||
                                         memcmp(old.digest, new.digest, STORED_DIGEST_BYTES) != 0);
    }
    if (error == 0 && difference.rows)
        error = compare_rows(reader, &old, &new, &difference, failure);
    stored_image_release(&old);
    stored_image_release(&new);
    if (error == 0)
        *ret_difference = difference;
    return error;
}
