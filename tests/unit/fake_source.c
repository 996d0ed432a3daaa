/* SPDX-License-Identifier: MIT */
#include "tests/unit/fake_source.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MOST_TABLES 64

struct fake_source {
    struct source source; /* first */
    pthread_mutex_t lock; /* guards all below */
    bool used;
    bool closed;
    uint64_t version;
    struct fake_table *tables[MOST_TABLES];
    size_t table_count;
    struct fake_behaviour behaviour;
    struct fake_counts counts;
};

struct fake_dataset {
    struct dataset dataset; /* first */
    struct fake_source *fake;
    struct fake_table *tables[MOST_TABLES];
    size_t table_count;
    unsigned cursors_open; /* guarded by the source's lock, as open */
    bool open;
};

struct fake_cursor {
    struct cursor cursor; /* first */
    struct fake_dataset *dataset;
    struct fake_behaviour behaviour; /* as it was when the cursor was opened */
    const struct fake_table *table;
    bool faulty;
    size_t next_row;
    size_t current_row;
    bool bounded;
    int64_t end; /* the next range's start, if bounded */
    struct row row;
    struct cell *cells; /* a copy for one call only */
};

static int64_t row_key(const struct fake_table *table, size_t row)
{
    const struct cell *cell = &fake_table_row(table, row)[fake_table_schema(table)->order_key[0]];
    char text[24] = {0};

    must(cell->class == CELL_NUMBER && cell->size < sizeof text);
    memcpy(text, cell->data, cell->size);
    return strtoll(text, NULL, 10);
}

/* The first row whose key is not below KEY. */
static size_t row_from(const struct fake_table *table, int64_t key)
{
    size_t low = 0;
    size_t high = fake_table_rows(table);

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (row_key(table, middle) < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void violation(struct fake_source *fake, const char *words)
{
    fprintf(stderr, "fake source: %s\n", words);
    fake->counts.violations++;
}

/* Notes a use of the dataset's transaction. The lock is held. */
static void expect_open(struct fake_dataset *dataset, const char *function)
{
    if (!dataset->open) {
        fprintf(stderr, "fake source: %s after finish\n", function);
        dataset->fake->counts.violations++;
    }
}

static bool is_faulty(const struct fake_behaviour *behaviour, const struct fake_table *table)
{
    return behaviour->faulty_table == NULL ||
           strcmp(behaviour->faulty_table, fake_table_schema(table)->name) == 0;
}

static int cursor_next(struct cursor *cursor, const struct row **ret_row, struct failure *failure)
{
    struct fake_cursor *self = (struct fake_cursor *)cursor;
    struct fake_source *fake = self->dataset->fake;
    const struct fake_behaviour *behaviour = &self->behaviour;

    free(self->cells);
    self->cells = NULL;
    pthread_mutex_lock(&fake->lock);
    expect_open(self->dataset, "next");
    fake->counts.rows++;
    pthread_mutex_unlock(&fake->lock);
    if (self->faulty && behaviour->row_delay_us != 0)
        usleep(behaviour->row_delay_us);
    if (self->faulty && behaviour->row_fails && self->next_row == behaviour->faulty_row)
        return failure_set(failure, -behaviour->row_error, "row %zu of %s cannot be read",
                           self->next_row, fake_table_schema(self->table)->name);
    if (self->next_row == fake_table_rows(self->table))
        return 0;
    self->current_row = self->next_row++;
    self->cells =
        fake_cells_copy(fake_table_row(self->table, self->current_row),
                        fake_table_schema(self->table)->column_count, behaviour->without_data);
    self->row.cells = self->cells;
    self->row.past_range = self->bounded && row_key(self->table, self->current_row) >= self->end;
    *ret_row = &self->row;
    return 1;
}

static int cursor_read_cell(struct cursor *cursor, size_t column, uint64_t offset, void *buffer,
                            size_t size, struct failure *failure)
{
    struct fake_cursor *self = (struct fake_cursor *)cursor;
    struct fake_source *fake = self->dataset->fake;
    const struct cell *cell = &fake_table_row(self->table, self->current_row)[column];

    pthread_mutex_lock(&fake->lock);
    expect_open(self->dataset, "read_cell");
    fake->counts.cell_reads++;
    if (self->cells == NULL || self->cells[column].data != NULL)
        violation(fake, "read_cell of a cell that has its data");
    if (offset > cell->size || size > cell->size - offset)
        violation(fake, "read_cell past a cell's end");
    pthread_mutex_unlock(&fake->lock);
    if (self->behaviour.cell_error != 0)
        return failure_set(failure, -self->behaviour.cell_error, "cell %zu cannot be read", column);
    memcpy(buffer, (const uint8_t *)cell->data + offset, size);
    return 0;
}

static void cursor_close(struct cursor *cursor)
{
    struct fake_cursor *self = (struct fake_cursor *)cursor;
    struct fake_source *fake = self->dataset->fake;

    pthread_mutex_lock(&fake->lock);
    fake->counts.cursors_open--;
    self->dataset->cursors_open--;
    pthread_mutex_unlock(&fake->lock);
    free(self->cells);
    free(self);
}

static const struct cursor_class fake_cursor_class = {cursor_next, cursor_read_cell, cursor_close};

static size_t dataset_table_count(const struct dataset *dataset)
{
    return ((const struct fake_dataset *)dataset)->table_count;
}

static struct schema *dataset_schema(const struct dataset *dataset, size_t table)
{
    return fake_table_schema(((const struct fake_dataset *)dataset)->tables[table]);
}

static bool can_split(const struct fake_table *table)
{
    const struct schema *schema = fake_table_schema(table);

    return schema->order_key_count != 0 &&
           schema->columns[schema->order_key[0]].type == COLUMN_INTEGER &&
           fake_table_rows(table) != 0;
}

/* Starts that rise strictly even when there are more ranges than rows. */
static void split(const struct fake_table *table, const struct fake_behaviour *behaviour,
                  struct range_plan *plan)
{
    plan->starts[0] = INT64_MIN;
    for (size_t i = 1; i < plan->count; i++) {
        int64_t start = behaviour->range_starts != 0
                            ? behaviour->starts[i]
                            : row_key(table, i * fake_table_rows(table) / plan->count);

        if (start <= plan->starts[i - 1])
            start = plan->starts[i - 1] + 1;
        plan->starts[i] = start;
    }
}

static int dataset_plan(struct dataset *dataset, size_t table, size_t wanted,
                        struct range_plan *ret_plan, struct failure *failure)
{
    struct fake_dataset *self = (struct fake_dataset *)dataset;
    struct fake_source *fake = self->fake;

    pthread_mutex_lock(&fake->lock);
    struct fake_behaviour behaviour = fake->behaviour;

    fake->counts.plans++;
    expect_open(self, "plan");
    if (wanted == 0)
        violation(fake, "plan of no ranges");
    pthread_mutex_unlock(&fake->lock);
    if (behaviour.plan_error != 0)
        return failure_set(failure, -behaviour.plan_error, "no plan for table %zu", table);

    struct range_plan plan = {.count = wanted};

    if (behaviour.ranges != 0)
        plan.count = behaviour.ranges;
    if (behaviour.range_starts != 0)
        plan.count = behaviour.range_starts;
    if (!can_split(self->tables[table]))
        plan.count = 1;
    plan.starts = fake_allocate(plan.count * sizeof *plan.starts);
    split(self->tables[table], &behaviour, &plan);
    *ret_plan = plan;
    return 0;
}

static int dataset_open_cursor(struct dataset *dataset, size_t table, const struct range_plan *plan,
                               size_t range, struct cursor **ret_cursor, struct failure *failure)
{
    struct fake_dataset *self = (struct fake_dataset *)dataset;
    struct fake_source *fake = self->fake;

    pthread_mutex_lock(&fake->lock);
    struct fake_behaviour behaviour = fake->behaviour;

    expect_open(self, "open_cursor");
    if (behaviour.open_error == 0) {
        fake->counts.cursors++;
        self->cursors_open++;
        if (++fake->counts.cursors_open > fake->counts.cursors_open_most)
            fake->counts.cursors_open_most = fake->counts.cursors_open;
        if (self->cursors_open > self->dataset.parallel)
            violation(fake, "more cursors than the dataset allows");
    }
    pthread_mutex_unlock(&fake->lock);
    if (behaviour.open_error != 0)
        return failure_set(failure, -behaviour.open_error, "no cursor on table %zu", table);

    struct fake_cursor *cursor = fake_allocate(sizeof *cursor);

    cursor->cursor.class = &fake_cursor_class;
    cursor->dataset = self;
    cursor->behaviour = behaviour;
    cursor->table = self->tables[table];
    cursor->faulty = is_faulty(&behaviour, cursor->table);
    if (range != 0)
        cursor->next_row = row_from(cursor->table, plan->starts[range]);
    cursor->bounded = range + 1 < plan->count;
    if (cursor->bounded)
        cursor->end = plan->starts[range + 1];
    *ret_cursor = &cursor->cursor;
    return 0;
}

static int dataset_verify(struct dataset *dataset, struct failure *failure)
{
    struct fake_dataset *self = (struct fake_dataset *)dataset;
    struct fake_source *fake = self->fake;
    bool stale = false;

    pthread_mutex_lock(&fake->lock);
    expect_open(self, "verify");
    fake->counts.verifies++;
    if (fake->behaviour.stale_verifies != 0) {
        fake->behaviour.stale_verifies--;
        fake->version++;
        stale = true;
    }
    pthread_mutex_unlock(&fake->lock);
    return stale ? failure_set(failure, ESTALE, "the data changed meanwhile") : 0;
}

static void dataset_finish(struct dataset *dataset)
{
    struct fake_dataset *self = (struct fake_dataset *)dataset;
    struct fake_source *fake = self->fake;

    pthread_mutex_lock(&fake->lock);
    if (self->cursors_open != 0)
        violation(fake, "finish while a cursor is open");
    if (self->open) {
        fake->counts.finishes++;
        fake->counts.transactions_open--;
    }
    bool tell = self->open && fake->behaviour.on_finish != NULL;
    struct fake_behaviour behaviour = fake->behaviour;

    self->open = false;
    pthread_mutex_unlock(&fake->lock);
    if (tell)
        behaviour.on_finish(behaviour.finish_context);
}

static void dataset_release(struct dataset *dataset)
{
    struct fake_dataset *self = (struct fake_dataset *)dataset;
    struct fake_source *fake = self->fake;

    dataset_finish(dataset);
    pthread_mutex_lock(&fake->lock);
    fake->counts.datasets_alive--;
    pthread_mutex_unlock(&fake->lock);
    for (size_t i = 0; i < self->table_count; i++)
        fake_table_release(self->tables[i]);
    free(self);
}

static const struct dataset_class fake_dataset_class = {
    .table_count = dataset_table_count,
    .schema = dataset_schema,
    .plan = dataset_plan,
    .open_cursor = dataset_open_cursor,
    .verify = dataset_verify,
    .finish = dataset_finish,
    .release = dataset_release,
};

/* The lock is held. */
static struct source_version version_of(const struct fake_source *fake)
{
    return (struct source_version){{fake->version, ~fake->version}};
}

static int source_version(struct source *source, struct source_version *ret_version,
                          struct failure *failure)
{
    struct fake_source *fake = (struct fake_source *)source;

    pthread_mutex_lock(&fake->lock);
    struct fake_behaviour behaviour = fake->behaviour;
    int error = behaviour.version_error;

    fake->used = true;
    fake->counts.versions++;
    if (error == 0)
        *ret_version = version_of(fake);
    pthread_mutex_unlock(&fake->lock);
    if (behaviour.on_version != NULL)
        behaviour.on_version(behaviour.version_context);
    return error != 0 ? failure_set(failure, -error, "the source does not tell its version") : 0;
}

static int source_begin(struct source *source, struct dataset **ret_dataset,
                        struct source_version *ret_version, struct failure *failure)
{
    struct fake_source *fake = (struct fake_source *)source;
    struct fake_dataset *dataset = fake_allocate(sizeof *dataset);

    pthread_mutex_lock(&fake->lock);
    int error = fake->behaviour.begin_error;

    fake->used = true;
    fake->counts.begins++;
    if (error != 0) {
        pthread_mutex_unlock(&fake->lock);
        free(dataset);
        return failure_set(failure, -error, "the source cannot be read now");
    }
    if (fake->closed)
        violation(fake, "begin after close");
    dataset->dataset = (struct dataset){
        .class = &fake_dataset_class,
        .changed = fake->behaviour.changed,
        .hurry = fake->behaviour.hurry,
        .parallel = fake->behaviour.parallel != 0 ? fake->behaviour.parallel : 1,
    };
    if (dataset->dataset.changed.tv_sec == 0)
        dataset->dataset.changed.tv_sec = 1000000000 + 10 * (time_t)fake->version;
    dataset->fake = fake;
    dataset->open = true;
    dataset->table_count = fake->table_count;
    for (size_t i = 0; i < fake->table_count; i++)
        dataset->tables[i] = fake_table_reference(fake->tables[i]);
    fake->counts.datasets_alive++;
    fake->counts.transactions_open++;
    *ret_version = version_of(fake);
    pthread_mutex_unlock(&fake->lock);
    *ret_dataset = &dataset->dataset;
    return 0;
}

static void source_close(struct source *source)
{
    struct fake_source *fake = (struct fake_source *)source;

    pthread_mutex_lock(&fake->lock);
    if (fake->closed)
        violation(fake, "closed twice");
    if (fake->counts.datasets_alive != 0)
        violation(fake, "closed before its datasets were released");
    fake->closed = true;
    pthread_mutex_unlock(&fake->lock);
}

static const struct source_class fake_source_class = {
    .kind = "fake", .version = source_version, .begin = source_begin, .close = source_close};

struct fake_source *fake_source_create(void)
{
    struct fake_source *fake = fake_allocate(sizeof *fake);

    fake->source.class = &fake_source_class;
    fake->version = 1;
    pthread_mutex_init(&fake->lock, NULL);
    return fake;
}

struct source *fake_source_source(struct fake_source *fake)
{
    return &fake->source;
}

void fake_source_set(struct fake_source *fake, struct fake_table *const *tables, size_t count)
{
    struct fake_table *old[MOST_TABLES];

    must(count <= MOST_TABLES);
    pthread_mutex_lock(&fake->lock);
    size_t old_count = fake->table_count;

    memcpy(old, fake->tables, sizeof old);
    for (size_t i = 0; i < count; i++)
        fake->tables[i] = tables[i];
    fake->table_count = count;
    if (!fake->behaviour.unnoticed)
        fake->version++;
    pthread_mutex_unlock(&fake->lock);
    for (size_t i = 0; i < old_count; i++)
        fake_table_release(old[i]);
}

void fake_source_touch(struct fake_source *fake)
{
    pthread_mutex_lock(&fake->lock);
    fake->version++;
    pthread_mutex_unlock(&fake->lock);
}

void fake_source_behave(struct fake_source *fake, const struct fake_behaviour *behaviour)
{
    pthread_mutex_lock(&fake->lock);
    fake->behaviour = *behaviour;
    pthread_mutex_unlock(&fake->lock);
}

struct fake_counts fake_source_counts(struct fake_source *fake)
{
    pthread_mutex_lock(&fake->lock);
    struct fake_counts counts = fake->counts;

    pthread_mutex_unlock(&fake->lock);
    return counts;
}

struct dataset *fake_source_begin(struct fake_source *fake)
{
    struct source_version version;
    struct dataset *dataset = NULL;

    must(source_begin(&fake->source, &dataset, &version, NULL) == 0);
    pthread_mutex_lock(&fake->lock);
    fake->used = false;
    pthread_mutex_unlock(&fake->lock);
    return dataset;
}

void fake_source_free(struct fake_source *fake)
{
    must(fake->closed || !fake->used);
    must(fake->counts.violations == 0);
    must(fake->counts.datasets_alive == 0);
    must(fake->counts.transactions_open == 0);
    must(fake->counts.cursors_open == 0);
    for (size_t i = 0; i < fake->table_count; i++)
        fake_table_release(fake->tables[i]);
    pthread_mutex_destroy(&fake->lock);
    free(fake);
}
