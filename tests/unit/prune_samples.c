/* SPDX-License-Identifier: MIT */
#include "tests/unit/prune_samples.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fs/store/check.h"
#include "tests/unit/object_samples.h"
#include "tests/unit/succeed.h"

const struct prune_options sample_prune_now = {.unused = {UNUSED_PERCENT, 0}};
const struct prune_options sample_prune_usual = {.grace_ns = PRUNE_GRACE_NS,
                                                 .unused = {UNUSED_PERCENT, PRUNE_UNUSED_PERCENT}};

struct prune_result sample_prune(struct store *store, const struct prune_options *options)
{
    struct prune_result result = {.records_removed = 0};

    succeed(prune(store, options, &result, &failure));
    return result;
}

/* A check_report. */
static void complain(void *context, const struct check_finding *finding)
{
    (void)context;
    print_message("%s: %s\n", finding->file != NULL ? finding->file : "", finding->text);
}

void sample_assert_sound(struct store *store)
{
    const struct check_options options = {.read_data = true, .threads = 1, .report = complain};
    struct check_result result;

    succeed(check(store, &options, &result, &failure));
    assert_int_equal(result.findings, 0);
}

void sample_orphan(struct store *store, char name[PACK_NAME_SIZE])
{
    struct object_reader *reader = sample_reader(store);
    struct object_batch *batch = sample_batch(store, reader);
    struct object_writer *writer = sample_writer(batch);
    struct sample sample =
        sample_put(writer, OBJECT_ROW_GROUP, sample_data(77, 0, 5000), 5000, NULL);

    sample_release(&sample);
    sample_writer_finish(writer);
    sample_batch_finish(batch, name);
    object_reader_free(reader);
}
