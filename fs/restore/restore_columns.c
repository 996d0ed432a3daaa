/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/target/create.h"
#include "backends/target/notes.h"
#include "fs/base/ascii.h"
#include "fs/base/buffer.h"
#include "fs/base/memory.h"
#include "fs/restore/restore_internal.h"

#define NOTES_LIMIT ((size_t)1 << 20)

/* Whether WORD is "column", or "table.column" of this TABLE. */
static bool names_column(const char *word, size_t length, const char *table, const char *column)
{
    size_t prefix = strlen(table);

    if (strlen(column) == length && strncmp(word, column, length) == 0)
        return true;
    return length == prefix + 1 + strlen(column) && strncmp(word, table, prefix) == 0 &&
           word[prefix] == '.' && strncmp(word + prefix + 1, column, length - prefix - 1) == 0;
}

static bool is_ignored(const struct restore_options *options, const char *table, const char *column)
{
    for (size_t i = 0; i < options->ignored_count; i++) {
        if (names_column(options->ignored[i], strlen(options->ignored[i]), table, column))
            return true;
    }
    return false;
}

/* Whether WORD, LENGTH bytes of it, means a column of a table that is restored. */
static bool names_any_column(const struct restore_plan *plan, const char *word, size_t length)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct schema *source = plan->tables[i].source;

        for (size_t c = 0; c < source->column_count; c++) {
            if (names_column(word, length, source->name, source->columns[c].name))
                return true;
        }
    }
    return false;
}

int restore_check_words(const struct restore_plan *plan, struct failure *failure)
{
    const struct restore_options *options = plan->options;
    int error = 0;

    for (size_t i = 0; i < options->ignored_count && error == 0; i++) {
        if (names_any_column(plan, options->ignored[i], strlen(options->ignored[i])))
            continue;
        error = failure_set(failure, ENOENT,
                            "--ignore-columns %s: no table that is restored has such a column",
                            options->ignored[i]);
        error = restore_refuse(plan, NULL, false, error, failure);
    }
    for (size_t i = 0; i < options->map_count && error == 0; i++) {
        if (names_any_column(plan, options->maps[i], strcspn(options->maps[i], "=")))
            continue;
        error = failure_set(failure, ENOENT,
                            "--map %s: no table that is restored has a column of the first name",
                            options->maps[i]);
        error = restore_refuse(plan, NULL, false, error, failure);
    }
    return error;
}

/* What the column is called in the target. */
static const char *mapped_name(const struct restore_options *options, const char *table,
                               const char *column)
{
    for (size_t i = 0; i < options->map_count; i++) {
        size_t length = strcspn(options->maps[i], "=");

        if (options->maps[i][length] == '=' &&
            names_column(options->maps[i], length, table, column))
            return options->maps[i] + length + 1;
    }
    return column;
}

size_t restore_find_column(const struct schema *schema, const char *name)
{
    size_t alike = SIZE_MAX;
    size_t found = 0;

    for (size_t i = 0; i < schema->column_count; i++) {
        if (strcmp(schema->columns[i].name, name) == 0)
            return i;
        if (ascii_equal(schema->columns[i].name, name)) {
            alike = i;
            found++;
        }
    }
    return found == 1 ? alike : SIZE_MAX;
}

static int note_type(const struct restore_plan *plan, const struct column *from,
                     const struct column *to, struct buffer *notes)
{
    const char *kind = plan->target->class->kind;
    const struct fit fit = fit_of(target_engine_of(kind), to);

    if (strcmp(plan->kind, kind) == 0 ? strcmp(from->native_type, to->native_type) == 0
                                      : from->type == to->type && !fit.padded)
        return 0;
    return notes_add(notes, "column \"%s\" was %s and is %s: each value is tried%s", to->name,
                     from->native_type[0] != '\0' ? from->native_type
                                                  : column_type_name(from->type),
                     to->native_type[0] != '\0' ? to->native_type : column_type_name(to->type),
                     fit.padded ? "; blanks at its end do not count" : "");
}

/*
 * A bare CSV or JSON file does not say how it has bytes written: as base64, in hexadecimal digits,
 * or as they are. Text in their place would be wrong, and nobody would see it.
 */
static int check_bytes(const struct restore_plan *plan, const struct restore_table *table,
                       const struct column *from, const struct column *to, struct failure *failure)
{
    if (to->type != COLUMN_BYTES || from->type == COLUMN_BYTES || from->native_type[0] != '\0' ||
        strcmp(plan->kind, "archive") != 0)
        return 0;
    return failure_set(
        failure, EINVAL,
        "table \"%s\": column \"%s\" is of bytes, and nothing says how the file has "
        "them written; restore the folder with its datapackage.json, or copy the file "
        "into .import/ of a mount with rw-live, if crmfs made it; or leave the column "
        "out, --ignore-columns %s.%s",
        table->source->name, from->name, table->source->name, from->name);
}

static int match_column(const struct restore_plan *plan, struct restore_table *table, size_t index,
                        struct buffer *notes, struct failure *failure)
{
    const struct column *from = &table->source->columns[index];
    const char *name = mapped_name(plan->options, table->source->name, from->name);
    size_t found = restore_find_column(table->target, name);

    table->columns[index] = LOAD_LEAVE_OUT;
    if (is_ignored(plan->options, table->source->name, from->name))
        return notes_add(notes, "column \"%s\" is ignored", from->name);
    if (found == SIZE_MAX && from->generated)
        return 0;
    if (found == SIZE_MAX)
        return failure_set(failure, EINVAL,
                           "table \"%s\" of the target has no column \"%s\"; say which one it is "
                           "now, --map %s.%s=NAME, or leave it out, --ignore-columns %s.%s",
                           table->target->name, name, table->source->name, from->name,
                           table->source->name, from->name);
    if (table->target->columns[found].generated)
        return from->generated
                   ? 0
                   : notes_add(notes,
                               "column \"%s\" is generated in the target, which makes its values "
                               "itself: those of the source are not written",
                               table->target->columns[found].name);
    for (size_t i = 0; i < index; i++) {
        if (table->columns[i] == found)
            return failure_set(failure, EINVAL,
                               "table \"%s\": columns \"%s\" and \"%s\" would both go to \"%s\"",
                               table->source->name, table->source->columns[i].name, from->name,
                               table->target->columns[found].name);
    }
    table->columns[index] = found;
    if (table->created)
        return 0;

    int error = check_bytes(plan, table, from, &table->target->columns[found], failure);

    return error != 0 ? error : note_type(plan, from, &table->target->columns[found], notes);
}

/* Whether a column of the source is written to column INDEX of the target, or would be if it were
 * not ignored. */
static bool has_origin(const struct restore_plan *plan, const struct restore_table *table,
                       size_t index)
{
    for (size_t j = 0; j < table->source->column_count; j++) {
        const char *name = table->source->columns[j].name;

        if (table->columns[j] == index ||
            restore_find_column(table->target,
                                mapped_name(plan->options, table->source->name, name)) == index)
            return true;
    }
    return false;
}

static int note_added(const struct restore_plan *plan, const struct restore_table *table,
                      struct buffer *notes)
{
    int error = 0;

    for (size_t i = 0; i < table->target->column_count && error == 0; i++) {
        if (!table->target->columns[i].generated && !has_origin(plan, table, i))
            error = notes_add(notes, "column \"%s\" is new: new rows get its default",
                              table->target->columns[i].name);
    }
    return error;
}

static int note_keys(const struct restore_table *table, struct buffer *notes)
{
    const struct schema *source = table->source;
    const struct schema *target = table->target;
    bool same = source->primary_key_count == target->primary_key_count;

    for (size_t k = 0; same && k < source->primary_key_count; k++)
        same = table->columns[source->primary_key[k]] == target->primary_key[k];
    return same ? 0 : notes_add(notes, "the primary key is another one");
}

int restore_match_columns(const struct restore_plan *plan, struct restore_table *table,
                          struct failure *failure)
{
    struct buffer notes = BUFFER(NOTES_LIMIT);
    int error = 0;

    free(table->columns);
    table->columns = allocate_array(table->source->column_count, sizeof *table->columns);
    if (table->columns == NULL)
        return -ENOMEM;
    if (table->notes != NULL)
        error = buffer_print(&notes, "%s\n", table->notes);
    for (size_t i = 0; i < table->source->column_count && error == 0; i++) {
        error = match_column(plan, table, i, &notes, failure);
        if (error != 0) {
            table->columns[i] = LOAD_LEAVE_OUT;
            error = restore_refuse(plan, table->source->name, false, error, failure);
        }
    }
    if (error == 0 && !table->created)
        error = note_added(plan, table, &notes);
    if (error == 0 && !table->created)
        error = note_keys(table, &notes);
    if (error == 0)
        error = buffer_append(&notes, "", 1);
    free(table->notes);
    table->notes = NULL;
    if (error == 0 && notes.size > 1)
        table->notes = (char *)steal_pointer(&notes.data);
    buffer_release(&notes);
    return error;
}
