/* SPDX-License-Identifier: MIT */
#include "tests/unit/store_samples.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "fs/store/keys.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/succeed.h"

static const struct store_passphrase passphrase = {"correct horse", 13};

static void make_store(struct storage *storage, int level)
{
    const struct store_header header = {
        .cipher = seal_best_cipher(), .group_bytes = 384 << 10, .compression_level = level};
    const struct key_options options = {.cost = {.passes = 1, .memory_bytes = KEY_MEMORY_LEAST}};
    struct failure why = {.code = 0};

    succeed_with(store_init_with(storage, &header, &passphrase, &options, &why), &why);
}

void sample_store_make(struct storage *storage)
{
    make_store(storage, 1);
}

struct store *sample_store_open(struct storage *storage)
{
    struct store *store = NULL;
    struct failure why = {.code = 0};

    succeed_with(store_open(storage, &passphrase, &store, &why), &why);
    return store;
}

struct store *sample_store(void)
{
    struct storage *storage = memory_storage_new();

    sample_store_make(storage);
    return sample_store_open(storage);
}

struct store *sample_store_of_level(int level)
{
    struct storage *storage = memory_storage_new();

    make_store(storage, level);
    return sample_store_open(storage);
}

static char *copy(const char *text)
{
    char *made = strdup(text);

    assert_non_null(made);
    return made;
}

struct snapshot sample_snapshot(const char *name, uint64_t number)
{
    struct snapshot snapshot = {
        .name = copy(name),
        .time_ns = 1700000000000000000 + number * 1000000000,
        .host = copy("crm.example.org"),
        .tag_count = number % 3,
        .tags = calloc(2, sizeof *snapshot.tags),
        .tree = {.pack_hint = number * 7919, .offset = 40, .sealed_size = 1000},
        .raw_bytes = number * 1000000,
        .stored_bytes = number * 1000,
    };

    assert_non_null(snapshot.tags);
    for (size_t i = 0; i < snapshot.tag_count; i++)
        snapshot.tags[i] = copy(i == 0 ? "daily" : "größe");
    memcpy(snapshot.id, &number, sizeof number);
    memcpy(snapshot.tree.id, &number, sizeof number);
    return snapshot;
}

void sample_snapshot_release(struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->tag_count; i++)
        free(snapshot->tags[i]);
    free((void *)snapshot->tags);
    free(snapshot->name);
    free(snapshot->host);
}

void sample_pack_name(uint64_t number, char name[65])
{
    snprintf(name, 65, "%016llx%048x", (unsigned long long)number, 0xabcu);
}

static char state_folder[] = "/tmp/crmfs-test-state-XXXXXX";

int sample_state_begin(void **context)
{
    (void)context;
    if (mkdtemp(state_folder) == NULL)
        return -1;
    return setenv("XDG_STATE_HOME", state_folder, 1);
}

void sample_state_forget(void)
{
    char command[sizeof state_folder + 32];

    snprintf(command, sizeof command, "rm -rf %s/crmfs", state_folder);
    assert_int_equal(system(command), 0); // NOLINT(cert-env33-c)
}

int sample_state_end(void **context)
{
    (void)context;
    sample_state_forget();
    int result = rmdir(state_folder);

    memset(state_folder + strlen(state_folder) - 6, 'X', 6);
    return result;
}
