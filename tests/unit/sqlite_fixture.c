/* SPDX-License-Identifier: MIT */
#include "tests/unit/sqlite_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/source/sqlite.h"
#include "fs/base/buffer.h"

static char folder[] = "/tmp/crmfs-unit-XXXXXX";

int folder_create(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/crmfs-unit-XXXXXX");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *walk)
{
    (void)about;
    (void)kind;
    (void)walk;
    return remove(path);
}

int folder_remove(void **state)
{
    (void)state;
    chmod(folder, 0700);
    return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *in_folder(const char *name)
{
    static char paths[8][300];
    static unsigned next;
    char *path = paths[next++ % 8];

    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static int no_dots(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

void assert_folder(const char *names)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, no_dots, alphasort);
    struct buffer found = BUFFER(1000);

    for (int i = 0; i < count; i++) {
        assert_int_equal(buffer_print(&found, "%s%s", i > 0 ? " " : "", entries[i]->d_name), 0);
        free(entries[i]);
    }
    free(entries);
    assert_string_equal(found.size != 0 ? (const char *)found.data : "", names);
    buffer_release(&found);
}

void write_file(const char *path, const void *bytes, size_t size)
{
    int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, bytes, size), size);
    close(descriptor);
}

void copy_file(const char *from, const char *to)
{
    static char bytes[1 << 20];
    int descriptor = open(from, O_RDONLY | O_CLOEXEC);

    assert_true(descriptor >= 0);

    ssize_t size = read(descriptor, bytes, sizeof bytes);

    close(descriptor);
    assert_in_range(size, 0, sizeof bytes - 1);
    write_file(to, bytes, (size_t)size);
}

/* --- other programs ----------------------------------------------------------------------- */

#define WRITER_PATH "CRMFS_TEST_WRITER"
#define COMMANDS 3 /* descriptors */
#define ANSWERS 4

/* A fork alone would inherit what SQLite knows of open files: so the program starts again, and
 * does this instead of its tests. */
__attribute__((constructor)) static void obey(void)
{
    static char sql[1 << 16];
    const char *path = getenv(WRITER_PATH);
    const int commands = COMMANDS;
    const int answers = ANSWERS;
    sqlite3 *database;
    uint32_t size;

    if (path == NULL)
        return;
    if (sqlite3_open(path, &database) != SQLITE_OK)
        _exit(1);
    while (read(commands, &size, sizeof size) == sizeof size && size <= sizeof sql &&
           read(commands, sql, size) == (ssize_t)size) {
        int code = sqlite3_exec(database, sql, NULL, NULL, NULL);

        if (code != SQLITE_OK && code != SQLITE_BUSY)
            fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(database));
        if (write(answers, &code, sizeof code) != sizeof code)
            _exit(1);
    }
    sqlite3_close(database);
    _exit(0);
}

struct writer writer_start(const char *path)
{
    int commands[2];
    int answers[2];

    assert_int_equal(pipe2(commands, O_CLOEXEC), 0);
    assert_int_equal(pipe2(answers, O_CLOEXEC), 0);

    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        /* First out of the way of each other. */
        int from = fcntl(commands[0], F_DUPFD_CLOEXEC, 10);
        int to = fcntl(answers[1], F_DUPFD_CLOEXEC, 10);

        if (dup2(from, COMMANDS) == COMMANDS && dup2(to, ANSWERS) == ANSWERS &&
            setenv(WRITER_PATH, path, 1) == 0)
            execl("/proc/self/exe", "writer", (char *)NULL);
        _exit(127);
    }
    close(commands[0]);
    close(answers[1]);
    return (struct writer){pid, commands[1], answers[0]};
}

void writer_begin(struct writer *writer, const char *sql)
{
    uint32_t size = (uint32_t)strlen(sql) + 1;

    assert_int_equal(write(writer->commands, &size, sizeof size), sizeof size);
    assert_int_equal(write(writer->commands, sql, size), size);
}

int writer_end(struct writer *writer)
{
    int code = -1;

    assert_int_equal(read(writer->answers, &code, sizeof code), sizeof code);
    return code;
}

int writer_do(struct writer *writer, const char *sql)
{
    writer_begin(writer, sql);
    return writer_end(writer);
}

static void end_writer(struct writer *writer)
{
    close(writer->commands);
    waitpid(writer->pid, NULL, 0);
    close(writer->answers);
}

void writer_stop(struct writer *writer)
{
    end_writer(writer);
}

void writer_kill(struct writer *writer)
{
    kill(writer->pid, SIGKILL);
    end_writer(writer);
}

void execute(const char *path, const char *sql)
{
    struct writer writer = writer_start(path);

    assert_int_equal(writer_do(&writer, sql), SQLITE_OK);
    writer_stop(&writer);
}

/* --- sources ------------------------------------------------------------------------------ */

struct source *open_source(const char *path, unsigned parallel)
{
    struct source_options options = {.busy_timeout_ms = 100, .parallel = parallel};
    struct failure failure = {.code = 0};
    struct source *source;

    if (sqlite_source_open(path, &options, &source, &failure) != 0)
        fail_msg("%s", failure.text);
    return source;
}

int refusal(const char *path, struct failure *ret_failure)
{
    struct source_options options = {.busy_timeout_ms = 100, .parallel = 2};
    struct source *source;
    int error = sqlite_source_open(path, &options, &source, ret_failure);

    assert_true(error < 0);
    assert_int_equal(ret_failure->code, -error);
    assert_non_null(strstr(ret_failure->text, path));
    return -error;
}

struct source_version version_of(struct source *source)
{
    struct source_version version;
    struct failure failure;

    if (source->class->version(source, &version, &failure) != 0)
        fail_msg("%s", failure.text);
    return version;
}

bool same_version(struct source_version left, struct source_version right)
{
    return memcmp(&left, &right, sizeof left) == 0;
}

struct dataset *begin(struct source *source)
{
    struct failure failure = {.code = 0};
    struct source_version version;
    struct dataset *dataset;

    if (source->class->begin(source, &dataset, &version, &failure) != 0)
        fail_msg("%s", failure.text);
    return dataset;
}

size_t find_table(struct dataset *dataset, const char *name)
{
    for (size_t i = 0; i < dataset->class->table_count(dataset); i++) {
        if (strcmp(dataset->class->schema(dataset, i)->name, name) == 0)
            return i;
    }
    fail_msg("no table %s", name);
    return 0;
}

struct schema *table_schema(struct dataset *dataset, const char *name)
{
    return dataset->class->schema(dataset, find_table(dataset, name));
}

static void put_cell(struct buffer *text, struct cursor *cursor, size_t column,
                     const struct cell *cell)
{
    uint8_t *bytes = malloc(cell->size + 1);
    uint32_t hash = 5381;

    assert_non_null(bytes);
    if (cell->size != 0 && cell->data != NULL)
        memcpy(bytes, cell->data, cell->size);
    for (uint64_t at = 0; cell->data == NULL && at < cell->size; at += 100000) {
        size_t size = cell->size - at < 100000 ? (size_t)(cell->size - at) : 100000;

        assert_int_equal(cursor->class->read_cell(cursor, column, at, bytes + at, size, NULL), 0);
    }
    for (uint64_t i = 0; i < cell->size; i++)
        hash = hash * 33 + bytes[i];
    if (cell->class == CELL_NULL)
        buffer_print(text, "~");
    else if (cell->size > 40)
        buffer_print(text, "%zu:%08x%s", (size_t)cell->size, hash, cell->data == NULL ? "!" : "");
    else if (cell->class != CELL_BYTES)
        buffer_append(text, bytes, cell->size);
    else {
        buffer_print(text, "x'");
        for (uint64_t i = 0; i < cell->size; i++)
            buffer_print(text, "%02x", bytes[i]);
        buffer_print(text, "'");
    }
    free(bytes);
}

char *table_rows(struct dataset *dataset, const char *name)
{
    const int64_t start = INT64_MIN;
    const struct range_plan plan = {.count = 1, .starts = (int64_t *)&start};
    struct failure failure = {.code = 0};
    struct buffer text = BUFFER((size_t)1 << 28);
    size_t table = find_table(dataset, name);
    size_t columns = dataset->class->schema(dataset, table)->column_count;
    struct cursor *cursor;
    const struct row *row;
    int got;

    if (dataset->class->open_cursor(dataset, table, &plan, 0, &cursor, &failure) != 0)
        fail_msg("%s", failure.text);
    while ((got = cursor->class->next(cursor, &row, &failure)) == 1) {
        assert_false(row->past_range);
        for (size_t i = 0; i < columns; i++) {
            buffer_print(&text, "%s", i != 0 ? "|" : "");
            put_cell(&text, cursor, i, &row->cells[i]);
        }
        buffer_print(&text, "\n");
    }
    if (got != 0)
        fail_msg("%s", failure.text);
    cursor->class->close(cursor);
    assert_int_equal(buffer_append(&text, "", 1), 0);
    return (char *)text.data;
}

void assert_rows(struct dataset *dataset, const char *name, const char *rows)
{
    char *found = table_rows(dataset, name);

    assert_string_equal(found, rows);
    free(found);
}

void assert_rows_begin(struct dataset *dataset, const char *name, const char *rows)
{
    char *found = table_rows(dataset, name);

    assert_memory_equal(found, rows, strlen(rows));
    free(found);
}

struct crm make_crm(const char *sql)
{
    struct crm crm;

    execute(in_folder("crm.db"), sql);
    crm.source = open_source(in_folder("crm.db"), 2);
    crm.dataset = begin(crm.source);
    return crm;
}

void unmake_crm(struct crm *crm)
{
    struct failure failure;

    assert_int_equal(crm->dataset->class->verify(crm->dataset, &failure), 0);
    crm->dataset->class->finish(crm->dataset);
    crm->dataset->class->finish(crm->dataset);
    crm->dataset->class->release(crm->dataset);
    crm->source->class->close(crm->source);
}
