/* SPDX-License-Identifier: MIT */
/* The members of a dump by mydumper. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "backends/source/archive_internal.h"

#define METADATA_BYTES ((size_t)64 << 10)

/* What metadata says, up to a line of it. */
struct metadata {
    struct archive_walk *walk;
    struct dump_reader *reader;
    char database[MYDUMPER_NAME_SIZE]; /* of the table that lines are about, as files have it */
    char table[MYDUMPER_NAME_SIZE];    /* … as it is called */
};

/* What stands behind MARK; NULL: it is not in the line. */
static const char *behind(const char *line, const char *mark)
{
    const char *found = strstr(line, mark);

    return found != NULL ? found + strlen(mark) : NULL;
}

/*
 * "Started dump at: 2026-11-20 08:11:12", taken for UTC; and of each table, since 0.11:
 * "[`crm`.`contacts`]", "real_table_name=contacts", "rows = 12".
 */
static int take_line(struct metadata *metadata, const char *line)
{
    const char *moment = behind(line, "Started dump at: ");
    struct tm parts = {.tm_sec = 0};
    unsigned long long rows;

    if (moment != NULL && strptime(moment, "%Y-%m-%d %H:%M:%S", &parts) != NULL)
        metadata->walk->taker->class->moment(metadata->walk->taker,
                                             (struct timespec){.tv_sec = timegm(&parts)});
    if (line[0] == '[') {
        metadata->database[0] = metadata->table[0] = '\0';
        sscanf(line, "[%*[`\"]%255[^`\"]", metadata->database);
    }
    sscanf(line, "real_table_name=%255[^\n]", metadata->table);
    if (metadata->table[0] == '\0' || sscanf(line, "rows = %llu", &rows) != 1)
        return 0;
    return dump_session_expect(metadata->reader, metadata->database, metadata->table, rows);
}

static int read_metadata(struct archive_walk *walk, struct dump_reader *reader,
                         struct byte_stream *stream, struct failure *failure)
{
    struct metadata metadata = {.walk = walk, .reader = reader};
    struct byte_window window = BYTE_WINDOW(stream, METADATA_BYTES);
    int more = 1;

    while (more > 0) {
        size_t size = window.end - window.at;
        char *line = size != 0 ? (char *)window.data + window.at : NULL;
        char *end = line != NULL ? memchr(line, '\n', size) : NULL;

        if (end == NULL) {
            more = byte_window_more(&window, failure);
            continue;
        }
        *end = '\0';

        int error = take_line(&metadata, line);

        if (error != 0)
            more = error;
        window.at += (size_t)(end - line) + 1;
    }
    byte_window_release(&window);
    return more == -EFBIG ? 0 : more;
}

/* One of a dump. */
struct file {
    struct archive_walk *walk;
    struct archive_dump *dump;
    const char *path;
    const struct mydumper_name *name;
};

static int read_file(void *context, struct byte_stream *stream, struct failure *failure)
{
    const struct file *file = context;
    const struct mydumper_name *name = file->name;

    if (name->file == MYDUMPER_METADATA)
        return read_metadata(file->walk, file->dump->reader, stream, failure);
    if (name->file == MYDUMPER_DATA)
        return dump_session_load(file->dump->reader, stream, file->path, name->database,
                                 name->table, failure);
    if (file->walk->pass == PASS_LOADS)
        return dump_session_read_loads(file->dump->reader, stream, file->path, name->database,
                                       failure);
    if (name->file == MYDUMPER_TABLE)
        return dump_session_read_making(file->dump->reader, stream, file->path, name->database,
                                        name->table, failure);
    if (name->part >= 0)
        dump_session_note_part(file->dump->reader, name->database, name->table,
                               (uint64_t)name->part);
    return dump_session_read(file->dump->reader, stream, file->path, name->database,
                             name->file == MYDUMPER_ROWS ? name->table : NULL, failure);
}

static bool is_for(enum archive_pass pass, enum mydumper_file file)
{
    switch (file) {
    case MYDUMPER_TABLE: return pass == PASS_TABLES;
    case MYDUMPER_ROWS: return pass == PASS_LOADS || pass == PASS_ALL;
    /* A view is first made as a table, which the view's own file drops. */
    case MYDUMPER_VIEW:
    case MYDUMPER_DATA:
    case MYDUMPER_METADATA: return pass == PASS_ALL;
    default: return false;
    }
}

int archive_dump_read(struct archive_walk *walk, struct archive_dump *dump,
                      struct byte_stream *stream, const char *path, bool packed,
                      struct failure *failure)
{
    struct mydumper_name name = mydumper_name_of(path);

    if (!is_for(walk->pass, name.file))
        return 0;

    struct file file = {.walk = walk, .dump = dump, .path = path, .name = &name};

    return packed ? archive_read_unpacked(walk, stream, path, read_file, &file, failure)
                  : read_file(&file, stream, failure);
}
