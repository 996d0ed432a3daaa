/* SPDX-License-Identifier: MIT */
/* What is said of a generation in the status. */
#include <stdlib.h>
#include <string.h>

#include "fs/base/clock.h"
#include "fs/base/json_text.h"
#include "fs/base/memory.h"
#include "fs/tree/generation_internal.h"

/* What of it changes, as it was at one moment. */
struct state {
    size_t read;
    size_t failed;
    uint64_t rows;
    uint64_t stored_bytes;
    uint64_t kept_bytes;
    bool open;
    bool scanning;
    char *read_now; /* copies, owned; NULL: none */
    uint64_t read_since_ns;
    struct failure *failure;
    uint64_t failed_ns;
};

static void release_state(struct state *state)
{
    free(state->read_now);
    free(state->failure);
}

/* The last failure of the tables that cannot be read; NULL: there is none. */
static const struct generation_table *last_failed(const struct generation *generation)
{
    const struct generation_table *last = NULL;

    for (size_t i = 0; i < generation->table_count; i++) {
        const struct generation_table *table = &generation->tables[i];

        if (table->failure != NULL && (last == NULL || table->failed_ns > last->failed_ns))
            last = table;
    }
    return last;
}

static void take_state(struct generation *generation, struct state *state)
{
    pthread_mutex_lock(&generation->lock);
    for (size_t i = 0; i < generation->table_count; i++) {
        const struct generation_table *table = &generation->tables[i];

        state->read += table->known;
        state->failed += table->failure != NULL || table->cut != NULL;
        state->rows += table->rows;
        if (table->image != NULL && image_is_kept(table->image))
            state->kept_bytes += image_stored_bytes(table->image);
        else if (table->image != NULL)
            state->stored_bytes += image_stored_bytes(table->image);
    }

    const struct generation_table *failed = last_failed(generation);

    if (failed != NULL && (state->failure = malloc(sizeof *state->failure)) != NULL) {
        *state->failure = *failed->failure;
        state->failed_ns = failed->failed_ns;
    }
    if (generation->read_now != NULL)
        state->read_now = strdup(generation->read_now);
    state->read_since_ns = generation->read_since_ns;
    state->open = generation->open;
    state->scanning = generation->scanning;
    pthread_mutex_unlock(&generation->lock);
}

static int append_reading(struct generation *generation, const struct state *state,
                          struct buffer *text)
{
    char since[CLOCK_TEXT_SIZE];

    if (state->read_now == NULL)
        return buffer_append_text(text, ",\"reading_now\":null");

    int error = buffer_append_text(text, ",\"reading_now\":{\"table\":");

    if (error == 0)
        error = json_text_append(text, state->read_now, strlen(state->read_now));
    return error != 0 ? error
                      : buffer_print(text, ",\"rows\":%llu,\"since\":\"%s\"}",
                                     (unsigned long long)__atomic_load_n(&generation->rows_now,
                                                                         __ATOMIC_RELAXED),
                                     clock_text(clock_moment(state->read_since_ns), since));
}

int generation_status(struct generation *generation, struct buffer *text,
                      struct generation_fault *ret_fault)
{
    cleanup(release_state) struct state state = {.read = 0};

    take_state(generation, &state);

    int error =
        buffer_print(text,
                     ",\"generation\":%llu,\"tables\":%zu,\"tables_read\":%zu,"
                     "\"tables_failed\":%zu,\"rows_read\":%llu,\"spool_bytes\":%llu,"
                     "\"kept_bytes\":%llu,"
                     "\"transaction_open\":%s,\"reading\":%s",
                     (unsigned long long)generation->options.serial, generation->table_count,
                     state.read, state.failed, (unsigned long long)state.rows,
                     (unsigned long long)state.stored_bytes, (unsigned long long)state.kept_bytes,
                     state.open ? "true" : "false", state.scanning ? "true" : "false");

    if (error == 0)
        error = append_reading(generation, &state, text);
    if (error == 0 && state.failure != NULL)
        *ret_fault = (struct generation_fault){*state.failure, state.failed_ns};
    return error;
}

int generation_fault_append(struct buffer *text, const struct generation_fault *fault)
{
    char when[CLOCK_TEXT_SIZE];

    if (fault->failure.code == 0)
        return buffer_append_text(text, ",\"last_error\":null");

    int error = buffer_print(text, ",\"last_error\":{\"time\":\"%s\",\"text\":",
                             clock_text(clock_moment(fault->failed_ns), when));

    if (error == 0)
        error = json_text_append(text, fault->failure.text, strlen(fault->failure.text));
    return error == 0 ? buffer_append_text(text, "}") : error;
}
