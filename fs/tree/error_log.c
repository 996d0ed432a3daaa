/* SPDX-License-Identifier: MIT */
#include "fs/tree/error_log.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fs/base/memory.h"
#include "fs/tree/clock.h"

/* A path longer than this leaves too little room for the words. */
#define MOST_PATH 600
#define LOOKED_BACK 32 /* refusals */

struct refusal {
    int code;
    uint64_t times;
    time_t first;
    time_t last;
    size_t path_size;                 /* of words; the text comes behind, with ": " between */
    char words[ERROR_LOG_WORDS_SIZE]; /* "PATH: TEXT" */
};

/* refusals is a ring: the oldest stands at next once it is full. */
struct error_log {
    pthread_mutex_t lock; /* guards all below but kept */
    size_t kept;
    size_t count; /* at most kept */
    size_t next;  /* where the next refusal goes */
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
    if (log->refusals == NULL) {
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

/* Bytes of the path up to the ending of its file's name; 0: it has none. */
static size_t stem_size(const struct refusal *refusal)
{
    size_t size = refusal->path_size;

    while (size > 0 && refusal->words[size - 1] != '.' && refusal->words[size - 1] != '/')
        size--;
    return size > 0 && refusal->words[size - 1] == '.' ? size : 0;
}

/* Whether both are one fault, of one table, met in another of its formats. */
static bool is_same_fault(const struct refusal *left, const struct refusal *right)
{
    size_t stem = stem_size(left);

    return left->code == right->code && stem != 0 && stem == stem_size(right) &&
           memcmp(left->words, right->words, stem) == 0 &&
           (left->path_size != right->path_size ||
            memcmp(left->words, right->words, left->path_size) != 0) &&
           strcmp(left->words + left->path_size, right->words + right->path_size) == 0;
}

/* What the refusal only counts up; NULL: it is a new one. The lock is held. */
static struct refusal *find_earlier(const struct error_log *log, const struct refusal *refusal)
{
    for (size_t back = 1; back <= log->count && back <= LOOKED_BACK; back++) {
        struct refusal *earlier = &log->refusals[(log->next + log->kept - back) % log->kept];
        bool again = back == 1 && earlier->code == refusal->code &&
                     strcmp(earlier->words, refusal->words) == 0;

        if (again || is_same_fault(earlier, refusal))
            return earlier;
    }
    return NULL;
}

void error_log_add(struct error_log *log, const char *path, const struct failure *failure)
{
    struct refusal refusal = {.code = failure->code, .times = 1};
    struct refusal *earlier;

    word_refusal(&refusal, path, failure->text);
    refusal.first = refusal.last = time(NULL);
    pthread_mutex_lock(&log->lock);
    earlier = find_earlier(log, &refusal);
    if (earlier != NULL) {
        earlier->times++;
        earlier->last = refusal.last;
    } else {
        log->refusals[log->next] = refusal;
        log->next = (log->next + 1) % log->kept;
        if (log->count < log->kept)
            log->count++;
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
    for (size_t index = 0; error == 0 && index < log->count; index++) {
        size_t place = (log->next + log->kept - log->count + index) % log->kept;

        error = append_line(output, &log->refusals[place]);
    }
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

void error_log_free(struct error_log *log)
{
    if (log == NULL)
        return;
    pthread_mutex_destroy(&log->lock);
    free(log->refusals);
    free(log);
}
