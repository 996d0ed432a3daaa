/* SPDX-License-Identifier: MIT */
/* A generation's files while they are open: each shows what it was when it was opened. */
#include <errno.h>
#include <stdlib.h>

#include "fs/base/clock.h"
#include "fs/table/reader.h"
#include "fs/tree/generation_internal.h"

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
    handle->table = file_table(generation_file_index(file));
    handle->format = file_format(generation_file_index(file));
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
        owner->opened(owner, caller, generation,
                      generation->set.names[generation_file_index(file)]);
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
    int error = generation_prepare(file->generation, generation_file_index(file), NULL, failure);

    if (error != 0)
        return error;

    struct extra_handle *handle = malloc(sizeof *handle);

    if (handle == NULL)
        return -ENOMEM;
    *handle = (struct extra_handle){{&extra_handle_class},
                                    generation_file(file->generation, generation_file_index(file))};
    *ret_handle = &handle->handle;
    return 0;
}

int generation_file_open(struct node *node, const struct caller *caller, struct handle **ret_handle,
                         struct failure *failure)
{
    struct generation_file *file = (struct generation_file *)node;

    if (file_is_table(&file->generation->set, generation_file_index(file)))
        return open_table(file, caller, true, ret_handle, failure);

    return open_extra(file, ret_handle, failure);
}

int generation_open_rows(struct node *rows, const struct caller *caller, struct handle **ret_handle,
                         struct failure *failure)
{
    return open_table((struct generation_file *)rows, caller, false, ret_handle, failure);
}
