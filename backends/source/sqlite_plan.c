/* SPDX-License-Identifier: MIT */
/*
 * Splits a table into ranges of rowids with about the same number of rows, from
 * a few seeks. Rowids may leave gaps, and stand densely here and sparsely there,
 * so the table is halved (by rowids) again and again where most rows seem to be:
 * a part's rows are guessed from how far RUN rows reach at its start and its end.
 * What lies between its last rowid and the next part's first is nobody's.
 */
#include <stdlib.h>
#include <string.h>

#include "backends/source/sqlite_internal.h"
#include "fs/base/memory.h"

#define SMALLEST_TABLE 20000 /* rows; below, splitting costs more than it saves */
#define RUN 32               /* rows */
#define BLIND_PARTS 32       /* made by width, before the guesses are trusted */
#define MOST_PARTS 256
#define FINE 8 /* no part seems to have more than a FINE-th of what a range should have */

struct part {
    int64_t first; /* rowids that there are */
    int64_t last;
    double rows;
    bool whole; /* too few rows to be worth halving */
};

struct survey {
    sqlite3_stmt *up;   /* the ?2-th rowid from ?1 on */
    sqlite3_stmt *down; /* … back from ?1 */
    struct part parts[MOST_PARTS];
    size_t count;
};

static int seek(sqlite3_stmt *statement, int64_t from, int skip, int64_t *ret_rowid)
{
    sqlite3_reset(statement);
    sqlite3_bind_int64(statement, 1, from);
    sqlite3_bind_int(statement, 2, skip);

    int code = sqlite3_step(statement);

    if (code == SQLITE_ROW)
        *ret_rowid = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return code;
}

static double width(int64_t first, int64_t last)
{
    return (double)((uint64_t)last - (uint64_t)first) + 1;
}

static int measure(struct survey *survey, struct part *part)
{
    int64_t up = 0;
    int64_t down = 0;
    int code = seek(survey->up, part->first, RUN, &up);

    if (code == SQLITE_ROW)
        code = seek(survey->down, part->last, RUN, &down);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        return code;
    if (code == SQLITE_DONE || up >= part->last || down <= part->first) {
        part->whole = true;
        part->rows = width(part->first, part->last) < RUN ? width(part->first, part->last) : RUN;
        return SQLITE_OK;
    }

    double density = (RUN / (width(part->first, up) - 1) + RUN / (width(down, part->last) - 1)) / 2;

    part->rows = density * width(part->first, part->last);
    part->whole = false;
    return SQLITE_OK;
}

/* Halves a part by its rowids; the other half is added to the survey. */
static int halve(struct survey *survey, struct part *part)
{
    int64_t middle =
        (int64_t)((uint64_t)part->first + ((uint64_t)part->last - (uint64_t)part->first) / 2);
    struct part low = {.first = part->first};
    struct part high = {.last = part->last};
    int code = seek(survey->down, middle, 0, &low.last);

    if (code == SQLITE_ROW)
        code = seek(survey->up, middle + 1, 0, &high.first);
    if (code != SQLITE_ROW)
        return code == SQLITE_DONE ? SQLITE_CORRUPT : code;
    code = measure(survey, &low);
    if (code == SQLITE_OK)
        code = measure(survey, &high);
    *part = low;
    survey->parts[survey->count++] = high;
    return code;
}

static double total_rows(const struct survey *survey)
{
    double rows = 0;

    for (size_t i = 0; i < survey->count; i++)
        rows += survey->parts[i].rows;
    return rows;
}

/* By width at first, by rows then; NULL: fine enough. */
static struct part *choose(struct survey *survey, size_t wanted)
{
    bool blind = survey->count < BLIND_PARTS;
    double enough = blind ? 0 : total_rows(survey) / (double)(wanted * FINE);
    struct part *chosen = NULL;

    for (size_t i = 0; i < survey->count && survey->count < MOST_PARTS; i++) {
        struct part *part = &survey->parts[i];
        double size = blind ? width(part->first, part->last) : part->rows;

        if (!part->whole && size > enough) {
            enough = size;
            chosen = part;
        }
    }
    return chosen;
}

static int by_first(const void *left, const void *right)
{
    int64_t one = ((const struct part *)left)->first;
    int64_t other = ((const struct part *)right)->first;

    return one < other ? -1 : one > other;
}

/* SQLITE_DONE: the table is too small. */
static int run_survey(struct survey *survey, size_t wanted)
{
    struct part *part = &survey->parts[0];
    int code = seek(survey->up, INT64_MIN, 0, &part->first);

    if (code == SQLITE_ROW)
        code = seek(survey->down, INT64_MAX, 0, &part->last);
    if (code != SQLITE_ROW)
        return code;
    if (width(part->first, part->last) < SMALLEST_TABLE)
        return SQLITE_DONE;
    survey->count = 1;
    code = measure(survey, part);
    while (code == SQLITE_OK && (part = choose(survey, wanted)) != NULL)
        code = halve(survey, part);
    if (code != SQLITE_OK)
        return code;
    qsort(survey->parts, survey->count, sizeof *survey->parts, by_first);
    return total_rows(survey) < SMALLEST_TABLE ? SQLITE_DONE : SQLITE_OK;
}

/* Cuts where each WANTED-th of the rows is full, within a part in proportion. */
static void cut(const struct survey *survey, size_t wanted, struct range_plan *plan)
{
    double share = total_rows(survey) / (double)wanted;
    double before = 0;

    for (size_t i = 0; i < survey->count; i++) {
        const struct part *part = &survey->parts[i];

        while (plan->count < wanted && before + part->rows > share * (double)plan->count) {
            double inside = (share * (double)plan->count - before) / part->rows;
            uint64_t span = (uint64_t)part->last - (uint64_t)part->first;
            double step = inside * (double)span;
            uint64_t offset = step >= (double)span ? span : (uint64_t)step;
            int64_t start = (int64_t)((uint64_t)part->first + offset);

            if (start <= plan->starts[plan->count - 1])
                break;
            plan->starts[plan->count++] = start;
        }
        before += part->rows;
    }
}

static int survey_table(struct connection *connection, const struct table *table, size_t wanted,
                        struct range_plan *plan)
{
    struct survey *survey = calloc(1, sizeof *survey);

    if (survey == NULL)
        return SQLITE_NOMEM;

    int code = connection_prepare(connection, &survey->up,
                                  "SELECT %s FROM %s WHERE %s >= ?1 ORDER BY %s LIMIT 1 OFFSET ?2",
                                  table->rowid, table->from, table->rowid, table->rowid);

    if (code == SQLITE_OK)
        code = connection_prepare(
            connection, &survey->down,
            "SELECT %s FROM %s WHERE %s <= ?1 ORDER BY %s DESC LIMIT 1 OFFSET ?2", table->rowid,
            table->from, table->rowid, table->rowid);
    if (code == SQLITE_OK)
        code = run_survey(survey, wanted);
    if (code == SQLITE_OK)
        cut(survey, wanted, plan);
    sqlite3_finalize(survey->up);
    sqlite3_finalize(survey->down);
    free(survey);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

int sqlite_plan(struct dataset *base, size_t index, size_t wanted, struct range_plan *ret_plan,
                struct failure *failure)
{
    struct sqlite_dataset *dataset = (struct sqlite_dataset *)base;
    const struct table *table = &dataset->catalogue->tables[index];
    struct range_plan plan = {.count = 1, .starts = allocate_array(wanted, sizeof *plan.starts)};
    struct connection *connection;
    int error = 0;

    if (plan.starts == NULL)
        return sqlite_no_memory(failure, dataset->place.path);
    plan.starts[0] = INT64_MIN;
    if (wanted > 1 && table->rowid_order) {
        error = sqlite_dataset_take(dataset, &connection, failure);
        if (error == 0) {
            int code = survey_table(connection, table, wanted, &plan);

            if (code != SQLITE_OK)
                error = sqlite_dataset_failure(dataset, connection, code, table, failure);
            sqlite_dataset_give_back(dataset, connection);
        }
    }
    if (error != 0) {
        free(plan.starts);
        return error;
    }
    *ret_plan = plan;
    return 0;
}
