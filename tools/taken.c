/* SPDX-License-Identifier: MIT */
#include "tools/taken.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "fs/base/buffer.h"
#include "fs/base/json_text.h"
#include "tools/amount.h"
#include "tools/answer.h"
#include "tools/output.h"

#define OUTPUT_LIMIT ((size_t)1 << 20)

struct taken {
    uint64_t tables;
    uint64_t rows;
};

static struct taken count(const struct stored_tree *tree)
{
    struct taken taken = {.rows = 0};

    for (size_t i = 0; i < tree->source_count; i++) {
        taken.tables += tree->sources[i].table_count;
        for (size_t j = 0; j < tree->sources[i].table_count; j++)
            taken.rows += tree->sources[i].tables[j].rows;
    }
    return taken;
}

void taken_to_people(const struct snapshot *snapshot, const struct stored_tree *tree)
{
    struct taken taken = count(tree);
    char tables[AMOUNT_SIZE], rows[AMOUNT_SIZE], raw[AMOUNT_SIZE], stored[AMOUNT_SIZE];
    char name[SHOWN_SIZE];

    printf("Took snapshot %s: %s row%s in %s table%s, %s as CSV, %s added to the store\n",
           shown_text(snapshot->name, name), amount_count(taken.rows, rows),
           taken.rows == 1 ? "" : "s", amount_count(taken.tables, tables),
           taken.tables == 1 ? "" : "s", amount_bytes(snapshot->raw_bytes, raw),
           amount_bytes(snapshot->stored_bytes, stored));
}

int taken_as_json(const struct snapshot *snapshot, const struct stored_tree *tree)
{
    struct taken taken = count(tree);
    cleanup_buffer struct buffer output = BUFFER(OUTPUT_LIMIT);
    char id[2 * SNAPSHOT_ID_BYTES + 1], time[AMOUNT_SIZE];
    int error = buffer_append_text(&output, "{\"name\":");

    sodium_bin2hex(id, sizeof id, snapshot->id, sizeof snapshot->id);
    if (error == 0)
        error = json_text_append(&output, snapshot->name, strlen(snapshot->name));
    if (error == 0)
        error =
            buffer_print(&output,
                         ",\"id\":\"%s\",\"time\":\"%s\",\"tables\":%" PRIu64 ",\"rows\":%" PRIu64
                         ",\"raw_bytes\":%" PRIu64 ",\"stored_bytes\":%" PRIu64 ",\"tags\":[",
                         id, amount_utc(snapshot->time_ns, time), taken.tables, taken.rows,
                         snapshot->raw_bytes, snapshot->stored_bytes);
    for (size_t i = 0; i < snapshot->tag_count && error == 0; i++) {
        error = i == 0 ? 0 : buffer_append_text(&output, ",");
        if (error == 0)
            error = json_text_append(&output, snapshot->tags[i], strlen(snapshot->tags[i]));
    }
    if (error == 0)
        error = buffer_append_text(&output, "]}\n");
    if (error == 0)
        output_write(output.data, output.size);
    return error;
}
