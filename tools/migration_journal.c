/* SPDX-License-Identifier: MIT */
#include "tools/migration_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "fs/base/memory.h"
#include "fs/base/user_folder.h"
#include "fs/store/json_read.h"
#include "fs/store/json_write.h"
#include "tools/path.h"

#define JOURNAL_LIMIT ((off_t)64 << 20)
#define LINE_LIMIT ((size_t)1 << 20)

/* One file for each pair of source and target. */
static char *usual_path(const char *source, const char *target)
{
    cleanup_free char *folder = user_folder("XDG_STATE_HOME", ".local/state");
    uint64_t hash =
        XXH3_64bits_withSeed(target, strlen(target), XXH3_64bits(source, strlen(source)));
    char *path = NULL;

    if (folder == NULL)
        return NULL;
    user_folder_make(folder);
    return asprintf(&path, "%s/migration-%016" PRIx64, folder, hash) < 0 ? NULL : path;
}

static int add_table(struct migration_journal *journal, const char *name,
                     const struct load_counts *counts)
{
    struct journal_table *tables = realloc(journal->tables, (journal->count + 1) * sizeof *tables);

    if (tables == NULL)
        return -ENOMEM;
    journal->tables = tables;
    tables += journal->count;
    *tables = (struct journal_table){.name = strdup(name), .counts = *counts};
    if (tables->name == NULL)
        return -ENOMEM;
    journal->count++;
    return 0;
}

static uint64_t hex_at(const json_t *line, const char *name)
{
    const char *text = json_string_value(json_object_get(line, name));

    return text != NULL ? strtoull(text, NULL, 16) : 0;
}

static int take_line(struct migration_journal *journal, const char *text, size_t size)
{
    json_t *line = json_loadb(text, size, 0, NULL);
    cleanup_free char *name = NULL;
    const struct load_counts counts = {
        .inserted = (uint64_t)json_integer_value(json_object_get(line, "rows")),
        .digest = {hex_at(line, "high"), hex_at(line, "low")},
    };
    int error = json_copy_bytes(json_object_get(line, "table"), &name);

    if (error == 0)
        error = add_table(journal, name, &counts);
    if (error == -EBADMSG) /* a line that was cut short is none */
        error = 0;
    json_decref(line);
    return error;
}

static bool is_noted(const json_t *noted, const char *text)
{
    cleanup_free char *value = NULL;

    return json_copy_bytes(noted, &value) == 0 && strcmp(value, text) == 0;
}

/* The first line says whose it is. */
static bool is_of(const char *text, size_t size, const char *source, const char *target)
{
    json_t *line = json_loadb(text, size, 0, NULL);
    bool same = is_noted(json_object_get(line, "source"), source) &&
                is_noted(json_object_get(line, "target"), target);

    json_decref(line);
    return same;
}

static int append(struct migration_journal *journal, struct buffer *line, int error,
                  struct failure *failure)
{
    if (error == 0)
        error = buffer_append_text(line, "\n");
    if (error == 0 && (write(journal->descriptor, line->data, line->size) != (ssize_t)line->size ||
                       fdatasync(journal->descriptor) != 0))
        error = failure_set(failure, errno != 0 ? errno : EIO, "cannot write the journal %s: %s",
                            journal->path, strerror(errno));
    buffer_release(line);
    return error;
}

static int write_head(const char *source, const char *target, struct buffer *line)
{
    struct json_writer json = {.output = line, .first = true};

    json_open(&json, '{');
    json_put_name(&json, "source");
    json_put_bytes(&json, source);
    json_put_name(&json, "target");
    json_put_bytes(&json, target);
    json_close(&json, '}');
    return json.error;
}

static int begin(struct migration_journal *journal, const char *source, const char *target,
                 struct failure *failure)
{
    struct buffer line = BUFFER(LINE_LIMIT);

    int error = append(journal, &line, write_head(source, target, &line), failure);
    int durable = error == 0 ? path_make_durable(AT_FDCWD, journal->path) : 0;

    return durable == 0 ? error
                        : failure_set(failure, -durable, "cannot write the journal %s: %s",
                                      journal->path, strerror(-durable));
}

/* Whether TEXT is what stands at the beginning of the first line. */
static bool is_begun(const char *text, size_t size, const char *source, const char *target)
{
    cleanup_buffer struct buffer line = BUFFER(LINE_LIMIT);

    return write_head(source, target, &line) == 0 && size <= line.size &&
           memcmp(text, line.data, size) == 0;
}

static int read_lines(struct migration_journal *journal, const char *source, const char *target,
                      struct failure *failure)
{
    struct stat status;
    cleanup_free char *text = NULL;
    const char *at;
    const char *end;
    bool first = true;
    int error = 0;

    if (fstat(journal->descriptor, &status) != 0 || status.st_size > JOURNAL_LIMIT)
        return failure_set(failure, EINVAL, "%s is no journal of a migration", journal->path);
    if (status.st_size == 0)
        return begin(journal, source, target, failure);
    text = malloc((size_t)status.st_size);
    if (text == NULL ||
        pread(journal->descriptor, text, (size_t)status.st_size, 0) != status.st_size)
        return failure_set(failure, EIO, "cannot read the journal %s", journal->path);
    end = text + status.st_size;
    for (at = text; error == 0 && at < end; first = false) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));

        if (line_end == NULL)
            break;
        if (first && !is_of(at, (size_t)(line_end - at), source, target))
            return failure_set(failure, EINVAL, "%s is the journal of another migration",
                               journal->path);
        if (!first)
            error = take_line(journal, at, (size_t)(line_end - at));
        at = line_end + 1;
    }
    if (first && !is_begun(text, (size_t)(end - text), source, target))
        return failure_set(failure, EINVAL, "%s is no journal of a migration", journal->path);
    /* What was cut short is written anew. */
    if (error == 0 && (ftruncate(journal->descriptor, at - text) != 0 ||
                       lseek(journal->descriptor, 0, SEEK_END) < 0))
        error = failure_set(failure, errno, "cannot write the journal %s: %s", journal->path,
                            strerror(errno));
    if (error == 0 && first)
        error = begin(journal, source, target, failure);
    return error;
}

int migration_journal_open(const char *path, const char *source, const char *target,
                           struct migration_journal *ret_journal, struct failure *failure)
{
    struct migration_journal journal = {.descriptor = -1};
    int error;

    journal.path = path != NULL ? strdup(path) : usual_path(source, target);
    if (journal.path == NULL)
        return failure_set(failure, ENOENT,
                           "there is no place for the journal of a migration: set HOME, or say "
                           "--journal FILE");
    journal.descriptor = open(journal.path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (journal.descriptor < 0)
        error = failure_set(failure, errno, "cannot open the journal %s: %s", journal.path,
                            strerror(errno));
    else if (flock(journal.descriptor, LOCK_EX | LOCK_NB) != 0)
        error = failure_set(failure, EBUSY, "this migration is under way already");
    else
        error = read_lines(&journal, source, target, failure);
    if (error != 0) {
        migration_journal_close(&journal, false);
        return error;
    }
    *ret_journal = journal;
    return 0;
}

const struct journal_table *migration_journal_find(const struct migration_journal *journal,
                                                   const char *name)
{
    for (size_t i = journal->count; i-- > 0;) {
        if (strcmp(journal->tables[i].name, name) == 0)
            return &journal->tables[i];
    }
    return NULL;
}

int migration_journal_add(struct migration_journal *journal, const char *name,
                          const struct load_counts *counts, struct failure *failure)
{
    struct buffer line = BUFFER(LINE_LIMIT);
    struct json_writer json = {.output = &line, .first = true};
    char digest[2][20];

    for (size_t i = 0; i < 2; i++)
        snprintf(digest[i], sizeof digest[i], "%016" PRIx64, counts->digest[i]);
    json_open(&json, '{');
    json_put_name(&json, "table");
    json_put_bytes(&json, name);
    json_put_name(&json, "rows");
    json_put_number(&json, counts->inserted);
    json_put_name(&json, "high");
    json_put_text(&json, digest[0]);
    json_put_name(&json, "low");
    json_put_text(&json, digest[1]);
    json_close(&json, '}');

    int error = append(journal, &line, json.error, failure);

    return error == 0 ? add_table(journal, name, counts) : error;
}

void migration_journal_close(struct migration_journal *journal, bool done)
{
    if (done)
        unlink(journal->path);
    if (journal->descriptor >= 0)
        close(journal->descriptor);
    for (size_t i = 0; i < journal->count; i++)
        free(journal->tables[i].name);
    free(journal->tables);
    free(journal->path);
    *journal = (struct migration_journal){.descriptor = -1};
}
