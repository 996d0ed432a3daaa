/* SPDX-License-Identifier: MIT */
/*
 * Logs for tests: snapshots that are taken without any objects, and what the log amounts to. What
 * goes wrong ends the test, but for what is named so; the words are in failure (succeed.h).
 */
#ifndef CRMFS_TESTS_UNIT_LOG_SAMPLES_H
#define CRMFS_TESTS_UNIT_LOG_SAMPLES_H

#include "fs/store/log.h"

/* Takes sample_snapshot(NAME, NUMBER); with PACKS, it relies on those. */
void sample_take(struct store *store, struct log_state *state, const char *name, uint64_t number);
void sample_take_packs(struct store *store, struct log_state *state, const char *name,
                       uint64_t number, const char *const *packs, size_t count);
int sample_try_take(struct store *store, struct log_state *state, const char *name,
                    uint64_t number);

/* All that the log says, read by somebody who has seen nothing of it; to be released. */
struct log_state sample_log(struct store *store);
/* What reading it says. */
int sample_log_error(struct store *store);

void assert_same_snapshot(const struct snapshot *left, const struct snapshot *right);
void assert_same_log(const struct log_state *left, const struct log_state *right);

/* A storage whose store has three records: it was made, and two snapshots were taken. */
struct storage *sample_log_storage(void);

#endif
