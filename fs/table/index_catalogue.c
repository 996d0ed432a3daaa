/* SPDX-License-Identifier: MIT */
#include "fs/table/index_catalogue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/little_endian.h"
#include "fs/base/memory.h"
#include "fs/store/tables.h"

#define MAGIC "CRMFSCA2"
#define HEAD_BYTES 36
#define TABLE_BYTES 12
#define MEMBER_BYTES 24
#define TROUBLE_BYTES 8
#define SCHEMA_LIMIT INDEX_CATALOGUE_LIMIT
#define NS_PER_S 1000000000u

/* --- encoding ----------------------------------------------------------------------------- */

static void put_time(uint8_t bytes[12], const struct timespec *time)
{
    put_u64(bytes, (uint64_t)time->tv_sec);
    put_u32(bytes + 8, (uint32_t)time->tv_nsec);
}

static const char *const kinds[] = {NULL, "sqlite", "mysql", "postgresql"};

#define KINDS (sizeof kinds / sizeof *kinds)

static uint32_t number_of(const char *kind)
{
    uint32_t number = KINDS - 1;

    while (kind != NULL && number > 0 && strcmp(kinds[number], kind) != 0)
        number--;
    return kind != NULL ? number : 0;
}

static int put_table(const struct index_table *table, struct buffer *output)
{
    cleanup_buffer struct buffer schema = BUFFER(SCHEMA_LIMIT);
    const char *words = table->failure != NULL ? table->failure->text : "";
    uint8_t head[TABLE_BYTES];
    int error = schema_encode(table->schema, &schema);

    if (error != 0)
        return error;
    put_u32(head, (uint32_t)schema.size);
    put_u32(head + 4, table->failure != NULL ? (uint32_t)table->failure->code : 0);
    put_u32(head + 8, (uint32_t)strlen(words));
    error = buffer_append(output, head, sizeof head);
    if (error == 0)
        error = buffer_append(output, schema.data, schema.size);
    return error == 0 ? buffer_append_text(output, words) : error;
}

static int put_member(const struct stream_member *member, struct buffer *output)
{
    uint8_t head[MEMBER_BYTES];

    put_u64(head, member->bytes);
    put_time(head + 8, &member->modified);
    put_u32(head + 20, (uint32_t)strlen(member->path));

    int error = buffer_append(output, head, sizeof head);

    return error == 0 ? buffer_append_text(output, member->path) : error;
}

static int put_trouble(const struct failure *trouble, struct buffer *output)
{
    uint8_t head[TROUBLE_BYTES];

    put_u32(head, (uint32_t)trouble->code);
    put_u32(head + 4, (uint32_t)strlen(trouble->text));

    int error = buffer_append(output, head, sizeof head);

    return error == 0 ? buffer_append_text(output, trouble->text) : error;
}

int index_catalogue_encode(const struct index_catalogue *catalogue, struct buffer *output)
{
    uint8_t head[HEAD_BYTES] = MAGIC;

    buffer_clear(output);
    put_time(head + 8, &catalogue->changed);
    put_u32(head + 20, (uint32_t)catalogue->table_count);
    put_u32(head + 24, (uint32_t)catalogue->member_count);
    put_u32(head + 28, (uint32_t)catalogue->trouble_count);
    put_u32(head + 32, number_of(catalogue->kind));

    int error = buffer_append(output, head, sizeof head);

    for (size_t i = 0; i < catalogue->table_count && error == 0; i++)
        error = put_table(&catalogue->tables[i], output);
    for (size_t i = 0; i < catalogue->member_count && error == 0; i++)
        error = put_member(&catalogue->members[i], output);
    for (size_t i = 0; i < catalogue->trouble_count && error == 0; i++)
        error = put_trouble(&catalogue->troubles[i], output);
    return error == 0 && output->size > INDEX_CATALOGUE_LIMIT ? -EFBIG : error;
}

/* --- decoding ----------------------------------------------------------------------------- */

struct decoder {
    const uint8_t *at;
    const uint8_t *end;
};

/* The next SIZE bytes; NULL: there are not so many. */
static const uint8_t *take(struct decoder *decoder, size_t size)
{
    const uint8_t *at = decoder->at;

    if ((size_t)(decoder->end - at) < size)
        return NULL;
    decoder->at += size;
    return at;
}

static int get_time(const uint8_t bytes[12], struct timespec *ret_time)
{
    uint32_t nanoseconds = get_u32(bytes + 8);

    ret_time->tv_sec = (time_t)get_u64(bytes);
    ret_time->tv_nsec = (long)nanoseconds;
    return nanoseconds < NS_PER_S ? 0 : -EBADMSG;
}

/* CODE and SIZE bytes of words. */
static int take_failure(struct decoder *decoder, uint32_t code, uint32_t size,
                        struct failure *ret_failure)
{
    const uint8_t *words = size < sizeof ret_failure->text ? take(decoder, size) : NULL;

    if (words == NULL || code == 0 || code > 4095 || memchr(words, '\0', size) != NULL)
        return -EBADMSG;
    ret_failure->code = (int)code;
    memcpy(ret_failure->text, words, size);
    ret_failure->text[size] = '\0';
    return 0;
}

static int take_table(struct decoder *decoder, struct index_table *ret_table)
{
    const uint8_t *head = take(decoder, TABLE_BYTES);
    const uint8_t *schema = head != NULL ? take(decoder, get_u32(head)) : NULL;

    if (schema == NULL)
        return -EBADMSG;

    int error = schema_decode(schema, get_u32(head), &ret_table->schema);

    if (error != 0)
        return error;
    if (get_u32(head + 4) == 0)
        return get_u32(head + 8) == 0 ? 0 : -EBADMSG;
    ret_table->failure = malloc(sizeof *ret_table->failure);
    return ret_table->failure != NULL
               ? take_failure(decoder, get_u32(head + 4), get_u32(head + 8), ret_table->failure)
               : -ENOMEM;
}

/* Whether it is a path as members have it, which leads nowhere else. */
static bool is_path(const uint8_t *bytes, size_t size)
{
    const char *text = (const char *)bytes;
    size_t part = 0;

    if (size == 0 || memchr(bytes, '\0', size) != NULL)
        return false;
    for (size_t at = 0; at <= size; at++) {
        if (at < size && text[at] != '/')
            continue;
        if (at == part || (at - part == 1 && text[part] == '.') ||
            (at - part == 2 && text[part] == '.' && text[part + 1] == '.'))
            return false;
        part = at + 1;
    }
    return true;
}

static int take_member(struct decoder *decoder, struct stream_member *ret_member)
{
    const uint8_t *head = take(decoder, MEMBER_BYTES);
    const uint8_t *path = head != NULL ? take(decoder, get_u32(head + 20)) : NULL;

    if (path == NULL || !is_path(path, get_u32(head + 20)) ||
        get_time(head + 8, &ret_member->modified) != 0)
        return -EBADMSG;
    ret_member->bytes = get_u64(head);
    ret_member->path = strndup((const char *)path, get_u32(head + 20));
    return ret_member->path != NULL ? 0 : -ENOMEM;
}

static int take_trouble(struct decoder *decoder, struct failure *ret_trouble)
{
    const uint8_t *head = take(decoder, TROUBLE_BYTES);

    return head != NULL ? take_failure(decoder, get_u32(head), get_u32(head + 4), ret_trouble)
                        : -EBADMSG;
}

/* The counts are those of what can be there. */
static int make_room(const uint8_t *head, size_t size, struct index_catalogue *catalogue)
{
    size_t tables = get_u32(head + 20);
    size_t members = get_u32(head + 24);
    size_t troubles = get_u32(head + 28);

    if (tables > size / TABLE_BYTES || members > size / MEMBER_BYTES ||
        troubles > size / TROUBLE_BYTES)
        return -EBADMSG;
    catalogue->tables = allocate_array(tables, sizeof *catalogue->tables);
    catalogue->members = allocate_array(members, sizeof *catalogue->members);
    catalogue->troubles = allocate_array(troubles, sizeof *catalogue->troubles);
    if (catalogue->tables == NULL || catalogue->members == NULL || catalogue->troubles == NULL)
        return -ENOMEM;
    catalogue->table_count = tables;
    catalogue->member_count = members;
    catalogue->trouble_count = troubles;
    return 0;
}

static int decode(struct decoder *decoder, struct index_catalogue *catalogue)
{
    const uint8_t *head = take(decoder, HEAD_BYTES);
    int error = head != NULL && memcmp(head, MAGIC, sizeof MAGIC - 1) == 0 ? 0 : -EBADMSG;

    if (error == 0)
        error = get_u32(head + 32) < KINDS ? get_time(head + 8, &catalogue->changed) : -EBADMSG;
    if (error == 0)
        catalogue->kind = kinds[get_u32(head + 32)];
    if (error == 0)
        error = make_room(head, (size_t)(decoder->end - decoder->at), catalogue);
    for (size_t i = 0; i < catalogue->table_count && error == 0; i++)
        error = take_table(decoder, &catalogue->tables[i]);
    for (size_t i = 0; i < catalogue->member_count && error == 0; i++)
        error = take_member(decoder, &catalogue->members[i]);
    for (size_t i = 0; i < catalogue->trouble_count && error == 0; i++)
        error = take_trouble(decoder, &catalogue->troubles[i]);
    return error == 0 && decoder->at != decoder->end ? -EBADMSG : error;
}

int index_catalogue_decode(const void *bytes, size_t size, struct index_catalogue *ret_catalogue)
{
    struct decoder decoder = {bytes, (const uint8_t *)bytes + size};
    struct index_catalogue catalogue = {.table_count = 0};
    int error = size <= INDEX_CATALOGUE_LIMIT ? decode(&decoder, &catalogue) : -EBADMSG;

    if (error != 0) {
        index_catalogue_release(&catalogue);
        return error;
    }
    *ret_catalogue = catalogue;
    return 0;
}

void index_catalogue_release(struct index_catalogue *catalogue)
{
    for (size_t i = 0; i < catalogue->table_count; i++) {
        schema_release(catalogue->tables[i].schema);
        free(catalogue->tables[i].failure);
    }
    for (size_t i = 0; i < catalogue->member_count; i++)
        free((char *)catalogue->members[i].path);
    free(catalogue->tables);
    free(catalogue->members);
    free(catalogue->troubles);
    *catalogue = (struct index_catalogue){.table_count = 0};
}
