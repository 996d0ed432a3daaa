/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "fs/base/memory.h"
#include "fs/table/indexed_internal.h"

struct edition *edition_create(struct indexed_source *source, const struct source_version *version)
{
    struct edition *edition = calloc(1, sizeof *edition);

    if (edition == NULL)
        return NULL;
    edition->references = 1;
    edition->source = source;
    edition->stream = indexed_source_stream(source);
    edition->spool = indexed_source_spool(source);
    edition->version = *version;
    pthread_mutex_init(&edition->lock, NULL);
    return edition;
}

struct edition *edition_reference(struct edition *edition)
{
    __atomic_add_fetch(&edition->references, 1, __ATOMIC_RELAXED);
    return edition;
}

void edition_release(struct edition *edition)
{
    if (edition == NULL || __atomic_sub_fetch(&edition->references, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    for (size_t i = 0; edition->fetched != NULL && i < edition_member_count(edition); i++)
        raw_bytes_release(edition->fetched[i]);
    free((void *)edition->fetched);
    intake_free(edition->intake);
    index_catalogue_release(&edition->catalogue);
    edition_release(edition->full);
    pthread_mutex_destroy(&edition->lock);
    free(edition);
}

size_t edition_table_count(const struct edition *edition)
{
    return edition->intake != NULL ? intake_table_count(edition->intake)
                                   : edition->catalogue.table_count;
}

struct schema *edition_schema(const struct edition *edition, size_t table)
{
    return edition->intake != NULL ? intake_schema(edition->intake, table)
                                   : edition->catalogue.tables[table].schema;
}

const struct failure *edition_failure(const struct edition *edition, size_t table)
{
    return edition->intake != NULL ? intake_failure(edition->intake, table)
                                   : edition->catalogue.tables[table].failure;
}

size_t edition_member_count(const struct edition *edition)
{
    return edition->intake != NULL ? intake_member_count(edition->intake)
                                   : edition->catalogue.member_count;
}

const struct stream_member *edition_member(const struct edition *edition, size_t member)
{
    return edition->intake != NULL ? intake_member(edition->intake, member)
                                   : &edition->catalogue.members[member];
}

/* --- members' bytes ----------------------------------------------------------------------- */

struct raw_bytes *edition_member_bytes(struct edition *edition, size_t member)
{
    struct raw_bytes *bytes =
        edition->intake != NULL ? intake_member_bytes(edition->intake, member) : NULL;

    pthread_mutex_lock(&edition->lock);
    if (bytes == NULL && edition->fetched != NULL)
        bytes = edition->fetched[member];
    if (bytes != NULL)
        raw_bytes_reference(bytes);
    pthread_mutex_unlock(&edition->lock);
    return bytes;
}

/* Where there is no memory, they are fetched again the next time. */
void edition_keep_bytes(struct edition *edition, size_t member, struct raw_bytes *bytes)
{
    pthread_mutex_lock(&edition->lock);
    if (edition->fetched == NULL)
        edition->fetched =
            allocate_array(edition_member_count(edition), sizeof(struct raw_bytes *));
    if (edition->fetched != NULL && edition->fetched[member] == NULL)
        edition->fetched[member] = raw_bytes_reference(bytes);
    pthread_mutex_unlock(&edition->lock);
}

bool edition_lacks(const struct edition *edition)
{
    const struct index_catalogue *catalogue = &edition->catalogue;
    bool lacks = false;

    if (edition->intake != NULL)
        return intake_lacks(edition->intake);
    for (size_t i = 0; i < catalogue->trouble_count; i++)
        lacks |= stream_trouble_is_loss(&catalogue->troubles[i]);
    return lacks;
}

/* --- a kept one --------------------------------------------------------------------------- */

/* A kept one is read again once. */
static int read_again(struct edition *edition, struct edition **ret_full, struct failure *failure)
{
    int error = 0;

    pthread_mutex_lock(&edition->lock);
    if (edition->full == NULL)
        error = indexed_source_read_again(edition->source, edition, &edition->full, failure);
    if (error == 0)
        *ret_full = edition->full;
    pthread_mutex_unlock(&edition->lock);
    return error;
}

int edition_full(struct edition *edition, size_t table, struct edition **ret_full,
                 size_t *ret_table, struct failure *failure)
{
    struct edition *full = edition;
    int error = edition->intake == NULL ? read_again(edition, &full, failure) : 0;

    if (error != 0)
        return error;
    /* The same bytes, read by the same program, have the same tables. */
    if (edition_table_count(full) != edition_table_count(edition) ||
        !schema_equal(edition_schema(full, table), edition_schema(edition, table)))
        return failure_set(failure, ESTALE, "it is not what it was when it was read first");
    *ret_full = full;
    *ret_table = table;
    return 0;
}

static int list_tables(const struct edition *edition, struct index_catalogue *catalogue)
{
    size_t count = edition_table_count(edition);

    catalogue->tables = allocate_array(count, sizeof *catalogue->tables);
    if (catalogue->tables == NULL)
        return -ENOMEM;
    catalogue->table_count = count;
    for (size_t i = 0; i < count; i++) {
        catalogue->tables[i].schema = edition_schema(edition, i);
        catalogue->tables[i].failure = without_const(edition_failure(edition, i));
    }
    return 0;
}

static int list_members(const struct edition *edition, struct index_catalogue *catalogue)
{
    size_t count = edition_member_count(edition);

    if (count > INDEX_CATALOGUE_LIMIT / sizeof *catalogue->members)
        return -EFBIG;
    catalogue->members = allocate_array(count, sizeof *catalogue->members);
    if (catalogue->members == NULL)
        return -ENOMEM;
    catalogue->member_count = count;
    for (size_t i = 0; i < count; i++)
        catalogue->members[i] = *edition_member(edition, i);
    return 0;
}

int edition_encode(const struct edition *edition, struct buffer *output)
{
    /* All that it points to is borrowed. */
    struct index_catalogue catalogue = {.changed = edition->changed, .kind = edition->kind};
    int error = list_tables(edition, &catalogue);

    if (error == 0)
        error = list_members(edition, &catalogue);
    if (error == 0)
        catalogue.troubles =
            without_const(intake_troubles(edition->intake, &catalogue.trouble_count));
    if (error == 0)
        error = index_catalogue_encode(&catalogue, output);
    free(catalogue.tables);
    free(catalogue.members);
    return error;
}
