/* SPDX-License-Identifier: MIT */
#include "fs/tree/error_log.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fs/base/clock.h"
#include "fs/base/memory.h"
#include "fs/table/format.h"

/* A path longer than this leaves too little room for the words. */
#define MOST_PATH 600

struct refusal {
    int code;
    uint64_t times;
    time_t first;
    time_t last;
    size_t path_size;                 /* of words; the text comes behind, with ": " between */
    char words[ERROR_LOG_WORDS_SIZE]; /* "PATH: TEXT" */
};

struct error_log {
    pthread_mutex_t lock; /* guards all below but kept */
    size_t kept;
    size_t count;  /* at most kept */
    size_t *order; /* count places in refusals, by last time, the oldest first */
    uint64_t serial;
    struct refusal *refusals; /* calloc: pages not yet used take no memory */
};

int error_log_create(size_t kept, struct error_log **ret_log)
{
    struct error_log *log = calloc(1, sizeof *log);

    if (log == NULL)
        return -ENOMEM;
    log->kept = kept;
    log->refusals = allocate_array(kept, sizeof *log->refusals);
    log->order = allocate_array(kept, sizeof *log->order);
    if (log->refusals == NULL || log->order == NULL) {
        free(log->refusals);
        free(log->order);
        free(log);
        return -ENOMEM;
    }
    pthread_mutex_init(&log->lock, NULL); /* never fails on Linux */
    *ret_log = log;
    return 0;
}

static void word_refusal(struct refusal *refusal, const char *path, const char *text)
{
    size_t used = printable_copy(refusal->words, MOST_PATH, path);

    refusal->path_size = used;
    if (used > 0)
        used += printable_copy(refusal->words + used, sizeof ": ", ": ");
    printable_copy(refusal->words + used, sizeof refusal->words - used, text);
}

/* Whether the SIZE bytes of TEXT are what a format is called. */
static bool is_format(const char *text, size_t size)
{
    for (enum table_format format = 0; format < FORMAT_COUNT; format++) {
        const char *extension = table_format_extension(format);

        if (strlen(extension) == size && memcmp(extension, text, size) == 0)
            return true;
    }
    return false;
}

/*
 * Bytes of the path up to the ending of a table's file; 0: it is none, as files and folders right
 * below live/ and archives/ are not: those are databases and backups, whatever they are called.
 */
static size_t stem_size(const struct refusal *refusal)
{
    const char *path = refusal->words;
    const char *end = path + refusal->path_size;
    const char *first = memchr(path, '/', refusal->path_size);
    const char *dot = memrchr(path, '.', refusal->path_size);

    if (first == NULL || dot == NULL || memchr(first + 1, '/', (size_t)(end - first - 1)) == NULL)
        return 0;
    return is_format(dot + 1, (size_t)(end - dot - 1)) ? (size_t)(dot - path) + 1 : 0;
}

/* Whether both are one fault, perhaps met in another format of the same table. */
static bool is_same_fault(const struct refusal *left, const struct refusal *right)
{
    size_t stem = stem_size(left);

    if (left->code != right->code)
        return false;
    if (strcmp(left->words, right->words) == 0)
        return true;
    return stem != 0 && stem == stem_size(right) && memcmp(left->words, right->words, stem) == 0 &&
           strcmp(left->words + left->path_size, right->words + right->path_size) == 0;
}

/* Where in the order it stands that the refusal only counts up; count: it is new. Locked. */
static size_t find_earlier(const struct error_log *log, const struct refusal *refusal)
{
    size_t at = log->count;

    while (at > 0 && !is_same_fault(&log->refusals[log->order[at - 1]], refusal))
        at--;
    return at > 0 ? at - 1 : log->count;
}

/* What stands at AT in the order becomes the newest of it; its place. Locked. */
static size_t renew(struct error_log *log, size_t at)
{
    size_t place = log->order[at];

    memmove(log->order + at, log->order + at + 1, (log->count - at - 1) * sizeof *log->order);
    log->order[log->count - 1] = place;
    return place;
}

/* A place for a new refusal, as the newest: the oldest goes if need be. Locked. */
static size_t make_place(struct error_log *log)
{
    if (log->count == log->kept)
        return renew(log, 0);
    log->order[log->count] = log->count;
    return log->count++;
}

void error_log_add(struct error_log *log, const char *path, const struct failure *failure)
{
    struct refusal refusal = {.code = failure->code, .times = 1};

    word_refusal(&refusal, path, failure->text);
    refusal.first = refusal.last = time(NULL);
    pthread_mutex_lock(&log->lock);

    size_t at = find_earlier(log, &refusal);

    if (at < log->count) {
        struct refusal *earlier = &log->refusals[renew(log, at)];

        earlier->times++;
        earlier->last = refusal.last;
    } else {
        log->refusals[make_place(log)] = refusal;
    }
    log->serial++;
    pthread_mutex_unlock(&log->lock);
}

static int append_line(struct buffer *output, const struct refusal *refusal)
{
    char first[CLOCK_TEXT_SIZE];
    char last[CLOCK_TEXT_SIZE];
    const char *name = strerrorname_np(refusal->code);
    int error;

    clock_text(refusal->first, first);
    clock_text(refusal->last, last);
    if (name != NULL)
        error = buffer_print(output, "%s %s %s", first, name, refusal->words);
    else
        error = buffer_print(output, "%s errno %d %s", first, refusal->code, refusal->words);
    if (error == 0 && refusal->times > 1)
        error = buffer_print(output, " (%ju times, last %s)", (uintmax_t)refusal->times, last);
    return error != 0 ? error : buffer_append_text(output, "\n");
}

int error_log_text(struct error_log *log, struct buffer *output)
{
    size_t before = output->size;
    int error = 0;

    pthread_mutex_lock(&log->lock);
    for (size_t at = 0; error == 0 && at < log->count; at++)
        error = append_line(output, &log->refusals[log->order[at]]);
    pthread_mutex_unlock(&log->lock);
    if (error != 0)
        output->size = before;
    return error;
}

uint64_t error_log_serial(struct error_log *log)
{
    pthread_mutex_lock(&log->lock);
    uint64_t serial = log->serial;
    pthread_mutex_unlock(&log->lock);
    return serial;
}

size_t error_log_count(struct error_log *log)
{
    pthread_mutex_lock(&log->lock);
    size_t count = log->count;
    pthread_mutex_unlock(&log->lock);
    return count;
}

void error_log_free(struct error_log *log)
{
    if (log == NULL)
        return;
    pthread_mutex_destroy(&log->lock);
    free(log->refusals);
    free(log->order);
    free(log);
}
