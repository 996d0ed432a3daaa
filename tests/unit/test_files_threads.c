/* SPDX-License-Identifier: MIT */
/* files/ without a mount: several threads at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/store_samples.h"
#include "tests/unit/succeed.h"
#include "tests/unit/text_scene.h"

#define THREADS 4
#define ROUNDS 12

struct worker {
    struct text_scene *scene;
    uint64_t file;
    uint8_t *bytes;
    unsigned number;
    bool failed;
};

/* Writes, cuts off and syncs its own file, and reads it in between: all as if it were alone. */
static void *work(void *context)
{
    struct worker *worker = context;
    struct files *files = worker->scene->files;
    uint8_t *found = malloc(TEXT_BYTES);
    struct stat stat = {.st_size = 0};

    for (unsigned i = 0; i < ROUNDS && !worker->failed; i++) {
        size_t from = (size_t)(text_scramble(i * THREADS + worker->number) % (TEXT_BYTES / 2));
        size_t size = TEXT_BYTES / 3;

        for (size_t at = from; at < from + size; at += 4999)
            worker->bytes[at] = (uint8_t)i;
        worker->failed =
            (i % 4 == 3 && files_set(files, worker->file, FILES_SET_SIZE,
                                     &(struct stat){.st_size = (off_t)from}, &stat, NULL) != 0) ||
            files_write(files, worker->file, from, worker->bytes + from, size, NULL) != 0 ||
            (i % 4 == 3 &&
             files_write(files, worker->file, from + size, worker->bytes + from + size,
                         TEXT_BYTES - from - size, NULL) != 0) ||
            (i % 3 == worker->number % 3 && files_sync(files, NULL) != 0) ||
            files_read(files, worker->file, 0, found, TEXT_BYTES, NULL) != (ssize_t)TEXT_BYTES ||
            memcmp(found, worker->bytes, TEXT_BYTES) != 0;
    }
    free(found);
    return NULL;
}

static void several_at_once(void **context)
{
    struct worker workers[THREADS];
    pthread_t threads[THREADS];
    struct text_scene scene;

    (void)context;
    text_scene_begin(&scene);
    for (unsigned i = 0; i < THREADS; i++) {
        char name[16];

        snprintf(name, sizeof name, "file-%u", i);
        workers[i] = (struct worker){.scene = &scene,
                                     .number = i,
                                     .file = text_scene_make(&scene, name),
                                     .bytes = text_version(i)};
        text_scene_write(&scene, workers[i].file, workers[i].bytes, TEXT_BYTES);
    }
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_false(workers[i].failed);
    }
    text_scene_again(&scene);
    for (unsigned i = 0; i < THREADS; i++) {
        text_scene_expect(&scene, workers[i].file, workers[i].bytes, TEXT_BYTES);
        free(workers[i].bytes);
    }
    text_scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_at_once),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
