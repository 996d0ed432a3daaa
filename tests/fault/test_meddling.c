/* SPDX-License-Identifier: MIT */
/*
 * Two writers and a prune, each of which does something whole in the midst of what another one is
 * doing, between any two operations of its storage; and now and then one of them dies. The writers'
 * data is often the same, so that objects come to be stored twice, against different parents. All
 * in one order that follows from a number alone: a failure comes again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fault/scene.h"
#include "tests/unit/memory_storage.h"

#define ROWS 300
#define ACTORS 3
#define NESTED_MOST 3
#define KEPT 3 /* snapshots that a writer leaves there */
#define DEEDS 70
#define RUNS 5

enum state { NOT_BEGUN, PERHAPS, THERE, PERHAPS_GONE, GONE };

/* A process: its own view of the storage, and what it knows. */
struct actor {
    struct storage base;
    struct store *store;
    bool busy;
    bool dead; /* until what it does has ended */
    unsigned day;
    enum state states[SCENE_DAYS];
};

static struct scene *scene;
static struct storage *real;
static struct actor actors[ACTORS]; /* two writers and a prune */
static struct actor *acting[NESTED_MOST];
static unsigned depth;
static uint64_t dice;

static unsigned roll(unsigned sides)
{
    dice = dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(dice >> 33) % sides;
}

/* ---- Deeds ---- */

static void name_of(const struct actor *actor, unsigned day, char name[24])
{
    snprintf(name, 24, "%c-%u", (char)('a' + (actor - actors)), day);
}

static void take(struct actor *actor)
{
    struct failure failure = {.code = 0};
    unsigned day = ++actor->day;
    char name[24];

    name_of(actor, day, name);
    actor->states[day] = PERHAPS;

    int error = scene_take(scene, actor->store, name, day, &failure);

    if (error == 0)
        actor->states[day] = THERE;
    else if (!actor->dead && error != -EBUSY)
        fail_msg("take %s: %s", name, failure.text);
}

static void forget(struct actor *actor)
{
    struct failure failure = {.code = 0};
    unsigned count = 0;
    unsigned oldest = 0;
    char name[24];

    for (unsigned day = actor->day; day > 0; day--) {
        if (actor->states[day] == THERE) {
            oldest = day;
            count++;
        }
    }
    if (count <= KEPT)
        return;
    name_of(actor, oldest, name);
    actor->states[oldest] = PERHAPS_GONE;
    if (scene_forget(actor->store, name, &failure) == 0)
        actor->states[oldest] = GONE;
    else if (!actor->dead)
        fail_msg("forget %s: %s", name, failure.text);
}

static void prune_some(struct actor *actor)
{
    static const struct prune_options keep_most = {.unused = {UNUSED_PERCENT, 50}};
    static const struct prune_options *const ways[] = {&scene_prune_now, &scene_prune_now,
                                                       &keep_most, &scene_prune_usual};
    struct failure failure = {.code = 0};
    struct prune_result result;
    int error = prune(actor->store, ways[roll(4)], &result, &failure);

    if (error != 0 && error != -EAGAIN && !actor->dead)
        fail_msg("prune: %s", failure.text);
}

/* Has one of those act that are not acting. */
static void act(void)
{
    struct actor *actor = &actors[roll(ACTORS)];

    if (actor->busy)
        return;
    actor->busy = true;
    acting[depth++] = actor;
    if (actor == &actors[ACTORS - 1])
        prune_some(actor);
    else if (roll(4) == 0)
        forget(actor);
    else if (actor->day + 1 < SCENE_DAYS)
        take(actor);
    depth--;
    actor->busy = false;
    actor->dead = false;
}

/* ---- The storage, as an actor sees it ---- */

/* Before and after each operation. False: the actor is dead. */
static bool meddle(void)
{
    if (depth == 0) /* a store is being opened */
        return true;

    struct actor *actor = acting[depth - 1];

    if (actor->dead)
        return false;
    if (roll(800) == 0)
        actor->dead = true;
    else if (depth < NESTED_MOST && roll(12) == 0)
        act();
    return !actor->dead;
}

#define AMID(call)                           \
    do {                                     \
        if (!meddle())                       \
            return -EIO;                     \
        int amid_error = (call);             \
        return meddle() ? amid_error : -EIO; \
    } while (0)

static int amid_put(struct storage *storage, const char *name, const void *bytes, size_t size,
                    struct failure *failure)
{
    (void)storage;
    AMID(real->class->put_exclusive(real, name, bytes, size, failure));
}

static int amid_create(struct storage *storage, const char *name,
                       struct storage_writer **ret_writer, struct failure *failure)
{
    (void)storage;
    return meddle() ? real->class->create(real, name, ret_writer, failure) : -EIO;
}

static int amid_append(struct storage_writer *writer, const void *bytes, size_t size,
                       struct failure *failure)
{
    return acting[depth - 1]->dead ? -EIO : real->class->append(writer, bytes, size, failure);
}

static int amid_commit(struct storage_writer *writer, struct failure *failure)
{
    if (!meddle()) {
        real->class->abort(writer);
        return -EIO;
    }

    int error = real->class->commit(writer, failure);

    return meddle() ? error : -EIO;
}

static void amid_abort(struct storage_writer *writer)
{
    real->class->abort(writer);
}

static int amid_sync(struct storage *storage, struct failure *failure)
{
    (void)storage;
    AMID(real->class->sync(real, failure));
}

static int amid_read(struct storage *storage, const char *name, uint64_t offset, void *bytes,
                     size_t size, struct failure *failure)
{
    (void)storage;
    AMID(real->class->read(real, name, offset, bytes, size, failure));
}

static int amid_size(struct storage *storage, const char *name, uint64_t *ret_size,
                     struct failure *failure)
{
    (void)storage;
    AMID(real->class->size(real, name, ret_size, failure));
}

static int amid_list(struct storage *storage, const char *folder, storage_visit *visit,
                     void *context, struct failure *failure)
{
    (void)storage;
    AMID(real->class->list(real, folder, visit, context, failure));
}

static int amid_remove(struct storage *storage, const char *name, struct failure *failure)
{
    (void)storage;
    AMID(real->class->remove(real, name, failure));
}

static int amid_sweep(struct storage *storage, time_t modified_before, struct failure *failure)
{
    (void)storage;
    AMID(real->class->sweep(real, modified_before, failure));
}

static int no_folder(struct storage *storage, const char *folder, bool make)
{
    (void)storage;
    (void)folder;
    (void)make;
    return -ENOTSUP;
}

static void leave_open(struct storage *storage)
{
    (void)storage;
}

static const struct storage_class amid = {
    .put_exclusive = amid_put,
    .create = amid_create,
    .append = amid_append,
    .commit = amid_commit,
    .abort = amid_abort,
    .sync = amid_sync,
    .read = amid_read,
    .size = amid_size,
    .list = amid_list,
    .remove = amid_remove,
    .sweep = amid_sweep,
    .local_folder = no_folder,
    .close = leave_open,
};

/* ---- Runs ---- */

/* Nobody meddles with whoever looks. */
static void verify(struct store *store, unsigned run, unsigned deed)
{
    struct log_state state = {.sequence = 0};
    struct failure failure = {.code = 0};
    int count = scene_read_all(scene, store, &failure);

    if (count < 0)
        fail_msg("run %u, deed %u: %s", run, deed, failure.text);
    assert_int_equal(log_read(store, &state, NULL), 0);
    for (unsigned i = 0; i + 1 < ACTORS; i++) {
        for (unsigned day = 1; day <= actors[i].day; day++) {
            char name[24];

            name_of(&actors[i], day, name);

            bool there = log_find(&state, name) != NULL;
            enum state known = actors[i].states[day];

            if ((there && known == GONE) || (!there && known == THERE))
                fail_msg("run %u, deed %u: %s", run, deed, name);
            if (known == PERHAPS)
                actors[i].states[day] = there ? THERE : GONE;
            if (known == PERHAPS_GONE)
                actors[i].states[day] = there ? THERE : GONE;
        }
    }
    log_state_release(&state);
    scene_check(store, SCENE_ANY);
}

static void run_once(unsigned run)
{
    struct store *looking;

    dice = run;
    real = memory_storage_new();
    scene_make_store(real);
    looking = scene_open(real);
    for (unsigned i = 0; i < ACTORS; i++) {
        actors[i] = (struct actor){.base = {.class = &amid}};
        actors[i].store = scene_open(&actors[i].base);
    }
    for (unsigned deed = 0; deed < DEEDS; deed++) {
        act();
        verify(looking, run, deed);
    }
    for (unsigned i = 0; i < ACTORS; i++)
        store_close(actors[i].store);
    store_close(looking);
}

static void test_meddling(void **context)
{
    const char *runs = getenv("FAULT_RUNS");
    unsigned count = runs != NULL ? (unsigned)strtoul(runs, NULL, 10) : RUNS;

    (void)context;
    for (unsigned run = 1; run <= count; run++)
        run_once(run);
    print_message("%u runs of %u deeds\n", count, DEEDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_meddling)};
    int failed;

    scene = scene_create(ROWS);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    scene_free(scene);
    return failed;
}
