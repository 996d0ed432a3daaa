/* SPDX-License-Identifier: MIT */
/*
 * Salesforce's exports have files under their record's id alone, Attachments/00P…; what
 * they were called stands in a table of the same export. So that a file manager knows what
 * they are, they are shown with the ending of that name: Attachments/00P….pdf.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/archive_internal.h"
#include "fs/base/ascii.h"

#define ID_SIZE 15 /* of an id's 18 characters; the others follow from them */
#define ENDING_SIZE 12
#define ENDINGS_LIMIT ((size_t)1 << 19)

struct ending {
    char id[ID_SIZE];
    char text[ENDING_SIZE]; /* with its dot, NUL-terminated */
};

struct archive_endings {
    unsigned references; /* atomic */
    struct source_version version;
    struct ending *items; /* sorted by id, when all have come */
    size_t count;
    size_t capacity;
};

struct archive_endings *archive_endings_create(const struct source_version *version)
{
    struct archive_endings *endings = calloc(1, sizeof *endings);

    if (endings != NULL) {
        endings->references = 1;
        endings->version = *version;
    }
    return endings;
}

struct archive_endings *archive_endings_reference(struct archive_endings *endings)
{
    __atomic_add_fetch(&endings->references, 1, __ATOMIC_RELAXED);
    return endings;
}

void archive_endings_release(struct archive_endings *endings)
{
    if (endings == NULL || __atomic_sub_fetch(&endings->references, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    free(endings->items);
    free(endings);
}

bool archive_endings_are_of(const struct archive_endings *endings,
                            const struct source_version *version)
{
    return memcmp(&endings->version, version, sizeof *version) == 0;
}

/* --- where they are ------------------------------------------------------------------------ */

static const char *last_part(const char *name)
{
    const char *slash = strrchr(name, '/');

    return slash != NULL ? slash + 1 : name;
}

bool archive_is_list(const char *name)
{
    const char *file = last_part(name);

    return ascii_equal(file, "Attachment.csv") || ascii_equal(file, "Document.csv") ||
           ascii_equal(file, "ContentVersion.csv");
}

bool archive_is_listed(const char *name)
{
    static const char *const folders[] = {"Attachments", "Attachment",     "Documents",
                                          "Document",    "ContentVersion", "ContentVersions"};
    const char *file = last_part(name);
    size_t size = file > name ? (size_t)(file - name) - 1 : 0;

    if (strchr(file, '.') != NULL || strlen(file) < ID_SIZE)
        return false;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        size_t length = strlen(folders[i]);

        if (size >= length && memcmp(name + size - length, folders[i], length) == 0 &&
            (size == length || name[size - length - 1] == '/'))
            return true;
    }
    return false;
}

static int by_id(const void *left, const void *right)
{
    return memcmp(left, right, ID_SIZE);
}

const char *archive_ending_of(const struct archive_endings *endings, const char *name)
{
    if (endings == NULL || !archive_is_listed(name))
        return "";

    const struct ending *found = endings->count != 0
                                     ? bsearch(last_part(name), endings->items, endings->count,
                                               sizeof *endings->items, by_id)
                                     : NULL;

    return found != NULL ? found->text : "";
}

/* --- reading a list ------------------------------------------------------------------------- */

/* The name's own ending: letters and digits. False: it has none. */
static bool take_ending(const char *name, size_t size, char text[ENDING_SIZE])
{
    size_t length = 0;

    while (length < size && name[size - length - 1] != '.') {
        char lower = ascii_lower(name[size - length - 1]);

        if (!((lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9')))
            return false;
        length++;
    }
    if (length == 0 || length == size || length > ENDING_SIZE - 2)
        return false;
    text[0] = '.';
    memcpy(text + 1, name + size - length, length);
    text[1 + length] = '\0';
    return true;
}

/* "pdf", as ContentVersion.FileExtension and Document.Type say it. */
static bool take_type(const char *type, size_t size, char text[ENDING_SIZE])
{
    char dotted[ENDING_SIZE + 1];

    if (size == 0 || size > ENDING_SIZE - 2)
        return false;
    dotted[0] = '.';
    memcpy(dotted + 1, type, size);
    return take_ending(dotted, size + 1, text);
}

enum { COLUMN_ID, COLUMN_NAME, COLUMN_PATH, COLUMN_TYPE, COLUMN_EXTENSION, WANTED_COLUMNS };

/* Takes the rows of a list. */
struct ending_taker {
    struct row_taker taker;
    struct archive_endings *endings;
    size_t columns[WANTED_COLUMNS]; /* SIZE_MAX: it has none */
};

static int begin_table(struct row_taker *base, const struct stream_table *table, size_t *ret_table,
                       struct failure *failure)
{
    static const char *const names[WANTED_COLUMNS] = {"Id", "Name", "PathOnClient", "Type",
                                                      "FileExtension"};
    struct ending_taker *taker = (struct ending_taker *)base;

    (void)failure;
    for (size_t i = 0; i < WANTED_COLUMNS; i++) {
        taker->columns[i] = SIZE_MAX;
        for (size_t j = 0; j < table->schema->column_count; j++) {
            if (ascii_equal(table->schema->columns[j].name, names[i]))
                taker->columns[i] = j;
        }
    }
    *ret_table = 0;
    return 0;
}

static struct cell cell_of(const struct ending_taker *taker, const struct cell *cells,
                           size_t wanted)
{
    size_t column = taker->columns[wanted];

    return column != SIZE_MAX && cells[column].class == CELL_TEXT
               ? cells[column]
               : (struct cell){.class = CELL_NULL, .data = ""};
}

static int keep(struct archive_endings *endings, const struct ending *ending)
{
    if (endings->count == ENDINGS_LIMIT)
        return 0;
    if (endings->count == endings->capacity) {
        size_t capacity = endings->capacity != 0 ? 2 * endings->capacity : 1024;
        struct ending *items = reallocarray(endings->items, capacity, sizeof *items);

        if (items == NULL)
            return -ENOMEM;
        endings->items = items;
        endings->capacity = capacity;
    }
    endings->items[endings->count++] = *ending;
    return 0;
}

static int take_row(struct row_taker *base, size_t table, const struct cell *cells,
                    struct failure *failure)
{
    static const size_t names[] = {COLUMN_PATH, COLUMN_NAME};
    static const size_t types[] = {COLUMN_EXTENSION, COLUMN_TYPE};
    struct ending_taker *taker = (struct ending_taker *)base;
    struct cell id = cell_of(taker, cells, COLUMN_ID);
    struct ending ending;
    bool found = false;

    (void)table;
    (void)failure;
    if (id.size < ID_SIZE)
        return 0;
    memcpy(ending.id, id.data, ID_SIZE);
    for (size_t i = 0; i < 2 && !found; i++) {
        struct cell name = cell_of(taker, cells, names[i]);

        found = take_ending(name.data, (size_t)name.size, ending.text);
    }
    for (size_t i = 0; i < 2 && !found; i++) {
        struct cell type = cell_of(taker, cells, types[i]);

        found = take_type(type.data, (size_t)type.size, ending.text);
    }
    return found ? keep(taker->endings, &ending) : 0;
}

/* What is damaged, or doubtful, is told when the table itself is read. */
static int fail_table(struct row_taker *taker, size_t table, const struct failure *why)
{
    (void)taker;
    (void)table;
    (void)why;
    return 0;
}

static void take_trouble(struct row_taker *taker, const struct failure *why)
{
    (void)taker;
    (void)why;
}

static const struct row_taker_class ending_class = {
    .begin_table = begin_table,
    .row = take_row,
    .fail_table = fail_table,
    .trouble = take_trouble,
};

int archive_endings_read(struct archive_endings *endings, struct byte_stream *stream,
                         const struct dialect *dialect, const char *name, struct failure *failure)
{
    struct ending_taker taker = {.taker = {&ending_class}, .endings = endings};

    return delimited_read(stream, dialect, name, &taker.taker, NULL, failure);
}

void archive_endings_sort(struct archive_endings *endings)
{
    if (endings->count != 0)
        qsort(endings->items, endings->count, sizeof *endings->items, by_id);
}
