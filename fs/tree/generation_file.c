/* SPDX-License-Identifier: MIT */
/* The files of a generation: tables in their formats, datapackage.json, schema.sql. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/base/memory.h"
#include "fs/tree/generation_internal.h"
#include "fs/tree/live_folder.h"

struct node *generation_file(struct generation *generation, size_t index)
{
    struct node *node = &generation->files[index].node;

    /* The first reference to the node is one to the generation; file_release gives it back. */
    pthread_mutex_lock(&generation->lock);
    if (__atomic_fetch_add(&node->references, 1, __ATOMIC_ACQ_REL) == 0)
        generation_reference(generation);
    pthread_mutex_unlock(&generation->lock);
    return node;
}

static void file_release(struct node *node)
{
    generation_release(((struct generation_file *)node)->generation);
}

/* The lock is held; the text depends on the catalogue alone. */
static int make_text(struct generation *generation, struct generation_file *file)
{
    cleanup_free struct schema **schemas =
        allocate_array(generation->table_count, sizeof(struct schema *));
    struct history_entry entry = {
        .name = file->node.path,
        .serial = generation->options.serial,
        .changed = generation->changed,
    };

    if (file->text != NULL)
        return 0;
    if (schemas == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < generation->table_count; i++)
        schemas[i] = generation->tables[i].schema;

    int error = extra_text_create(
        &generation->set,
        file_is_extra(&generation->set, generation_file_index(file), FILE_DDL) ? FILE_DDL
                                                                               : FILE_PACKAGE,
        generation->source_name, schemas, &file->text);

    if (error != 0)
        return error;
    _Static_assert(sizeof entry.digest == EXTRA_TEXT_DIGEST_BYTES, "both are of the content");
    memcpy(entry.digest, extra_text_digest(file->text), sizeof entry.digest);
    file->modified = history_time(generation->options.history, &entry);
    return 0;
}

/* The lock is held. */
static int prepare(struct generation *generation, size_t index, const bool *cancelled,
                   struct failure *failure)
{
    if (!file_is_table(&generation->set, index))
        return make_text(generation, &generation->files[index]);
    return generation_read_table(generation, file_table(index), cancelled, failure);
}

int generation_prepare(struct generation *generation, size_t index, const bool *cancelled,
                       struct failure *failure)
{
    pthread_mutex_lock(&generation->lock);
    int error = prepare(generation, index, cancelled, failure);

    pthread_mutex_unlock(&generation->lock);
    return error;
}

/* The attributes as they are known; the lock is held. */
static void tell_attributes(const struct generation_file *file,
                            struct node_attributes *ret_attributes)
{
    const struct generation *generation = file->generation;
    size_t index = generation_file_index(file);

    *ret_attributes = (struct node_attributes){.type = S_IFREG, .modified = file->modified};
    if (file_is_table(&generation->set, index)) {
        const struct generation_table *table = &generation->tables[file_table(index)];

        ret_attributes->bytes = table->bytes[file_format(index)];
        ret_attributes->modified = table->modified;
    } else {
        ret_attributes->bytes = extra_text_bytes(file->text);
    }
}

static int file_attributes(struct node *node, bool wait, struct node_attributes *ret_attributes,
                           uint64_t *ret_valid_ns, struct failure *failure)
{
    struct generation_file *file = (struct generation_file *)node;
    struct generation *generation = file->generation;
    size_t index = generation_file_index(file);
    int error = 0;

    pthread_mutex_lock(&generation->lock);
    if (wait || !file_is_table(&generation->set, index))
        error = prepare(generation, index, NULL, failure);
    else if (!generation->tables[file_table(index)].known)
        error = -EAGAIN;
    if (error == 0) {
        tell_attributes(file, ret_attributes);
        *ret_valid_ns = VALID_FOR_EVER;
    }
    pthread_mutex_unlock(&generation->lock);
    return error;
}

int generation_rows(struct generation *generation, size_t table, const bool *cancelled,
                    struct image **ret_image, struct node **ret_rows, struct failure *failure)
{
    struct image *image = NULL;

    pthread_mutex_lock(&generation->lock);
    int error = generation_read_table(generation, table, cancelled, failure);

    if (error == 0 && generation->tables[table].image == NULL)
        error = -ESTALE;
    if (error == 0)
        image = image_reference(generation->tables[table].image);
    pthread_mutex_unlock(&generation->lock);
    if (image != NULL && image_is_lost(image)) {
        struct image *lost = image;

        error = generation_replace_image(generation, table, lost, &image, failure);
        image_release(lost);
    }
    if (error != 0)
        return error;
    *ret_image = image;
    *ret_rows = generation_file(generation, table * FORMAT_COUNT + FORMAT_NDJSON);
    return 0;
}

static const char xattr_names[] = "user.crmfs.rows\0user.crmfs.table\0user.crmfs.generation";

static ssize_t file_xattr(struct node *node, const char *name, char *value, size_t size,
                          struct failure *failure)
{
    struct generation_file *file = (struct generation_file *)node;
    struct generation *generation = file->generation;
    size_t index = generation_file_index(file);
    char number[24];

    if (!file_is_table(&generation->set, index))
        return name == NULL ? 0 : -ENODATA;
    if (name == NULL)
        return node_give_value(xattr_names, sizeof xattr_names, value, size);

    struct generation_table *table = &generation->tables[file_table(index)];

    if (strcmp(name, "user.crmfs.table") == 0)
        return node_give_value(table->schema->name, strlen(table->schema->name), value, size);
    if (strcmp(name, "user.crmfs.generation") == 0) {
        snprintf(number, sizeof number, "%llu", (unsigned long long)generation->options.serial);
        return node_give_value(number, strlen(number), value, size);
    }
    if (strcmp(name, "user.crmfs.rows") != 0)
        return -ENODATA;

    int error = generation_prepare(generation, index, NULL, failure);

    if (error != 0)
        return error;
    snprintf(number, sizeof number, "%llu", (unsigned long long)table->rows);
    return node_give_value(number, strlen(number), value, size);
}

const struct node_class generation_file_class = {
    .attributes = file_attributes,
    .open = generation_file_open,
    .xattr = file_xattr,
    .release = file_release,
    .unchanging = live_unchanging,
};
