/* SPDX-License-Identifier: MIT */
#include "tests/unit/key_samples.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "fs/store/log.h"
#include "tests/unit/memory_storage.h"

struct storage *keys_new_store(void)
{
    struct storage *storage = memory_storage_new();

    assert_int_equal(store_init_with(storage, &header, &first, &cheap, NULL), 0);
    return storage;
}

struct store *keys_open(struct storage *storage, struct store_passphrase passphrase)
{
    struct store *store = NULL;

    assert_int_equal(store_open(storage, &passphrase, &store, NULL), 0);
    assert_int_equal(log_accept_rollback(store, NULL), 0);
    return store;
}

int keys_try_open(struct storage *storage, struct store_passphrase passphrase)
{
    struct storage *copy = memory_storage_copy(storage);
    struct store *store = NULL;
    int error = store_open(copy, &passphrase, &store, NULL);

    if (error == 0) {
        struct log_state log = {.sequence = 0};

        assert_int_equal(log_accept_rollback(store, NULL), 0);
        assert_int_equal(log_read(store, &log, NULL), 0);
        assert_int_equal(log_accept_rollback(store, NULL), 0);
        log_state_release(&log);
        store_close(store);
    } else {
        assert_null(store);
        copy->class->close(copy);
    }
    return error;
}

const char *keys_slot_name(struct storage *storage)
{
    for (size_t i = 0; i < memory_storage_count(storage); i++) {
        if (strncmp(memory_storage_name(storage, i), "keys/", 5) == 0)
            return memory_storage_name(storage, i);
    }
    return NULL;
}
