/* SPDX-License-Identifier: MIT */
#include "tools/export_table.h"

#include <errno.h>

#include "fs/base/memory.h"
#include "fs/table/reader.h"
#include "fs/table/stored_table.h"

#define READ_BYTES ((size_t)1 << 20)
#define TEXT_LIMIT ((size_t)1 << 30)

static int copy(const struct export_means *means, struct reader *reader, uint64_t size,
                struct export_file *file, struct failure *failure)
{
    int error = 0;

    for (uint64_t offset = 0; offset < size && error == 0;) {
        struct reading reading = {.count = 0};
        size_t got;

        if (__atomic_load_n(means->stopped, __ATOMIC_RELAXED))
            return failure_set(failure, ECANCELED, "it was called off");
        error = reader_read(reader, offset, READ_BYTES, &reading, failure);
        if (error != 0)
            return error;
        got = reading_size(&reading);
        error = got != 0 ? export_file_write(file, reading.pieces, reading.count, failure)
                         : failure_set(failure, EIO, "the store is damaged: the table is short");
        reading_release(&reading);
        offset += got;
    }
    return error;
}

/* The table's image, seen to be what the snapshot's tree promises. */
static int open_image(const struct export_means *means, const struct stored_table *table,
                      struct image **ret_image, struct failure *failure)
{
    struct image *image;
    int error = stored_table_open(means->reader, &table->image, &image, failure);

    if (error != 0)
        return error;
    error = stored_table_check(table, image, means->format, failure);
    if (error != 0)
        image_release(image);
    else
        *ret_image = image;
    return error;
}

int export_table(const struct export_means *means, const struct stored_source *source,
                 const struct stored_table *table, struct export_file *file,
                 struct failure *failure)
{
    struct reader *reader = NULL;
    struct image *image = NULL;
    int error = open_image(means, table, &image, failure);

    if (error == 0) {
        reader = reader_create(means->cache, image, means->format);
        error = reader == NULL
                    ? -ENOMEM
                    : copy(means, reader, image_size(image, means->format), file, failure);
    }
    if (reader != NULL)
        reader_free(reader);
    image_release(image);
    if (error == 0)
        return export_file_finish(file, source->time_ns, failure);
    export_file_abandon(file);
    return error;
}

static int write_text(const struct buffer *text, struct export_file *file, uint64_t time_ns,
                      struct failure *failure)
{
    struct iovec piece = {text->data, text->size};
    int error = export_file_write(file, &piece, text->size != 0, failure);

    if (error == 0)
        return export_file_finish(file, time_ns, failure);
    export_file_abandon(file);
    return error;
}

static int make_text(const struct export_means *means, const struct stored_source *source,
                     const struct file_set *set, size_t index, struct buffer *text,
                     struct failure *failure)
{
    cleanup_free struct schema **schemas =
        allocate_array(source->table_count, sizeof(struct schema *));
    size_t count = 0;
    int error = schemas != NULL ? 0 : -ENOMEM;

    for (; error == 0 && count < source->table_count; count += error == 0)
        error = stored_table_schema(means->reader, &source->tables[count].image, &schemas[count],
                                    failure);
    if (error == 0)
        error = file_set_write_extra(set, index, source->name, schemas, text);
    while (count > 0)
        schema_release(schemas[--count]);
    return error;
}

int export_extra(const struct export_means *means, const struct stored_source *source,
                 const struct file_set *set, size_t index, struct export_file *file,
                 struct failure *failure)
{
    cleanup_buffer struct buffer text = BUFFER(TEXT_LIMIT);
    int error = make_text(means, source, set, index, &text, failure);

    if (error == 0)
        return write_text(&text, file, source->time_ns, failure);
    export_file_abandon(file);
    return error;
}
