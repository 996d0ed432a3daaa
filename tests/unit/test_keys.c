/* SPDX-License-Identifier: MIT */
/*
 * Making a store, opening it, and changing its keys: also when every operation
 * of its storage fails, and after a power cut at every point.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <ftw.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/store/keys.h"
#include "fs/store/log.h"
#include "fs/store/recovery_key.h"
#include "fs/store/store_internal.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/recording_storage.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define PASSPHRASE(text) ((struct store_passphrase){text, sizeof(text) - 1})

static const struct store_header header = {
    .cipher = SEAL_XCHACHA20_POLY1305, .group_bytes = 524288, .compression_level = 3};
static const struct key_options cheap = {.kind = KEY_PASSPHRASE, .cost = {1, KEY_MEMORY_LEAST}};
static const struct key_options cheap_recovery = {.kind = KEY_RECOVERY,
                                                  .cost = {1, KEY_MEMORY_LEAST}};
static const struct store_passphrase first = {"first", 5};
static const struct store_passphrase second = {"second", 6};

/* Not Argon2id, which test_key_slot.c has: thousands of passphrases are tried here. */
int crypto_pwhash(unsigned char *const out, unsigned long long out_size, const char *const password,
                  unsigned long long password_size, const unsigned char *const salt,
                  unsigned long long passes, size_t memory, int algorithm)
{
    uint8_t key[crypto_generichash_KEYBYTES] = {(uint8_t)passes, (uint8_t)algorithm};

    memcpy(key + 2, &memory, sizeof memory);
    memcpy(key + 16, salt, 16);
    return crypto_generichash(out, out_size, (const uint8_t *)password, password_size, key,
                              sizeof key);
}

/* What a client remembers of stores is put into a folder of the test's. */
static char state_home[] = "/tmp/crmfs-test-keys-XXXXXX";

static int set_up_state(void **state)
{
    (void)state;
    if (mkdtemp(state_home) == NULL)
        return -1;
    return setenv("XDG_STATE_HOME", state_home, 1);
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status;
    (void)kind;
    (void)where;
    return remove(path);
}

static int tear_down_state(void **state)
{
    (void)state;
    return nftw(state_home, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* A store in memory. */
static struct storage *new_store(void)
{
    struct storage *storage = memory_storage_new();

    assert_int_equal(store_init_with(storage, &header, &first, &cheap, NULL), 0);
    return storage;
}

/* Opens the storage, which the store then owns; whether the test went back in time is forgotten. */
static struct store *open_store(struct storage *storage, struct store_passphrase passphrase)
{
    struct store *store = NULL;

    assert_int_equal(store_open(storage, &passphrase, &store, NULL), 0);
    assert_int_equal(log_accept_rollback(store, NULL), 0);
    return store;
}

/* What opening a copy of the storage gives. */
static int try_open(struct storage *storage, struct store_passphrase passphrase)
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

static void test_init(void **state)
{
    struct storage *storage = new_store();
    struct store *store;
    struct failure failure = {.code = 0};

    (void)state;
    assert_int_equal(memory_storage_count(storage), 3);
    assert_int_equal(store_init_with(storage, &header, &second, &cheap, &failure), -EEXIST);
    assert_int_equal(memory_storage_count(storage), 3);
    assert_int_equal(try_open(storage, PASSPHRASE("second")), -EKEYREJECTED);
    assert_int_equal(try_open(storage, PASSPHRASE("firs")), -EKEYREJECTED);
    assert_int_equal(try_open(storage, PASSPHRASE("")), -EKEYREJECTED);
    store = open_store(storage, first);
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
    store = open_store(storage, first);
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
    struct store *one = open_store(new_store(), first);
    struct store *other = open_store(new_store(), first);
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
    struct store *one = open_store(new_store(), first);
    struct store *other = open_store(new_store(), first);
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
    struct store *store = open_store(new_store(), first);
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
    assert_int_equal(try_open(storage, first), 0);
    assert_int_equal(try_open(storage, second), 0);
    assert_int_equal(store_key_list(store, &keys, &count, NULL), 0);
    assert_int_equal(count, 2);
    for (size_t i = 0; i < count; i++) {
        bool new = memcmp(keys[i].slot.id, id, sizeof id) == 0;

        assert_string_equal(keys[i].slot.label, new ? "laptop" : "");
        assert_int_equal(keys[i].opened, !new);
    }
    free(keys);
    assert_int_equal(store_key_remove(store, before, NULL), 0);
    assert_int_equal(try_open(storage, first), -EKEYREJECTED);
    assert_int_equal(try_open(storage, second), 0);
    assert_int_equal(store_key_remove(store, before, NULL), -ENOENT);
    assert_int_equal(store_key_remove(store, id, NULL), -EBUSY);
    assert_int_equal(try_open(storage, second), 0);
    store_close(store);
}

static void test_change(void **state)
{
    struct store *store = open_store(new_store(), first);
    struct storage *storage = store_storage(store);
    uint8_t id[KEY_SLOT_ID_BYTES];

    (void)state;
    assert_int_equal(store_key_change(store, &second, id, NULL), 0);
    assert_int_equal(try_open(storage, first), -EKEYREJECTED);
    assert_int_equal(try_open(storage, second), 0);
    assert_int_equal(store_key_change(store, &first, id, NULL), 0);
    assert_int_equal(try_open(storage, first), 0);
    assert_int_equal(try_open(storage, second), -EKEYREJECTED);
    store_close(store);
}

static void test_recovery(void **state)
{
    struct store *store = open_store(new_store(), first);
    struct storage *storage = memory_storage_copy(store_storage(store));
    char text[RECOVERY_KEY_TEXT_SIZE];
    char symbols[RECOVERY_KEY_SYMBOLS];
    uint8_t id[KEY_SLOT_ID_BYTES];
    struct failure failure = {.code = 0};

    (void)state;
    store_close(store);
    store = open_store(storage, first);
    recovery_key_make(text);
    assert_int_equal(recovery_key_read(text, strlen(text), symbols), 0);
    assert_int_equal(store_key_add(store, &cheap_recovery,
                                   &(struct store_passphrase){symbols, sizeof symbols}, id, NULL),
                     0);
    for (char *at = text; *at != '\0'; at++)
        *at = (char)(*at >= 'A' && *at <= 'Z' ? *at + 32 : *at == '-' ? ' ' : *at);

    struct store_passphrase typed = {text, strlen(text)};

    assert_int_equal(try_open(storage, typed), 0);
    assert_int_equal(try_open(storage, first), 0);
    text[0] = text[0] == '2' ? '3' : '2';
    assert_int_equal(store_open(storage, &typed, &(struct store *){NULL}, &failure), -EKEYREJECTED);
    assert_non_null(strstr(failure.text, "typing error"));
    store_close(store);
}

/* Whoever opened the store with its recovery key has forgotten the passphrase. */
static void test_recovered(void **state)
{
    struct store *store = open_store(new_store(), first);
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
    store = open_store(storage, (struct store_passphrase){text, strlen(text)});
    assert_int_equal(store_key_change(store, &second, id, NULL), -EINVAL);
    assert_int_equal(store_key_add(store, &cheap, &second, id, NULL), 0);
    assert_int_equal(store_key_remove(store, lost, NULL), 0);
    assert_int_equal(try_open(storage, first), -EKEYREJECTED);
    assert_int_equal(try_open(storage, second), 0);
    store_close(store);
}

/* The name of the only slot of a store. */
static const char *slot_name(struct storage *storage)
{
    for (size_t i = 0; i < memory_storage_count(storage); i++) {
        if (strncmp(memory_storage_name(storage, i), "keys/", 5) == 0)
            return memory_storage_name(storage, i);
    }
    return NULL;
}

static void test_damaged_slots(void **state)
{
    struct storage *storage = new_store();
    struct store *store = open_store(memory_storage_copy(storage), first);
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
    assert_int_equal(try_open(two, first), 0);
    assert_int_equal(try_open(two, second), 0);
    /* They can be removed, and they do not count as what opens the store. */
    assert_int_equal(store_key_remove(store, keys[0].slot.id, NULL), 0);
    assert_int_equal(store_key_remove(store, id, NULL), 0);
    assert_int_equal(store_key_remove(store, store->opened_slot, NULL), -EBUSY);
    assert_int_equal(try_open(two, first), 0);
    free(keys);
    store_close(store);

    /* The only one. */
    const char *name = slot_name(storage);
    uint8_t *bytes = memory_storage_bytes(storage, name, &size);

    bytes[80] ^= 1; /* as a wrong passphrase */
    assert_int_equal(try_open(storage, first), -EKEYREJECTED);
    bytes[150] ^= 1;
    bytes[80] ^= 1; /* the label's part */
    assert_int_equal(try_open(storage, first), -EBADMSG);
    bytes[0] ^= 1;
    assert_int_equal(try_open(storage, first), -EBADMSG);
    assert_int_equal(storage->class->remove(storage, name, NULL), 0);
    assert_int_equal(try_open(storage, first), -EBADMSG);
    storage->class->close(storage);
}

/* More slots than a store may have are not all tried. */
static void test_too_many_slots(void **state)
{
    struct store *store = open_store(new_store(), first);
    struct storage *storage = store_storage(store);
    size_t size;
    char path[KEY_SLOT_PATH_SIZE];
    uint8_t id[KEY_SLOT_ID_BYTES] = {0};
    uint8_t bytes[KEY_SLOT_BYTES];

    (void)state;
    memcpy(bytes, memory_storage_bytes(storage, slot_name(storage), &size), sizeof bytes);
    bytes[0] ^= 1;
    for (uint8_t i = 1; i < KEY_SLOTS_MOST; i++) {
        id[0] = i;
        key_slot_path(id, path);
        memory_storage_set(storage, path, bytes, sizeof bytes);
    }
    assert_int_equal(try_open(storage, first), 0);
    assert_int_equal(store_key_add(store, &cheap, &second, id, NULL), -ENOSPC);
    id[0] = 0;
    key_slot_path(id, path);
    memory_storage_set(storage, path, bytes, sizeof bytes);
    assert_int_equal(try_open(storage, first), -EBADMSG);
    store_close(store);
}

/* A store's slot in another store, also under its own name, with the other's header or its own. */
static void test_exchanged(void **state)
{
    struct storage *one = new_store();
    struct storage *other = memory_storage_new();
    size_t size;

    (void)state;
    assert_int_equal(store_init_with(other, &header, &second, &cheap, NULL), 0);
    memory_storage_set(other, slot_name(one), memory_storage_bytes(one, slot_name(one), &size),
                       KEY_SLOT_BYTES);
    assert_int_equal(try_open(other, first), -EKEYREJECTED);
    assert_int_equal(try_open(other, second), 0);
    memory_storage_set(other, "store", memory_storage_bytes(one, "store", &size),
                       STORE_HEADER_BYTES);
    assert_int_equal(try_open(other, second), -EKEYREJECTED);
    one->class->close(one);
    other->class->close(other);
}

/* Every byte of the header. */
static void test_changed_header(void **state)
{
    struct storage *storage = new_store();
    size_t size;
    uint8_t *bytes = memory_storage_bytes(storage, "store", &size);

    (void)state;
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= (uint8_t)(1 << i % 8);

        int error = try_open(storage, first);

        assert_true(error == -EINVAL || error == -EKEYREJECTED);
        bytes[i] ^= (uint8_t)(1 << i % 8);
    }
    assert_int_equal(try_open(storage, first), 0);
    storage->class->close(storage);
}

/* ---- Faults ---- */

static const struct storage_fault faults[] = {
    {.operations = STORAGE_ALL, .code = EIO},
    {.operations = STORAGE_ALL, .code = ENOSPC, .effect = FAULT_PARTLY_DONE},
    {.operations = STORAGE_ALL, .code = EIO, .effect = FAULT_ALL_DONE},
    {.operations = STORAGE_ALL, .code = EIO, .for_ever = true},
    {.operations = STORAGE_WRITING, .code = EROFS, .for_ever = true},
};

/* Operation N fails, for every N: then the store is made, or nothing opens and the next try works.
 */
static void check_init(const struct storage_fault *kind)
{
    struct storage_fault fault = *kind;
    uint64_t failed;

    do {
        struct storage *storage = recording_storage_new(memory_storage_new());
        struct storage *inner = recording_storage_inner(storage);
        struct failure failure = {.code = 0};

        fault.nth++;
        recording_storage_set_fault(storage, &fault);

        int error = store_init_with(storage, &header, &first, &cheap, &failure);

        failed = recording_storage_failed(storage);
        recording_storage_set_fault(storage, NULL);
        if (error == 0) {
            assert_int_equal(try_open(inner, first), 0);
        } else {
            assert_true(failed > 0);
            assert_true(failure.code == -error && failure.text[0] != '\0');
            if (!fault.for_ever) {
                assert_int_equal(try_open(inner, first), -EINVAL);
                assert_int_equal(store_init_with(storage, &header, &second, &cheap, NULL), 0);
                assert_int_equal(try_open(inner, second), 0);
            }
        }
        storage->class->close(storage);
    } while (failed > 0);
    assert_true(fault.nth > 3);
}

static void test_init_faults(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(faults); i++)
        check_init(&faults[i]);
}

/* What is done to a store of two keys, first and second; opened with first. */
struct deed {
    int (*run)(struct store *store, struct failure *failure);
    bool first_opens; /* after it succeeded */
    bool third_opens;
};

static int run_add(struct store *store, struct failure *failure)
{
    uint8_t id[KEY_SLOT_ID_BYTES];

    return store_key_add(store, &cheap, &PASSPHRASE("third"), id, failure);
}

static int run_remove(struct store *store, struct failure *failure)
{
    uint8_t id[KEY_SLOT_ID_BYTES];

    memcpy(id, store->opened_slot, sizeof id);
    return store_key_remove(store, id, failure);
}

static int run_change(struct store *store, struct failure *failure)
{
    uint8_t id[KEY_SLOT_ID_BYTES];

    return store_key_change(store, &PASSPHRASE("third"), id, failure);
}

static const struct deed deeds[] = {
    {run_add, true, true},
    {run_remove, false, false},
    {run_change, false, true},
};

static struct storage *new_store_of_two(void)
{
    struct store *store = open_store(new_store(), first);
    uint8_t id[KEY_SLOT_ID_BYTES];

    assert_int_equal(store_key_add(store, &cheap, &second, id, NULL), 0);

    struct storage *storage = memory_storage_copy(store_storage(store));

    store_close(store);
    return storage;
}

static void check_done(struct storage *storage, const struct deed *deed)
{
    assert_int_equal(try_open(storage, first), deed->first_opens ? 0 : -EKEYREJECTED);
    assert_int_equal(try_open(storage, PASSPHRASE("third")), deed->third_opens ? 0 : -EKEYREJECTED);
    assert_int_equal(try_open(storage, second), 0);
}

/* Operation N fails: what another key opened, it still opens; and what succeeded, is so. */
static void check_deed(const struct deed *deed, const struct storage_fault *kind,
                       struct storage *base)
{
    struct storage_fault fault = *kind;
    uint64_t failed;

    do {
        struct storage *storage = recording_storage_new(memory_storage_copy(base));
        struct storage *inner = recording_storage_inner(storage);
        struct store *store = open_store(storage, first);
        struct failure failure = {.code = 0};

        fault.nth++;
        recording_storage_set_fault(storage, &fault);

        int error = deed->run(store, &failure);

        failed = recording_storage_failed(storage);
        recording_storage_set_fault(storage, NULL);
        if (error == 0)
            check_done(inner, deed);
        else
            assert_true(failed > 0 && failure.code == -error);
        assert_int_equal(try_open(inner, second), 0);
        store_close(store);
    } while (failed > 0);
    assert_true(fault.nth > 2);
}

static void test_faults(void **state)
{
    struct storage *base = new_store_of_two();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(deeds); i++) {
        for (size_t j = 0; j < COUNT_OF(faults); j++)
            check_deed(&deeds[i], &faults[j], base);
    }
    base->class->close(base);
}

/* A power cut at every point: one of the two states, or for a moment both keys. */
static void check_power_cuts(const struct deed *deed, struct storage *base)
{
    struct storage *storage = recording_storage_new(memory_storage_copy(base));
    struct store *store = open_store(storage, first);
    size_t points = 0;

    recording_storage_forget(storage);
    assert_int_equal(deed->run(store, NULL), 0);
    for (size_t point = 0; point <= recording_storage_count(storage); point++) {
        for (int fate = REPLAY_DROPPED; fate <= REPLAY_CHOSEN; fate++) {
            struct storage *after = memory_storage_copy(base);
            struct replayed replayed;
            const struct replay how = {.point = point, .fate = (enum replay_fate)fate, .choice = 2};

            assert_int_equal(recording_storage_replay(storage, &how, after, &replayed, NULL), 0);
            points += replayed.in_flight > 0;
            assert_int_equal(try_open(after, second), 0);
            if (try_open(after, first) != 0 && deed->third_opens)
                assert_int_equal(try_open(after, PASSPHRASE("third")), 0);
            if (point == recording_storage_count(storage))
                check_done(after, deed);
            after->class->close(after);
        }
    }
    assert_true(points > 0);
    store_close(store);
}

static void test_power_cuts(void **state)
{
    struct storage *base = new_store_of_two();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(deeds); i++)
        check_power_cuts(&deeds[i], base);
    base->class->close(base);
}

/* The same of making a store: there is one, or there is none. */
static void test_init_power_cuts(void **state)
{
    struct storage *storage = recording_storage_new(memory_storage_new());

    (void)state;
    assert_int_equal(store_init_with(storage, &header, &first, &cheap, NULL), 0);
    for (size_t point = 0; point <= recording_storage_count(storage); point++) {
        for (int fate = REPLAY_DROPPED; fate <= REPLAY_CHOSEN; fate++) {
            struct storage *after = memory_storage_new();
            const struct replay how = {.point = point, .fate = (enum replay_fate)fate};

            assert_int_equal(recording_storage_replay(storage, &how, after, NULL, NULL), 0);

            int error = try_open(after, first);

            assert_true(error == 0 || error == -EINVAL);
            if (point == recording_storage_count(storage))
                assert_int_equal(error, 0);
            after->class->close(after);
        }
    }
    storage->class->close(storage);
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
        cmocka_unit_test(test_damaged_slots),
        cmocka_unit_test(test_too_many_slots),
        cmocka_unit_test(test_exchanged),
        cmocka_unit_test(test_changed_header),
        cmocka_unit_test(test_init_faults),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_init_power_cuts),
        cmocka_unit_test(test_power_cuts),
    };

    return cmocka_run_group_tests(tests, set_up_state, tear_down_state);
}
