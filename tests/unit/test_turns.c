/* SPDX-License-Identifier: MIT */
/* Never more threads at once than there are turns, and all of them in the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>

#include "fs/base/turns.h"

enum { THREADS = 8, ROUNDS = 200, MOST = 3 };

struct scene {
    struct turns *turns;
    unsigned now; /* atomic, as all below: threads that have a turn */
    unsigned worst;
    unsigned done;
};

static void *work(void *argument)
{
    struct scene *scene = argument;

    for (int i = 0; i < ROUNDS; i++) {
        if (!turns_take(scene->turns, NULL))
            return NULL;

        unsigned now = __atomic_add_fetch(&scene->now, 1, __ATOMIC_SEQ_CST);

        if (now > __atomic_load_n(&scene->worst, __ATOMIC_SEQ_CST))
            __atomic_store_n(&scene->worst, now, __ATOMIC_SEQ_CST);
        sched_yield();
        __atomic_sub_fetch(&scene->now, 1, __ATOMIC_SEQ_CST);
        __atomic_add_fetch(&scene->done, 1, __ATOMIC_SEQ_CST);
        turns_give_back(scene->turns);
    }
    return NULL;
}

static void test_most(void **state)
{
    (void)state;
    struct scene scene = {.turns = turns_create(MOST)};
    pthread_t threads[THREADS];

    assert_non_null(scene.turns);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &scene), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(scene.done, THREADS * ROUNDS);
    assert_true(scene.worst >= 1 && scene.worst <= MOST);
    turns_free(scene.turns);
}

struct waiting {
    struct turns *turns;
    bool cancelled;
    bool taken;
};

static void *wait_for_turn(void *argument)
{
    struct waiting *waiting = argument;

    waiting->taken = turns_take(waiting->turns, &waiting->cancelled);
    return NULL;
}

static void test_cancelled(void **state)
{
    (void)state;
    struct waiting waiting = {.turns = turns_create(1)};
    pthread_t thread;

    assert_non_null(waiting.turns);
    assert_true(turns_take(waiting.turns, NULL));
    assert_int_equal(pthread_create(&thread, NULL, wait_for_turn, &waiting), 0);
    __atomic_store_n(&waiting.cancelled, true, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    assert_false(waiting.taken);
    turns_give_back(waiting.turns);
    assert_true(turns_take(waiting.turns, NULL));
    turns_give_back(waiting.turns);
    turns_free(waiting.turns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_most),
        cmocka_unit_test(test_cancelled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
