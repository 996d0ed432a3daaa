/* SPDX-License-Identifier: MIT */
/* Making a store, opening it, and changing its keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fs/store/check.h"
#include "fs/store/log_internal.h"
#include "fs/store/log_mend.h"
#include "fs/store/recovery_key.h"
#include "fs/store/store_internal.h"
#include "tests/unit/cheap_pwhash.h"
#include "tests/unit/key_samples.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/store_samples.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static void test_init(void **state)
{
    struct storage *storage = keys_new_store();
    struct store *store;
    struct failure failure = {.code = 0};

    (void)state;
    assert_int_equal(memory_storage_count(storage), 3);
    assert_int_equal(store_init_with(storage, &header, &second, &cheap, &failure), -EEXIST);
    assert_int_equal(memory_storage_count(storage), 3);
    assert_int_equal(keys_try_open(storage, PASSPHRASE("second")), -EKEYREJECTED);
    assert_int_equal(keys_try_open(storage, PASSPHRASE("firs")), -EKEYREJECTED);
    assert_int_equal(keys_try_open(storage, PASSPHRASE("")), -EKEYREJECTED);
    store = keys_open(storage, first);
    assert_int_equal(store_header(store)->cipher, header.cipher);
    assert_int_equal(store_header(store)->group_bytes, header.group_bytes);
    assert_ptr_equal(store_storage(store), storage);
    store_close(store);
    store_close(NULL);
}

/* The price of a passphrase when nobody asks for another. */
static void test_default_cost(void **state)
{
    struct storage *storage = memory_storage_new();
    struct key_info *keys;
    size_t count;
    struct store *store;

    (void)state;
    assert_int_equal(store_init(storage, &header, &first, NULL), 0);
    store = keys_open(storage, first);
    assert_int_equal(store_key_list(store, &keys, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_true(keys[0].slot.cost.passes == 2 && keys[0].slot.cost.memory_bytes == 48 << 20);
    assert_true(keys[0].opened && !keys[0].damaged && keys[0].slot.kind == KEY_PASSPHRASE);
    assert_true(keys[0].slot.created >= (uint64_t)time(NULL) - 100);
    free(keys);
    store_close(store);
}

static void test_refused_headers(void **state)
{
    struct storage *storage = memory_storage_new();
    struct store_header bad = header;

    (void)state;
    bad.group_bytes = 1;
    assert_int_equal(store_init_with(storage, &bad, &first, &cheap, NULL), -EINVAL);
    bad = header;
    bad.cipher = 9;
    assert_int_equal(store_init_with(storage, &bad, &first, &cheap, NULL), -EINVAL);
    assert_int_equal(store_init_with(storage, &header, &PASSPHRASE(""), &cheap, NULL), -EINVAL);
    assert_int_equal(memory_storage_count(storage), 0);
    storage->class->close(storage);
}

/* Keys differ by purpose, by store, and are what FORMAT.md says. */
static void test_subkeys(void **state)
{
    struct store *one = keys_open(keys_new_store(), first);
    struct store *other = keys_open(keys_new_store(), first);
    uint8_t expected[32];

    (void)state;
    for (int i = 1; i < STORE_PURPOSES; i++) {
        for (int j = 1; j < STORE_PURPOSES; j++) {
            const uint8_t *left = store_key(one, (enum store_purpose)i);

            if (i != j)
                assert_memory_not_equal(left, store_key(one, (enum store_purpose)j), 32);
            assert_memory_not_equal(left, store_key(other, (enum store_purpose)j), 32);
        }
        subkey_derive(one->header_bytes, one->secrets->master, (enum store_purpose)i, expected);
        assert_memory_equal(store_key(one, (enum store_purpose)i), expected, 32);
    }
    store_close(one);
    store_close(other);
}

/* A piece opens with the key of its own file only: name, salt, purpose and store. */
static void test_file_sealer(void **state)
{
    struct store *one = keys_open(keys_new_store(), first);
    struct store *other = keys_open(keys_new_store(), first);
    uint8_t salt[STORE_SALT_BYTES] = {1, 2, 3};
    uint8_t other_salt[STORE_SALT_BYTES] = {1, 2, 4};
    const struct {
        struct store *store;
        const uint8_t *salt;
        const char *name;
        enum store_purpose purpose;
        int expected;
    } ways[] = {
        {one, salt, "packs/3f/3f09", STORE_PACKS, 0},
        {one, salt, "packs/3f/3f08", STORE_PACKS, -EBADMSG},
        {one, salt, "packs/3f/3f0", STORE_PACKS, -EBADMSG},
        {one, other_salt, "packs/3f/3f09", STORE_PACKS, -EBADMSG},
        {one, salt, "packs/3f/3f09", STORE_INDEX, -EBADMSG},
        {other, salt, "packs/3f/3f09", STORE_PACKS, -EBADMSG},
    };
    uint8_t sealed[5 + SEAL_OVERHEAD_BYTES];
    uint8_t plain[5];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        struct sealer *sealer;

        assert_int_equal(store_file_sealer(ways[i].store, ways[i].purpose, ways[i].salt,
                                           ways[i].name, &sealer, NULL),
                         0);
        if (i == 0)
            assert_int_equal(seal(sealer, 40, NULL, 0, "hello", 5, sealed), 0);
        assert_int_equal(unseal(sealer, 40, NULL, 0, sealed, sizeof sealed, plain),
                         ways[i].expected);
        sealer_free(sealer);
    }
    store_close(one);
    store_close(other);
}

static void test_add_and_remove(void **state)
{
    struct store *store = keys_open(keys_new_store(), first);
    struct storage *storage = store_storage(store);
    struct key_options labelled = cheap;
    uint8_t id[KEY_SLOT_ID_BYTES];
    uint8_t before[KEY_SLOT_ID_BYTES];
    struct key_info *keys;
    size_t count;

    (void)state;
    memcpy(before, store->opened_slot, sizeof before);
    assert_int_equal(store_key_remove(store, before, NULL), -EBUSY);
    labelled.label = "laptop";
    assert_int_equal(store_key_add(store, &labelled, &second, id, NULL), 0);
    assert_int_equal(keys_try_open(storage, first), 0);
    assert_int_equal(keys_try_open(storage, second), 0);
    assert_int_equal(store_key_list(store, &keys, &count, NULL), 0);
    assert_int_equal(count, 2);
    for (size_t i = 0; i < count; i++) {
        bool new = memcmp(keys[i].slot.id, id, sizeof id) == 0;

        assert_string_equal(keys[i].slot.label, new ? "laptop" : "");
        assert_int_equal(keys[i].opened, !new);
    }
    free(keys);
    assert_int_equal(store_key_remove(store, before, NULL), 0);
    assert_int_equal(keys_try_open(storage, first), -EKEYREJECTED);
    assert_int_equal(keys_try_open(storage, second), 0);
    assert_int_equal(store_key_remove(store, before, NULL), -ENOENT);
    assert_int_equal(store_key_remove(store, id, NULL), -EBUSY);
    assert_int_equal(keys_try_open(storage, second), 0);
    store_close(store);
}

static void test_change(void **state)
{
    struct store *store = keys_open(keys_new_store(), first);
    struct storage *storage = store_storage(store);
    uint8_t id[KEY_SLOT_ID_BYTES];

    (void)state;
    assert_int_equal(store_key_change(store, &second, id, NULL), 0);
    assert_int_equal(keys_try_open(storage, first), -EKEYREJECTED);
    assert_int_equal(keys_try_open(storage, second), 0);
    assert_int_equal(store_key_change(store, &first, id, NULL), 0);
    assert_int_equal(keys_try_open(storage, first), 0);
    assert_int_equal(keys_try_open(storage, second), -EKEYREJECTED);
    store_close(store);
}

static void test_recovery(void **state)
{
    struct store *store = keys_open(keys_new_store(), first);
    struct storage *storage = memory_storage_copy(store_storage(store));
    char text[RECOVERY_KEY_TEXT_SIZE];
    char symbols[RECOVERY_KEY_SYMBOLS];
    uint8_t id[KEY_SLOT_ID_BYTES];
    struct failure failure = {.code = 0};

    (void)state;
    store_close(store);
    store = keys_open(storage, first);
    recovery_key_make(text);
    assert_int_equal(recovery_key_read(text, strlen(text), symbols), 0);
    assert_int_equal(store_key_add(store, &cheap_recovery,
                                   &(struct store_passphrase){symbols, sizeof symbols}, id, NULL),
                     0);
    for (char *at = text; *at != '\0'; at++)
        *at = (char)(*at >= 'A' && *at <= 'Z' ? *at + 32 : *at == '-' ? ' ' : *at);

    struct store_passphrase typed = {text, strlen(text)};

    assert_int_equal(keys_try_open(storage, typed), 0);
    assert_int_equal(keys_try_open(storage, first), 0);
    text[0] = text[0] == '2' ? '3' : '2';
    assert_int_equal(store_open(storage, &typed, &(struct store *){NULL}, &failure), -EKEYREJECTED);
    assert_non_null(strstr(failure.text, "typing error"));
    store_close(store);
}

/* Whoever opened the store with its recovery key has forgotten the passphrase. */
static void test_recovered(void **state)
{
    struct store *store = keys_open(keys_new_store(), first);
    struct storage *storage;
    char text[RECOVERY_KEY_TEXT_SIZE];
    char symbols[RECOVERY_KEY_SYMBOLS];
    uint8_t lost[KEY_SLOT_ID_BYTES];
    uint8_t id[KEY_SLOT_ID_BYTES];

    (void)state;
    recovery_key_make(text);
    assert_int_equal(recovery_key_read(text, strlen(text), symbols), 0);
    memcpy(lost, store->opened_slot, sizeof lost);
    assert_int_equal(store_key_add(store, &cheap_recovery,
                                   &(struct store_passphrase){symbols, sizeof symbols}, id, NULL),
                     0);
    storage = memory_storage_copy(store_storage(store));
    store_close(store);
    store = keys_open(storage, (struct store_passphrase){text, strlen(text)});
    assert_int_equal(store_key_change(store, &second, id, NULL), -EINVAL);
    assert_int_equal(store_key_add(store, &cheap, &second, id, NULL), 0);
    assert_int_equal(store_key_remove(store, lost, NULL), 0);
    assert_int_equal(keys_try_open(storage, first), -EKEYREJECTED);
    assert_int_equal(keys_try_open(storage, second), 0);
    store_close(store);
}

/* ---- A slot that the log says was removed, and whose file is there ---- */

/* The store of FIRST from which SECOND was removed, but its file stayed, as after a crash. */
static struct store *store_with_leftover(uint8_t ret_id[KEY_SLOT_ID_BYTES])
{
    struct store *store = keys_open(keys_new_store(), first);
    struct storage *storage = store_storage(store);
    uint8_t bytes[KEY_SLOT_BYTES];
    char path[KEY_SLOT_PATH_SIZE];

    assert_int_equal(store_key_add(store, &cheap, &second, ret_id, NULL), 0);
    key_slot_path(ret_id, path);
    assert_int_equal(storage->class->read(storage, path, 0, bytes, sizeof bytes, NULL), 0);
    assert_int_equal(store_key_remove(store, ret_id, NULL), 0);
    assert_int_equal(storage->class->put_exclusive(storage, path, bytes, sizeof bytes, NULL), 0);
    return store;
}

/* Opened with SECOND, once the log has been read: 0 or -EKEYREVOKED; which slot it is. */
static int open_second(struct store *store, uint8_t ret_id[KEY_SLOT_ID_BYTES])
{
    struct store *other = keys_open(memory_storage_copy(store_storage(store)), second);
    struct log_state state = {.sequence = 0};

    assert_int_equal(log_read(other, &state, NULL), 0);

    int error = store_leave_removed(other, &state, &second, NULL);

    if (error == 0) {
        memcpy(ret_id, other->opened_slot, KEY_SLOT_ID_BYTES);
        log_state_release(&state);
        assert_int_equal(log_read(other, &state, NULL), 0);
    }
    log_state_release(&state);
    store_close(other);
    return error;
}

static void test_removed_stays_removed(void **context)
{
    uint8_t id[KEY_SLOT_ID_BYTES], mine[KEY_SLOT_ID_BYTES];
    struct store *store = store_with_leftover(id);
    struct storage *storage = store_storage(store);
    struct log_state state = {.sequence = 0};
    char record[LOG_NAME_SIZE];

    (void)context;
    assert_int_equal(open_second(store, mine), -EKEYREVOKED);
    /* Nor does it keep the only other one from being the last. */
    assert_int_equal(store_key_remove(store, store->opened_slot, NULL), -EBUSY);

    /* Prune leaves only a checkpoint of what the log said. */
    assert_int_equal(log_read(store, &state, NULL), 0);
    assert_int_equal(checkpoint_write(store, &state, NULL), 0);
    for (uint64_t i = 1; i < state.sequence; i++) {
        log_record_name(i, record);
        assert_int_equal(storage->class->remove(storage, record, NULL), 0);
    }
    log_state_release(&state);
    assert_int_equal(open_second(store, mine), -EKEYREVOKED);

    /* The passphrase may be used again; whichever of the slots is tried first. */
    for (unsigned i = 0; i < 8; i++) {
        uint8_t again[KEY_SLOT_ID_BYTES];

        assert_int_equal(store_key_add(store, &cheap, &second, again, NULL), 0);
        assert_int_equal(open_second(store, mine), 0);
        assert_memory_equal(mine, again, sizeof mine);
        assert_int_equal(store_key_remove(store, again, NULL), 0);
        assert_int_equal(open_second(store, mine), -EKEYREVOKED);
    }
    store_close(store);
}

/* It is named, and can be taken away without another word in the log. */
static void test_leftover(void **context)
{
    const struct check_options options = {.threads = 1};
    uint8_t id[KEY_SLOT_ID_BYTES];
    struct store *store = store_with_leftover(id);
    struct log_state state = {.sequence = 0};
    struct check_result checked;
    struct key_info *keys;
    size_t count;

    (void)context;
    assert_int_equal(log_read(store, &state, NULL), 0);
    assert_int_equal(store_key_list(store, &keys, &count, NULL), 0);
    store_key_note_removed(keys, count, &state);
    assert_int_equal(count, 2);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(keys[i].removed, memcmp(keys[i].slot.id, id, sizeof id) == 0);
    free(keys);
    assert_int_equal(check(store, &options, &checked, NULL), 0);
    assert_int_equal(checked.findings, 1);
    assert_int_equal(checked.harmful, 0);

    uint64_t before = state.sequence;

    assert_int_equal(store_key_remove(store, id, NULL), 0);
    assert_int_equal(log_read(store, &state, NULL), 0);
    assert_int_equal(state.sequence, before);
    assert_int_equal(check(store, &options, &checked, NULL), 0);
    assert_int_equal(checked.findings, 0);
    log_state_release(&state);
    store_close(store);
}

/* Without the record, which was given up, nobody has removed it. */
static void test_removal_given_up(void **context)
{
    uint8_t id[KEY_SLOT_ID_BYTES], mine[KEY_SLOT_ID_BYTES];
    struct store *store = store_with_leftover(id);
    struct log_state state = {.sequence = 0};
    struct log_mended mended;
    char record[LOG_NAME_SIZE];
    size_t size;

    (void)context;
    assert_int_equal(log_read(store, &state, NULL), 0);
    log_record_name(state.sequence, record);
    log_state_release(&state);
    memory_storage_bytes(store_storage(store), record, &size)[size - 1] ^= 1;
    assert_int_equal(log_mend(store, NULL, NULL, &mended, NULL), 0);
    assert_int_equal(mended.lost, 1);
    assert_int_equal(open_second(store, mine), 0);
    assert_memory_equal(mine, id, sizeof mine);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_init),
        cmocka_unit_test(test_default_cost),
        cmocka_unit_test(test_refused_headers),
        cmocka_unit_test(test_subkeys),
        cmocka_unit_test(test_file_sealer),
        cmocka_unit_test(test_add_and_remove),
        cmocka_unit_test(test_change),
        cmocka_unit_test(test_recovery),
        cmocka_unit_test(test_recovered),
        cmocka_unit_test(test_removed_stays_removed),
        cmocka_unit_test(test_leftover),
        cmocka_unit_test(test_removal_given_up),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
