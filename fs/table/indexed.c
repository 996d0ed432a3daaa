/* SPDX-License-Identifier: MIT */
#include "fs/table/indexed.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/buffer.h"
#include "fs/base/memory.h"
#include "fs/table/group_rows.h"
#include "fs/table/intake.h"

/* What one pass over the stream gave; shared by the datasets of that version. */
struct edition {
    unsigned references;   /* atomic */
    struct source *stream; /* that it was read from; outlives it */
    struct intake *intake;
    struct source_version version;
    struct timespec changed;
};

struct indexed_source {
    struct source source;
    struct source_class class; /* the stream's kind in it */
    struct source *stream;
    struct indexed_options options;
    uint64_t rows_done; /* atomic; of the pass under way, or the last */
    bool reading;       /* atomic */

    pthread_mutex_t lock;    /* held during a pass; guards edition */
    struct edition *edition; /* NULL: not read yet */
};

struct indexed_dataset {
    struct dataset dataset;
    struct edition *edition; /* referenced */
};

struct indexed_cursor {
    struct cursor cursor;
    struct row row;
    struct group_rows *rows;
    struct image *image; /* referenced: keeps the groups */
};

static void edition_release(struct edition *edition)
{
    if (edition == NULL || __atomic_sub_fetch(&edition->references, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    intake_free(edition->intake);
    free(edition);
}

/* --- cursors ------------------------------------------------------------------------------ */

static int cursor_next(struct cursor *base, const struct row **ret_row, struct failure *failure)
{
    struct indexed_cursor *cursor = (struct indexed_cursor *)base;
    int got = group_rows_next(cursor->rows, &cursor->row.cells, failure);

    if (got > 0)
        *ret_row = &cursor->row;
    return got;
}

/* Every cell comes with its data. */
static int cursor_read_cell(struct cursor *cursor, size_t column, uint64_t offset, void *buffer,
                            size_t size, struct failure *failure)
{
    (void)cursor;
    (void)column;
    (void)offset;
    (void)buffer;
    (void)size;
    return failure_set(failure, EINVAL, "no cell of an archive is read in pieces");
}

static void cursor_close(struct cursor *base)
{
    struct indexed_cursor *cursor = (struct indexed_cursor *)base;

    group_rows_free(cursor->rows);
    image_release(cursor->image);
    free(cursor);
}

static const struct cursor_class indexed_cursor_class = {cursor_next, cursor_read_cell,
                                                         cursor_close};

/* --- datasets ----------------------------------------------------------------------------- */

static struct edition *edition_of(const struct dataset *dataset)
{
    return ((const struct indexed_dataset *)dataset)->edition;
}

static size_t dataset_table_count(const struct dataset *dataset)
{
    return intake_table_count(edition_of(dataset)->intake);
}

static struct schema *dataset_schema(const struct dataset *dataset, size_t table)
{
    return intake_schema(edition_of(dataset)->intake, table);
}

static int dataset_plan(struct dataset *dataset, size_t table, size_t wanted,
                        struct range_plan *ret_plan, struct failure *failure)
{
    int64_t *starts = malloc(sizeof *starts);

    (void)dataset;
    (void)table;
    (void)wanted;
    (void)failure;
    if (starts == NULL)
        return -ENOMEM;
    starts[0] = INT64_MIN;
    *ret_plan = (struct range_plan){.count = 1, .starts = starts};
    return 0;
}

static int dataset_open_cursor(struct dataset *dataset, size_t table, const struct range_plan *plan,
                               size_t range, struct cursor **ret_cursor, struct failure *failure)
{
    struct intake *intake = edition_of(dataset)->intake;
    struct indexed_cursor *cursor = calloc(1, sizeof *cursor);
    const struct image_group *groups;
    size_t count;

    (void)plan;
    (void)range;
    if (cursor == NULL)
        return -ENOMEM;

    int error = intake_image(intake, table, &cursor->image, failure);

    if (error == 0) {
        intake_groups(intake, table, &groups, &count);
        cursor->rows = group_rows_create(intake_spool(intake),
                                         intake_schema(intake, table)->column_count, groups, count);
        error = cursor->rows != NULL ? 0 : -ENOMEM;
    }
    if (error != 0) {
        image_release(cursor->image);
        free(cursor);
        return error;
    }
    cursor->cursor.class = &indexed_cursor_class;
    *ret_cursor = &cursor->cursor;
    return 0;
}

static int dataset_verify(struct dataset *dataset, struct failure *failure)
{
    (void)dataset;
    (void)failure;
    return 0;
}

static void dataset_finish(struct dataset *dataset)
{
    (void)dataset;
}

static void dataset_release(struct dataset *base)
{
    edition_release(edition_of(base));
    free(base);
}

static const struct dataset_class indexed_dataset_class = {
    .table_count = dataset_table_count,
    .schema = dataset_schema,
    .plan = dataset_plan,
    .open_cursor = dataset_open_cursor,
    .verify = dataset_verify,
    .finish = dataset_finish,
    .release = dataset_release,
};

bool indexed_dataset_is(const struct dataset *dataset)
{
    return dataset->class == &indexed_dataset_class;
}

int indexed_dataset_image(struct dataset *dataset, size_t table, struct image **ret_image,
                          struct failure *failure)
{
    return intake_image(edition_of(dataset)->intake, table, ret_image, failure);
}

/* --- members ------------------------------------------------------------------------------ */

size_t indexed_dataset_member_count(const struct dataset *dataset)
{
    return intake_member_count(edition_of(dataset)->intake);
}

const struct stream_member *indexed_dataset_member(const struct dataset *dataset, size_t index)
{
    return intake_member(edition_of(dataset)->intake, index);
}

static int take_bytes(void *context, const void *bytes, size_t size, struct failure *failure)
{
    return raw_bytes_add(context, bytes, size, failure);
}

/* Fetches a member again from the archive, which must be the one that was read. */
static int fetch_member(const struct edition *edition, const struct stream_member *member,
                        struct raw_bytes *bytes, struct failure *failure)
{
    struct source *stream = edition->stream;
    struct source_version version;
    int error = stream->class->extract(stream, member->path, take_bytes, bytes, failure);

    if (error == 0)
        error = stream->class->version(stream, &version, failure);
    if (error == 0 && (memcmp(&version, &edition->version, sizeof version) != 0 ||
                       raw_bytes_size(bytes) != member->bytes))
        error = failure_set(failure, ESTALE, "the archive has changed since it was read");
    return error;
}

int indexed_dataset_member_bytes(struct dataset *dataset, size_t index,
                                 struct raw_bytes **ret_bytes, struct failure *failure)
{
    struct edition *edition = edition_of(dataset);
    struct raw_bytes *bytes = intake_member_bytes(edition->intake, index);
    int error;

    if (bytes != NULL) {
        *ret_bytes = raw_bytes_reference(bytes);
        return 0;
    }
    bytes = raw_bytes_create(intake_spool(edition->intake));
    if (bytes == NULL)
        return -ENOMEM;
    error = fetch_member(edition, intake_member(edition->intake, index), bytes, failure);
    if (error != 0) {
        raw_bytes_release(bytes);
        return error;
    }
    intake_keep_bytes(edition->intake, index, bytes);
    *ret_bytes = bytes;
    return 0;
}

/* --- sources ------------------------------------------------------------------------------ */

static int source_version(struct source *base, struct source_version *ret_version,
                          struct failure *failure)
{
    struct source *stream = ((struct indexed_source *)base)->stream;

    return stream->class->version(stream, ret_version, failure);
}

/* Reads the stream through. The lock is held. */
static int read_edition(struct indexed_source *source, struct failure *failure)
{
    struct intake_options options = {
        .spool = source->options.spool,
        .cut_key = source->options.cut_key,
        .cancelled = source->options.cancelled,
        .rows_done = &source->rows_done,
        .report = source->options.report,
        .report_context = source->options.report_context,
    };
    struct edition *edition = calloc(1, sizeof *edition);

    if (edition == NULL)
        return -ENOMEM;
    edition->references = 1;
    edition->stream = source->stream;
    edition->intake = intake_create(&options);
    edition_release(source->edition); /* what it holds of the spool is given back first */
    source->edition = NULL;
    __atomic_store_n(&source->rows_done, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&source->reading, true, __ATOMIC_RELAXED);

    int error = edition->intake != NULL
                    ? source->stream->class->stream(source->stream, intake_taker(edition->intake),
                                                    &edition->version, &edition->changed, failure)
                    : -ENOMEM;

    if (error == 0)
        error = intake_end(edition->intake, failure);
    if (error == 0)
        intake_moment(edition->intake, &edition->changed);
    __atomic_store_n(&source->reading, false, __ATOMIC_RELAXED);
    if (error != 0) {
        edition_release(edition);
        return error;
    }
    source->edition = edition;
    return 0;
}

static int create_dataset(struct edition *edition, struct dataset **ret_dataset)
{
    struct indexed_dataset *dataset = calloc(1, sizeof *dataset);

    if (dataset == NULL)
        return -ENOMEM;
    __atomic_add_fetch(&edition->references, 1, __ATOMIC_RELAXED);
    dataset->edition = edition;
    dataset->dataset = (struct dataset){
        .class = &indexed_dataset_class,
        .changed = edition->changed,
        .parallel = 1,
    };
    *ret_dataset = &dataset->dataset;
    return 0;
}

int indexed_dataset_share(struct dataset *dataset, struct dataset **ret_dataset)
{
    return create_dataset(edition_of(dataset), ret_dataset);
}

static int source_begin(struct source *base, struct dataset **ret_dataset,
                        struct source_version *ret_version, struct failure *failure)
{
    struct indexed_source *source = (struct indexed_source *)base;
    struct source_version version;

    pthread_mutex_lock(&source->lock);

    int error = source_version(base, &version, failure);

    if (error == 0 && (source->edition == NULL ||
                       memcmp(&version, &source->edition->version, sizeof version) != 0))
        error = read_edition(source, failure);
    if (error == 0)
        error = create_dataset(source->edition, ret_dataset);
    if (error == 0)
        *ret_version = source->edition->version;
    pthread_mutex_unlock(&source->lock);
    return error;
}

static int source_status(struct source *base, struct buffer *text)
{
    struct indexed_source *source = (struct indexed_source *)base;
    bool reading = __atomic_load_n(&source->reading, __ATOMIC_RELAXED);
    uint64_t rows = __atomic_load_n(&source->rows_done, __ATOMIC_RELAXED);
    int error = buffer_print(text, ",\"indexing\":%s,\"rows_indexed\":%llu",
                             reading ? "true" : "false", (unsigned long long)rows);

    if (error == 0 && source->stream->class->status != NULL)
        error = source->stream->class->status(source->stream, text);
    return error;
}

static void source_close(struct source *base)
{
    struct indexed_source *source = (struct indexed_source *)base;

    edition_release(source->edition);
    source->stream->class->close(source->stream);
    pthread_mutex_destroy(&source->lock);
    free(source);
}

int indexed_source_create(struct source *stream, const struct indexed_options *options,
                          struct source **ret_source)
{
    struct indexed_source *source = calloc(1, sizeof *source);

    if (source == NULL) {
        stream->class->close(stream);
        return -ENOMEM;
    }
    source->class = (struct source_class){
        .kind = stream->class->kind,
        .version = source_version,
        .begin = source_begin,
        .status = source_status,
        .close = source_close,
    };
    source->source.class = &source->class;
    source->stream = stream;
    source->options = *options;
    pthread_mutex_init(&source->lock, NULL);
    *ret_source = &source->source;
    return 0;
}
