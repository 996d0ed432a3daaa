/* SPDX-License-Identifier: MIT */
#include "tools/taken.h"

#include <stdio.h>

#include "tools/amount.h"
#include "tools/answer.h"

struct taken {
    uint64_t tables;
    uint64_t rows;
};

static struct taken count(const struct stored_tree *tree)
{
    struct taken taken = {.rows = 0};

    for (size_t i = 0; i < tree->source_count; i++) {
        for (size_t j = 0; j < tree->sources[i].table_count; j++) {
            taken.tables += !stored_table_is_statement(&tree->sources[i].tables[j]);
            taken.rows += tree->sources[i].tables[j].rows;
        }
    }
    return taken;
}

void taken_to_people(const struct snapshot *snapshot, const struct stored_tree *tree,
                     const char *backup)
{
    struct taken taken = count(tree);
    char tables[AMOUNT_SIZE], rows[AMOUNT_SIZE], raw[AMOUNT_SIZE], stored[AMOUNT_SIZE];
    char name[SHOWN_SIZE];

    printf("Took snapshot %s", shown_text(snapshot->name, name));
    if (backup != NULL)
        printf(" of %s", backup);
    printf(": %s row%s in %s table%s, %s as CSV, %s added to the store\n",
           amount_count(taken.rows, rows), taken.rows == 1 ? "" : "s",
           amount_count(taken.tables, tables), taken.tables == 1 ? "" : "s",
           amount_bytes(snapshot->raw_bytes, raw), amount_bytes(snapshot->stored_bytes, stored));
}

int taken_as_json(const struct snapshot *snapshot, const struct stored_tree *tree,
                  const char *backup, const struct left_out *left_out, struct failure *failure)
{
    struct taken taken = count(tree);
    struct answer answer;

    answer_begin(&answer);
    answer_snapshot(&answer, snapshot);
    if (backup != NULL)
        answer_text(&answer, "backup", backup);
    answer_number(&answer, "tables", taken.tables);
    answer_number(&answer, "rows", taken.rows);
    left_out_answer(left_out, &answer);
    json_close(&answer.json, '}');
    return answer_end(&answer, failure);
}
