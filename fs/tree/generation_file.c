/* SPDX-License-Identifier: MIT */
/* The files of a generation: tables in their formats, datapackage.json, schema.sql. */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/base/clock.h"
#include "fs/base/memory.h"
#include "fs/table/reader.h"
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

static size_t index_of(const struct generation_file *file)
{
    return (size_t)(file - file->generation->files);
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
        file_is_extra(&generation->set, index_of(file), FILE_DDL) ? FILE_DDL : FILE_PACKAGE,
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
    size_t index = index_of(file);

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
    size_t index = index_of(file);
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

struct table_handle {
    struct handle handle;
    pthread_rwlock_t lock; /* guards the two below; held for reading while the reader is used */
    struct reader *reader;
    struct image *image;           /* the reader's, referenced */
    struct generation *generation; /* used */
    size_t table;
    enum table_format format;
    uint64_t cut_offset; /* of a table that is cut; does not change */
    bool noted;          /* the owner was told that it is open */
    pid_t process;
    uint64_t told_ns; /* atomic: when the owner was last told that it is read */
};

static void note_read(struct table_handle *open_file)
{
    struct generation_owner *owner = open_file->generation->options.owner;
    uint64_t now_ns = clock_now_ns();

    if (now_ns - __atomic_load_n(&open_file->told_ns, __ATOMIC_RELAXED) <= NS_PER_SECOND)
        return;
    __atomic_store_n(&open_file->told_ns, now_ns, __ATOMIC_RELAXED);
    __atomic_store_n(&open_file->generation->last_read_ns, now_ns, __ATOMIC_RELAXED);
    if (open_file->noted)
        owner->used(owner, open_file->process);
}

/* Reads on in another image of the same rows; the reader's own has been lost. */
static int replace_image(struct table_handle *open_file, const struct image *lost,
                         struct failure *failure)
{
    struct generation *generation = open_file->generation;
    struct image *image;
    int error = generation_replace_image(generation, open_file->table, lost, &image, failure);

    if (error != 0)
        return error;
    pthread_rwlock_wrlock(&open_file->lock);

    struct reader *reader =
        reader_create(generation->options.context->cache, image, open_file->format);

    if (reader != NULL) {
        reader_free(open_file->reader);
        image_release(open_file->image);
        open_file->reader = reader;
        open_file->image = image;
    } else {
        image_release(image);
    }
    pthread_rwlock_unlock(&open_file->lock);
    return reader != NULL ? 0 : -ENOMEM;
}

/*
 * A read that reaches the cut fails as a whole: were it answered with what there is, the kernel
 * would take that for the file's end. It then asks for single pages, up to the one of the cut.
 */
static int check_cut(const struct table_handle *open_file, uint64_t end, struct failure *failure)
{
    const struct generation_table *table = &open_file->generation->tables[open_file->table];

    if (table->cut == NULL || end <= open_file->cut_offset)
        return 0;
    if (failure != NULL)
        *failure = *table->cut;
    return -EIO;
}

static int table_read(struct handle *handle, uint64_t offset, size_t size,
                      struct reading *ret_reading, struct failure *failure)
{
    struct table_handle *open_file = (struct table_handle *)handle;
    int error = check_cut(open_file, offset + size, failure);

    note_read(open_file);
    if (error != 0)
        return error;
    do {
        pthread_rwlock_rdlock(&open_file->lock);
        struct image *lost = NULL;

        error = reader_read(open_file->reader, offset, size, ret_reading, failure);
        if (error == -EIO && image_is_lost(open_file->image))
            lost = image_reference(open_file->image);
        pthread_rwlock_unlock(&open_file->lock);
        if (lost == NULL)
            return error;
        keeper_report(open_file->generation->options.context->keeper,
                      open_file->generation->files[open_file->table * FORMAT_COUNT].node.path,
                      failure);
        error = replace_image(open_file, lost, failure);
        image_release(lost);
    } while (error == 0);
    return error;
}

static void handle_free(struct table_handle *open_file)
{
    reader_free(open_file->reader);
    image_release(open_file->image);
    pthread_rwlock_destroy(&open_file->lock);
    generation_leave(open_file->generation);
    free(open_file);
}

static void table_close(struct handle *handle)
{
    struct table_handle *open_file = (struct table_handle *)handle;
    struct generation_owner *owner = open_file->generation->options.owner;

    if (open_file->noted)
        owner->closed(owner, open_file->process);
    handle_free(open_file);
}

static const struct handle_class table_handle_class = {.read = table_read, .close = table_close};

/* The table's image, and a reader of it, which lives as long as the handle. */
static int open_image(struct table_handle *open_file, const bool *cancelled,
                      struct failure *failure)
{
    struct generation *generation = open_file->generation;
    struct generation_table *table = &generation->tables[open_file->table];

    pthread_mutex_lock(&generation->lock);
    int error = generation_read_table(generation, open_file->table, cancelled, failure);

    /* Retired, or lost and not to be had again: the kernel looks the name up again. */
    if (error == 0 && (table->image == NULL || (generation->ended && image_is_lost(table->image))))
        error = -ESTALE;
    if (error == 0) {
        open_file->image = image_reference(table->image);
        open_file->cut_offset = generation_cut_offset(table->image, open_file->format);
        open_file->reader =
            reader_create(generation->options.context->cache, table->image, open_file->format);
        error = open_file->reader != NULL ? 0 : -ENOMEM;
    }
    pthread_mutex_unlock(&generation->lock);
    return error;
}

static int open_pinned_table(struct generation_file *file, const struct caller *caller, bool noted,
                             struct handle **ret_handle, struct failure *failure)
{
    struct generation *generation = file->generation;
    struct generation_owner *owner = generation->options.owner;
    int error = owner->may_open(owner, caller, generation, noted, failure);

    if (error != 0)
        return error;

    struct table_handle *handle = calloc(1, sizeof *handle);

    if (handle == NULL)
        return -ENOMEM;
    handle->handle.class = &table_handle_class;
    handle->generation = generation;
    handle->table = file_table(index_of(file));
    handle->format = file_format(index_of(file));
    handle->process = caller->process;
    pthread_rwlock_init(&handle->lock, NULL);
    generation_use(generation);
    error = open_image(handle, caller->cancelled, failure);

    if (error != 0) {
        handle_free(handle);
        return error;
    }
    handle->noted = noted;
    if (noted)
        owner->opened(owner, caller, generation, generation->set.names[index_of(file)]);
    *ret_handle = &handle->handle;
    return 0;
}

/* What the owner says of the generation holds until it has noted that the file is open. */
static int open_table(struct generation_file *file, const struct caller *caller, bool noted,
                      struct handle **ret_handle, struct failure *failure)
{
    struct generation *generation = file->generation;

    generation_pin(generation);

    int error = open_pinned_table(file, caller, noted, ret_handle, failure);

    generation_unpin(generation);
    return error;
}

/* An extra file that is open. */
struct extra_handle {
    struct handle handle;
    struct node *node; /* of a generation_file, referenced */
};

static int extra_read(struct handle *handle, uint64_t offset, size_t size,
                      struct reading *ret_reading, struct failure *failure)
{
    const struct extra_handle *open_file = (struct extra_handle *)handle;

    (void)failure;
    return extra_text_read(((struct generation_file *)open_file->node)->text, offset, size,
                           ret_reading);
}

static void extra_close(struct handle *handle)
{
    node_release(((struct extra_handle *)handle)->node);
    free(handle);
}

static const struct handle_class extra_handle_class = {.read = extra_read, .close = extra_close};

static int open_extra(struct generation_file *file, struct handle **ret_handle,
                      struct failure *failure)
{
    int error = generation_prepare(file->generation, index_of(file), NULL, failure);

    if (error != 0)
        return error;

    struct extra_handle *handle = malloc(sizeof *handle);

    if (handle == NULL)
        return -ENOMEM;
    *handle = (struct extra_handle){{&extra_handle_class},
                                    generation_file(file->generation, index_of(file))};
    *ret_handle = &handle->handle;
    return 0;
}

static int file_open(struct node *node, const struct caller *caller, struct handle **ret_handle,
                     struct failure *failure)
{
    struct generation_file *file = (struct generation_file *)node;

    if (file_is_table(&file->generation->set, index_of(file)))
        return open_table(file, caller, true, ret_handle, failure);

    return open_extra(file, ret_handle, failure);
}

int generation_open_rows(struct node *rows, const struct caller *caller, struct handle **ret_handle,
                         struct failure *failure)
{
    return open_table((struct generation_file *)rows, caller, false, ret_handle, failure);
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

static ssize_t give_value(const char *bytes, size_t length, char *value, size_t size)
{
    if (size == 0)
        return (ssize_t)length;
    if (length > size)
        return -ERANGE;
    memcpy(value, bytes, length);
    return (ssize_t)length;
}

static ssize_t file_xattr(struct node *node, const char *name, char *value, size_t size,
                          struct failure *failure)
{
    struct generation_file *file = (struct generation_file *)node;
    struct generation *generation = file->generation;
    size_t index = index_of(file);
    char number[24];

    if (!file_is_table(&generation->set, index))
        return name == NULL ? 0 : -ENODATA;
    if (name == NULL)
        return give_value(xattr_names, sizeof xattr_names, value, size);

    struct generation_table *table = &generation->tables[file_table(index)];

    if (strcmp(name, "user.crmfs.table") == 0)
        return give_value(table->schema->name, strlen(table->schema->name), value, size);
    if (strcmp(name, "user.crmfs.generation") == 0) {
        snprintf(number, sizeof number, "%llu", (unsigned long long)generation->options.serial);
        return give_value(number, strlen(number), value, size);
    }
    if (strcmp(name, "user.crmfs.rows") != 0)
        return -ENODATA;

    int error = generation_prepare(generation, index, NULL, failure);

    if (error != 0)
        return error;
    snprintf(number, sizeof number, "%llu", (unsigned long long)table->rows);
    return give_value(number, strlen(number), value, size);
}

const struct node_class generation_file_class = {
    .attributes = file_attributes,
    .open = file_open,
    .xattr = file_xattr,
    .release = file_release,
    .unchanging = live_unchanging,
};
