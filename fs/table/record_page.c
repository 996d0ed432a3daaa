/* SPDX-License-Identifier: MIT */
#include "fs/table/record_page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "fs/base/memory.h"
#include "fs/table/record_rows.h"

#define NAMES_LIMIT ((size_t)64 << 20)
#define NO_NAME SIZE_MAX

struct record_page {
    unsigned references; /* atomic */
    uint64_t image;
    size_t group;
    size_t rows;
    struct buffer names; /* each ended by NUL */
    struct record records[];
};

uint64_t record_name_hash(const char *name, size_t size)
{
    return XXH3_64bits(name, size);
}

static int name_record(struct record_page *page, const struct schema *schema,
                       const struct record_key *key, const struct cell_view *cells,
                       struct record *record)
{
    size_t begin = page->names.size;
    int error = record_name_append(schema, key, cells, &page->names);

    record->name = NO_NAME;
    if (error == -ENODATA)
        return 0;
    if (error == 0) {
        record->may_be_second = record_name_may_be_taken(schema, key, cells);
        record->name = begin;
        record->name_hash =
            record_name_hash((char *)page->names.data + begin, page->names.size - begin);
        error = buffer_append(&page->names, "", 1);
    }
    return error;
}

/* The lines of a whole group. */
static int fill_lines(struct record_page *page, struct image *image, const struct record_key *key,
                      struct record_rows *rows, const struct buffer *ndjson)
{
    uint64_t start = image_group_part(image, FORMAT_NDJSON, page->group).start;
    const uint8_t *line = ndjson->data;
    const uint8_t *end = line + ndjson->size;
    int error = 0;

    for (size_t i = 0; i < page->rows && error == 0; i++) {
        struct record *record = &page->records[i];
        const uint8_t *next = memchr(line, '\n', (size_t)(end - line));

        if (next++ == NULL || !record_rows_next(rows))
            return -EIO;
        record->offset = start + (uint64_t)(line - ndjson->data);
        record->bytes = (uint64_t)(next - line);
        record->digest = XXH3_64bits(line, (size_t)(next - line));
        error = name_record(page, image_schema(image), key, rows->cells, record);
        line = next;
    }
    return error;
}

/* The one line of a row in fragments, of which NDJSON is the first. */
static int fill_line(struct record_page *page, struct image *image, const struct record_key *key,
                     struct record_rows *rows, const struct buffer *ndjson)
{
    size_t last = rows->first_group + rows->group_count - 1;
    struct image_part first_part = image_group_part(image, FORMAT_NDJSON, page->group);
    struct image_part last_part = image_group_part(image, FORMAT_NDJSON, last);
    struct record *record = &page->records[0];

    record->offset = first_part.start;
    record->bytes = last_part.start + last_part.size - first_part.start;
    record->digest = XXH3_64bits_withSeed(ndjson->data, ndjson->size, record->bytes);
    record->name = NO_NAME;
    return record_rows_next(rows) ? name_record(page, image_schema(image), key, rows->cells, record)
                                  : 0;
}

static void release_rows(struct record_rows *rows)
{
    record_rows_release(rows);
}

int record_page_create(struct image *image, const struct record_key *key, size_t index,
                       struct record_page **ret_page, struct failure *failure)
{
    cleanup(release_rows) struct record_rows rows = {.rows = 0};
    cleanup_buffer struct buffer ndjson = BUFFER(SIZE_MAX / 2);
    int error = record_rows_open(&rows, image, index, key, &ndjson, failure);
    struct record_page *page =
        error == 0 ? calloc(1, sizeof *page + rows.rows * sizeof page->records[0]) : NULL;

    if (page == NULL)
        return error != 0 ? error : -ENOMEM;
    page->references = 1;
    page->image = image_number(image);
    page->group = index;
    page->rows = rows.rows;
    page->names = BUFFER(NAMES_LIMIT);
    error = rows.fragment ? fill_line(page, image, key, &rows, &ndjson)
                          : fill_lines(page, image, key, &rows, &ndjson);
    if (error != 0) {
        record_page_release(page);
        return error;
    }
    buffer_fit(&page->names);
    *ret_page = page;
    return 0;
}

struct record_page *record_page_reference(struct record_page *page)
{
    __atomic_add_fetch(&page->references, 1, __ATOMIC_RELAXED);
    return page;
}

void record_page_release(struct record_page *page)
{
    if (page == NULL || __atomic_sub_fetch(&page->references, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    buffer_release(&page->names);
    free(page);
}

uint64_t record_page_image(const struct record_page *page)
{
    return page->image;
}

size_t record_page_group(const struct record_page *page)
{
    return page->group;
}

size_t record_page_rows(const struct record_page *page)
{
    return page->rows;
}

const char *record_page_name(const struct record_page *page, size_t row)
{
    size_t name = page->records[row].name;

    return name != NO_NAME ? (const char *)page->names.data + name : NULL;
}

const struct record *record_page_record(const struct record_page *page, size_t row)
{
    return &page->records[row];
}

const struct record *record_page_find(const struct record_page *page, const char *name)
{
    uint64_t hash = record_name_hash(name, strlen(name));

    for (size_t i = 0; i < page->rows; i++) {
        const char *own = page->records[i].name_hash == hash ? record_page_name(page, i) : NULL;

        if (own != NULL && strcmp(own, name) == 0)
            return &page->records[i];
    }
    return NULL;
}
