/* SPDX-License-Identifier: MIT */
#include "tools/take_display.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/amount.h"

#define SNAPSHOTS_TRIED 5
#define SECONDS_LEAST 2 /* before which no rate says anything */

static const struct stored_source *find_source(const struct stored_tree *tree, const char *name)
{
    for (size_t i = 0; i < tree->source_count; i++) {
        if (strcmp(tree->sources[i].name, name) == 0)
            return &tree->sources[i];
    }
    return NULL;
}

/* 0: the tree has not all of them. */
static uint64_t rows_of(const struct stored_tree *tree, const struct source_list *sources)
{
    uint64_t rows = 0;

    for (size_t i = 0; i < sources->count; i++) {
        const struct stored_source *source = find_source(tree, sources->items[i].name);

        if (source == NULL)
            return 0;
        for (size_t j = 0; j < source->table_count; j++)
            rows += source->tables[j].rows;
    }
    return rows;
}

static uint64_t expect_rows(const struct opened_store *opened, const struct source_list *sources)
{
    const struct log_state *state = &opened->state;
    uint64_t rows = 0;

    for (size_t i = 0; i < SNAPSHOTS_TRIED && i < state->snapshot_count && rows == 0; i++) {
        const struct snapshot *snapshot = &state->snapshots[state->snapshot_count - 1 - i];
        struct stored_tree tree = {.source_count = 0};

        if (opened_store_tree(opened, snapshot, &tree, NULL) == 0)
            rows = rows_of(&tree, sources);
        stored_tree_release(&tree);
    }
    return rows;
}

static void write_line(void *context, double seconds, char *text, size_t size)
{
    const struct take_display *display = context;
    const struct take_progress *progress = display->progress;
    uint64_t done = __atomic_load_n(&progress->rows, __ATOMIC_RELAXED);
    char elapsed[AMOUNT_SIZE], rows[AMOUNT_SIZE], rate[AMOUNT_SIZE], raw[AMOUNT_SIZE],
        stored[AMOUNT_SIZE], left[AMOUNT_SIZE + 8] = "";

    if (done < display->expected_rows && done != 0 && seconds >= SECONDS_LEAST) {
        char time[AMOUNT_SIZE];
        double rest = seconds / (double)done * (double)(display->expected_rows - done);

        snprintf(left, sizeof left, ", %s left", amount_time((uint64_t)rest, time));
    }
    snprintf(text, size, "%s%s  %s rows, %s/s; tables: %llu of %llu done, %s, %s stored",
             amount_time((uint64_t)seconds, elapsed), left, amount_count(done, rows),
             amount_count((uint64_t)((double)done / (seconds > 0.001 ? seconds : 1)), rate),
             (unsigned long long)__atomic_load_n(&progress->tables_done, __ATOMIC_RELAXED),
             (unsigned long long)__atomic_load_n(&progress->tables, __ATOMIC_RELAXED),
             amount_bytes(__atomic_load_n(&progress->raw_bytes, __ATOMIC_RELAXED), raw),
             amount_bytes(__atomic_load_n(&progress->stored_bytes, __ATOMIC_RELAXED), stored));
}

void take_display_begin(struct take_display *display, const struct opened_store *opened,
                        const struct source_list *sources, const struct take_progress *progress)
{
    display->progress = progress;
    if (isatty(STDERR_FILENO))
        display->expected_rows = expect_rows(opened, sources);
    display->line = progress_line_begin(write_line, display);
}

void take_display_clear(struct take_display *display)
{
    progress_line_clear(display->line);
}

void take_display_end(struct take_display *display)
{
    progress_line_end(display->line);
    display->line = NULL;
}
