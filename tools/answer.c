/* SPDX-License-Identifier: MIT */
#include "tools/answer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "fs/base/log.h"
#include "tools/amount.h"
#include "tools/commands.h"
#include "tools/output.h"

#define COLUMNS_MOST 12
#define LINE_LIMIT 8192

void answer_begin(struct answer *answer)
{
    answer->text = BUFFER(ANSWER_LIMIT);
    answer->json = (struct json_writer){.output = &answer->text, .first = true};
}

int answer_end(struct answer *answer, struct failure *failure)
{
    int error = answer->json.error;

    if (error == 0)
        error = buffer_append_text(&answer->text, "\n");
    if (error == 0)
        output_write(answer->text.data, answer->text.size);
    buffer_release(&answer->text);
    return error == 0 ? 0 : failure_set(failure, -error, "cannot answer: %s", strerror(-error));
}

void answer_text(struct answer *answer, const char *name, const char *value)
{
    json_put_name(&answer->json, name);
    json_put_text(&answer->json, value);
}

void answer_bytes(struct answer *answer, const char *name, const char *value)
{
    json_put_name(&answer->json, name);
    json_put_bytes(&answer->json, value);
}

void answer_number(struct answer *answer, const char *name, uint64_t value)
{
    json_put_name(&answer->json, name);
    json_put_number(&answer->json, value);
}

void answer_flag(struct answer *answer, const char *name, bool value)
{
    json_put_name(&answer->json, name);
    json_put_flag(&answer->json, value);
}

void answer_snapshot(struct answer *answer, const struct snapshot *snapshot)
{
    char time[AMOUNT_SIZE];

    json_open(&answer->json, '{');
    answer_text(answer, "name", snapshot->name);
    json_put_name(&answer->json, "id");
    json_put_hex(&answer->json, snapshot->id, sizeof snapshot->id);
    answer_text(answer, "time", amount_utc(snapshot->time_ns, time));
    answer_text(answer, "host", snapshot->host);
    json_put_name(&answer->json, "tags");
    json_open(&answer->json, '[');
    for (size_t i = 0; i < snapshot->tag_count; i++)
        json_put_text(&answer->json, snapshot->tags[i]);
    json_close(&answer->json, ']');
    answer_number(answer, "raw_bytes", snapshot->raw_bytes);
    answer_number(answer, "stored_bytes", snapshot->stored_bytes);
}

void answer_kept(struct answer *answer, const char *name, const struct image_cache_sum *kept)
{
    json_put_name(&answer->json, name);
    json_open(&answer->json, '{');
    answer_number(answer, "count", kept->count);
    answer_number(answer, "bytes", kept->bytes);
    answer_number(answer, "damaged", kept->damaged);
    json_close(&answer->json, '}');
}

/* ---- Tables ---- */

void columns_begin(struct columns *columns, const char *right)
{
    *columns = (struct columns){.text = BUFFER(ANSWER_LIMIT), .right = right};
}

/* What a terminal would obey is shown instead: names are whatever somebody chose. */
static int append_printable(struct buffer *text, char *line)
{
    int error = 0;

    while (*line != '\0' && error == 0) {
        char *end = line + strcspn(line, "\t\n");
        char separator[2] = {*end, '\0'};
        char shown[LINE_LIMIT];

        *end = '\0';
        printable_copy(shown, sizeof shown, line);
        error = buffer_append_text(text, shown);
        if (error == 0)
            error = buffer_append_text(text, separator);
        line = separator[0] == '\0' ? end : end + 1;
    }
    return error;
}

void columns_print(struct columns *columns, const char *format, ...)
{
    char line[LINE_LIMIT];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (columns->text.limit != 0 && append_printable(&columns->text, line) != 0)
        columns->text.limit = 0;
}

/* Columns that text takes on a terminal, a character for a column. */
static size_t width_of(const char *text, size_t size)
{
    size_t width = 0;

    for (size_t i = 0; i < size; i++)
        width += ((unsigned char)text[i] & 0xc0) != 0x80;
    return width;
}

/* A cell: its end, which is a tab's or a line's. */
static const char *cell_end(const char *cell)
{
    return cell + strcspn(cell, "\t\n");
}

static void measure(const char *text, size_t widths[COLUMNS_MOST])
{
    size_t column = 0;

    while (*text != '\0') {
        const char *end = cell_end(text);
        size_t width = width_of(text, (size_t)(end - text));

        if (width > widths[column])
            widths[column] = width;
        column = *end == '\t' && column + 1 < COLUMNS_MOST ? column + 1 : 0;
        text = *end == '\0' ? end : end + 1;
    }
}

/* No blanks at the end of a line. */
static void write_rows(const char *text, const size_t widths[COLUMNS_MOST], const char *right)
{
    size_t column = 0;
    size_t blanks = 0;

    while (*text != '\0') {
        const char *end = cell_end(text);
        size_t size = (size_t)(end - text);
        size_t rest = widths[column] - width_of(text, size);
        bool to_right = strlen(right) > column && right[column] == 'r';

        if (size > 0)
            printf("%*s%.*s", (int)(blanks + (to_right ? rest : 0)), "", (int)size, text);
        blanks = (size > 0 ? 0 : blanks + (to_right ? rest : 0)) + (to_right ? 0 : rest) + 2;
        column = *end == '\t' && column + 1 < COLUMNS_MOST ? column + 1 : 0;
        if (*end == '\n') {
            putchar('\n');
            blanks = 0;
        }
        text = *end == '\0' ? end : end + 1;
    }
}

int columns_end(struct columns *columns)
{
    size_t widths[COLUMNS_MOST] = {0};
    int error = columns->text.limit == 0 ? -ENOMEM : buffer_append(&columns->text, "", 1);

    if (error == 0) {
        measure((const char *)columns->text.data, widths);
        write_rows((const char *)columns->text.data, widths, columns->right);
    }
    buffer_release(&columns->text);
    return error;
}

const char *shown_text(const char *text, char shown[SHOWN_SIZE])
{
    printable_copy(shown, SHOWN_SIZE, text);
    return shown;
}

const char *tags_text(const struct snapshot *snapshot, char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < snapshot->tag_count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i == 0 ? "" : ",",
                                 snapshot->tags[i]);
    return text;
}

/* ---- Failures ---- */

int answer_failure(const char *what, int error, const struct failure *failure)
{
    log_message(LOG_LEVEL_ERROR, "cannot %s: %s", what, failure_text(failure, error));
    return STATUS_FAILED;
}

int answer_usage(const char *command, const struct failure *failure)
{
    if (failure != NULL && failure->code != 0)
        log_message(LOG_LEVEL_ERROR, "%s", failure->text);
    else
        fprintf(stderr, "usage: crmfs %s [OPTION...] STORE\ncrmfs %s --help says more\n", command,
                command);
    return STATUS_USAGE;
}
