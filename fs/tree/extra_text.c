/* SPDX-License-Identifier: MIT */
#include "fs/tree/extra_text.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/table/descriptor.h"

#define PART_LIMIT ((size_t)1 << 30)

struct extra_text {
    struct descriptor *descriptor; /* NULL: it is schema.sql */
    struct schema **schemas;
    size_t first_ddl; /* the first table that has any */
    size_t count;     /* of parts */
    uint64_t *ends;   /* bytes of all parts up to and with this one */
    uint8_t digest[EXTRA_TEXT_DIGEST_BYTES];
};

/* Statements of different tables are an empty line apart. */
static int write_ddl(const struct extra_text *text, size_t table, struct buffer *output)
{
    const char *ddl = text->schemas[table]->ddl;

    return ddl[0] == '\0'
               ? 0
               : buffer_print(output, "%s%s\n", table > text->first_ddl ? "\n" : "", ddl);
}

static int write_part(const struct extra_text *text, size_t part, struct buffer *output)
{
    return text->descriptor != NULL ? descriptor_write_part(text->descriptor, part, output)
                                    : write_ddl(text, part, output);
}

/* Makes every part once: how long they are, and the digest of all. */
static int measure(struct extra_text *text)
{
    cleanup_buffer struct buffer part = BUFFER(PART_LIMIT);
    crypto_generichash_state state;
    uint64_t end = 0;

    crypto_generichash_init(&state, NULL, 0, sizeof text->digest);
    for (size_t i = 0; i < text->count; i++) {
        int error = 0;

        buffer_clear(&part);
        error = write_part(text, i, &part);
        if (error != 0)
            return error;
        crypto_generichash_update(&state, part.data, part.size);
        end += part.size;
        text->ends[i] = end;
    }
    crypto_generichash_final(&state, text->digest, sizeof text->digest);
    return 0;
}

/* What the parts are made of. */
static int prepare(struct extra_text *text, const struct file_set *set, enum extra_file extra,
                   const char *dataset_name, struct schema *const *schemas)
{
    size_t tables = set->table_count;
    int error = 0;

    text->schemas = allocate_array(tables, sizeof(struct schema *));
    if (text->schemas == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < tables; i++)
        text->schemas[i] = schemas[i];
    if (extra == FILE_PACKAGE)
        error = descriptor_create(dataset_name, text->schemas, (const char *const *)set->stems,
                                  tables, &text->descriptor);
    while (text->first_ddl < tables && schemas[text->first_ddl]->ddl[0] == '\0')
        text->first_ddl++;
    text->count = extra == FILE_PACKAGE ? tables + 2 : tables;
    text->ends = allocate_array(text->count, sizeof *text->ends);
    return error == 0 && text->ends == NULL ? -ENOMEM : error;
}

int extra_text_create(const struct file_set *set, enum extra_file extra, const char *dataset_name,
                      struct schema *const *schemas, struct extra_text **ret_text)
{
    struct extra_text *text = calloc(1, sizeof *text);
    int error = text != NULL ? prepare(text, set, extra, dataset_name, schemas) : -ENOMEM;

    if (error == 0)
        error = measure(text);
    if (error != 0) {
        extra_text_free(text);
        return error;
    }
    *ret_text = text;
    return 0;
}

void extra_text_free(struct extra_text *text)
{
    if (text == NULL)
        return;
    descriptor_free(text->descriptor);
    free(text->schemas);
    free(text->ends);
    free(text);
}

uint64_t extra_text_bytes(const struct extra_text *text)
{
    return text->count != 0 ? text->ends[text->count - 1] : 0;
}

const uint8_t *extra_text_digest(const struct extra_text *text)
{
    return text->digest;
}

/* The first part that ends after OFFSET. */
static size_t part_at(const struct extra_text *text, uint64_t offset)
{
    size_t low = 0;
    size_t high = text->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (text->ends[middle] > offset)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* SIZE bytes at OFFSET, which are there. */
static int copy(const struct extra_text *text, uint64_t offset, size_t size, uint8_t *to)
{
    cleanup_buffer struct buffer part = BUFFER(PART_LIMIT);

    for (size_t i = part_at(text, offset); size > 0; i++) {
        uint64_t start = i > 0 ? text->ends[i - 1] : 0;
        size_t skip = (size_t)(offset - start);

        buffer_clear(&part);

        int error = write_part(text, i, &part);

        if (error != 0)
            return error;

        size_t length = part.size - skip < size ? part.size - skip : size;

        if (length > 0)
            memcpy(to, part.data + skip, length);
        to += length;
        offset += length;
        size -= length;
    }
    return 0;
}

int extra_text_read(const struct extra_text *text, uint64_t offset, size_t size,
                    struct reading *ret_reading)
{
    uint64_t bytes = extra_text_bytes(text);

    *ret_reading = (struct reading){0};
    if (offset >= bytes || size == 0)
        return 0;
    if (size > bytes - offset)
        size = (size_t)(bytes - offset);

    uint8_t *made = malloc(size);
    int error = made != NULL ? copy(text, offset, size, made) : -ENOMEM;

    if (error != 0) {
        free(made);
        return error;
    }
    ret_reading->pieces[0] = (struct iovec){made, size};
    ret_reading->count = 1;
    ret_reading->held[0].release = free;
    ret_reading->held[0].object = made;
    ret_reading->held_count = 1;
    return 0;
}
