/* SPDX-License-Identifier: MIT */
/* Key slots and headers that are damaged, cut, exchanged or too many: what still opens the store.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/store/store_internal.h"
#include "tests/unit/cheap_pwhash.h"
#include "tests/unit/key_samples.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/store_samples.h"

static void test_damaged_slots(void **state)
{
    struct storage *storage = keys_new_store();
    struct store *store = keys_open(memory_storage_copy(storage), first);
    struct storage *two = store_storage(store);
    uint8_t id[KEY_SLOT_ID_BYTES];
    char path[KEY_SLOT_PATH_SIZE];
    size_t size;
    struct key_info *keys;
    size_t count;

    (void)state;
    /* A file of another name is none; a slot that is cut, and one that a stranger made, are
     * damaged. */
    memory_storage_set(two, "keys/readme", "x", 1);
    assert_int_equal(store_key_add(store, &cheap, &second, id, NULL), 0);
    key_slot_path(id, path);
    memory_storage_set(two, "keys/00000000000000000000000000000000",
                       memory_storage_bytes(two, path, &size), KEY_SLOT_BYTES - 1);
    memory_storage_set(two, "keys/00000000000000000000000000000001",
                       memory_storage_bytes(two, path, &size), KEY_SLOT_BYTES);
    assert_int_equal(store_key_list(store, &keys, &count, NULL), 0);
    assert_int_equal(count, 4);
    assert_true(keys[0].damaged && keys[1].damaged && !keys[2].damaged && !keys[3].damaged);
    assert_int_equal(keys_try_open(two, first), 0);
    assert_int_equal(keys_try_open(two, second), 0);
    /* They can be removed, and they do not count as what opens the store. */
    assert_int_equal(store_key_remove(store, keys[0].slot.id, NULL), 0);
    assert_int_equal(store_key_remove(store, id, NULL), 0);
    assert_int_equal(store_key_remove(store, store->opened_slot, NULL), -EBUSY);
    assert_int_equal(keys_try_open(two, first), 0);
    free(keys);
    store_close(store);

    /* The only one. */
    const char *name = keys_slot_name(storage);
    uint8_t *bytes = memory_storage_bytes(storage, name, &size);

    bytes[80] ^= 1; /* as a wrong passphrase */
    assert_int_equal(keys_try_open(storage, first), -EKEYREJECTED);
    bytes[150] ^= 1;
    bytes[80] ^= 1; /* the label's part */
    assert_int_equal(keys_try_open(storage, first), -EBADMSG);
    bytes[0] ^= 1;
    assert_int_equal(keys_try_open(storage, first), -EBADMSG);
    assert_int_equal(storage->class->remove(storage, name, NULL), 0);
    assert_int_equal(keys_try_open(storage, first), -EBADMSG);
    storage->class->close(storage);
}

/* Files that are no slots of the store, so many that they are not looked at. */
static void test_too_many_files(void **state)
{
    struct store *store = keys_open(keys_new_store(), first);
    struct storage *storage = store_storage(store);
    size_t size;
    char path[KEY_SLOT_PATH_SIZE];
    uint8_t id[KEY_SLOT_ID_BYTES] = {0};
    uint8_t bytes[KEY_SLOT_BYTES];

    (void)state;
    memcpy(bytes, memory_storage_bytes(storage, keys_slot_name(storage), &size), sizeof bytes);
    bytes[0] ^= 1;
    for (unsigned i = 1; i < KEY_SLOT_FILES_MOST; i++) {
        id[0] = (uint8_t)i;
        id[1] = (uint8_t)(i >> 8);
        key_slot_path(id, path);
        memory_storage_set(storage, path, bytes, sizeof bytes);
    }
    assert_int_equal(keys_try_open(storage, first), 0);
    id[2] = 1;
    key_slot_path(id, path);
    memory_storage_set(storage, path, bytes, sizeof bytes);
    assert_int_equal(keys_try_open(storage, first), -EBADMSG);
    store_close(store);
}

/* The files of more keys than a store may have came back: those that were removed do not count. */
static void test_many_removed(void **state)
{
    struct store *store = keys_open(keys_new_store(), first);
    struct storage *storage = store_storage(store);
    uint8_t id[KEY_SLOT_ID_BYTES];
    struct key_options options = cheap;

    (void)state;
    options.kind = KEY_RECOVERY;
    for (unsigned i = 0; i <= KEY_SLOTS_MOST; i++) {
        char path[KEY_SLOT_PATH_SIZE];
        uint8_t bytes[KEY_SLOT_BYTES];
        size_t size;

        assert_int_equal(store_key_add(store, &options, &second, id, NULL), 0);
        key_slot_path(id, path);
        memcpy(bytes, memory_storage_bytes(storage, path, &size), sizeof bytes);
        assert_int_equal(store_key_remove(store, id, NULL), 0);
        memory_storage_set(storage, path, bytes, sizeof bytes);
    }
    assert_int_equal(keys_try_open(storage, first), 0);
    for (unsigned i = 1; i < KEY_SLOTS_MOST; i++)
        assert_int_equal(store_key_add(store, &options, &second, id, NULL), 0);
    assert_int_equal(store_key_add(store, &options, &second, id, NULL), -ENOSPC);
    store_close(store);
}

/* A store's slot in another store, also under its own name, with the other's header or its own. */
static void test_exchanged(void **state)
{
    struct storage *one = keys_new_store();
    struct storage *other = memory_storage_new();
    size_t size;

    (void)state;
    assert_int_equal(store_init_with(other, &header, &second, &cheap, NULL), 0);
    memory_storage_set(other, keys_slot_name(one),
                       memory_storage_bytes(one, keys_slot_name(one), &size), KEY_SLOT_BYTES);
    assert_int_equal(keys_try_open(other, first), -EKEYREJECTED);
    assert_int_equal(keys_try_open(other, second), 0);
    memory_storage_set(other, "store", memory_storage_bytes(one, "store", &size),
                       STORE_HEADER_BYTES);
    assert_int_equal(keys_try_open(other, second), -EKEYREJECTED);
    one->class->close(one);
    other->class->close(other);
}

/* Every byte of the header. */
static void test_changed_header(void **state)
{
    struct storage *storage = keys_new_store();
    size_t size;
    uint8_t *bytes = memory_storage_bytes(storage, "store", &size);

    (void)state;
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= (uint8_t)(1 << i % 8);

        int error = keys_try_open(storage, first);

        assert_true(error == -EINVAL || error == -EKEYREJECTED);
        bytes[i] ^= (uint8_t)(1 << i % 8);
    }
    assert_int_equal(keys_try_open(storage, first), 0);
    storage->class->close(storage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damaged_slots),  cmocka_unit_test(test_too_many_files),
        cmocka_unit_test(test_many_removed),   cmocka_unit_test(test_exchanged),
        cmocka_unit_test(test_changed_header),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
