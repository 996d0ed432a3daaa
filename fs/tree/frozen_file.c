/* SPDX-License-Identifier: MIT */
/* The files of a source in a snapshot: tables in their formats, datapackage.json, schema.sql. */
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/base/clock.h"
#include "fs/base/memory.h"
#include "fs/table/stored_table.h"
#include "fs/tree/extra_text.h"
#include "fs/tree/frozen_internal.h"

static size_t index_of(const struct frozen_file *file)
{
    return (size_t)(file - file->folder->files);
}

static bool is_table(const struct frozen_file *file)
{
    return file_is_table(&file->folder->set, index_of(file));
}

/* Only of a table's file. */
static const struct stored_table *table_of(const struct frozen_file *file)
{
    return &file->folder->source.tables[file_table(index_of(file))];
}

/* Only of an extra file. */
static size_t extra_of(const struct frozen_file *file)
{
    return index_of(file) - file->folder->set.table_count * FORMAT_COUNT;
}

static void file_release(struct node *node)
{
    struct frozen *folder = ((struct frozen_file *)node)->folder;

    frozen_leave(folder); /* which may be the end of the file */
    node_release(&folder->node);
}

/* What extra files are made of: the schemas of all tables. */
struct schema_list {
    struct schema **schemas;
    size_t count;
};

static void release_schemas(struct schema_list *list)
{
    size_t bytes = 0;

    while (list->count > 0) {
        list->count--;
        bytes += schema_memory_bytes(list->schemas[list->count]);
        schema_release(list->schemas[list->count]);
    }
    free(list->schemas);
    list->schemas = NULL;
    memory_trim(bytes);
}

/* Released by the caller, also after an error. */
static int read_schemas(const struct frozen *folder, struct schema_list *list,
                        struct failure *failure)
{
    const struct stored_source *source = &folder->source;
    int error = 0;

    list->schemas = allocate_array(source->table_count, sizeof(struct schema *));
    if (list->schemas == NULL)
        return -ENOMEM;
    for (; error == 0 && list->count < source->table_count; list->count += error == 0)
        error = stored_table_schema(folder->context.reader, &source->tables[list->count].image,
                                    &list->schemas[list->count], failure);
    return error;
}

/* The lengths of the extra files, once; the schemas are read again for whoever opens one. */
static int describe(struct frozen *folder, struct failure *failure)
{
    struct schema_list list = {NULL, 0};
    int error = read_schemas(folder, &list, failure);

    for (size_t i = 0; i < EXTRA_FILES && error == 0; i++) {
        struct extra_text *text;

        error =
            extra_text_create(&folder->set, (enum extra_file)i, folder->name, list.schemas, &text);
        if (error != 0)
            break;
        folder->extra_bytes[i] = extra_text_bytes(text);
        extra_text_free(text);
    }
    release_schemas(&list);
    folder->described = error == 0;
    return error;
}

/* Afterwards the lengths may be read without the lock. WAIT false: -EAGAIN unless they are known.
 */
static int prepare_lengths(struct frozen *folder, bool wait, struct failure *failure)
{
    int error = 0;

    pthread_mutex_lock(&folder->lock);
    if (!folder->described)
        error = wait ? describe(folder, failure) : -EAGAIN;
    pthread_mutex_unlock(&folder->lock);
    return error;
}

static int file_attributes(struct node *node, bool wait, struct node_attributes *ret_attributes,
                           uint64_t *ret_valid_ns, struct failure *failure)
{
    struct frozen_file *file = (struct frozen_file *)node;
    int error = is_table(file) ? 0 : prepare_lengths(file->folder, wait, failure);

    if (error != 0)
        return error;
    *ret_attributes = (struct node_attributes){
        .type = S_IFREG,
        .bytes = is_table(file) ? stored_table_bytes(table_of(file), file_format(index_of(file)))
                                : file->folder->extra_bytes[extra_of(file)],
        .modified = clock_timespec(file->folder->time_ns),
        .shown_inode = file->shown_inode,
    };
    *ret_valid_ns = VALID_FOR_EVER;
    return 0;
}

struct table_handle {
    struct handle handle;
    struct reader *reader;
};

static int table_read(struct handle *handle, uint64_t offset, size_t size,
                      struct reading *ret_reading, struct failure *failure)
{
    return reader_read(((struct table_handle *)handle)->reader, offset, size, ret_reading, failure);
}

static void table_close(struct handle *handle)
{
    reader_free(((struct table_handle *)handle)->reader);
    free(handle);
}

static const struct handle_class table_handle_class = {.read = table_read, .close = table_close};

/* The table's image with a reference, seen to be what the snapshot's tree promises. */
static int open_image(const struct frozen_file *file, struct image **ret_image,
                      struct failure *failure)
{
    const struct stored_table *table = table_of(file);
    struct image *image;
    int error = image_shelf_open(file->folder->context.shelf, &table->image, &image, failure);

    if (error != 0)
        return error;
    error = stored_table_check(table, image, file_format(index_of(file)), failure);
    if (error != 0)
        image_release(image);
    else
        *ret_image = image;
    return error;
}

static int open_table(const struct frozen_file *file, struct handle **ret_handle,
                      struct failure *failure)
{
    struct table_handle *handle = calloc(1, sizeof *handle);
    struct image *image = NULL;

    if (handle == NULL)
        return -ENOMEM;

    int error = open_image(file, &image, failure);

    if (error == 0) {
        handle->reader =
            reader_create(file->folder->context.cache, image, file_format(index_of(file)));
        image_release(image);
        error = handle->reader != NULL ? 0 : -ENOMEM;
    }
    if (error != 0) {
        free(handle);
        return error;
    }
    handle->handle.class = &table_handle_class;
    *ret_handle = &handle->handle;
    return 0;
}

/* An extra file that is open. */
struct extra_handle {
    struct handle handle;
    struct node *node; /* referenced, for the names in the text */
    struct schema_list list;
    struct extra_text *text;
};

static int extra_read(struct handle *handle, uint64_t offset, size_t size,
                      struct reading *ret_reading, struct failure *failure)
{
    (void)failure;
    return extra_text_read(((struct extra_handle *)handle)->text, offset, size, ret_reading);
}

static void extra_close(struct handle *handle)
{
    struct extra_handle *open_file = (struct extra_handle *)handle;

    extra_text_free(open_file->text);
    release_schemas(&open_file->list);
    node_release(open_file->node);
    free(open_file);
}

static const struct handle_class extra_handle_class = {.read = extra_read, .close = extra_close};

static int open_extra(struct frozen_file *file, struct handle **ret_handle, struct failure *failure)
{
    struct extra_handle *handle = calloc(1, sizeof *handle);

    if (handle == NULL)
        return -ENOMEM;
    handle->handle.class = &extra_handle_class;
    handle->node = node_reference(&file->node);

    int error = read_schemas(file->folder, &handle->list, failure);

    if (error == 0)
        error = extra_text_create(&file->folder->set, (enum extra_file)extra_of(file),
                                  file->folder->name, handle->list.schemas, &handle->text);
    if (error != 0) {
        extra_close(&handle->handle);
        return error;
    }
    *ret_handle = &handle->handle;
    return 0;
}

static int file_open(struct node *node, const struct caller *caller, struct handle **ret_handle,
                     struct failure *failure)
{
    struct frozen_file *file = (struct frozen_file *)node;

    (void)caller;
    if (is_table(file))
        return open_table(file, ret_handle, failure);

    return open_extra(file, ret_handle, failure);
}

/* Over the ids of its row groups: equal for equal rows. */
static int write_digest(const struct frozen_file *file, char *text, size_t size,
                        struct failure *failure)
{
    cleanup_buffer struct buffer data = BUFFER(OBJECT_DATA_LIMIT);
    struct stored_image image = {.rows = 0};
    int error = object_read(file->folder->context.reader, &table_of(file)->image, OBJECT_IMAGE,
                            false, &data, failure);

    if (error == 0)
        error = stored_image_decode(data.data, data.size, &image);
    if (error == -EBADMSG)
        error = failure_set(failure, EIO, "the store is damaged: the table cannot be made out");
    if (error == 0)
        sodium_bin2hex(text, size, image.digest, sizeof image.digest);
    stored_image_release(&image);
    return error;
}

static int write_stored(const struct frozen_file *file, char *text, size_t size,
                        struct failure *failure)
{
    struct image *image = NULL;
    int error = open_image(file, &image, failure);

    if (error != 0)
        return error;
    snprintf(text, size, "%" PRIu64, image_stored_bytes(image));
    image_release(image);
    return 0;
}

static const char xattr_names[] = "user.crmfs.rows\0user.crmfs.table\0user.crmfs.snapshot\0"
                                  "user.crmfs.digest\0user.crmfs.stored";

static ssize_t file_xattr(struct node *node, const char *name, char *value, size_t size,
                          struct failure *failure)
{
    const struct frozen_file *file = (struct frozen_file *)node;
    char made[2 * STORED_DIGEST_BYTES + 1];
    const char *text = made;
    int error = 0;

    if (!is_table(file))
        return name == NULL ? 0 : -ENODATA;
    if (name == NULL)
        return node_give_value(xattr_names, sizeof xattr_names, value, size);
    if (strcmp(name, "user.crmfs.rows") == 0)
        snprintf(made, sizeof made, "%" PRIu64, table_of(file)->rows);
    else if (strcmp(name, "user.crmfs.table") == 0)
        text = table_of(file)->name;
    else if (strcmp(name, "user.crmfs.snapshot") == 0)
        text = file->folder->snapshot;
    else if (strcmp(name, "user.crmfs.digest") == 0)
        error = write_digest(file, made, sizeof made, failure);
    else if (strcmp(name, "user.crmfs.stored") == 0)
        error = write_stored(file, made, sizeof made, failure);
    else
        error = -ENODATA;
    return error != 0 ? error : node_give_value(text, strlen(text), value, size);
}

const struct node_class frozen_file_class = {
    .attributes = file_attributes,
    .open = file_open,
    .xattr = file_xattr,
    .release = file_release,
    .forgettable = true,
};
