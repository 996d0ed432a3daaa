/* SPDX-License-Identifier: MIT */
#include "tools/restore_report.h"

#include <inttypes.h>
#include <stdio.h>

#include "backends/target/notes.h"
#include "fs/base/log.h"
#include "tools/amount.h"
#include "tools/answer.h"

#define COUNTED_SIZE (2 * AMOUNT_SIZE + 40)

static const char *const mode_names[] = {
    [LOAD_APPEND] = "append",
    [LOAD_UPSERT] = "upsert",
    [LOAD_REPLACE] = "replace",
    [LOAD_MISSING] = "missing",
};

static const char *action(const struct restore_table *table)
{
    return table->created ? "create" : table->parents ? "parents" : mode_names[table->mode];
}

static int say_notes(const struct restore_table *table)
{
    const char *at = table->notes;
    char line[FAILURE_TEXT_SIZE];
    struct columns lines;

    columns_begin(&lines, "");
    /* One cell of a table, which escapes what names may hold. */
    while (notes_next(&at, line))
        columns_print(&lines, "%s: %s\n", table->source->name, line);
    return columns_end(&lines);
}

static void say_view(const struct restore_plan *plan, const struct restore_view *view)
{
    char name[FAILURE_TEXT_SIZE];

    printable_copy(name, sizeof name, view->schema->name);
    if (view->why != NULL)
        printf("view %s is not brought along: %s\n", name, view->why);
    else
        printf("view %s is %s\n", name, plan->options->dry_run ? "to be made" : "made");
}

int restore_report_to_people(const struct restore_plan *plan)
{
    struct columns columns;
    int error;

    columns_begin(&columns, " .rrrrrr");
    columns_print(&columns, "TABLE\tHOW\tROWS\tINSERTED\tUPDATED\tDELETED\tKEPT\tSET ASIDE\n");
    for (size_t i = 0; i < plan->count; i++) {
        const struct restore_table *table = &plan->tables[i];
        const uint64_t numbers[] = {table->counts.put,     table->counts.inserted,
                                    table->counts.updated, table->counts.deleted,
                                    table->counts.kept,    table->counts.refused};
        char name[FAILURE_TEXT_SIZE];

        printable_copy(name, sizeof name, table->source->name);
        columns_print(&columns, "%s\t%s", name, action(table));
        for (size_t n = 0; n < sizeof numbers / sizeof *numbers; n++) {
            char text[AMOUNT_SIZE];

            columns_print(&columns, "\t%s", amount_count(numbers[n], text));
        }
        columns_print(&columns, "\n");
    }
    error = columns_end(&columns);
    for (size_t i = 0; i < plan->count && error == 0; i++)
        error = say_notes(&plan->tables[i]);
    for (size_t i = 0; i < plan->view_count && error == 0; i++)
        say_view(plan, &plan->views[i]);
    if (error == 0 && plan->options->dry_run)
        puts("This was a dry run: nothing was changed.");
    return error;
}

/* "2 rows, the first of them row 7: ", or "". */
static void count_rows(const struct restore_refusal *refusal, char text[COUNTED_SIZE])
{
    char count[AMOUNT_SIZE];
    char row[AMOUNT_SIZE];

    text[0] = '\0';
    if (refusal->rows == 0)
        return;
    amount_count(refusal->rows, count);
    amount_count(refusal->row, row);
    if (refusal->row == 0)
        snprintf(text, COUNTED_SIZE, "%s row%s: ", count, refusal->rows == 1 ? "" : "s");
    else if (refusal->rows == 1)
        snprintf(text, COUNTED_SIZE, "row %s: ", row);
    else
        snprintf(text, COUNTED_SIZE, "%s rows, the first of them row %s: ", count, row);
}

void restore_report_refusals(const struct refusals *refusals)
{
    for (size_t i = 0; i < refusals->count; i++) {
        const struct restore_refusal *refusal = &refusals->items[i];
        char rows[COUNTED_SIZE];

        count_rows(refusal, rows);
        if (refusal->rows == 0)
            log_message(LOG_LEVEL_ERROR, "in the way: %s", refusal->reason);
        else
            log_message(LOG_LEVEL_ERROR, "in the way: table \"%s\": %s%s%s%s%s%s%s%s",
                        refusal->table, rows, refusal->column != NULL ? "column \"" : "",
                        refusal->column != NULL ? refusal->column : "",
                        refusal->column != NULL ? "\": " : "", refusal->value != NULL ? "\"" : "",
                        refusal->value != NULL ? refusal->value : "",
                        refusal->value != NULL ? "\" " : "", refusal->reason);
    }
}

static void write_text(struct answer *answer, const char *name, const char *text)
{
    if (text != NULL)
        answer_bytes(answer, name, text);
}

static void write_refusals(struct answer *answer, const struct refusals *refusals)
{
    json_put_name(&answer->json, "refusals");
    json_open(&answer->json, '[');
    for (size_t i = 0; i < refusals->count; i++) {
        const struct restore_refusal *refusal = &refusals->items[i];

        json_open(&answer->json, '{');
        write_text(answer, "table", refusal->table);
        write_text(answer, "column", refusal->column);
        if (refusal->rows != 0)
            answer_number(answer, "rows", refusal->rows);
        if (refusal->row != 0)
            answer_number(answer, "first_row", refusal->row);
        write_text(answer, "value", refusal->value);
        write_text(answer, "reason", refusal->reason);
        json_close(&answer->json, '}');
    }
    json_close(&answer->json, ']');
}

static void write_notes(struct answer *answer, const struct restore_table *table)
{
    const char *at = table->notes;
    char line[FAILURE_TEXT_SIZE];

    json_put_name(&answer->json, "notes");
    json_open(&answer->json, '[');
    while (notes_next(&at, line))
        json_put_bytes(&answer->json, line);
    json_close(&answer->json, ']');
}

static void write_view(struct answer *answer, const struct restore_view *view)
{
    json_open(&answer->json, '{');
    answer_bytes(answer, "name", view->schema->name);
    answer_flag(answer, "made", view->why == NULL);
    if (view->why != NULL)
        answer_text(answer, "why", view->why);
    json_close(&answer->json, '}');
}

int restore_report_as_json(const struct restore_plan *plan, const struct left_out *left_out,
                           struct failure *failure)
{
    struct answer answer;

    answer_begin(&answer);
    json_open(&answer.json, '{');
    answer_flag(&answer, "dry_run", plan->options->dry_run);
    json_put_name(&answer.json, "tables");
    json_open(&answer.json, '[');
    for (size_t i = 0; i < plan->count; i++) {
        const struct restore_table *table = &plan->tables[i];

        json_open(&answer.json, '{');
        answer_bytes(&answer, "name", table->source->name);
        answer_text(&answer, "how", action(table));
        answer_number(&answer, "rows", table->counts.put);
        answer_number(&answer, "inserted", table->counts.inserted);
        answer_number(&answer, "updated", table->counts.updated);
        answer_number(&answer, "deleted", table->counts.deleted);
        answer_number(&answer, "kept", table->counts.kept);
        answer_number(&answer, "set_aside", table->counts.refused);
        write_notes(&answer, table);
        json_close(&answer.json, '}');
    }
    json_close(&answer.json, ']');
    json_put_name(&answer.json, "views");
    json_open(&answer.json, '[');
    for (size_t i = 0; i < plan->view_count; i++)
        write_view(&answer, &plan->views[i]);
    json_close(&answer.json, ']');
    left_out_answer(left_out, &answer);
    if (plan->options->refusals != NULL)
        write_refusals(&answer, plan->options->refusals);
    json_close(&answer.json, '}');
    return answer_end(&answer, failure);
}
