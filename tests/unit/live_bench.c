/* SPDX-License-Identifier: MIT */
#include "tests/unit/live_bench.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fs/base/clock.h"
#include "fs/table/cutter.h"
#include "fs/table/reader.h"
#include "tests/unit/sample_table.h"

#define MIB ((size_t)1 << 20)

uint64_t seconds_passed;

const struct fake_behaviour bench_well;
const struct fake_behaviour bench_hurried = {.hurry = true};

static const uint8_t cut_key[CUTTER_KEY_BYTES] = "a key for tests";

void bench_prepare(struct live_bench *bench, const struct fake_behaviour *behaviour)
{
    struct spool_options options = {.limit_bytes = 256 * MIB};

    *bench = (struct live_bench){.fake = fake_source_create(), .refresh_ns = NS_PER_SECOND};
    fake_source_behave(bench->fake, behaviour);
    must(spool_create(&options, &bench->spool, NULL) == 0);
    bench->context = (struct generation_context){
        .spool = bench->spool,
        .cache = render_cache_create(MIB, 1),
        .cut_key = cut_key,
        .scan_threads = 2,
        .cancelled = &bench->cancelled,
    };
    must(bench->context.cache != NULL);
}

int bench_start(struct live_bench *bench, struct failure *failure)
{
    struct live_options options = {
        .context = &bench->context,
        .folder = "live",
        .name = "crm",
        .url = "fake:crm",
        .source = fake_source_source(bench->fake),
        .refresh_ns = bench->refresh_ns,
        .view_timeout_ns = bench->view_timeout_ns,
    };
    int error = live_create(&options, &bench->live, failure);

    if (error == 0)
        bench->folder = live_folder(bench->live);
    return error;
}

void bench_create(struct live_bench *bench, struct fake_table *const *tables, size_t count,
                  const struct fake_behaviour *behaviour)
{
    bench_prepare(bench, behaviour);
    fake_source_set(bench->fake, tables, count);
    must(bench_start(bench, NULL) == 0);
}

void bench_show(struct live_bench *bench, uint64_t seed)
{
    struct fake_table *tables[] = {
        sample_contacts("contacts", 200 + (size_t)seed % 50, seed),
        sample_notes("notes", 300 + (size_t)seed % 50, 40, seed),
    };

    fake_source_set(bench->fake, tables, 2);
}

void bench_create_usual(struct live_bench *bench, const struct fake_behaviour *behaviour)
{
    bench_prepare(bench, behaviour);
    bench_show(bench, 1);
    must(bench_start(bench, NULL) == 0);
}

uint64_t bench_spool_used(const struct live_bench *bench)
{
    struct spool_usage usage;

    spool_usage(bench->spool, &usage);
    return usage.used_bytes;
}

pid_t bench_create_with_process(struct live_bench *bench)
{
    pid_t process = process_spawn();

    bench_create_usual(bench, &bench_well);
    return process;
}

void bench_free_with_process(struct live_bench *bench, pid_t process)
{
    process_end(process);
    bench_free(bench);
}

void bench_free(struct live_bench *bench)
{
    render_cache_end(bench->context.cache);
    node_release(bench->folder);
    live_free(bench->live);
    render_cache_free(bench->context.cache);
    must(bench_spool_used(bench) == 0);
    spool_free(bench->spool);
    fake_source_free(bench->fake);
}

int bench_try_lookup(struct live_bench *bench, pid_t process, const char *name,
                     struct node **ret_node, struct failure *failure)
{
    struct caller caller = {.process = process};
    uint64_t valid_ns;

    return bench->folder->class->lookup(bench->folder, name, &caller, ret_node, &valid_ns, failure);
}

struct node *bench_lookup(struct live_bench *bench, pid_t process, const char *name)
{
    struct node *node;
    struct failure failure = {0};
    int error = bench_try_lookup(bench, process, name, &node, &failure);

    if (error != 0)
        fprintf(stderr, "%s: %s: %s\n", name, strerror(-error), failure.text);
    must(error == 0);
    return node;
}

struct node_attributes node_told(struct node *node)
{
    struct node_attributes result;
    uint64_t valid_ns;

    must(node->class->attributes(node, true, &result, &valid_ns, NULL) == 0);
    must(valid_ns == VALID_FOR_EVER);
    must(result.type == S_IFREG);
    return result;
}

void check_same_attributes(const struct node_attributes *left, const struct node_attributes *right)
{
    must(left->type == right->type);
    must(left->bytes == right->bytes);
    must(left->modified.tv_sec == right->modified.tv_sec);
    must(left->modified.tv_nsec == right->modified.tv_nsec);
}

struct handle *node_open(struct node *node, pid_t process)
{
    struct caller caller = {.process = process};
    struct handle *handle;

    must(node->class->open(node, &caller, &handle, NULL) == 0);
    return handle;
}

struct buffer handle_text(struct handle *handle)
{
    struct buffer text = BUFFER((size_t)1 << 30);
    size_t before;

    do {
        struct reading reading;

        before = text.size;
        must(handle->class->read(handle, text.size, 100000, &reading, NULL) == 0);
        for (unsigned i = 0; i < reading.count; i++)
            must(buffer_append(&text, reading.pieces[i].iov_base, reading.pieces[i].iov_len) == 0);
        reading_release(&reading);
    } while (text.size != before);
    return text;
}

struct buffer node_text(struct node *node, pid_t process)
{
    struct handle *handle = node_open(node, process);
    struct buffer text = handle_text(handle);

    handle->class->close(handle);
    must(text.size == node_told(node).bytes);
    return text;
}

char *bench_text(struct live_bench *bench, pid_t process, const char *name)
{
    struct node *node = bench_lookup(bench, process, name);
    struct buffer text = node_text(node, process);

    node_release(node);
    must(buffer_append(&text, "", 1) == 0);
    return (char *)text.data;
}

struct listing *bench_list(struct live_bench *bench, pid_t process)
{
    struct caller caller = {.process = process};
    struct listing *listing;

    must(bench->folder->class->list(bench->folder, &caller, &listing, NULL) == 0);
    return listing;
}

void bench_walk(struct live_bench *bench, pid_t process)
{
    struct listing *listing = bench_list(bench, process);

    listing->class->close(listing);
}

uint64_t bench_inode(struct live_bench *bench, pid_t process, const char *name)
{
    struct node *node = bench_lookup(bench, process, name);
    uint64_t inode = node->inode;

    node_release(node);
    return inode;
}

struct bench_file bench_open(struct live_bench *bench, pid_t process, const char *name)
{
    struct node *node = bench_lookup(bench, process, name);

    return (struct bench_file){node, node_open(node, process)};
}

void bench_close(struct bench_file *file)
{
    file->handle->class->close(file->handle);
    node_release(file->node);
}

uint64_t bench_read_through(struct live_bench *bench, pid_t process, const char *name)
{
    struct bench_file file = bench_open(bench, process, name);
    uint64_t inode = file.node->inode;

    bench_close(&file);
    return inode;
}

void pass_seconds(unsigned seconds)
{
    __atomic_add_fetch(&seconds_passed, seconds, __ATOMIC_RELAXED);
}

void bench_pass_seconds(struct live_bench *bench, unsigned seconds)
{
    pass_seconds(seconds);
    live_tend(bench->live);
}

void bench_change(struct live_bench *bench, uint64_t seed)
{
    bench_show(bench, seed);
    pass_seconds(1);
}

/* A process that waits to be ended. DEPTH 1: it has a child, whose child … ; all of them in PIDS.
 */
void process_spawn_family(unsigned depth, pid_t *pids)
{
    int channel[2];

    must(pipe(channel) == 0);

    pid_t first = fork();

    must(first >= 0);
    if (first == 0) {
        for (unsigned i = 0; i <= depth; i++) {
            pid_t self = getpid();

            /* Nobody outlives the test, however that ends. */
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (write(channel[1], &self, sizeof self) != sizeof self)
                _exit(1);
            if (i < depth && fork() != 0)
                break;
        }
        close(channel[0]);
        close(channel[1]);
        for (;;)
            pause();
    }
    close(channel[1]);
    for (unsigned i = 0; i <= depth; i++)
        must(read(channel[0], &pids[i], sizeof pids[i]) == sizeof pids[i]);
    close(channel[0]);
}

pid_t process_spawn(void)
{
    pid_t process;

    process_spawn_family(0, &process);
    return process;
}

void process_end(pid_t process)
{
    must(kill(process, SIGKILL) == 0);
    waitpid(process, NULL, 0);
}

void process_end_family(const pid_t *pids, unsigned count)
{
    for (unsigned i = count; i-- > 0;)
        process_end(pids[i]);
}
