/* SPDX-License-Identifier: MIT */
/*
 * A record of the log, opened: whatever it holds, it is refused, or it is a record that is the
 * same when it is written and read again, and that a state takes or refuses by its rules.
 */
#include <stdlib.h>
#include <string.h>

#include "fs/store/log_internal.h"
#include "tests/fuzz/target.h"

static void check_again(const struct log_entry *entry)
{
    cleanup_buffer struct buffer once = BUFFER(LOG_RECORD_LIMIT * 4);
    cleanup_buffer struct buffer twice = BUFFER(LOG_RECORD_LIMIT * 4);
    struct log_entry again;

    require(log_entry_encode(entry, &once) == 0);
    require(log_entry_decode(once.data, once.size, &again) == 0);
    require(log_entry_encode(&again, &twice) == 0);
    require(once.size == twice.size && memcmp(once.data, twice.data, once.size) == 0);
    log_entry_release(&again);
}

/* As the second record of a store whose first one created it. */
static void apply(struct log_entry *entry)
{
    struct log_state state = {.sequence = entry->kind == LOG_CREATE ? 0 : 1};
    struct store_header header = {.cipher = SEAL_AES_256_GCM};
    static const uint8_t hash[LOG_HASH_BYTES] = {1};

    entry->sequence = state.sequence + 1;
    memset(entry->before, 0, sizeof entry->before);
    if (log_state_check(&state, &header, entry, NULL) == 0) {
        require(log_state_prepare(&state, entry) == 0);
        log_state_apply(&state, entry, hash);
        require(state.snapshot_count <= 1);
    }
    log_state_release(&state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct log_entry entry;

    if (log_entry_decode(data, size, &entry) == 0) {
        check_again(&entry);
        apply(&entry);
        log_entry_release(&entry);
    }
    return 0;
}
