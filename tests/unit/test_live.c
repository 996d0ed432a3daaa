/* SPDX-License-Identifier: MIT */
/*
 * Live sources without a mount: what names mean to whom and for how long. The
 * monotonic clock is the test's own, so that seconds pass when it says so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fs/store/spool.h"
#include "fs/table/cutter.h"
#include "fs/table/reader.h"
#include "fs/tree/clock.h"
#include "fs/tree/live.h"
#include "tests/unit/fake_source.h"
#include "tests/unit/plain_render.h"
#include "tests/unit/sample_table.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define MIB ((size_t)1 << 20)
#define NOBODY 0

static uint64_t seconds_passed; /* atomic */

int clock_gettime(clockid_t clock, struct timespec *ret_time)
{
    if (syscall(SYS_clock_gettime, clock, ret_time) != 0)
        return -1;
    if (clock == CLOCK_MONOTONIC)
        ret_time->tv_sec += (time_t)__atomic_load_n(&seconds_passed, __ATOMIC_RELAXED);
    return 0;
}

static void pass_seconds(unsigned seconds)
{
    __atomic_add_fetch(&seconds_passed, seconds, __ATOMIC_RELAXED);
}

static const uint8_t cut_key[CUTTER_KEY_BYTES] = "a key for tests";

/* A live source and what the tree would give it. */
struct bench {
    struct fake_source *fake;
    struct spool *spool;
    struct generation_context context;
    bool cancelled;
    uint64_t refresh_ns;
    struct live *live;
    struct node *folder;
};

static void bench_prepare(struct bench *bench, const struct fake_behaviour *behaviour)
{
    struct spool_options options = {.limit_bytes = 256 * MIB};

    *bench = (struct bench){.fake = fake_source_create(), .refresh_ns = NS_PER_SECOND};
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

static int bench_start(struct bench *bench, struct failure *failure)
{
    struct live_options options = {
        .context = &bench->context,
        .name = "crm",
        .url = "fake:crm",
        .source = fake_source_source(bench->fake),
        .refresh_ns = bench->refresh_ns,
    };
    int error = live_create(&options, &bench->live, failure);

    if (error == 0)
        bench->folder = live_folder(bench->live);
    return error;
}

/* The tables are taken over. */
static void bench_create(struct bench *bench, struct fake_table *const *tables, size_t count,
                         const struct fake_behaviour *behaviour)
{
    bench_prepare(bench, behaviour);
    fake_source_set(bench->fake, tables, count);
    must(bench_start(bench, NULL) == 0);
}

/* A source of two tables, contacts and notes, of some hundred rows. */
static void show_version(struct bench *bench, uint64_t seed)
{
    struct fake_table *tables[] = {
        sample_contacts("contacts", 200 + (size_t)seed % 50, seed),
        sample_notes("notes", 300 + (size_t)seed % 50, 40, seed),
    };

    fake_source_set(bench->fake, tables, COUNT_OF(tables));
}

static void bench_create_usual(struct bench *bench, const struct fake_behaviour *behaviour)
{
    bench_prepare(bench, behaviour);
    show_version(bench, 1);
    must(bench_start(bench, NULL) == 0);
}

static uint64_t spool_used(const struct bench *bench)
{
    struct spool_usage usage;

    spool_usage(bench->spool, &usage);
    return usage.used_bytes;
}

/* In the order of tree_free. */
static void bench_free(struct bench *bench)
{
    render_cache_free(bench->context.cache);
    node_release(bench->folder);
    live_free(bench->live);
    must(spool_used(bench) == 0);
    spool_free(bench->spool);
    fake_source_free(bench->fake);
}

static int try_lookup(struct bench *bench, pid_t process, const char *name, struct node **ret_node,
                      struct failure *failure)
{
    struct caller caller = {process};
    uint64_t valid_ns;

    return bench->folder->class->lookup(bench->folder, name, &caller, ret_node, &valid_ns, failure);
}

static struct node *lookup(struct bench *bench, pid_t process, const char *name)
{
    struct node *node;
    struct failure failure = {0};
    int error = try_lookup(bench, process, name, &node, &failure);

    if (error != 0)
        fprintf(stderr, "%s: %s: %s\n", name, strerror(-error), failure.text);
    must(error == 0);
    return node;
}

static struct node_attributes attributes(struct node *node)
{
    struct node_attributes result;
    uint64_t valid_ns;

    must(node->class->attributes(node, true, &result, &valid_ns, NULL) == 0);
    must(valid_ns == VALID_FOR_EVER);
    must(result.type == S_IFREG);
    return result;
}

static void assert_same_attributes(const struct node_attributes *left,
                                   const struct node_attributes *right)
{
    assert_int_equal(left->type, right->type);
    assert_int_equal(left->bytes, right->bytes);
    assert_int_equal(left->modified.tv_sec, right->modified.tv_sec);
    assert_int_equal(left->modified.tv_nsec, right->modified.tv_nsec);
}

static struct handle *open_node(struct node *node, pid_t process)
{
    struct caller caller = {process};
    struct handle *handle;

    must(node->class->open(node, &caller, &handle, NULL) == 0);
    return handle;
}

static struct buffer read_handle(struct handle *handle)
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

static struct buffer read_node(struct node *node, pid_t process)
{
    struct handle *handle = open_node(node, process);
    struct buffer text = read_handle(handle);

    handle->class->close(handle);
    must(text.size == attributes(node).bytes);
    return text;
}

/* The whole file as a string; freed by the caller. */
static char *text_of(struct bench *bench, pid_t process, const char *name)
{
    struct node *node = lookup(bench, process, name);
    struct buffer text = read_node(node, process);

    node_release(node);
    must(buffer_append(&text, "", 1) == 0);
    return (char *)text.data;
}

static bool equals_plain(const struct buffer *text, const struct fake_table *table,
                         enum table_format format)
{
    struct buffer expected = plain_render(table, format);
    bool equal = text->size == expected.size &&
                 (text->size == 0 || memcmp(text->data, expected.data, text->size) == 0);

    buffer_release(&expected);
    return equal;
}

static struct listing *list(struct bench *bench, pid_t process)
{
    struct caller caller = {process};
    struct listing *listing;

    must(bench->folder->class->list(bench->folder, &caller, &listing, NULL) == 0);
    return listing;
}

static void walk(struct bench *bench, pid_t process)
{
    struct listing *listing = list(bench, process);

    listing->class->close(listing);
}

static uint64_t inode_of(struct bench *bench, pid_t process, const char *name)
{
    struct node *node = lookup(bench, process, name);
    uint64_t inode = node->inode;

    node_release(node);
    return inode;
}

/* Opens and closes the file that the name means now. */
static uint64_t read_through(struct bench *bench, pid_t process, const char *name)
{
    struct node *node = lookup(bench, process, name);
    struct handle *handle = open_node(node, process);
    uint64_t inode = node->inode;

    handle->class->close(handle);
    node_release(node);
    return inode;
}

/* A change, and time enough to see it. */
static void change(struct bench *bench, uint64_t seed)
{
    show_version(bench, seed);
    pass_seconds(1);
}

/* A process that waits to be ended. DEPTH 1: it has a child, whose child … ; all of them in PIDS.
 */
static void spawn(unsigned depth, pid_t *pids)
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

static pid_t spawn_one(void)
{
    pid_t process;

    spawn(0, &process);
    return process;
}

static void end(pid_t process)
{
    must(kill(process, SIGKILL) == 0);
    waitpid(process, NULL, 0);
}

static void end_family(const pid_t *pids, unsigned count)
{
    for (unsigned i = count; i-- > 0;)
        end(pids[i]);
}

static const struct fake_behaviour well;

static void test_names(void **state)
{
    (void)state;
    static const char *const expected[] = {
        "contacts.csv", "contacts.json",    "contacts.ndjson", "a%2Fb.csv",
        "a%2Fb.json",   "a%2Fb.ndjson",     "%2Ex.csv",        "%2Ex.json",
        "%2Ex.ndjson",  "datapackage.json", "schema.sql",
    };
    struct fake_table *tables[] = {sample_notes("contacts", 3, 5, 1), sample_notes("a/b", 2, 5, 2),
                                   sample_notes(".x", 0, 5, 3)};
    struct bench bench;

    bench_create(&bench, tables, COUNT_OF(tables), &well);

    struct listing *listing = list(&bench, NOBODY);

    assert_int_equal(listing->class->count(listing), COUNT_OF(expected));
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        struct listing_entry entry;

        listing->class->entry(listing, i, &entry);
        assert_string_equal(entry.name, expected[i]);
        assert_int_equal(entry.type, S_IFREG);
        assert_int_equal(entry.inode, entry.node->inode);
        assert_int_equal(entry.inode, inode_of(&bench, NOBODY, expected[i]));
        assert_non_null(strstr(entry.node->path, expected[i]));
    }
    listing->class->close(listing);

    static const char *const unknown[] = {"contacts", "contacts.CSV", "", "a/b.csv", "x.csv", "."};

    for (size_t i = 0; i < COUNT_OF(unknown); i++) {
        struct node *node;

        assert_int_equal(try_lookup(&bench, NOBODY, unknown[i], &node, NULL), -ENOENT);
    }
    bench_free(&bench);
}

static void test_files(void **state)
{
    (void)state;
    struct fake_table *table = sample_contacts("contacts", 700, 1);
    struct bench bench;

    bench_create(&bench, &table, 1, &well);
    for (int i = 0; i < FORMAT_COUNT; i++) {
        char name[40];

        snprintf(name, sizeof name, "contacts.%s", table_format_extension((enum table_format)i));

        struct node *node = lookup(&bench, NOBODY, name);
        struct buffer text = read_node(node, NOBODY);

        assert_true(equals_plain(&text, table, (enum table_format)i));
        buffer_release(&text);
        node_release(node);
    }

    char *package = text_of(&bench, NOBODY, "datapackage.json");
    char *ddl = text_of(&bench, NOBODY, "schema.sql");
    json_t *parsed = json_loads(package, 0, NULL);

    assert_non_null(parsed);
    assert_string_equal(ddl, "CREATE TABLE contacts (…);\n");
    json_decref(parsed);
    free(package);
    free(ddl);
    bench_free(&bench);
}

/* Listing and asking without patience read no rows; a table is read once for all its files. */
static void test_reads_late_and_once(void **state)
{
    (void)state;
    struct bench bench;
    struct node_attributes ignored;
    struct listing_entry entry;
    uint64_t valid_ns;

    bench_create_usual(&bench, &well);

    struct listing *listing = list(&bench, NOBODY);

    for (size_t i = 0; i < 6; i++) {
        listing->class->entry(listing, i, &entry);
        assert_int_equal(
            entry.node->class->attributes(entry.node, false, &ignored, &valid_ns, NULL), -EAGAIN);
    }
    assert_int_equal(fake_source_counts(bench.fake).rows, 0);
    listing->class->entry(listing, 0, &entry);
    attributes(entry.node);

    unsigned long rows = fake_source_counts(bench.fake).rows;

    assert_true(rows > 0);
    for (size_t i = 0; i < 3; i++) {
        listing->class->entry(listing, i, &entry);
        assert_int_equal(
            entry.node->class->attributes(entry.node, false, &ignored, &valid_ns, NULL), 0);
    }
    free(text_of(&bench, NOBODY, "contacts.json"));
    assert_int_equal(fake_source_counts(bench.fake).rows, rows);
    assert_int_equal(fake_source_counts(bench.fake).transactions_open, 1);
    /* With the last table the transaction ends. */
    inode_of(&bench, NOBODY, "notes.csv");
    assert_int_equal(fake_source_counts(bench.fake).transactions_open, 0);
    assert_int_equal(fake_source_counts(bench.fake).begins, 1);
    listing->class->close(listing);
    bench_free(&bench);
}

static void test_change(void **state)
{
    (void)state;
    struct fake_table *first = sample_notes("t", 100, 10, 1);
    struct fake_table *second = sample_notes("t", 101, 10, 2);
    struct bench bench;

    bench_create(&bench, &first, 1, &well);

    struct node *old = lookup(&bench, NOBODY, "t.csv");
    struct handle *handle = open_node(old, NOBODY);
    struct node_attributes before = attributes(old);
    struct buffer expected = plain_render(first, FORMAT_CSV);

    fake_source_set(bench.fake, &second, 1);
    /* Not before it is asked again. */
    assert_int_equal(inode_of(&bench, NOBODY, "t.csv"), old->inode);
    pass_seconds(2);

    struct node *new = lookup(&bench, NOBODY, "t.csv");
    struct buffer text = read_node(new, NOBODY);

    assert_true(new->inode != old->inode);
    assert_true(equals_plain(&text, second, FORMAT_CSV));
    buffer_release(&text);

    struct node_attributes after = attributes(old);

    assert_same_attributes(&before, &after);
    text = read_handle(handle);
    assert_int_equal(text.size, expected.size);
    assert_memory_equal(text.data, expected.data, text.size);
    buffer_release(&text);
    buffer_release(&expected);
    handle->class->close(handle);

    /* Without users its rows are given back; who opens it now is told to look again. */
    struct caller caller = {NOBODY};

    assert_int_equal(old->class->open(old, &caller, &handle, NULL), -ESTALE);
    assert_int_equal(fake_source_counts(bench.fake).datasets_alive, 1);
    after = attributes(old);
    assert_same_attributes(&before, &after);
    node_release(old);
    node_release(new);
    bench_free(&bench);
}

/* Files that came into being with an older generation and were never looked at. */
static void test_unread_of_the_past(void **state)
{
    (void)state;
    struct bench bench;
    struct listing_entry entry;
    struct node_attributes ignored;
    uint64_t valid_ns;

    bench_create_usual(&bench, &well);

    struct listing *listing = list(&bench, NOBODY);

    listing->class->entry(listing, 0, &entry);

    struct node *node = node_reference(entry.node);

    change(&bench, 2);
    inode_of(&bench, NOBODY, "notes.csv");
    /* As long as the listing is open they can be read. */
    assert_true(attributes(node).bytes > 0);
    listing->class->entry(listing, 3, &entry);

    struct node *unread = node_reference(entry.node);

    listing->class->close(listing);
    assert_int_equal(unread->class->attributes(unread, true, &ignored, &valid_ns, NULL), -ESTALE);
    assert_true(attributes(node).bytes > 0);
    node_release(node);
    node_release(unread);
    bench_free(&bench);
}

static void test_dropped_table(void **state)
{
    (void)state;
    struct bench bench;
    struct fake_table *left = sample_notes("notes", 5, 5, 1);
    struct node *node;

    bench_create_usual(&bench, &well);
    inode_of(&bench, NOBODY, "contacts.csv");
    fake_source_set(bench.fake, &left, 1);
    pass_seconds(2);
    assert_int_equal(try_lookup(&bench, NOBODY, "contacts.csv", &node, NULL), -ENOENT);
    free(text_of(&bench, NOBODY, "notes.csv"));
    fake_source_set(bench.fake, NULL, 0);
    pass_seconds(2);

    struct listing *listing = list(&bench, NOBODY);

    assert_int_equal(listing->class->count(listing), 2);
    listing->class->close(listing);
    bench_free(&bench);
}

static struct timespec modified(struct bench *bench, const char *name)
{
    struct node *node = lookup(bench, NOBODY, name);
    struct timespec time = attributes(node).modified;

    node_release(node);
    return time;
}

static bool earlier(struct timespec left, struct timespec right)
{
    return left.tv_sec != right.tv_sec ? left.tv_sec < right.tv_sec : left.tv_nsec < right.tv_nsec;
}

static bool same_time(struct timespec left, struct timespec right)
{
    return !earlier(left, right) && !earlier(right, left);
}

static void show_notes(struct bench *bench, uint64_t first, uint64_t second)
{
    struct fake_table *tables[] = {sample_notes("a", 20, 10, first),
                                   sample_notes("b", 20, 10, second)};

    fake_source_set(bench->fake, tables, 2);
    pass_seconds(2);
}

static void test_modified(void **state)
{
    (void)state;
    struct bench bench;

    bench_prepare(&bench, &well);
    show_notes(&bench, 1, 1);
    assert_int_equal(bench_start(&bench, NULL), 0);

    struct timespec a1 = modified(&bench, "a.csv");
    struct timespec b1 = modified(&bench, "b.csv");
    struct timespec package1 = modified(&bench, "datapackage.json");

    show_notes(&bench, 2, 1);
    assert_true(earlier(a1, modified(&bench, "a.csv")));
    assert_true(same_time(b1, modified(&bench, "b.csv")));
    assert_true(same_time(package1, modified(&bench, "datapackage.json")));

    /* As it was once more: that is a change too. A source may have no better time to tell. */
    struct timespec a2 = modified(&bench, "a.csv");

    fake_source_behave(bench.fake, &(struct fake_behaviour){.changed = a2});
    show_notes(&bench, 1, 1);
    assert_true(earlier(a2, modified(&bench, "a.csv")));
    assert_true(same_time(modified(&bench, "a.csv"), modified(&bench, "a.json")));
    assert_true(same_time(b1, modified(&bench, "b.csv")));
    bench_free(&bench);
}

/* An older generation's table that is read after the newest one's has no say in its time. */
static void test_modified_out_of_order(void **state)
{
    (void)state;
    struct bench bench;
    struct listing_entry entry;

    bench_prepare(&bench, &well);
    show_notes(&bench, 1, 1);
    assert_int_equal(bench_start(&bench, NULL), 0);

    struct timespec time = modified(&bench, "a.csv");

    show_notes(&bench, 2, 1);

    struct listing *listing = list(&bench, NOBODY);

    show_notes(&bench, 1, 1);
    assert_true(same_time(modified(&bench, "a.csv"), time));
    listing->class->entry(listing, 0, &entry);
    attributes(entry.node);
    listing->class->close(listing);
    show_notes(&bench, 1, 3);
    assert_true(same_time(modified(&bench, "a.csv"), time));
    bench_free(&bench);
}

/* In the order of their inodes. */
static const char *const names[] = {
    "contacts.csv", "contacts.json", "contacts.ndjson",  "notes.csv",
    "notes.json",   "notes.ndjson",  "datapackage.json", "schema.sql",
};

/* Who walks the folder sees one moment of it, whatever others do and see meanwhile. */
static void test_walk(void **state)
{
    (void)state;
    struct bench bench;
    pid_t walker = spawn_one();
    pid_t other = spawn_one();

    bench_create_usual(&bench, &well);
    walk(&bench, walker);

    uint64_t contacts = inode_of(&bench, walker, "contacts.csv");
    uint64_t newest = contacts;

    for (size_t i = 1; i < COUNT_OF(names); i++) {
        change(&bench, i + 1);
        /* Also a table of that moment that nobody has read so far. */
        assert_int_equal(inode_of(&bench, walker, names[i]), contacts + i);
        assert_int_equal(inode_of(&bench, walker, "contacts.csv"), contacts);

        uint64_t seen = inode_of(&bench, other, "contacts.csv");

        assert_true(seen > newest);
        assert_int_equal(inode_of(&bench, NOBODY, "contacts.csv"), seen);
        newest = seen;
    }
    assert_int_equal(fake_source_counts(bench.fake).datasets_alive, 2);
    /* Listing again begins anew. */
    walk(&bench, walker);
    assert_int_equal(inode_of(&bench, walker, "contacts.csv"), newest);
    assert_int_equal(fake_source_counts(bench.fake).datasets_alive, 1);
    end(walker);
    end(other);
    bench_free(&bench);
}

/* One who opens files without listing them is on a walk too, until it opens one again. */
static void test_opened_again(void **state)
{
    (void)state;
    struct bench bench;
    pid_t process = spawn_one();

    bench_create_usual(&bench, &well);

    uint64_t first = read_through(&bench, process, "contacts.csv");
    uint64_t notes = inode_of(&bench, process, "notes.csv");

    change(&bench, 2);
    assert_int_equal(inode_of(&bench, process, "notes.csv"), notes);
    assert_int_equal(read_through(&bench, process, "notes.csv"), notes);
    /* contacts.json is another file of the same walk. */
    assert_true(read_through(&bench, process, "contacts.json") < first + 8);

    uint64_t second = read_through(&bench, process, "contacts.csv");

    assert_true(second > first + 7);
    assert_true(inode_of(&bench, process, "notes.csv") > notes + 7);
    end(process);
    bench_free(&bench);
}

/* One who listed the folder may open each file twice. */
static void test_opened_twice(void **state)
{
    (void)state;
    struct bench bench;
    pid_t process = spawn_one();

    bench_create_usual(&bench, &well);
    walk(&bench, process);

    uint64_t first = read_through(&bench, process, "contacts.csv");

    change(&bench, 2);
    assert_int_equal(read_through(&bench, process, "contacts.csv"), first);
    change(&bench, 3);
    assert_true(read_through(&bench, process, "contacts.csv") != first);
    end(process);
    bench_free(&bench);
}

static void test_children(void **state)
{
    (void)state;
    struct bench bench;
    pid_t family[4];
    pid_t stranger = spawn_one();

    spawn(3, family);
    bench_create_usual(&bench, &well);
    walk(&bench, family[0]);

    uint64_t contacts = inode_of(&bench, family[0], "contacts.csv");

    change(&bench, 2);
    assert_int_equal(inode_of(&bench, family[1], "contacts.csv"), contacts);
    assert_int_equal(inode_of(&bench, family[2], "contacts.csv"), contacts);
    assert_true(inode_of(&bench, family[3], "contacts.csv") != contacts);
    assert_true(inode_of(&bench, stranger, "contacts.csv") != contacts);
    /* What a child opens is opened in the walk that it belongs to. */
    assert_int_equal(read_through(&bench, family[1], "contacts.csv"), contacts);
    change(&bench, 3);
    assert_int_equal(inode_of(&bench, family[0], "notes.csv"), contacts + 3);
    assert_true(read_through(&bench, family[2], "contacts.csv") != contacts);
    end_family(family, 4);
    end(stranger);
    bench_free(&bench);
}

/* A child that only opens files makes no walk of its parent's. */
static void test_parents(void **state)
{
    (void)state;
    struct bench bench;
    pid_t family[2];

    spawn(1, family);
    bench_create_usual(&bench, &well);

    uint64_t contacts = read_through(&bench, family[1], "contacts.csv");

    change(&bench, 2);
    assert_true(inode_of(&bench, family[0], "contacts.csv") != contacts);
    end_family(family, 2);
    bench_free(&bench);
}

static void test_pins_end(void **state)
{
    (void)state;
    struct bench bench;
    pid_t gone = spawn_one();
    pid_t idle = spawn_one();

    bench_create_usual(&bench, &well);
    walk(&bench, gone);
    change(&bench, 2);
    inode_of(&bench, NOBODY, "contacts.csv");
    walk(&bench, gone);
    walk(&bench, idle);
    change(&bench, 3);
    inode_of(&bench, NOBODY, "contacts.csv");
    assert_int_equal(fake_source_counts(bench.fake).datasets_alive, 2);
    end(gone);
    live_tend(bench.live);
    assert_int_equal(fake_source_counts(bench.fake).datasets_alive, 2);
    pass_seconds(3);
    live_tend(bench.live);
    assert_int_equal(fake_source_counts(bench.fake).datasets_alive, 1);
    end(idle);

    /* One who is gone while its pin is the only one of its generation. */
    gone = spawn_one();
    walk(&bench, gone);
    change(&bench, 4);
    inode_of(&bench, NOBODY, "contacts.csv");
    assert_int_equal(fake_source_counts(bench.fake).datasets_alive, 2);
    end(gone);
    live_tend(bench.live);
    assert_int_equal(fake_source_counts(bench.fake).datasets_alive, 1);
    bench_free(&bench);
}

/* A file may be read for as long as it takes: the walk goes on afterwards. */
static void test_open_file_keeps_pin(void **state)
{
    (void)state;
    struct bench bench;
    pid_t process = spawn_one();

    bench_create_usual(&bench, &well);

    struct node *node = lookup(&bench, process, "contacts.csv");
    struct handle *handle = open_node(node, process);
    uint64_t notes = node->inode + 3;

    change(&bench, 2);
    inode_of(&bench, NOBODY, "contacts.csv");
    pass_seconds(20);
    live_tend(bench.live);
    assert_int_equal(inode_of(&bench, process, "notes.csv"), notes);

    /* Reading on is enough. */
    struct reading reading;

    for (int i = 0; i < 5; i++) {
        pass_seconds(20);
        live_tend(bench.live);
        assert_int_equal(handle->class->read(handle, 0, 10, &reading, NULL), 0);
        reading_release(&reading);
    }
    assert_int_equal(inode_of(&bench, process, "notes.json"), notes + 1);
    /* A file that is open and forgotten is not. */
    pass_seconds(40);
    live_tend(bench.live);
    assert_true(inode_of(&bench, process, "notes.ndjson") > notes + 7);
    assert_int_equal(handle->class->read(handle, 0, 10, &reading, NULL), 0);
    reading_release(&reading);
    handle->class->close(handle);
    node_release(node);
    end(process);
    bench_free(&bench);
}

/* A walker that is held up by the reading of a large table is not an idle one. */
struct slow_lookup {
    struct bench *bench;
    pid_t process;
    uint64_t inode;
};

static void *look_up_slowly(void *argument)
{
    struct slow_lookup *slow = argument;

    slow->inode = inode_of(slow->bench, slow->process, "notes.csv");
    return NULL;
}

static void check_slow_walk(bool opens)
{
    struct fake_behaviour slowly = {.faulty_table = "notes", .row_delay_us = 2000};
    struct bench bench;
    pid_t process = spawn_one();
    pthread_t thread;

    bench_create_usual(&bench, &slowly);
    walk(&bench, process);

    uint64_t contacts = opens ? read_through(&bench, process, "contacts.csv")
                              : inode_of(&bench, process, "contacts.csv");
    unsigned long rows = fake_source_counts(bench.fake).rows;
    struct slow_lookup slow = {&bench, process, 0};

    must(pthread_create(&thread, NULL, look_up_slowly, &slow) == 0);
    while (fake_source_counts(bench.fake).rows < rows + 10)
        usleep(1000);
    change(&bench, 2);
    pass_seconds(10);
    live_tend(bench.live);
    pthread_join(thread, NULL);
    live_tend(bench.live);
    must(slow.inode == contacts + 3);
    must(inode_of(&bench, process, "contacts.json") == contacts + 1);
    must(inode_of(&bench, process, "notes.json") == contacts + 4);
    end(process);
    bench_free(&bench);
}

static void test_slow_walk(void **state)
{
    (void)state;
    check_slow_walk(true);
    check_slow_walk(false);
}

/* So is not one that takes its time, while the source does not change and after it has. */
static void test_steady_walk(void **state)
{
    (void)state;
    struct bench bench;
    pid_t process = spawn_one();

    bench_create_usual(&bench, &well);
    walk(&bench, process);

    uint64_t contacts = inode_of(&bench, NOBODY, "contacts.csv");

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (i == 5)
            show_version(&bench, 2);
        pass_seconds(1);
        live_tend(bench.live);
        inode_of(&bench, NOBODY, "contacts.csv");
        assert_int_equal(inode_of(&bench, process, names[i]), contacts + i);
    }
    end(process);
    bench_free(&bench);
}

/* But one that asks for the same again and again waits for it to change. */
static void test_waiting(void **state)
{
    (void)state;
    struct bench bench;
    pid_t process = spawn_one();

    bench_create_usual(&bench, &well);
    walk(&bench, process);

    uint64_t contacts = inode_of(&bench, process, "contacts.csv");

    change(&bench, 2);
    assert_int_equal(inode_of(&bench, process, "contacts.csv"), contacts);
    pass_seconds(1);
    inode_of(&bench, process, "contacts.csv");
    pass_seconds(1);
    assert_true(inode_of(&bench, process, "contacts.csv") != contacts);
    end(process);
    bench_free(&bench);
}

static const struct fake_behaviour hurried = {.hurry = true};

static void test_hurry(void **state)
{
    (void)state;
    struct bench bench;

    bench_create_usual(&bench, &hurried);
    /* Nobody has asked for rows, so nobody is held up. */
    assert_int_equal(fake_source_counts(bench.fake).transactions_open, 0);
    walk(&bench, NOBODY);
    assert_int_equal(fake_source_counts(bench.fake).rows, 0);
    inode_of(&bench, NOBODY, "notes.csv");

    struct fake_counts counts = fake_source_counts(bench.fake);

    assert_int_equal(counts.transactions_open, 0);
    assert_int_equal(counts.verifies, 1);
    assert_int_equal(counts.cursors, 2);
    free(text_of(&bench, NOBODY, "contacts.csv"));
    free(text_of(&bench, NOBODY, "notes.json"));
    assert_int_equal(fake_source_counts(bench.fake).rows, counts.rows);
    assert_int_equal(fake_source_counts(bench.fake).begins, counts.begins);
    bench_free(&bench);
}

/* A moment that was none is not shown: it is read again. */
static void test_hurry_stale(void **state)
{
    (void)state;
    struct bench bench;
    struct fake_behaviour behaviour = {.hurry = true, .stale_verifies = 2};
    struct node *node;
    struct failure failure = {0};

    bench_create_usual(&bench, &behaviour);
    inode_of(&bench, NOBODY, "contacts.csv");
    assert_int_equal(fake_source_counts(bench.fake).verifies, 3);
    assert_int_equal(fake_source_counts(bench.fake).datasets_alive, 1);
    assert_int_equal(fake_source_counts(bench.fake).transactions_open, 0);

    uint64_t used = spool_used(&bench);

    inode_of(&bench, NOBODY, "notes.csv");
    assert_int_equal(fake_source_counts(bench.fake).verifies, 3);
    assert_int_equal(spool_used(&bench), used);

    /* One that changes all the time is given up, in words. */
    behaviour.stale_verifies = 1000;
    fake_source_behave(bench.fake, &behaviour);
    change(&bench, 2);
    assert_int_equal(try_lookup(&bench, NOBODY, "contacts.csv", &node, &failure), -EBUSY);
    assert_int_equal(failure.code, EBUSY);
    assert_non_null(strstr(failure.text, "try again"));
    assert_int_equal(spool_used(&bench), 0);
    behaviour.stale_verifies = 0;
    fake_source_behave(bench.fake, &behaviour);
    pass_seconds(1);
    free(text_of(&bench, NOBODY, "contacts.csv"));
    bench_free(&bench);
}

/* A table that cannot be read does not keep the others from being read, nor holds writers up. */
static void test_hurry_faulty_table(void **state)
{
    (void)state;
    struct bench bench;
    struct fake_behaviour behaviour = {.hurry = true,
                                       .faulty_table = "contacts",
                                       .row_fails = true,
                                       .faulty_row = 10,
                                       .row_error = -EILSEQ};
    struct node *node;
    struct failure failure = {0};

    bench_create_usual(&bench, &behaviour);
    assert_int_equal(try_lookup(&bench, NOBODY, "contacts.csv", &node, &failure), -EILSEQ);
    assert_non_null(strstr(failure.text, "row 10 of contacts"));
    assert_int_equal(fake_source_counts(bench.fake).transactions_open, 0);

    struct node *notes = lookup(&bench, NOBODY, "notes.csv");
    struct node_attributes told = attributes(notes);
    struct fake_counts counts = fake_source_counts(bench.fake);

    /* Not tried again at once; then, as the source has not changed, only that table. */
    failure = (struct failure){0};
    assert_int_equal(try_lookup(&bench, NOBODY, "contacts.csv", &node, &failure), -EILSEQ);
    assert_non_null(strstr(failure.text, "row 10 of contacts"));
    assert_int_equal(fake_source_counts(bench.fake).begins, counts.begins);
    pass_seconds(2);
    fake_source_behave(bench.fake, &hurried);
    free(text_of(&bench, NOBODY, "contacts.csv"));
    assert_int_equal(fake_source_counts(bench.fake).cursors, counts.cursors + 1);

    struct node_attributes now = attributes(notes);

    assert_same_attributes(&now, &told);
    node_release(notes);
    bench_free(&bench);
}

/* What has been told of a table stays true, even if what is read later was no one moment. */
static void test_hurry_told_stays(void **state)
{
    (void)state;
    struct bench bench;
    struct fake_behaviour behaviour = {.hurry = true,
                                       .faulty_table = "contacts",
                                       .row_fails = true,
                                       .faulty_row = 10,
                                       .row_error = -EILSEQ};

    bench_create_usual(&bench, &behaviour);

    struct node *notes = lookup(&bench, NOBODY, "notes.csv");
    struct handle *handle = open_node(notes, NOBODY);
    struct node_attributes told = attributes(notes);

    behaviour = (struct fake_behaviour){.hurry = true, .stale_verifies = 1};
    fake_source_behave(bench.fake, &behaviour);
    pass_seconds(2);
    free(text_of(&bench, NOBODY, "contacts.csv"));

    struct node_attributes now = attributes(notes);

    assert_same_attributes(&now, &told);

    struct buffer text = read_handle(handle);

    assert_int_equal(text.size, told.bytes);
    buffer_release(&text);
    handle->class->close(handle);
    node_release(notes);
    bench_free(&bench);
}

static void test_idle_transaction(void **state)
{
    (void)state;
    struct bench bench;
    uint64_t contacts;

    bench_create_usual(&bench, &well);
    contacts = inode_of(&bench, NOBODY, "contacts.csv");
    assert_int_equal(fake_source_counts(bench.fake).transactions_open, 1);
    pass_seconds(1);
    live_tend(bench.live);
    assert_int_equal(fake_source_counts(bench.fake).transactions_open, 0);
    /* The source has not changed: the generation goes on. */
    assert_int_equal(inode_of(&bench, NOBODY, "notes.csv"), contacts + 3);
    assert_int_equal(fake_source_counts(bench.fake).begins, 2);
    assert_int_equal(fake_source_counts(bench.fake).datasets_alive, 1);

    /* It has changed, but nobody has noticed so far. */
    change(&bench, 2);
    contacts = inode_of(&bench, NOBODY, "contacts.csv");
    pass_seconds(1);
    assert_int_equal(inode_of(&bench, NOBODY, "contacts.csv"), contacts);
    usleep(250000);
    live_tend(bench.live);
    assert_int_equal(fake_source_counts(bench.fake).transactions_open, 0);
    show_version(&bench, 3);
    assert_true(inode_of(&bench, NOBODY, "notes.csv") > contacts + 7);
    assert_true(inode_of(&bench, NOBODY, "contacts.csv") > contacts + 7);

    /* Somebody is on a walk: the transaction stays. */
    pid_t process = spawn_one();
    struct node *node;
    struct handle *handle;

    change(&bench, 4);
    node = lookup(&bench, process, "contacts.csv");
    handle = open_node(node, process);
    pass_seconds(20);
    live_tend(bench.live);
    show_version(&bench, 5);
    assert_int_equal(inode_of(&bench, process, "notes.csv"), node->inode + 3);
    handle->class->close(handle);
    node_release(node);
    end(process);
    bench_free(&bench);
}

/* A file left open for hours holds its own content, but no transaction of the database's. */
static void test_open_file_holds_no_transaction(void **state)
{
    (void)state;
    struct bench bench;
    pid_t process = spawn_one();

    bench_create_usual(&bench, &well);

    struct node *node = lookup(&bench, process, "contacts.csv");
    struct handle *handle = open_node(node, process);

    pass_seconds(1);
    live_tend(bench.live);
    assert_int_equal(fake_source_counts(bench.fake).transactions_open, 1);
    pass_seconds(40);
    live_tend(bench.live); /* the walk ends */
    pass_seconds(1);
    live_tend(bench.live);
    assert_int_equal(fake_source_counts(bench.fake).transactions_open, 0);

    /* The same when it is not the newest any more by then. */
    struct node *other = lookup(&bench, NOBODY, "contacts.csv");
    struct handle *anonymous = open_node(other, NOBODY);

    inode_of(&bench, process, "datapackage.json");
    change(&bench, 2);
    walk(&bench, NOBODY);
    assert_int_equal(fake_source_counts(bench.fake).transactions_open, 1);

    struct buffer text = read_handle(handle);
    struct buffer same = read_handle(anonymous);

    assert_int_equal(text.size, attributes(node).bytes);
    assert_int_equal(same.size, text.size);
    buffer_release(&text);
    buffer_release(&same);
    handle->class->close(handle);
    anonymous->class->close(anonymous);
    node_release(node);
    node_release(other);
    end(process);
    bench_free(&bench);
}

static void assert_lookup_fails(struct bench *bench, const char *name, int expected,
                                const char *words)
{
    struct node *node;
    struct failure failure = {0};

    assert_int_equal(try_lookup(bench, NOBODY, name, &node, &failure), -expected);
    assert_int_equal(failure.code, expected);
    assert_non_null(strstr(failure.text, words));
    assert_int_equal(try_lookup(bench, NOBODY, name, &node, NULL), -expected);
}

static void test_source_fails(void **state)
{
    (void)state;
    struct bench bench;
    struct caller caller = {NOBODY};
    struct listing *listing;
    struct failure failure = {0};

    bench_create_usual(&bench, &well);
    inode_of(&bench, NOBODY, "contacts.csv");
    fake_source_behave(bench.fake, &(struct fake_behaviour){.version_error = -EIO});
    /* Not noticed before it is asked again, and then told to everyone, but asked once a second. */
    inode_of(&bench, NOBODY, "contacts.csv");
    pass_seconds(2);

    unsigned versions = fake_source_counts(bench.fake).versions;

    assert_lookup_fails(&bench, "contacts.csv", EIO, "does not tell its version");
    assert_int_equal(bench.folder->class->list(bench.folder, &caller, &listing, &failure), -EIO);
    assert_int_equal(fake_source_counts(bench.fake).versions, versions + 1);
    pass_seconds(1);
    assert_lookup_fails(&bench, "contacts.csv", EIO, "does not tell its version");
    assert_int_equal(fake_source_counts(bench.fake).versions, versions + 2);
    fake_source_behave(bench.fake, &well);
    assert_lookup_fails(&bench, "contacts.csv", EIO, "does not tell its version");
    pass_seconds(1);
    inode_of(&bench, NOBODY, "contacts.csv");

    /* The next generation cannot be begun. */
    fake_source_behave(bench.fake, &(struct fake_behaviour){.begin_error = -EBUSY});
    change(&bench, 2);
    assert_lookup_fails(&bench, "contacts.csv", EBUSY, "cannot be read now");
    fake_source_behave(bench.fake, &well);
    pass_seconds(1);
    free(text_of(&bench, NOBODY, "contacts.csv"));
    bench_free(&bench);
}

static void test_table_fails(void **state)
{
    (void)state;
    struct bench bench;
    struct fake_behaviour behaviour = {
        .faulty_table = "contacts", .row_fails = true, .faulty_row = 150, .row_error = -EILSEQ};

    bench_create_usual(&bench, &behaviour);
    assert_lookup_fails(&bench, "contacts.csv", EILSEQ, "row 150 of contacts");
    assert_int_equal(spool_used(&bench), 0);

    unsigned cursors = fake_source_counts(bench.fake).cursors;

    assert_lookup_fails(&bench, "contacts.json", EILSEQ, "row 150 of contacts");
    assert_int_equal(fake_source_counts(bench.fake).cursors, cursors);
    free(text_of(&bench, NOBODY, "notes.csv"));
    free(text_of(&bench, NOBODY, "schema.sql"));
    fake_source_behave(bench.fake, &well);
    assert_lookup_fails(&bench, "contacts.csv", EILSEQ, "row 150 of contacts");
    pass_seconds(1);
    free(text_of(&bench, NOBODY, "contacts.csv"));

    /* The moment is gone when it is asked for again. */
    fake_source_behave(bench.fake, &(struct fake_behaviour){.open_error = -ESTALE});
    change(&bench, 2);
    assert_lookup_fails(&bench, "contacts.csv", EBUSY, "changes faster");
    fake_source_behave(bench.fake, &well);
    free(text_of(&bench, NOBODY, "contacts.csv"));
    bench_free(&bench);
}

static void test_create_fails(void **state)
{
    (void)state;
    static const struct fake_behaviour faults[] = {{.version_error = -EACCES},
                                                   {.begin_error = -EACCES}};

    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        struct bench bench;
        struct failure failure = {0};

        bench_prepare(&bench, &faults[i]);
        assert_int_equal(bench_start(&bench, &failure), -EACCES);
        assert_int_equal(failure.code, EACCES);
        assert_null(bench.live);
        bench_free(&bench);
    }
}

static void test_cancelled(void **state)
{
    (void)state;
    struct fake_table *tables[] = {sample_notes("large", 10000, 10, 1),
                                   sample_notes("other", 10000, 10, 2)};
    struct bench bench;
    struct node *node;

    bench_create(&bench, tables, 2, &hurried);
    __atomic_store_n(&bench.cancelled, true, __ATOMIC_RELAXED);
    assert_int_equal(try_lookup(&bench, NOBODY, "large.csv", &node, NULL), -ECANCELED);
    assert_int_equal(fake_source_counts(bench.fake).transactions_open, 0);
    assert_int_equal(fake_source_counts(bench.fake).cursors, 1);
    bench_free(&bench);
}

static void test_xattrs(void **state)
{
    (void)state;
    struct bench bench;
    char value[200];

    bench_create_usual(&bench, &well);

    struct node *node = lookup(&bench, NOBODY, "contacts.csv");
    struct node *package = lookup(&bench, NOBODY, "datapackage.json");
    ssize_t size = node->class->xattr(node, NULL, value, sizeof value, NULL);

    assert_int_equal(size, sizeof "user.crmfs.rows\0user.crmfs.table\0user.crmfs.generation");
    assert_int_equal(node->class->xattr(node, NULL, value, 0, NULL), size);
    assert_int_equal(node->class->xattr(node, "user.crmfs.rows", value, sizeof value, NULL), 3);
    assert_memory_equal(value, "201", 3);
    assert_int_equal(node->class->xattr(node, "user.crmfs.rows", value, 0, NULL), 3);
    assert_int_equal(node->class->xattr(node, "user.crmfs.rows", value, 2, NULL), -ERANGE);
    assert_int_equal(node->class->xattr(node, "user.crmfs.table", value, sizeof value, NULL), 8);
    assert_memory_equal(value, "contacts", 8);
    assert_int_equal(node->class->xattr(node, "user.crmfs.generation", value, sizeof value, NULL),
                     1);
    assert_int_equal(node->class->xattr(node, "user.other", value, sizeof value, NULL), -ENODATA);
    assert_int_equal(package->class->xattr(package, NULL, value, sizeof value, NULL), 0);
    assert_int_equal(package->class->xattr(package, "user.crmfs.rows", value, 9, NULL), -ENODATA);
    node_release(node);
    node_release(package);
    bench_free(&bench);
}

static json_t *status_of(struct bench *bench)
{
    struct buffer text = BUFFER(MIB);

    must(live_status(bench->live, &text) == 0);

    json_t *status = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, NULL);

    must(status != NULL);
    buffer_release(&text);
    return status;
}

static void test_status(void **state)
{
    (void)state;
    struct bench bench;

    bench_create_usual(&bench, &well);
    inode_of(&bench, NOBODY, "contacts.csv");

    json_t *status = status_of(&bench);

    assert_string_equal(json_string_value(json_object_get(status, "name")), "crm");
    assert_string_equal(json_string_value(json_object_get(status, "url")), "fake:crm");
    assert_int_equal(json_integer_value(json_object_get(status, "tables")), 2);
    assert_int_equal(json_integer_value(json_object_get(status, "tables_read")), 1);
    assert_int_equal(json_integer_value(json_object_get(status, "rows_read")), 201);
    assert_int_equal(json_integer_value(json_object_get(status, "spool_bytes")),
                     spool_used(&bench));
    assert_true(json_is_null(json_object_get(status, "error")));
    json_decref(status);
    fake_source_behave(bench.fake, &(struct fake_behaviour){.version_error = -EIO});
    pass_seconds(2);
    assert_lookup_fails(&bench, "contacts.csv", EIO, "version");
    status = status_of(&bench);
    assert_non_null(strstr(json_string_value(json_object_get(status, "error")), "version"));
    json_decref(status);
    bench_free(&bench);
}

static void test_folder_attributes(void **state)
{
    (void)state;
    struct bench bench;
    struct node_attributes found;
    uint64_t valid_ns;

    bench_create_usual(&bench, &well);
    assert_int_equal(bench.folder->class->attributes(bench.folder, true, &found, &valid_ns, NULL),
                     0);
    assert_int_equal(found.type, S_IFDIR);
    assert_true(found.modified.tv_sec >= 1000000000);
    bench_free(&bench);
}

/* Nothing of what nobody uses any more stays in the spool. */
static void test_spool_is_given_back(void **state)
{
    (void)state;
    struct bench bench;
    uint64_t most = 0;

    bench_create_usual(&bench, &well);
    for (uint64_t seed = 2; seed < 30; seed++) {
        free(text_of(&bench, NOBODY, "contacts.csv"));
        free(text_of(&bench, NOBODY, "notes.json"));
        if (seed == 2)
            most = spool_used(&bench) * 2;
        assert_in_range(spool_used(&bench), 1, most);
        change(&bench, seed);
    }
    bench_free(&bench);
}

/* A version of the two tables in which both hold as many rows, so that it can be recognised. */
static void show_pair(struct bench *bench, size_t rows)
{
    struct fake_table *tables[] = {sample_notes("left", rows, 20, rows),
                                   sample_notes("right", rows, 20, rows)};

    fake_source_set(bench->fake, tables, 2);
}

#define HAMMERS 8
#define HAMMERED_VERSIONS 150

struct hammer {
    struct bench *bench;
    pid_t process;
    bool lists;
    const bool *enough; /* atomic */
};

static size_t count_rows(struct bench *bench, pid_t process, const char *name)
{
    struct node *node;
    struct handle *handle = NULL;
    struct caller caller = {process};
    size_t rows = 0;

    /* A name looked up may be of the past when it is opened: then it is looked up again. */
    for (;;) {
        node = lookup(bench, process, name);
        int error = node->class->open(node, &caller, &handle, NULL);

        if (error == 0)
            break;
        must(error == -ESTALE);
        node_release(node);
    }

    struct buffer text = read_handle(handle);

    must(text.size == attributes(node).bytes);
    for (size_t i = 0; i < text.size; i++)
        rows += text.data[i] == '\n';
    handle->class->close(handle);
    node_release(node);
    buffer_release(&text);
    return rows;
}

static void *hammer_away(void *argument)
{
    const struct hammer *hammer = argument;

    while (!__atomic_load_n(hammer->enough, __ATOMIC_RELAXED)) {
        if (hammer->lists) {
            struct listing *listing = list(hammer->bench, hammer->process);
            struct listing_entry entry;

            for (size_t j = 0; j < listing->class->count(listing); j++)
                listing->class->entry(listing, j, &entry);
            listing->class->close(listing);
        }

        size_t left = count_rows(hammer->bench, hammer->process, "left.ndjson");
        size_t right = count_rows(hammer->bench, hammer->process, "right.ndjson");

        must(!hammer->lists || left == right);
        must(left >= 100 && right >= 100);
        free(text_of(hammer->bench, hammer->process, "datapackage.json"));
    }
    return NULL;
}

static void *tend_away(void *argument)
{
    struct bench *bench = argument;

    while (!__atomic_load_n(&bench->cancelled, __ATOMIC_RELAXED)) {
        struct buffer text = BUFFER(MIB);

        live_tend(bench->live);
        must(live_status(bench->live, &text) == 0);
        buffer_release(&text);
        usleep(500);
    }
    return NULL;
}

/* Here the clock goes by itself, and a change shows at once. */
static void hammer_on(const struct fake_behaviour *behaviour)
{
    struct bench bench;
    struct hammer hammers[HAMMERS];
    pthread_t threads[HAMMERS];
    pthread_t tender;
    pid_t processes[HAMMERS];
    bool enough = false;

    for (size_t i = 0; i < HAMMERS; i++)
        processes[i] = spawn_one();
    bench_prepare(&bench, behaviour);
    bench.refresh_ns = 1;
    show_pair(&bench, 100);
    must(bench_start(&bench, NULL) == 0);
    must(pthread_create(&tender, NULL, tend_away, &bench) == 0);
    for (size_t i = 0; i < HAMMERS; i++) {
        hammers[i] = (struct hammer){&bench, processes[i], i % 2 == 0, &enough};
        must(pthread_create(&threads[i], NULL, hammer_away, &hammers[i]) == 0);
    }
    for (size_t i = 0; i < HAMMERED_VERSIONS; i++) {
        usleep(10000);
        show_pair(&bench, 100 + i);
    }
    __atomic_store_n(&enough, true, __ATOMIC_RELAXED);
    for (size_t i = 0; i < HAMMERS; i++)
        pthread_join(threads[i], NULL);
    __atomic_store_n(&bench.cancelled, true, __ATOMIC_RELAXED);
    pthread_join(tender, NULL);
    for (size_t i = 0; i < HAMMERS; i++)
        end(processes[i]);
    must(fake_source_counts(bench.fake).begins > 5);
    bench_free(&bench);
}

static void test_hammer(void **state)
{
    (void)state;
    hammer_on(&(struct fake_behaviour){.parallel = 2});
}

static void test_hammer_hurry(void **state)
{
    (void)state;
    hammer_on(&(struct fake_behaviour){.parallel = 2, .hurry = true});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_reads_late_and_once),
        cmocka_unit_test(test_change),
        cmocka_unit_test(test_unread_of_the_past),
        cmocka_unit_test(test_dropped_table),
        cmocka_unit_test(test_modified),
        cmocka_unit_test(test_modified_out_of_order),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_opened_again),
        cmocka_unit_test(test_opened_twice),
        cmocka_unit_test(test_children),
        cmocka_unit_test(test_parents),
        cmocka_unit_test(test_pins_end),
        cmocka_unit_test(test_open_file_keeps_pin),
        cmocka_unit_test(test_slow_walk),
        cmocka_unit_test(test_steady_walk),
        cmocka_unit_test(test_waiting),
        cmocka_unit_test(test_hurry),
        cmocka_unit_test(test_hurry_stale),
        cmocka_unit_test(test_hurry_faulty_table),
        cmocka_unit_test(test_hurry_told_stays),
        cmocka_unit_test(test_idle_transaction),
        cmocka_unit_test(test_open_file_holds_no_transaction),
        cmocka_unit_test(test_source_fails),
        cmocka_unit_test(test_table_fails),
        cmocka_unit_test(test_create_fails),
        cmocka_unit_test(test_cancelled),
        cmocka_unit_test(test_xattrs),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_folder_attributes),
        cmocka_unit_test(test_spool_is_given_back),
        cmocka_unit_test(test_hammer),
        cmocka_unit_test(test_hammer_hurry),
    };

    must(sodium_init() >= 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
