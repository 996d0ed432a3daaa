/* SPDX-License-Identifier: MIT */
#include "backends/source/pg_restore.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "backends/source/pg_list.h"
#include "fs/base/called_off.h"
#include "fs/base/child.h"
#include "fs/base/memory.h"

#define BLOCK_BYTES ((size_t)64 << 10)
#define WORDS_BYTES 400
#define LOOK_EVERY_MS 200 /* whether it is still wanted */
#define LIST_FILE 3       /* its number there … */
#define LIST_OPTION "--use-list=/dev/fd/3"

struct pg_restore {
    struct byte_stream stream;
    struct byte_stream *from; /* NULL: it reads a folder, or has been given all */
    const bool *cancelled;
    pid_t process; /* 0: it has ended */
    int input;     /* -1: closed */
    int output;
    int errors;
    const uint8_t *pending; /* of FROM, not yet given */
    size_t pending_size;
    char words[WORDS_BYTES]; /* of its own, the first */
    size_t words_size;
    bool has_printed;
    int error; /* what FROM broke with */
    struct failure failure;
    uint8_t block[BLOCK_BYTES];
};

/* --- what it is ---------------------------------------------------------------------------- */

/* src/bin/pg_dump/pg_backup_archiver.c: "PGDMP", version (3), sizes (2), format. */
enum pg_format pg_format_of(const void *begin, size_t size)
{
    const uint8_t *bytes = begin;

    if (size < 11 || memcmp(bytes, "PGDMP", 5) != 0)
        return PG_NONE;
    switch (bytes[10]) {
    case 1: return PG_CUSTOM;
    case 3: return PG_TAR;
    default: return PG_OTHER;
    }
}

/* Behind the format: an integer, which is a sign and its bytes, or, since 1.15, a byte. */
size_t pg_compression_field(const void *begin, size_t size, size_t *ret_offset)
{
    const uint8_t *bytes = begin;
    size_t field;

    if (pg_format_of(begin, size) == PG_NONE)
        return 0;
    field = bytes[5] == 1 && bytes[6] < 15 ? 1 + (size_t)bytes[8] : 1;
    if (size < 11 + field)
        return 0;
    *ret_offset = 11;
    return field;
}

/* An integer of such a file, of SIZE bytes behind one for its sign. */
static int integer_at(const uint8_t *bytes, size_t size)
{
    unsigned value = 0;

    for (size_t i = 0; i < size && i < sizeof value; i++)
        value |= (unsigned)bytes[1 + i] << (8 * i);
    return bytes[0] != 0 ? -(int)(value & INT_MAX) : (int)(value & INT_MAX);
}

/* Behind the compression: seconds, minutes, hours, day, month, year since 1900, each an integer. */
bool pg_moment_of(const void *begin, size_t size, time_t *ret_moment)
{
    const uint8_t *bytes = begin;
    size_t offset = 0;
    size_t field = pg_compression_field(begin, size, &offset);
    size_t integer = field != 0 ? 1 + (size_t)bytes[8] : 0;
    int parts[6];

    offset += field;
    if (field == 0 || size < offset + 6 * integer)
        return false;
    for (size_t i = 0; i < 6; i++)
        parts[i] = integer_at(bytes + offset + i * integer, integer - 1);

    struct tm moment = {.tm_sec = parts[0],
                        .tm_min = parts[1],
                        .tm_hour = parts[2],
                        .tm_mday = parts[3],
                        .tm_mon = parts[4],
                        .tm_year = parts[5]};
    bool makes_sense = parts[0] >= 0 && parts[0] <= 60 && parts[1] >= 0 && parts[1] < 60 &&
                       parts[2] >= 0 && parts[2] < 24 && parts[3] > 0 && parts[3] <= 31 &&
                       parts[4] >= 0 && parts[4] < 12 && parts[5] > 90 && parts[5] < 8000;

    if (makes_sense)
        *ret_moment = timegm(&moment);
    return makes_sense;
}

bool pg_tar_recognise(const void *begin, size_t size)
{
    const char *bytes = begin;

    return size >= PG_TAR_BEGIN && strcmp(bytes, "toc.dat") == 0 &&
           pg_format_of(bytes + 512, size - 512) == PG_TAR;
}

/* --- starting it ---------------------------------------------------------------------------- */

/* The version in /usr/lib/postgresql/VERSION/bin/pg_restore. */
static long version_of(const char *path)
{
    return strtol(path + strlen("/usr/lib/postgresql/"), NULL, 10);
}

/* The caller frees it. NULL: no memory. */
static char *find_program(void)
{
    const char *named = getenv("CRMFS_PG_RESTORE");
    const char *best = "pg_restore";
    long version = 0;
    glob_t found;

    if (named != NULL && named[0] != '\0')
        return strdup(named);
    if (glob("/usr/lib/postgresql/*/bin/pg_restore", 0, NULL, &found) != 0)
        return strdup(best);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        if (version_of(found.gl_pathv[i]) > version) {
            version = version_of(found.gl_pathv[i]);
            best = found.gl_pathv[i];
        }
    }

    char *program = strdup(best);

    globfree(&found);
    return program;
}

struct ends {
    int input;
    int output;
    int errors;
    int list; /* -1: it reads all */
};

static int spawn(const char *program, const char *folder, enum pg_wish wish,
                 const struct ends *ends, pid_t *ret_process)
{
    /* CREATE DATABASE says how texts are ordered. */
    char *script[] = {without_const("pg_restore"), without_const("--create"),
                      without_const("--file=-"),   without_const("--"),
                      without_const(folder),       NULL};
    char *some[] = {without_const("pg_restore"),
                    without_const("--create"),
                    without_const("--file=-"),
                    without_const(LIST_OPTION),
                    without_const("--"),
                    without_const(folder),
                    NULL};
    char *list[] = {without_const("pg_restore"), without_const("--list"), without_const("--"),
                    without_const(folder), NULL};
    char **arguments = wish == PG_LIST ? list : ends->list >= 0 ? some : script;
    char *environment[] = {without_const("LC_ALL=C"), without_const("PATH=/usr/bin:/bin"), NULL};
    const struct child_program child = {program, arguments, environment};
    const int descriptors[] = {ends->input, ends->output, ends->errors, ends->list};

    return child_start(&child, descriptors, ends->list >= 0 ? LIST_FILE + 1 : LIST_FILE,
                       ret_process);
}

/* Its input is a socket, so that giving it what it does not take raises no signal. */
static int connect_ends(struct pg_restore *restore, struct ends *ends)
{
    int input[2];
    int output[2];
    int errors[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, input) != 0)
        return -errno;
    restore->input = input[0];
    ends->input = input[1];
    if (pipe2(output, O_CLOEXEC) != 0)
        return -errno;
    restore->output = output[0];
    ends->output = output[1];
    if (pipe2(errors, O_CLOEXEC) != 0)
        return -errno;
    restore->errors = errors[0];
    ends->errors = errors[1];
    return 0;
}

static void close_end(int *end)
{
    if (*end >= 0)
        close(*end);
    *end = -1;
}

static int start(struct pg_restore *restore, const char *folder, enum pg_wish wish,
                 const struct pg_list *only, struct failure *failure)
{
    struct ends ends = {-1, -1, -1, -1};
    cleanup_free char *program = find_program();
    int error = program != NULL ? connect_ends(restore, &ends) : -ENOMEM;

    if (error == 0 && only != NULL) {
        ends.list = pg_list_file(only);
        error = ends.list < 0 ? ends.list : 0;
    }
    if (error == 0)
        error = spawn(program, folder, wish, &ends, &restore->process);
    close_end(&ends.input);
    close_end(&ends.output);
    close_end(&ends.errors);
    close_end(&ends.list);
    if (folder != NULL)
        close_end(&restore->input);
    if (error == -ENOENT || error == -EACCES)
        return failure_set(failure, EILSEQ,
                           "this is a dump in pg_dump's own format, which only PostgreSQL's "
                           "pg_restore reads, and %.200s is not there: install it (Debian: "
                           "postgresql-client), or name it in CRMFS_PG_RESTORE",
                           program);
    if (error != 0)
        return failure_set(failure, -error, "cannot start pg_restore: %s", strerror(-error));
    return 0;
}

/* --- talking to it -------------------------------------------------------------------------- */

/* More of what it is given. */
static void give(struct pg_restore *restore)
{
    const void *data = NULL;
    size_t size = 0;

    if (restore->pending_size == 0) {
        int error = restore->from->class->next(restore->from, &data, &size, &restore->failure);

        if (error != 0)
            restore->error = error;
        if (error != 0 || size == 0) {
            close_end(&restore->input);
            return;
        }
        restore->pending = data;
        restore->pending_size = size;
    }

    ssize_t sent =
        send(restore->input, restore->pending, restore->pending_size, MSG_NOSIGNAL | MSG_DONTWAIT);

    /* It may have enough before the end. */
    if (sent < 0 && errno != EAGAIN && errno != EINTR)
        close_end(&restore->input);
    if (sent > 0) {
        restore->pending += sent;
        restore->pending_size -= (size_t)sent;
    }
}

static void take_words(struct pg_restore *restore)
{
    char rest[256];
    bool room = restore->words_size < WORDS_BYTES - 1;
    ssize_t size = read(restore->errors, room ? restore->words + restore->words_size : rest,
                        room ? WORDS_BYTES - 1 - restore->words_size : sizeof rest);

    if (size <= 0 && !(size < 0 && errno == EINTR))
        close_end(&restore->errors);
    if (size > 0 && room)
        restore->words_size += (size_t)size;
}

/* It has closed its output: how it ended. */
static int take_end(struct pg_restore *restore, struct failure *failure)
{
    int status = 0;

    if (restore->process == 0)
        return 0;
    close_end(&restore->input);
    while (restore->errors >= 0)
        take_words(restore);
    while (waitpid(restore->process, &status, 0) < 0 && errno == EINTR)
        ;
    restore->process = 0;
    if (restore->error != 0)
        return failure_set(failure, -restore->error, "%s",
                           failure_text(&restore->failure, restore->error));
    if (WIFSIGNALED(status))
        return failure_set(failure, EIO, "pg_restore was ended by signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status) == 0 && !restore->has_printed)
        return failure_set(failure, EIO, "pg_restore ended well, and printed nothing");
    if (WEXITSTATUS(status) == 0)
        return 0;
    restore->words[restore->words_size] = '\0';
    restore->words[strcspn(restore->words, "\n")] = '\0';
    return failure_set(failure, EIO, "pg_restore cannot read it: %s",
                       restore->words[0] != '\0' ? restore->words : "it does not say why");
}

static int wait_for_it(struct pg_restore *restore, bool *ret_output)
{
    struct pollfd files[] = {
        {.fd = restore->output, .events = POLLIN},
        {.fd = restore->errors, .events = POLLIN},
        {.fd = restore->input, .events = POLLOUT},
    };

    if (called_off(restore->cancelled))
        return -ECANCELED;
    if (poll(files, sizeof files / sizeof *files, LOOK_EVERY_MS) < 0)
        return errno == EINTR ? 0 : -errno;
    if (files[1].revents != 0)
        take_words(restore);
    *ret_output = files[0].revents != 0;
    /* What it has to say goes first: it waits for somebody to listen. */
    if (!*ret_output && files[2].revents != 0)
        give(restore);
    return 0;
}

static int restore_next(struct byte_stream *stream, const void **ret_data, size_t *ret_size,
                        struct failure *failure)
{
    struct pg_restore *restore = (struct pg_restore *)stream;

    *ret_size = 0;
    for (;;) {
        bool output = false;
        int error = restore->process != 0 ? wait_for_it(restore, &output) : 0;

        if (error != 0)
            return error;
        if (restore->process == 0)
            return 0;
        if (!output)
            continue;

        ssize_t size = read(restore->output, restore->block, sizeof restore->block);

        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return failure_set(failure, errno, "cannot read what pg_restore prints: %s",
                               strerror(errno));
        if (size == 0)
            return take_end(restore, failure);
        restore->has_printed = true;
        *ret_data = restore->block;
        *ret_size = (size_t)size;
        return 0;
    }
}

static const struct byte_stream_class restore_class = {restore_next};

int pg_restore_begin(struct byte_stream *from, const char *path, enum pg_wish wish,
                     const struct pg_list *only, const bool *cancelled,
                     struct pg_restore **ret_restore, struct failure *failure)
{
    struct pg_restore *restore = calloc(1, sizeof *restore);

    if (restore == NULL)
        return -ENOMEM;
    restore->stream.class = &restore_class;
    restore->from = from;
    restore->cancelled = cancelled;
    restore->input = restore->output = restore->errors = -1;

    int error = start(restore, from == NULL ? path : NULL, wish, only, failure);

    if (error != 0) {
        pg_restore_end(restore);
        return error;
    }
    *ret_restore = restore;
    return 0;
}

struct byte_stream *pg_restore_stream(struct pg_restore *restore)
{
    return &restore->stream;
}

void pg_restore_end(struct pg_restore *restore)
{
    if (restore == NULL)
        return;
    close_end(&restore->input);
    close_end(&restore->output);
    close_end(&restore->errors);
    if (restore->process != 0) {
        kill(restore->process, SIGKILL);
        while (waitpid(restore->process, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    free(restore);
}
