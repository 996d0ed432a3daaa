/* SPDX-License-Identifier: MIT */
#include "fs/table/stored_table.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"

/* What a writer adds up while it puts pages. */
struct page_list {
    struct object_reference *pages;
    size_t count;
    size_t capacity;
};

static int add_page(struct page_list *list, const struct object_reference *page)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 16 : list->capacity * 2;
        struct object_reference *pages = realloc(list->pages, capacity * sizeof *pages);

        if (pages == NULL)
            return -ENOMEM;
        list->pages = pages;
        list->capacity = capacity;
    }
    list->pages[list->count++] = *page;
    return 0;
}

static struct stored_group stored_group_of(const struct image_group *group)
{
    return (struct stored_group){
        .reference = group->place.object,
        .first_key = group->first_key,
        .csv_bytes = group->measure.csv_bytes,
        .ndjson_bytes = group->measure.ndjson_bytes,
        .rows = group->measure.rows,
    };
}

static int put_page(struct store_sink *sink, const struct stored_group *groups, size_t count,
                    struct buffer *encoded, struct page_list *list, struct failure *failure)
{
    struct object_reference page;
    int error = page_encode(groups, count, encoded);

    if (error == 0)
        error = store_sink_put(sink, OBJECT_PAGE, encoded->data, encoded->size, &page, failure);
    return error == 0 ? add_page(list, &page) : error;
}

static int put_pages(struct store_sink *sink, const struct image_group *groups, size_t group_count,
                     struct buffer *encoded, struct page_list *list, struct failure *failure)
{
    cleanup_free struct stored_group *page = allocate_array(PAGE_GROUPS_LIMIT, sizeof *page);
    size_t used = 0;
    int error = page == NULL ? -ENOMEM : 0;

    for (size_t i = 0; i < group_count && error == 0; i++) {
        page[used] = stored_group_of(&groups[i]);
        used++;
        if (page_ends_after(&page[used - 1], used) || i + 1 == group_count) {
            error = put_page(sink, page, used, encoded, list, failure);
            used = 0;
        }
    }
    return error;
}

static int put_schema(struct store_sink *sink, const struct schema *schema, struct buffer *encoded,
                      struct object_reference *ret_reference, struct failure *failure)
{
    int error = schema_encode(schema, encoded);

    return error != 0 ? error
                      : store_sink_put(sink, OBJECT_SCHEMA, encoded->data, encoded->size,
                                       ret_reference, failure);
}

/* Sums and digest of the groups. */
static void describe(const struct image_group *groups, size_t group_count,
                     struct stored_image *image)
{
    crypto_generichash_state state;

    crypto_generichash_init(&state, NULL, 0, STORED_DIGEST_BYTES);
    for (size_t i = 0; i < group_count; i++) {
        image->rows += groups[i].measure.rows;
        image->csv_bytes += groups[i].measure.csv_bytes;
        image->ndjson_bytes += groups[i].measure.ndjson_bytes;
        crypto_generichash_update(&state, groups[i].place.object.id, OBJECT_ID_BYTES);
    }
    crypto_generichash_final(&state, image->digest, STORED_DIGEST_BYTES);
}

int stored_table_write(struct store_sink *sink, struct schema *schema,
                       const struct image_group *groups, size_t group_count,
                       struct stored_table *ret_table, struct failure *failure)
{
    cleanup_buffer struct buffer encoded = BUFFER(OBJECT_DATA_LIMIT);
    struct stored_image image = {0};
    struct page_list list = {0};
    uint64_t head = 0;
    int error = format_head_bytes(schema, FORMAT_CSV, &head);

    if (error == 0)
        error = put_schema(sink, schema, &encoded, &image.schema, failure);
    if (error == 0)
        error = put_pages(sink, groups, group_count, &encoded, &list, failure);
    describe(groups, group_count, &image);
    image.pages = list.pages;
    image.page_count = list.count;
    if (error == 0)
        error = stored_image_encode(&image, &encoded);
    if (error == 0)
        error = store_sink_put(sink, OBJECT_IMAGE, encoded.data, encoded.size, &ret_table->image,
                               failure);
    if (error == 0) {
        ret_table->rows = image.rows;
        ret_table->csv_bytes = head + image.csv_bytes;
        ret_table->ndjson_bytes = image.ndjson_bytes;
    }
    free(list.pages);
    return error;
}

static int damaged(const struct object_reference *reference, const char *what, int error,
                   struct failure *failure)
{
    if (error != -EBADMSG)
        return error;
    return failure_set(
        failure, EIO,
        "%s %02x%02x%02x%02x… of the store is malformed: run `crmfs check --read-data`", what,
        reference->id[0], reference->id[1], reference->id[2], reference->id[3]);
}

static int read_image(struct object_reader *reader, const struct object_reference *reference,
                      struct stored_image *ret_image, struct failure *failure)
{
    cleanup_buffer struct buffer data = BUFFER(OBJECT_DATA_LIMIT);
    int error = object_read(reader, reference, OBJECT_IMAGE, false, &data, failure);

    return error != 0 ? error
                      : damaged(reference, "the image",
                                stored_image_decode(data.data, data.size, ret_image), failure);
}

static int read_page(struct object_reader *reader, const struct object_reference *reference,
                     struct buffer *data, struct stored_group **ret_groups, size_t *ret_count,
                     struct failure *failure)
{
    int error = object_read(reader, reference, OBJECT_PAGE, false, data, failure);

    return error != 0
               ? error
               : damaged(reference, "the page",
                         page_decode(data->data, data->size, ret_groups, ret_count), failure);
}

static int append_page(const struct stored_group *page, size_t count, struct image_group **groups,
                       size_t *total)
{
    struct image_group *longer = realloc(*groups, (*total + count) * sizeof **groups);

    if (longer == NULL)
        return -ENOMEM;
    *groups = longer;
    for (size_t i = 0; i < count; i++) {
        struct image_group *group = &longer[*total + i];

        *group = (struct image_group){
            .place.object = page[i].reference,
            .first_key = page[i].first_key,
            .measure = {.rows = page[i].rows,
                        .csv_bytes = page[i].csv_bytes,
                        .ndjson_bytes = page[i].ndjson_bytes},
        };
        memcpy(group->digest, page[i].reference.id, sizeof group->digest);
    }
    *total += count;
    return 0;
}

static int read_groups(struct object_reader *reader, const struct stored_image *image,
                       struct image_group **ret_groups, size_t *ret_count, struct failure *failure)
{
    cleanup_buffer struct buffer data = BUFFER(OBJECT_DATA_LIMIT);
    cleanup_free struct image_group *groups = NULL;
    size_t total = 0;

    for (size_t i = 0; i < image->page_count; i++) {
        cleanup_free struct stored_group *page = NULL;
        size_t count;
        int error = read_page(reader, &image->pages[i], &data, &page, &count, failure);

        if (error == 0)
            error = append_page(page, count, &groups, &total);
        if (error != 0)
            return error;
    }
    *ret_groups = steal_pointer(&groups);
    *ret_count = total;
    return 0;
}

int stored_table_groups(struct object_reader *reader, const struct object_reference *image,
                        struct image_group **ret_groups, size_t *ret_count, struct failure *failure)
{
    struct stored_image stored = {0};
    int error = read_image(reader, image, &stored, failure);

    if (error == 0)
        error = read_groups(reader, &stored, ret_groups, ret_count, failure);
    stored_image_release(&stored);
    return error;
}

static int read_schema(struct object_reader *reader, const struct object_reference *reference,
                       struct schema **ret_schema, struct failure *failure)
{
    cleanup_buffer struct buffer data = BUFFER(OBJECT_DATA_LIMIT);
    int error = object_read(reader, reference, OBJECT_SCHEMA, false, &data, failure);

    return error != 0 ? error
                      : damaged(reference, "the schema",
                                schema_decode(data.data, data.size, ret_schema), failure);
}

int stored_table_schema(struct object_reader *reader, const struct object_reference *image,
                        struct schema **ret_schema, struct failure *failure)
{
    struct stored_image stored = {0};
    int error = read_image(reader, image, &stored, failure);

    if (error == 0)
        error = read_schema(reader, &stored.schema, ret_schema, failure);
    stored_image_release(&stored);
    return error;
}

int stored_table_open(struct object_reader *reader, const struct object_reference *image,
                      struct image **ret_image, struct failure *failure)
{
    cleanup_free struct image_group *groups = NULL;
    struct stored_image stored = {0};
    struct schema *schema = NULL;
    size_t count = 0;
    int error = read_image(reader, image, &stored, failure);

    if (error == 0)
        error = read_groups(reader, &stored, &groups, &count, failure);
    if (error == 0)
        error = read_schema(reader, &stored.schema, &schema, failure);
    if (error == 0)
        error = image_create_stored(schema, reader, groups, count, ret_image);
    schema_release(schema);
    stored_image_release(&stored);
    return error;
}

uint64_t stored_table_bytes(const struct stored_table *table, enum table_format format)
{
    switch (format) {
    case FORMAT_CSV: return table->csv_bytes;
    case FORMAT_NDJSON: return table->ndjson_bytes;
    default: /* brackets, a line each, and a comma after every row but the last */
        return table->ndjson_bytes + 4 + (table->rows != 0 ? table->rows - 1 : 0);
    }
}

int stored_table_check(const struct stored_table *table, const struct image *image,
                       enum table_format format, struct failure *failure)
{
    if (image_rows(image) == table->rows &&
        image_size(image, format) == stored_table_bytes(table, format))
        return 0;
    return failure_set(failure, EIO,
                       "the store is damaged: the table is not as long as its snapshot says");
}
