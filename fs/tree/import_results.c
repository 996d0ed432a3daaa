/* SPDX-License-Identifier: MIT */
#include "fs/tree/import_results.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/tree/text_file.h"

#define ENDING ".result"

void import_results_init(struct import_results *results, const char *path)
{
    *results = (struct import_results){.path = path};
    pthread_mutex_init(&results->lock, NULL);
}

/* The lock is held, as for the next one. */
static void drop(struct import_results *results, size_t index)
{
    free(results->results[index].name);
    node_release(results->results[index].file);
    results->count--;
    memmove(&results->results[index], &results->results[index + 1],
            (results->count - index) * sizeof results->results[0]);
}

static ssize_t find(const struct import_results *results, const char *name)
{
    for (size_t i = 0; i < results->count; i++) {
        if (strcmp(results->results[i].name, name) == 0)
            return (ssize_t)i;
    }
    return -ENOENT;
}

void import_results_destroy(struct import_results *results)
{
    while (results->count != 0)
        drop(results, results->count - 1);
    pthread_mutex_destroy(&results->lock);
}

void import_results_put(struct import_results *results, const char *file, struct buffer *text)
{
    cleanup_free char *name = NULL;
    cleanup_free char *path = NULL;
    struct timespec now;
    struct node *node;

    clock_gettime(CLOCK_REALTIME, &now);
    if (asprintf(&name, "%s" ENDING, file) < 0)
        name = NULL;
    if (name == NULL || asprintf(&path, "%s/%s", results->path, name) < 0)
        path = NULL;
    if (path == NULL || text_file_create(path, text, now, 0, &node) != 0)
        return;
    pthread_mutex_lock(&results->lock);
    ssize_t old = find(results, name);

    if (old >= 0)
        drop(results, (size_t)old);
    if (results->count == RESULTS_MOST)
        drop(results, 0);
    results->results[results->count++] = (struct import_result){steal_pointer(&name), node};
    pthread_mutex_unlock(&results->lock);
}

void import_results_refuse(struct import_results *results, const char *file, int error,
                           const struct failure *why)
{
    cleanup_buffer struct buffer text = BUFFER(RESULT_LIMIT);

    if (buffer_print(&text, "refused: %s\nnothing was changed\n", failure_text(why, error)) == 0)
        import_results_put(results, file, &text);
}

void import_results_forget(struct import_results *results, const char *file)
{
    cleanup_free char *name = NULL;

    if (asprintf(&name, "%s" ENDING, file) < 0)
        name = NULL;
    if (name != NULL)
        (void)import_results_remove(results, name);
}

int import_results_find(struct import_results *results, const char *name, struct node **ret_node)
{
    pthread_mutex_lock(&results->lock);
    ssize_t index = find(results, name);

    if (index >= 0)
        *ret_node = node_reference(results->results[index].file);
    pthread_mutex_unlock(&results->lock);
    return index < 0 ? (int)index : 0;
}

bool import_results_has(struct import_results *results, const char *name)
{
    pthread_mutex_lock(&results->lock);
    ssize_t index = find(results, name);

    pthread_mutex_unlock(&results->lock);
    return index >= 0;
}

int import_results_remove(struct import_results *results, const char *name)
{
    pthread_mutex_lock(&results->lock);
    ssize_t index = find(results, name);

    if (index >= 0)
        drop(results, (size_t)index);
    pthread_mutex_unlock(&results->lock);
    return index < 0 ? (int)index : 0;
}

int import_results_names(struct import_results *results, struct buffer *names, size_t *count)
{
    int error = 0;

    pthread_mutex_lock(&results->lock);
    for (size_t i = 0; i < results->count && error == 0; i++) {
        const char *name = results->results[i].name;

        error = buffer_append(names, name, strlen(name) + 1);
        (*count)++;
    }
    pthread_mutex_unlock(&results->lock);
    return error;
}
