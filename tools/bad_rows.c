/* SPDX-License-Identifier: MIT */
#include "tools/bad_rows.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/base/base64.h"
#include "fs/base/memory.h"
#include "fs/store/json_write.h"

#define LINE_LIMIT ((size_t)1 << 30)

struct bad_rows {
    FILE *file;
    const char *path; /* borrowed */
    uint64_t count;
    int code; /* errno of what could not be written */
    struct buffer line;
};

int bad_rows_create(const char *path, struct bad_rows **ret_rows, struct failure *failure)
{
    struct bad_rows *rows = calloc(1, sizeof *rows);
    int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (rows == NULL || descriptor < 0) {
        int code = descriptor < 0 ? errno : ENOMEM;

        if (descriptor >= 0)
            close(descriptor);
        free(rows);
        return failure_set(failure, code, "--skip-bad: cannot make %s: %s", path, strerror(code));
    }
    rows->file = fdopen(descriptor, "w");
    if (rows->file == NULL) {
        close(descriptor);
        free(rows);
        return -ENOMEM;
    }
    rows->path = path;
    rows->line = BUFFER(LINE_LIMIT);
    *ret_rows = rows;
    return 0;
}

/* A text of any bytes; NULs do not end it. */
static void write_value(struct json_writer *json, const struct cell *cell)
{
    const void *data = cell->data != NULL ? cell->data : "";
    cleanup_free char *text = strndup(data, cell->size);

    if (cell->class == CELL_NULL)
        json_put_null(json);
    else if (text == NULL)
        json->error = -ENOMEM;
    else if (cell->class == CELL_BYTES || strlen(text) != cell->size)
        json_put_hex(json, data, cell->size);
    else
        json_put_bytes(json, text);
}

/* Large ones of columns that are not written have no data. */
static bool is_at_hand(const struct cell *cell)
{
    return cell->data != NULL || cell->size == 0;
}

static void write_row(struct json_writer *json, const struct schema *table,
                      const struct bad_row *bad)
{
    json_open(json, '{');
    json_put_name(json, "table");
    json_put_bytes(json, table->name);
    if (bad->number != 0) {
        json_put_name(json, "row");
        json_put_number(json, bad->number);
    }
    if (bad->column != NULL) {
        json_put_name(json, "column");
        json_put_text(json, bad->column);
    }
    if (bad->value != NULL) {
        json_put_name(json, "value");
        json_put_bytes(json, bad->value);
    }
    json_put_name(json, "reason");
    json_put_bytes(json, bad->reason);
    if (bad->cells != NULL) {
        json_put_name(json, "values");
        json_open(json, '{');
        for (size_t i = 0; i < table->column_count; i++) {
            if (!is_at_hand(&bad->cells[i]))
                continue;
            json_put_name(json, table->columns[i].name);
            write_value(json, &bad->cells[i]);
        }
        json_close(json, '}');
    }
    json_close(json, '}');
}

int bad_rows_add(void *context, const struct schema *table, const struct bad_row *bad)
{
    struct bad_rows *rows = context;
    struct json_writer json = {.output = &rows->line, .first = true};

    buffer_clear(&rows->line);
    write_row(&json, table, bad);
    if (json.error == 0)
        json.error = buffer_append_text(&rows->line, "\n");
    if (json.error != 0)
        return json.error;
    rows->count++;
    /* Each by itself: that a row cannot be set aside is to be known before the others are in. */
    if (fwrite(rows->line.data, rows->line.size, 1, rows->file) == 1 && fflush(rows->file) == 0)
        return 0;
    rows->code = errno;
    return -EIO;
}

/* Where the file's name stands. */
static int sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    cleanup_free char *folder =
        slash != NULL ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    cleanup_fd int descriptor =
        folder != NULL ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    /* Some file systems have no such thing. */
    return descriptor >= 0 && (fsync(descriptor) == 0 || errno == EINVAL) ? 0 : -errno;
}

static int fail(const struct bad_rows *rows, struct failure *failure)
{
    return failure_set(failure, rows->code, "--skip-bad: cannot write %s: %s", rows->path,
                       strerror(rows->code));
}

int bad_rows_keep(struct bad_rows *rows, struct failure *failure)
{
    if (rows->count != 0 && rows->code == 0 &&
        (fsync(fileno(rows->file)) != 0 || sync_folder(rows->path) != 0))
        rows->code = errno;
    return rows->code != 0 ? fail(rows, failure) : 0;
}

int bad_rows_end(struct bad_rows *rows, bool not_wanted, struct failure *failure)
{
    bool empty = rows->count == 0;
    int error = rows->code != 0 ? fail(rows, failure) : 0;

    fclose(rows->file);
    if (empty || not_wanted)
        unlink(rows->path);
    buffer_release(&rows->line);
    free(rows);
    return error;
}
