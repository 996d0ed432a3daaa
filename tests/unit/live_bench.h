/* SPDX-License-Identifier: MIT */
/*
 * A live source on a fake one, with all that the tree would give it, and what a
 * mount would ask of it. What cannot fail in a test ends the program if it does.
 */
#ifndef CRMFS_TESTS_LIVE_BENCH_H
#define CRMFS_TESTS_LIVE_BENCH_H

#include <sys/types.h>

#include "fs/base/buffer.h"
#include "fs/store/spool.h"
#include "fs/tree/generation.h"
#include "fs/tree/live.h"
#include "fs/tree/node.h"
#include "tests/unit/fake_source.h"

#define NOBODY 0 /* a caller that is not known */

struct live_bench {
    struct fake_source *fake;
    struct spool *spool;
    struct generation_context context;
    bool cancelled;
    uint64_t refresh_ns;      /* a second, unless changed before bench_start */
    uint64_t view_timeout_ns; /* none, unless changed before bench_start */
    struct live *live;
    struct node *folder;
};

extern const struct fake_behaviour bench_well;
extern const struct fake_behaviour bench_hurried;

/* All but the live source; the fake one has no tables yet. Not to be moved afterwards. */
void bench_prepare(struct live_bench *bench, const struct fake_behaviour *behaviour);
int bench_start(struct live_bench *bench, struct failure *failure);

/* Both, with these tables, which are taken over; or with what bench_show shows. */
void bench_create(struct live_bench *bench, struct fake_table *const *tables, size_t count,
                  const struct fake_behaviour *behaviour);
void bench_create_usual(struct live_bench *bench, const struct fake_behaviour *behaviour);

/* The usual one, and a process that asks there; it came first, and holds nothing of the bench. */
pid_t bench_create_with_process(struct live_bench *bench);
void bench_free_with_process(struct live_bench *bench, pid_t process);

/* In the order of tree_free. Nothing may be left in the spool, nor open at the source. */
void bench_free(struct live_bench *bench);

/* Version SEED of two tables, contacts and notes, of some hundred rows. */
void bench_show(struct live_bench *bench, uint64_t seed);

/* The same, and time enough to see it. */
void bench_change(struct live_bench *bench, uint64_t seed);

/* Needs own_clock.h; the second also does what is due after them. */
void pass_seconds(unsigned seconds);
void bench_pass_seconds(struct live_bench *bench, unsigned seconds);
extern uint64_t seconds_passed; /* atomic */

uint64_t bench_spool_used(const struct live_bench *bench);

int bench_try_lookup(struct live_bench *bench, pid_t process, const char *name,
                     struct node **ret_node, struct failure *failure);
struct node *bench_lookup(struct live_bench *bench, pid_t process, const char *name);

/* The inode that the name means now; the second opens and closes the file besides. */
uint64_t bench_inode(struct live_bench *bench, pid_t process, const char *name);
uint64_t bench_read_through(struct live_bench *bench, pid_t process, const char *name);

/* The whole file as a string; freed by the caller. */
char *bench_text(struct live_bench *bench, pid_t process, const char *name);

struct listing *bench_list(struct live_bench *bench, pid_t process);
void bench_walk(struct live_bench *bench, pid_t process); /* lists, looks at nothing */

/* Attributes of a file, waited for. */
struct node_attributes node_told(struct node *node);
void check_same_attributes(const struct node_attributes *left, const struct node_attributes *right);

struct handle *node_open(struct node *node, pid_t process);

/* A file looked up and open. */
struct bench_file {
    struct node *node;
    struct handle *handle;
};
struct bench_file bench_open(struct live_bench *bench, pid_t process, const char *name);
void bench_close(struct bench_file *file);

/* The whole content; the second opens it, and sees that it has the length told. */
struct buffer handle_text(struct handle *handle);
struct buffer node_text(struct node *node, pid_t process);

/*
 * A process that waits to be ended. A family: DEPTH + 1 processes, each the next
 * one's parent. None outlives the test.
 */
pid_t process_spawn(void);
void process_end(pid_t process);
void process_spawn_family(unsigned depth, pid_t *pids);
void process_end_family(const pid_t *pids, unsigned count);

#endif
