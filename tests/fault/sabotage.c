/* SPDX-License-Identifier: MIT */
#include "tests/fault/sabotage.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/store/keys.h"
#include "fs/store/repair.h"
#include "tests/fault/diary.h"
#include "tests/fault/spread.h"
#include "tests/unit/memory_storage.h"

#define DAYS 3

/* A child's own. */
struct bench {
    size_t descriptors; /* open before it was made */
    const struct sabotaging *sabotaging;
    struct storage *storage;
    const struct storage_class *own_class; /* the storage's */
    struct storage_class kept_open;        /* the same, but that stores do not close it */
    struct store *store;
    struct diary diary; /* of the try under way */
};

/* What is done: 0 or what the store said. */
struct act {
    const char *name;
    int (*run)(struct bench *bench, struct failure *failure);
    int done_before; /* what it says if a try that failed had done it all the same; 0: nothing */
    bool reads;      /* it may say as well that something is lost: -EIO, -EBADMSG */
};

struct sabotaging {
    struct scene *scene;
    const struct saboteur *saboteur;
    const struct act *act;
    struct storage *content;
    uint64_t counted; /* when nothing failed */
    uint64_t tried;   /* so many of them */
};

/* ---- Acts ---- */

static int act_take(struct bench *bench, struct failure *failure)
{
    return diary_take(&bench->diary, bench->store, DAYS + 1, failure);
}

static int act_forget(struct bench *bench, struct failure *failure)
{
    return diary_forget(&bench->diary, bench->store, 1, failure);
}

static int act_rename(struct bench *bench, struct failure *failure)
{
    return diary_rename(&bench->diary, bench->store, 2, "renamed", failure);
}

static int act_read(struct bench *bench, struct failure *failure)
{
    int count = scene_read_all(bench->sabotaging->scene, bench->store, failure);

    must(count <= DAYS);
    return count < 0 ? count : 0;
}

static int act_prune(struct bench *bench, struct failure *failure)
{
    struct prune_result result;

    return prune(bench->store, &scene_prune_now, &result, failure);
}

static int act_check(struct bench *bench, struct failure *failure)
{
    const struct check_options options = {.read_data = true, .threads = 2};
    struct check_result result;

    return check(bench->store, &options, &result, failure);
}

static int act_repair(struct bench *bench, struct failure *failure)
{
    const struct repair_options options = {.forget_damaged = false};
    struct repair_result result;

    return repair(bench->store, &options, &result, failure);
}

static int act_open(struct bench *bench, struct failure *failure)
{
    struct store *store = NULL;
    int error = store_open(bench->storage, &scene_passphrase, &store, failure);

    must(error == 0 || store == NULL);
    store_close(store);
    return error;
}

static int act_add_key(struct bench *bench, struct failure *failure)
{
    const struct key_options options = {.label = "another",
                                        .cost = {.passes = 1, .memory_bytes = KEY_MEMORY_LEAST}};
    uint8_t id[KEY_SLOT_ID_BYTES];

    return store_key_add(bench->store, &options, &(struct store_passphrase){"second", 6}, id,
                         failure);
}

static const struct act acts[] = {
    {"take", act_take, -EEXIST, false},
    {"forget", act_forget, -ENOENT, false},
    {"rename", act_rename, -ENOENT, false},
    {"read", act_read, 0, true},
    {"prune", act_prune, 0, true},
    {"check", act_check, 0, true},
    {"repair", act_repair, 0, false},
    {"open", act_open, 0, false},
    {"add a key", act_add_key, -EEXIST, false},
};

/* ---- One try ---- */

enum { TRIED, FAILED, SUCCEEDED_ALL_THE_SAME };

/* A storage may keep files open that it has read in part, until it is closed. */
static bool is_partly_read(DIR *stream, const char *name)
{
    char path[PATH_MAX];
    ssize_t size = readlinkat(dirfd(stream), name, path, sizeof path - 1);

    path[size > 0 ? size : 0] = '\0';
    return strstr(path, "/packs/") != NULL || strstr(path, "/index/") != NULL;
}

static size_t open_descriptors(bool partly_read)
{
    DIR *stream = opendir("/proc/self/fd");
    size_t count = 0;

    must(stream != NULL);
    for (struct dirent *entry; (entry = readdir(stream)) != NULL;)
        count += partly_read || !is_partly_read(stream, entry->d_name);
    closedir(stream);
    return count;
}

static void do_not_close(struct storage *storage)
{
    (void)storage;
}

static void *bench_begin(void *context)
{
    const struct sabotaging *sabotaging = context;
    struct bench *bench = calloc(1, sizeof *bench);

    must(bench != NULL);
    bench->descriptors = open_descriptors(true);
    bench->sabotaging = sabotaging;
    bench->storage = sabotaging->saboteur->open();
    bench->own_class = bench->storage->class;
    bench->kept_open = *bench->own_class;
    bench->kept_open.close = do_not_close;
    bench->storage->class = &bench->kept_open;
    sabotaging->saboteur->fill(bench->storage, sabotaging->content);
    bench->store = scene_open(bench->storage);
    return bench;
}

static void bench_end(void *own)
{
    struct bench *bench = own;

    store_close(bench->store);
    bench->storage->class = bench->own_class;
    bench->sabotaging->saboteur->close(bench->storage);
    must(open_descriptors(true) == bench->descriptors);
    free(bench);
}

/* What was there before: DAYS snapshots, and what is left of those that were forgotten. */
static void begin_diary(struct bench *bench)
{
    diary_begin(&bench->diary, bench->sabotaging->scene, NULL);
    for (unsigned day = 1; day <= DAYS; day++)
        diary_note_taken(&bench->diary, day);
}

static void fail_with(const struct bench *bench, const char *what, int error,
                      const struct failure *failure)
{
    fprintf(stderr, "%s: %s: %d, \"%s\"\n", bench->sabotaging->act->name, what, error,
            failure->code != 0 ? failure->text : "");
    must(false);
}

static void verify(struct bench *bench)
{
    struct failure failure = {.code = 0};
    int count = diary_verify(&bench->diary, DIARY_NOW, bench->store, &failure);

    if (count < 0)
        fail_with(bench, "what was acknowledged cannot be read", count, &failure);
}

/* -ENOMEM may come without words, or with those of an error that was overcome. */
static bool is_clean(const struct act *act, int error, int wanted, const struct failure *failure)
{
    return (error == wanted ||
            (act->reads && wanted != -ENOMEM && (error == -EIO || error == -EBADMSG))) &&
           (error == -ENOMEM || (failure->code == -error && failure->text[0] != '\0'));
}

static void try_again(struct bench *bench, bool failed, bool thoroughly)
{
    const struct act *act = bench->sabotaging->act;
    struct failure failure = {.code = 0};
    int error = failed ? act->run(bench, &failure) : 0;

    if (error != 0 && error != act->done_before)
        fail_with(bench, "the next try does not work", error, &failure);
    if (thoroughly) {
        verify(bench);
        scene_check(bench->store, SCENE_HARMFUL);
    }
}

static void try_fault(void *own, size_t number, struct tally *tally)
{
    struct bench *bench = own;
    const struct sabotaging *sabotaging = bench->sabotaging;
    const struct saboteur *saboteur = sabotaging->saboteur;
    const struct sabotage_mode *mode = &saboteur->modes[number / sabotaging->tried];
    uint64_t nth = 1 + number % sabotaging->tried * sabotaging->counted / sabotaging->tried;
    struct failure failure = {.code = 0};
    uint64_t counted;
    uint64_t failed;

    saboteur->fill(bench->storage, sabotaging->content);
    begin_diary(bench);

    size_t descriptors = open_descriptors(false);

    saboteur->arm(bench->storage, mode, nth);

    int error = sabotaging->act->run(bench, &failure);

    saboteur->disarm(bench->storage, &counted, &failed);
    if (error != 0 && (failed == 0 || !is_clean(sabotaging->act, error, -mode->code, &failure))) {
        fprintf(stderr, "%s %llu of %llu fails with %s\n", saboteur->name, (unsigned long long)nth,
                (unsigned long long)sabotaging->counted, mode->name);
        fail_with(bench, "no clean error", error, &failure);
    }
    must(open_descriptors(false) == descriptors);
    verify(bench);
    try_again(bench, error != 0, number % 5 == 0);
    must(open_descriptors(false) == descriptors);
    diary_end(&bench->diary);
    tally->numbers[TRIED]++;
    tally->numbers[FAILED] += error != 0;
    tally->numbers[SUCCEEDED_ALL_THE_SAME] += error == 0 && failed > 0;
}

/* ---- All tries ---- */

/* Snapshots, some of them forgotten, no index merged yet. */
static struct storage *make_content(struct scene *scene)
{
    struct storage *storage = memory_storage_new();
    struct storage *content;
    struct store *store;
    char name[24];

    scene_make_store(storage);
    store = scene_open(storage);
    for (unsigned day = 1; day <= DAYS; day++) {
        snprintf(name, sizeof name, "day %u", day);
        must(scene_take(scene, store, day == 2 ? "gone" : name, day == 2 ? 50 : day, NULL) == 0);
    }
    must(scene_forget(store, "gone", NULL) == 0);
    must(scene_take(scene, store, "day 2", 2, NULL) == 0);
    content = memory_storage_copy(storage);
    store_close(store);
    return content;
}

/* How many there are when nothing fails. */
static uint64_t count(struct sabotaging *sabotaging)
{
    struct bench *bench = bench_begin(sabotaging);
    struct failure failure = {.code = 0};
    uint64_t counted;
    uint64_t failed;

    begin_diary(bench);
    sabotaging->saboteur->arm(bench->storage, &sabotaging->saboteur->modes[0], 0);

    int error = sabotaging->act->run(bench, &failure);

    sabotaging->saboteur->disarm(bench->storage, &counted, &failed);
    if (error != 0)
        fail_with(bench, "not even without a fault", error, &failure);
    assert_int_equal(failed, 0);
    assert_true(counted > 0);
    diary_end(&bench->diary);
    bench_end(bench);
    return counted;
}

static void sabotage(struct sabotaging *sabotaging)
{
    const struct saboteur *saboteur = sabotaging->saboteur;
    const struct spread spread = {bench_begin, try_fault, bench_end, sabotaging};
    struct tally tally;
    size_t tries;

    sabotaging->counted = count(sabotaging);
    sabotaging->tried = sabotaging->counted;
    if (saboteur->most != 0 && sabotaging->tried > saboteur->most && getenv("FAULT_ALL") == NULL)
        sabotaging->tried = saboteur->most;
    tries = sabotaging->tried * saboteur->mode_count;
    assert_true(spread_over(&spread, tries, &tally));
    print_message("%s, %s: %llu, of which each of %llu failed in %zu ways; %llu tries ended in an "
                  "error, %llu succeeded all the same\n",
                  sabotaging->act->name, saboteur->name, (unsigned long long)sabotaging->counted,
                  (unsigned long long)sabotaging->tried, saboteur->mode_count,
                  (unsigned long long)tally.numbers[FAILED],
                  (unsigned long long)tally.numbers[SUCCEEDED_ALL_THE_SAME]);
    assert_int_equal(tally.numbers[TRIED], SPREAD_TRIES(tries));
    assert_true(tally.numbers[FAILED] > 0);
}

void sabotage_everything(struct scene *scene, const struct saboteur *saboteur)
{
    struct sabotaging sabotaging = {.scene = scene, .saboteur = saboteur};

    sabotaging.content = make_content(scene);
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        sabotaging.act = &acts[i];
        sabotage(&sabotaging);
    }
    sabotaging.content->class->close(sabotaging.content);
}
