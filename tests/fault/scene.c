/* SPDX-License-Identifier: MIT */
#include "tests/fault/scene.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/store/keys.h"
#include "fs/store/tables.h"
#include "fs/table/stored_table.h"
#include "fs/tree/take.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/plain_render.h"

#define GROUP_BYTES 65536 /* the smallest that FORMAT.md allows */
#define CHANGED_A_DAY 40  /* rows of contacts */
#define ACCOUNTS 30
#define TABLES 3

const struct store_passphrase scene_passphrase = {"correct horse", 13};
const struct prune_options scene_prune_now = {.unused = {UNUSED_PERCENT, 0}};
const struct prune_options scene_prune_usual = {.grace_ns = PRUNE_GRACE_NS,
                                                .unused = {UNUSED_PERCENT, PRUNE_UNUSED_PERCENT}};

struct scene {
    size_t rows;
    pthread_mutex_t lock;                    /* guards all below */
    struct buffer texts[SCENE_DAYS][TABLES]; /* CSV, made when first asked for */
};

static const char *const table_names[TABLES] = {"accounts", "contacts", "empty"};

/* ---- Random numbers ---- */

static uint64_t random_state = 20261121;

static uint32_t next_random(void)
{
    uint64_t number =
        __atomic_add_fetch(&random_state, UINT64_C(0x9e3779b97f4a7c15), __ATOMIC_RELAXED);

    number = (number ^ number >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    number = (number ^ number >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)(number >> 32);
}

static const char *random_name(void)
{
    return "the same in every run";
}

static void random_bytes(void *bytes, size_t size)
{
    uint8_t *at = bytes;

    for (size_t i = 0; i < size; i++)
        at[i] = (uint8_t)next_random();
}

static void same_random_numbers(void)
{
    static struct randombytes_implementation same = {
        .implementation_name = random_name, .random = next_random, .buf = random_bytes};

    must(randombytes_set_implementation(&same) == 0);
    must(sodium_init() >= 0);
}

/* ---- The CRM ---- */

static const struct fake_column columns[] = {
    {"id", COLUMN_INTEGER, true},
    {"name", COLUMN_TEXT, false},
    {"note", COLUMN_TEXT, false},
};

static void add_row(struct fake_table *table, size_t number, unsigned version)
{
    char id[24];
    char name[64];
    char note[256];

    snprintf(name, sizeof name, "Somebody \"%zu\" of the city", number * 7919 % 1009);
    snprintf(note, sizeof note,
             "called on day %u, wants an offer for %zu pieces, and\nto be called again before "
             "the end of the month; has %zu colleagues, who want nothing",
             version, number * 31 % 97, number % 11);

    const struct cell cells[] = {
        cell_integer((int64_t)number, id),
        cell_text(name),
        version % 7 == 6 ? cell_null() : cell_text(note),
    };

    fake_table_add(table, cells);
}

/* The last day up to DAY on which the row was written. Every day another stretch of rows is. */
static unsigned written_on(const struct scene *scene, size_t row, unsigned day)
{
    for (; day > 0; day--) {
        size_t first = (size_t)day * 97 % scene->rows;

        if (row >= first && row < first + CHANGED_A_DAY)
            break;
    }
    return day;
}

static struct fake_table *make_table(const struct scene *scene, size_t index, unsigned day)
{
    struct fake_table *table = fake_table_create(table_names[index], columns, 3);
    size_t rows = index == 0 ? ACCOUNTS : index == 1 ? scene->rows + day : 0;

    for (size_t i = 0; i < rows; i++)
        add_row(table, i, index == 1 ? written_on(scene, i, day) : 0);
    return table;
}

struct scene *scene_create(size_t rows)
{
    struct scene *scene = calloc(1, sizeof *scene);

    must(scene != NULL);
    same_random_numbers();
    must(unsetenv("XDG_STATE_HOME") == 0 && unsetenv("HOME") == 0); /* nothing is remembered */
    scene->rows = rows;
    pthread_mutex_init(&scene->lock, NULL);
    return scene;
}

void scene_free(struct scene *scene)
{
    for (size_t i = 0; i < SCENE_DAYS; i++) {
        for (size_t j = 0; j < TABLES; j++)
            buffer_release(&scene->texts[i][j]);
    }
    pthread_mutex_destroy(&scene->lock);
    free(scene);
}

static const struct buffer *text_of(struct scene *scene, size_t table, unsigned day)
{
    must(day < SCENE_DAYS);
    pthread_mutex_lock(&scene->lock);

    struct buffer *text = &scene->texts[day][table];

    if (text->data == NULL) {
        fake_source_allocates += 1;

        struct fake_table *made = make_table(scene, table, day);

        *text = plain_render(made, FORMAT_CSV);
        fake_table_release(made);
        fake_source_allocates -= 1;
    }
    pthread_mutex_unlock(&scene->lock);
    return text;
}

/* ---- Stores ---- */

void scene_make_store(struct storage *storage)
{
    const struct store_header header = {
        .cipher = seal_best_cipher(), .group_bytes = GROUP_BYTES, .compression_level = 1};
    const struct key_options options = {.cost = {.passes = 1, .memory_bytes = KEY_MEMORY_LEAST}};

    must(store_init_with(storage, &header, &scene_passphrase, &options, NULL) == 0);
}

struct store *scene_open(struct storage *storage)
{
    struct store *store = NULL;

    must(store_open(storage, &scene_passphrase, &store, NULL) == 0);
    return store;
}

void *scene_copy_begin(void *context, struct storage *of)
{
    struct scene_copy *copy = calloc(1, sizeof *copy);

    must(copy != NULL);
    copy->context = context;
    copy->storage = memory_storage_copy(of);
    copy->store = scene_open(copy->storage);
    return copy;
}

void scene_copy_end(void *own)
{
    struct scene_copy *copy = own;

    store_close(copy->store);
    free(copy);
}

/* What the real source would do: a dataset of that day alone. */
static struct fake_source *source_of(const struct scene *scene, unsigned day)
{
    struct fake_source *fake = fake_source_create();
    struct fake_table *tables[TABLES];

    for (size_t i = 0; i < TABLES; i++)
        tables[i] = make_table(scene, i, day);
    fake_source_set(fake, tables, TABLES);
    return fake;
}

int scene_take(struct scene *scene, struct store *store, const char *name, unsigned day,
               struct failure *failure)
{
    struct fake_source *fake;
    struct source *source;

    fake_source_allocates += 1;
    fake = source_of(scene, day);
    source = fake_source_source(fake);
    fake_source_allocates -= 1;

    struct log_state state = {.sequence = 0};
    struct object_reader *reader = NULL;
    char host[16];
    int error;

    snprintf(host, sizeof host, "day-%u", day);
    error = object_reader_create(store, 1 << 20, &reader, failure);

    const struct take_source place = {.name = "crm", .source = source};
    const struct take_options options = {
        .store = store,
        .reader = reader,
        .sources = &place,
        .source_count = 1,
        .name = name,
        .host = host,
        .threads = 2,
    };

    if (error == 0)
        error = snapshot_take(&options, &state, NULL, failure);
    log_state_release(&state);
    object_reader_free(reader);
    source->class->close(source);
    fake_source_free(fake);
    return error;
}

int scene_forget(struct store *store, const char *name, struct failure *failure)
{
    struct log_state state = {.sequence = 0};
    int error = log_read(store, &state, failure);
    const struct snapshot *gone;

    do {
        gone = log_find(&state, name);
        if (error == 0)
            error = gone != NULL ? log_forget(store, &state, &gone, 1, failure)
                                 : failure_set(failure, ENOENT, "there is no snapshot %s", name);
    } while (error == -EAGAIN && (error = 0, true));
    log_state_release(&state);
    return error;
}

int scene_rename(struct store *store, const char *from, const char *to, struct failure *failure)
{
    struct log_state state = {.sequence = 0};
    int error = log_read(store, &state, failure);

    if (error == 0) {
        do
            error = log_rename(store, &state, from, to, failure);
        while (error == -EAGAIN);
    }
    log_state_release(&state);
    return error;
}

unsigned scene_day(const struct snapshot *snapshot)
{
    char *end;

    must(strncmp(snapshot->host, "day-", 4) == 0);

    unsigned long day = strtoul(snapshot->host + 4, &end, 10);

    must(*end == '\0' && day < SCENE_DAYS);
    return (unsigned)day;
}

/* ---- Reading ---- */

static int read_parts(struct image *image, const struct buffer *wanted, struct failure *failure)
{
    struct image_scratch scratch = {0};
    struct buffer output = BUFFER(16 << 20);
    int error = 0;

    must(image_size(image, FORMAT_CSV) == wanted->size);
    for (uint64_t at = 0; at < wanted->size && error == 0;) {
        struct image_part part = image_find(image, FORMAT_CSV, at);

        error = image_render(image, FORMAT_CSV, &part, &scratch, &output, failure);
        if (error == 0)
            must(output.size == part.size && part.start == at &&
                 memcmp(output.data, (const char *)wanted->data + at, output.size) == 0);
        at += part.size;
    }
    image_scratch_release(&scratch);
    buffer_release(&output);
    return error;
}

static int read_tree(struct scene *scene, struct object_reader *reader,
                     const struct stored_tree *tree, unsigned day, struct failure *failure)
{
    int error = 0;

    must(tree->source_count == 1 && strcmp(tree->sources[0].name, "crm") == 0);
    must(tree->sources[0].table_count == TABLES);
    for (size_t i = 0; i < TABLES && error == 0; i++) {
        const struct stored_table *table = &tree->sources[0].tables[i];
        struct image *image = NULL;

        must(strcmp(table->name, table_names[i]) == 0);
        error = stored_table_open(reader, &table->image, &image, failure);
        if (error == 0)
            error = read_parts(image, text_of(scene, i, day), failure);
        image_release(image);
    }
    return error;
}

static int read_with(struct scene *scene, struct object_reader *reader,
                     const struct snapshot *snapshot, struct failure *failure)
{
    cleanup_buffer struct buffer bytes = BUFFER(OBJECT_DATA_LIMIT);
    struct stored_tree tree = {0};
    int error = object_read(reader, &snapshot->tree, OBJECT_TREE, false, &bytes, failure);

    if (error == 0)
        error = stored_tree_decode(bytes.data, bytes.size, &tree);
    if (error == 0)
        error = read_tree(scene, reader, &tree, scene_day(snapshot), failure);
    stored_tree_release(&tree);
    return error;
}

int scene_read(struct scene *scene, struct store *store, const struct snapshot *snapshot,
               struct failure *failure)
{
    struct object_reader *reader = NULL;
    int error = object_reader_create(store, 0, &reader, failure);

    if (error == 0)
        error = read_with(scene, reader, snapshot, failure);
    object_reader_free(reader);
    return error;
}

int scene_read_all(struct scene *scene, struct store *store, struct failure *failure)
{
    struct log_state state = {.sequence = 0};
    struct object_reader *reader = NULL;
    int error = object_reader_create(store, 1 << 20, &reader, failure);

    if (error == 0)
        error = log_read(store, &state, failure);
    for (size_t i = 0; error == 0 && i < state.snapshot_count; i++)
        error = read_with(scene, reader, &state.snapshots[i], failure);

    int count = (int)state.snapshot_count;

    log_state_release(&state);
    object_reader_free(reader);
    return error != 0 ? error : count;
}

/* A check_report. CONTEXT: what must not be found at all. */
static void tell(void *context, const struct check_finding *finding)
{
    const enum scene_finding *unwanted = context;

    if (*unwanted == SCENE_ANY || (*unwanted == SCENE_HARMFUL && !finding->harmless))
        fprintf(stderr, "check: %s: %s\n", finding->file != NULL ? finding->file : "a snapshot",
                finding->text);
}

struct check_result scene_check(struct store *store, enum scene_finding unwanted)
{
    const struct check_options options = {
        .read_data = true, .threads = 1, .report = tell, .context = &unwanted};
    struct check_result result;
    struct failure failure = {.code = 0};
    int error = check(store, &options, &result, &failure);

    if (error != 0)
        fprintf(stderr, "%s\n", failure.text);
    must(error == 0);
    must(unwanted != SCENE_ANY || result.findings == 0);
    must(unwanted != SCENE_HARMFUL || result.harmful == 0);
    return result;
}
