/* SPDX-License-Identifier: MIT */
/* Which records and checkpoints there are: their files' names alone. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/store/log_internal.h"

bool log_number(const char *name, uint64_t *ret_number)
{
    uint64_t number = 0;
    size_t digits = 0;

    for (; name[digits] >= '0' && name[digits] <= '9'; digits++) {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(name[digits] - '0'), &number))
            return false;
    }
    if (digits != LOG_NUMBER_DIGITS || name[digits] != '\0' || number == 0)
        return false;
    *ret_number = number;
    return true;
}

static int visit_names(struct storage *storage, const char *folder, storage_visit *visit,
                       void *context, struct failure *failure)
{
    return storage->class->names != NULL
               ? storage->class->names(storage, folder, visit, context, failure)
               : storage->class->list(storage, folder, visit, context, failure);
}

/* ---- All of them ---- */

struct number_list {
    uint64_t *numbers;
    size_t count;
};

/* A storage_visit. */
static int note_number(void *context, const char *name, uint64_t size, time_t modified)
{
    struct number_list *list = context;
    uint64_t number;

    (void)size;
    (void)modified;
    if (!log_number(name, &number))
        return 0;
    if ((list->count & (list->count - 1)) == 0) {
        size_t room = list->count != 0 ? 2 * list->count : 1;
        uint64_t *numbers = reallocarray(list->numbers, room, sizeof *numbers);

        if (numbers == NULL)
            return -ENOMEM;
        list->numbers = numbers;
    }
    list->numbers[list->count++] = number;
    return 0;
}

static int compare_numbers(const void *left, const void *right)
{
    uint64_t one = *(const uint64_t *)left;
    uint64_t other = *(const uint64_t *)right;

    return (one > other) - (one < other);
}

int log_list(struct store *store, const char *folder, uint64_t **ret_numbers, size_t *ret_count,
             struct failure *failure)
{
    struct number_list list = {.count = 0};
    int error = visit_names(store_storage(store), folder, note_number, &list, failure);

    if (error != 0) {
        free(list.numbers);
        return error == -ENOMEM ? failure_set(failure, ENOMEM, "%s", strerror(ENOMEM)) : error;
    }
    if (list.count > 1)
        qsort(list.numbers, list.count, sizeof *list.numbers, compare_numbers);
    *ret_numbers = list.numbers;
    *ret_count = list.count;
    return 0;
}

/* ---- The newest ---- */

struct newest {
    uint64_t number;
    const bool *enough;
};

/* A storage_visit. */
static int note_newest(void *context, const char *name, uint64_t size, time_t modified)
{
    struct newest *newest = context;
    uint64_t number;

    (void)size;
    (void)modified;
    if (log_number(name, &number) && number > newest->number)
        newest->number = number;
    return newest->enough != NULL && __atomic_load_n(newest->enough, __ATOMIC_RELAXED) ? -ECANCELED
                                                                                       : 0;
}

int log_newest(struct storage *storage, const char *folder, const bool *enough,
               uint64_t *ret_newest, struct failure *failure)
{
    struct newest newest = {.enough = enough};
    int error = visit_names(storage, folder, note_newest, &newest, failure);

    if (error == 0)
        *ret_newest = newest.number;
    return error;
}

/* ---- Gaps ---- */

/* 1: so is it; 0: it is there; -errno. */
static int is_missing(struct store *store, uint64_t sequence, struct failure *failure)
{
    struct storage *storage = store_storage(store);
    char name[LOG_NAME_SIZE];
    uint64_t size;

    log_record_name(sequence, name);

    int error = storage->class->size(storage, name, &size, failure);

    return error == -ENOENT ? 1 : error;
}

int log_gap_after(struct store *store, uint64_t sequence, struct failure *failure)
{
    uint64_t newest = 0;
    int error = log_newest(store_storage(store), "log", NULL, &newest, failure);

    if (error != 0 || newest <= sequence + 1)
        return error;
    /* Two writers may have appended meanwhile. */
    return is_missing(store, sequence + 1, failure);
}

int log_gap_near(struct store *store, uint64_t sequence)
{
    for (uint64_t beyond = 2; beyond <= CHECKPOINT_EVERY + 2; beyond++) {
        if (is_missing(store, sequence + beyond, NULL) == 0)
            return is_missing(store, sequence + 1, NULL) == 1;
    }
    return 0;
}
