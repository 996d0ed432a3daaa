/* SPDX-License-Identifier: MIT */
/* What the log says of files/: who writes, what the top is, and what snapshots keep of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "fs/base/buffer.h"
#include "fs/store/log_internal.h"
#include "tests/unit/store_samples.h"
#include "tests/unit/succeed.h"

static const uint8_t one[FILES_WRITER_BYTES] = {1};
static const uint8_t other[FILES_WRITER_BYTES] = {2};

static struct object_reference top_of(uint8_t number)
{
    return (struct object_reference){
        .id = {number}, .pack_hint = number, .offset = 40, .sealed_size = 100};
}

static int claim(struct store *store, struct log_state *state, const uint8_t *writer)
{
    struct files_claim claim = {
        .stands = true, .host = (char[]){"höst"}, .process = (char[]){"12 34 boot"}};

    memcpy(claim.writer, writer, sizeof claim.writer);
    return log_claim(store, state, &claim, &failure);
}

/* What another process reads, and what a checkpoint keeps, is the same. */
static void assert_kept(struct store *store, const struct log_state *state)
{
    cleanup_buffer struct buffer plain = BUFFER(CHECKPOINT_LIMIT);
    struct log_state found[3] = {{.sequence = 0}, {.sequence = 0}, {.sequence = 0}};

    succeed(log_read(store, &found[0], &failure));
    succeed(checkpoint_encode(state, &plain));
    succeed(checkpoint_decode(plain.data, plain.size, &found[1]));
    succeed(log_state_copy(state, &found[2]));
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(found[i].has_files, state->has_files);
        if (state->has_files)
            assert_memory_equal(found[i].files.id, state->files.id, OBJECT_ID_BYTES);
        assert_int_equal(found[i].claim.stands, state->claim.stands);
        if (state->claim.stands) {
            assert_memory_equal(found[i].claim.writer, state->claim.writer, FILES_WRITER_BYTES);
            assert_string_equal(found[i].claim.host, "höst");
            assert_string_equal(found[i].claim.process, "12 34 boot");
            assert_true(found[i].claim.time_ns == state->claim.time_ns);
        }
        assert_int_equal(found[i].snapshot_count, state->snapshot_count);
        for (size_t j = 0; j < state->snapshot_count; j++) {
            assert_int_equal(found[i].snapshots[j].has_files, state->snapshots[j].has_files);
            assert_memory_equal(found[i].snapshots[j].files.id, state->snapshots[j].files.id,
                                OBJECT_ID_BYTES);
        }
        log_state_release(&found[i]);
    }
}

static void only_who_has_the_claim_writes(void **context)
{
    const struct object_reference first = top_of(7), second = top_of(8);
    struct store *store = sample_store();
    struct log_state state = {.sequence = 0};

    (void)context;
    succeed(log_read(store, &state, &failure));
    assert_int_equal(log_files(store, &state, one, &first, NULL, 0, &failure), -EPERM);
    assert_int_equal(log_release(store, &state, one, &failure), -EPERM);
    succeed(claim(store, &state, one));
    assert_kept(store, &state);
    succeed(log_files(store, &state, one, &first, NULL, 0, &failure));
    assert_kept(store, &state);
    assert_int_equal(log_files(store, &state, other, &second, NULL, 0, &failure), -EPERM);
    succeed(claim(store, &state, other));
    assert_int_equal(log_files(store, &state, one, &second, NULL, 0, &failure), -EPERM);
    assert_non_null(strstr(failure.text, "taken over"));
    succeed(log_files(store, &state, other, &second, NULL, 0, &failure));
    assert_int_equal(log_release(store, &state, one, &failure), -EPERM);
    succeed(log_release(store, &state, other, &failure));
    assert_false(state.claim.stands);
    assert_true(state.has_files && state.files.id[0] == 8);
    assert_kept(store, &state);
    log_state_release(&state);
    store_close(store);
}

static void snapshots_keep_the_top(void **context)
{
    struct store *store = sample_store();
    struct log_state state = {.sequence = 0};
    struct snapshot without = sample_snapshot("without", 1);
    struct snapshot with = sample_snapshot("with", 2);

    (void)context;
    with.has_files = true;
    with.files = top_of(9);
    succeed(log_read(store, &state, &failure));
    succeed(log_take(store, &state, &without, NULL, 0, &failure));
    succeed(log_take(store, &state, &with, NULL, 0, &failure));
    assert_true(log_find(&state, "with")->has_files);
    assert_false(log_find(&state, "without")->has_files);
    assert_kept(store, &state);
    sample_snapshot_release(&without);
    sample_snapshot_release(&with);
    log_state_release(&state);
    store_close(store);
}

static void marked_packs_cannot_be_named(void **context)
{
    const struct object_reference top = top_of(7);
    struct store *store = sample_store();
    struct log_state state = {.sequence = 0};
    char pack[65];
    const char *const packs[] = {pack};

    (void)context;
    sample_pack_name(3, pack);
    succeed(log_read(store, &state, &failure));
    succeed(claim(store, &state, one));
    succeed(log_mark_packs(store, &state, packs, 1, &failure));
    assert_int_equal(log_files(store, &state, one, &top, packs, 1, &failure), -EBUSY);
    succeed(log_unmark_packs(store, &state, packs, 1, &failure));
    succeed(log_files(store, &state, one, &top, packs, 1, &failure));
    log_state_release(&state);
    store_close(store);
}

static void other_claims_are_refused(void **context)
{
    static const char *const wrong[] = {
        "{\"writer\":\"01000000000000000000000000000000\",\"host\":\"h\",\"process\":\"\"}",
        "{\"writer\":\"01000000000000000000000000000000\",\"host\":\"\\n\",\"process\":\"p\"}",
        "{\"writer\":\"010000000000000000000000000000\",\"host\":\"h\",\"process\":\"p\"}",
        "{\"writer\":\"01000000000000000000000000000000\",\"host\":\"h\"}",
    };

    (void)context;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint8_t plain[1024] = {0};
        struct log_entry entry;
        size_t length = strlen(wrong[i]);

        plain[48] = LOG_CLAIM;
        plain[52] = (uint8_t)length;
        memcpy(plain + 56, wrong[i], length);
        assert_int_equal(log_entry_decode(plain, sizeof plain, &entry), -EBADMSG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_who_has_the_claim_writes),
        cmocka_unit_test(snapshots_keep_the_top),
        cmocka_unit_test(marked_packs_cannot_be_named),
        cmocka_unit_test(other_claims_are_refused),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
