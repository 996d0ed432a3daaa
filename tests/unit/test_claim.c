/* SPDX-License-Identifier: MIT */
/*
 * Who has a claim, and whether it lives: processes of ours that make one and wait to be killed, in
 * the same name spaces, or in others, as containers have them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fs/files/claim.h"
#include "tests/unit/dir_place.h"

#define TEXT_SIZE (FILES_CLAIM_TEXT_LIMIT + 1)

/* What a writer says through a pipe. */
struct told {
    pid_t process; /* as its parent counts */
    uint8_t writer[FILES_WRITER_BYTES];
    char host[TEXT_SIZE];
    char text[TEXT_SIZE];
};

struct writer {
    pid_t parent;
    struct told told;
};

static void make_claim(const struct place *place, bool locks, struct told *told)
{
    struct storage_class without;
    struct storage *storage;
    struct own_claim own;

    if (dir_storage_open(place->path, 0, &storage, NULL) != 0)
        _exit(1);
    without = *storage->class;
    without.local_folder = NULL;
    if (!locks)
        storage->class = &without;
    if (claim_make(storage, &own, NULL) != 0)
        _exit(1);
    memcpy(told->writer, own.claim.writer, sizeof told->writer);
    snprintf(told->host, sizeof told->host, "%s", own.claim.host);
    snprintf(told->text, sizeof told->text, "%s", own.claim.process);
}

/* In the writer's parent, which shows how the writer has ended. */
static void run_writer(const struct place *place, int spaces, bool locks, int told_to)
{
    int turns[2];
    struct told told = {.process = 0};

    if (unshare(spaces) != 0 || pipe2(turns, O_CLOEXEC) != 0)
        _exit(1);
    if ((spaces & CLONE_NEWUTS) != 0 && sethostname("another", 7) != 0)
        _exit(1);

    pid_t writer = fork();

    if (writer == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (read(turns[0], &told.process, sizeof told.process) != sizeof told.process)
            _exit(1);
        make_claim(place, locks, &told);
        if (write(told_to, &told, sizeof told) != sizeof told)
            _exit(1);
        for (;;)
            pause();
    }
    if (writer < 0 || write(turns[1], &writer, sizeof writer) != sizeof writer)
        _exit(1);
    close(turns[0]);
    close(told_to);
    waitpid(writer, NULL, 0);
    _exit(0);
}

static struct writer writer_start(const struct place *place, int spaces, bool locks)
{
    struct writer writer = {.parent = -1};
    int ends[2];

    if (geteuid() != 0)
        fail_msg("only root can make name spaces");
    assert_int_equal(pipe(ends), 0);
    writer.parent = fork();
    assert_true(writer.parent >= 0);
    if (writer.parent == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        run_writer(place, spaces, locks, ends[1]);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &writer.told, sizeof writer.told), sizeof writer.told);
    close(ends[0]);
    return writer;
}

/* Borrows. */
static struct files_claim claim_of(struct writer *writer)
{
    struct files_claim claim = {
        .stands = true, .host = writer->told.host, .process = writer->told.text};

    memcpy(claim.writer, writer->told.writer, sizeof claim.writer);
    return claim;
}

static bool is_dead(const struct place *place, struct writer *writer)
{
    const struct files_claim claim = claim_of(writer);

    return claim_is_dead(place->storage, &claim);
}

static void writer_kill(struct writer *writer)
{
    assert_int_equal(kill(writer->told.process, SIGKILL), 0);
    assert_int_equal(waitpid(writer->parent, NULL, 0), writer->parent);
}

static const char *lock_file(const struct place *place, const struct writer *writer)
{
    char id[2 * FILES_WRITER_BYTES + 1];
    char name[64];

    sodium_bin2hex(id, sizeof id, writer->told.writer, sizeof writer->told.writer);
    snprintf(name, sizeof name, "tmp/%s.writer", id);
    return place_path(place, name);
}

static void a_writer_lives_as_long_as_its_process(void **context)
{
    static const int spaces[] = {0, CLONE_NEWPID, CLONE_NEWUTS, CLONE_NEWPID | CLONE_NEWUTS};
    const struct place *place = *context;

    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++) {
        struct writer writer = writer_start(place, spaces[i], true);

        assert_false(is_dead(place, &writer));
        assert_int_equal(access(lock_file(place, &writer), F_OK), 0);
        writer_kill(&writer);
        assert_true(is_dead(place, &writer));
        claim_lock_remove(place->storage, writer.told.writer);
        assert_int_not_equal(access(lock_file(place, &writer), F_OK), 0);
    }
}

/* Its own name space tells of a process without a lock, another one's numbers mean nothing. */
static void without_a_lock_another_container_is_not_judged(void **context)
{
    const struct place *place = *context;
    struct writer here = writer_start(place, 0, false);
    struct writer there = writer_start(place, CLONE_NEWPID, false);

    assert_false(is_dead(place, &here));
    assert_false(is_dead(place, &there));
    writer_kill(&here);
    writer_kill(&there);
    assert_true(is_dead(place, &here));
    assert_false(is_dead(place, &there));
}

/* As where the store was copied, or is seen by way of another mount of a network's file system. */
static void a_free_lock_of_another_file_says_nothing(void **context)
{
    const struct place *place = *context;
    struct writer writer = writer_start(place, CLONE_NEWPID, true);
    char kept[128];
    FILE *other;

    snprintf(kept, sizeof kept, "%s", place_path(place, "kept"));
    assert_int_equal(rename(lock_file(place, &writer), kept), 0);
    assert_false(is_dead(place, &writer));
    other = fopen(lock_file(place, &writer), "w");
    assert_non_null(other);
    fclose(other);
    assert_false(is_dead(place, &writer));
    writer_kill(&writer);
    assert_false(is_dead(place, &writer));
}

/* Two machines of one name, or one that was started again: only the lock tells them apart. */
static void another_boot_is_the_end_unless_the_lock_is_held(void **context)
{
    const struct place *place = *context;
    struct writer writer = writer_start(place, 0, true);
    long process;
    unsigned long long start;
    char boot[64];

    assert_int_equal(sscanf(writer.told.text, "%ld %llu %63s", &process, &start, boot), 3);

    char *digit = strstr(writer.told.text, boot);

    *digit = *digit == '0' ? '1' : '0';
    assert_false(is_dead(place, &writer));
    snprintf(writer.told.host, sizeof writer.told.host, "another");
    assert_false(is_dead(place, &writer));
    writer_kill(&writer);
    assert_false(is_dead(place, &writer));
    assert_int_equal(gethostname(writer.told.host, sizeof writer.told.host), 0);
    assert_true(is_dead(place, &writer));
}

/* They end with the boot's id. */
static void claims_of_earlier_versions_are_told_by_their_process(void **context)
{
    const struct place *place = *context;
    struct writer writer = writer_start(place, 0, true);
    long process;
    unsigned long long start;
    char boot[64];

    assert_int_equal(sscanf(writer.told.text, "%ld %llu %63s", &process, &start, boot), 3);
    snprintf(writer.told.text, sizeof writer.told.text, "%ld %llu %s", process, start, boot);
    assert_false(is_dead(place, &writer));
    snprintf(writer.told.text, sizeof writer.told.text, "%ld %llu %s", process, start + 1, boot);
    assert_true(is_dead(place, &writer));
    writer_kill(&writer);
    snprintf(writer.told.text, sizeof writer.told.text, "%ld %llu %s", process, start, boot);
    assert_true(is_dead(place, &writer));
}

static void a_claim_that_is_given_back_leaves_nothing(void **context)
{
    const struct place *place = *context;
    struct own_claim own;

    assert_int_equal(claim_make(place->storage, &own, NULL), 0);
    assert_int_equal(entries_in(place_path(place, "tmp")), 1);
    claim_release(place->storage, &own);
    assert_int_equal(entries_in(place_path(place, "tmp")), 0);
}

int main(void)
{
#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, place_begin, place_end)
    const struct CMUnitTest tests[] = {
        IN_PLACE(a_writer_lives_as_long_as_its_process),
        IN_PLACE(without_a_lock_another_container_is_not_judged),
        IN_PLACE(a_free_lock_of_another_file_says_nothing),
        IN_PLACE(another_boot_is_the_end_unless_the_lock_is_held),
        IN_PLACE(claims_of_earlier_versions_are_told_by_their_process),
        IN_PLACE(a_claim_that_is_given_back_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
