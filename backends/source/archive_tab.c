/* SPDX-License-Identifier: MIT */
#include "backends/source/archive_tab.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/source/archive_internal.h"
#include "backends/source/sql_text.h"
#include "fs/base/memory.h"

#define SCHEMA_MOST ((size_t)64 << 10) /* what makes one table is no longer */
#define ENDING_SIZE 4

/* Two files of one name. */
struct tab {
    char *stem;                 /* their name without the ending */
    bool makes;                 /* there is the first … */
    bool rows;                  /* … and the second … */
    bool read;                  /* … which has been read */
    struct dump_reader *reader; /* NULL: they are something else */
};

struct archive_tabs {
    struct tab *items;
    size_t count;
    size_t capacity;
    struct name_map *stems; /* to items */
    bool makes;             /* some were noted … */
    bool rows;
    bool any; /* … of one name */
};

int archive_tabs_create(struct archive_tabs **ret_tabs)
{
    struct archive_tabs *tabs = calloc(1, sizeof *tabs);
    int error = tabs != NULL ? name_map_create(&tabs->stems) : -ENOMEM;

    if (error != 0) {
        free(tabs);
        return error;
    }
    *ret_tabs = tabs;
    return 0;
}

void archive_tabs_free(struct archive_tabs *tabs)
{
    if (tabs == NULL)
        return;
    name_map_free(tabs->stems);
    for (size_t i = 0; i < tabs->count; i++) {
        dump_session_free(tabs->items[i].reader);
        free(tabs->items[i].stem);
    }
    free(tabs->items);
    free(tabs);
}

/* --- their names -------------------------------------------------------------------------- */

static bool ends_with(const char *name, const char *ending)
{
    size_t size = strlen(name);

    return size > ENDING_SIZE && name[size - ENDING_SIZE - 1] != '/' &&
           strcmp(name + size - ENDING_SIZE, ending) == 0;
}

/* The item that NAME is a file of; NULL: none. */
static struct tab *find(const struct archive_tabs *tabs, const char *name)
{
    cleanup_free char *stem = NULL;
    const size_t *found;

    if (!ends_with(name, ".sql") && !ends_with(name, ".txt"))
        return NULL;
    stem = strndup(name, strlen(name) - ENDING_SIZE);
    found = stem != NULL ? name_map_find(tabs->stems, stem) : NULL;
    return found != NULL ? &tabs->items[*found] : NULL;
}

static int add(struct archive_tabs *tabs, const char *name, struct tab **ret_tab)
{
    cleanup_free char *stem = strndup(name, strlen(name) - ENDING_SIZE);
    int error = stem != NULL ? 0 : -ENOMEM;

    if (error == 0 && tabs->count == tabs->capacity) {
        size_t capacity = tabs->capacity != 0 ? 2 * tabs->capacity : 64;
        struct tab *items = capacity <= ARCHIVE_MEMBERS_MOST
                                ? reallocarray(tabs->items, capacity, sizeof *items)
                                : NULL;

        if (items == NULL)
            return -ENOMEM;
        tabs->items = items;
        tabs->capacity = capacity;
    }
    if (error == 0)
        error = tabs->items != NULL ? name_map_add(tabs->stems, stem, tabs->count) : -ENOMEM;
    if (error != 0)
        return error;
    *ret_tab = &tabs->items[tabs->count++];
    **ret_tab = (struct tab){.stem = steal_pointer(&stem)};
    return 0;
}

int archive_tabs_note(struct archive_tabs *tabs, const char *name)
{
    bool makes = ends_with(name, ".sql");
    struct tab *tab = find(tabs, name);
    int error = 0;

    if (!makes && !ends_with(name, ".txt"))
        return 0;
    if (tab == NULL)
        error = add(tabs, name, &tab);
    if (error != 0)
        return error;
    *(makes ? &tab->makes : &tab->rows) = true;
    *(makes ? &tabs->makes : &tabs->rows) = true;
    tabs->any = tabs->any || (tab->makes && tab->rows);
    return 0;
}

bool archive_tabs_likely(const struct archive_tabs *tabs)
{
    return tabs->makes && tabs->rows;
}

bool archive_tabs_any(const struct archive_tabs *tabs)
{
    return tabs->any;
}

bool archive_tabs_makes(const struct archive_tabs *tabs, const char *name)
{
    const struct tab *tab = ends_with(name, ".sql") ? find(tabs, name) : NULL;

    return tab != NULL && tab->makes && tab->rows;
}

/* --- what stands in them ------------------------------------------------------------------ */

static const char *table_of(const char *stem)
{
    const char *slash = strrchr(stem, '/');

    return slash != NULL ? slash + 1 : stem;
}

static bool holds(const void *text, size_t size, const char *words)
{
    return memmem(text, size, words, strlen(words)) != NULL;
}

/* Whether TABLE, between quotes of that SIGN, is made. */
static bool makes(const void *text, size_t size, const char *table, char sign)
{
    cleanup_free char *name = sql_quoted(table, sign);
    cleanup_free char *words = NULL;

    if (name == NULL || asprintf(&words, "CREATE TABLE %s", name) < 0) {
        words = NULL;
        return false;
    }
    return holds(text, size, words);
}

/*
 * Whether TEXT, all of a file, is what makes a table for MySQL, without rows: TABLE, unless that
 * has letters of its name written as file systems take them, '-' as @002d.
 */
static bool is_schema(const void *text, size_t size, const char *table)
{
    bool coded = strchr(table, '@') != NULL && holds(text, size, "CREATE TABLE ");
    enum text_set set;

    return dump_recognise(text, size < DUMP_BEGIN_BYTES ? size : DUMP_BEGIN_BYTES, &set) &&
           set == TEXT_UNDECIDED &&
           (coded || makes(text, size, table, '`') || makes(text, size, table, '"')) &&
           !holds(text, size, "\nINSERT ") && !holds(text, size, "\nREPLACE ") &&
           !holds(text, size, "-- PostgreSQL") && !holds(text, size, "PRAGMA");
}

static int read_schema(struct archive_walk *walk, struct tab *tab, struct looked_stream *looked,
                       const char *name, struct failure *failure)
{
    tab->reader =
        dump_session_create(walk->taker, delimited_wish_charset(&walk->source->wish));
    if (tab->reader == NULL)
        return -ENOMEM;
    return dump_session_read(tab->reader, &looked->stream, name, "", NULL, failure);
}

int archive_tabs_read(struct archive_walk *walk, struct looked_stream *looked, const char *name,
                      bool *ret_taken, struct failure *failure)
{
    const struct byte_window *window = &looked->window;
    struct tab *tab = walk->plan != NULL ? find(walk->plan->tabs, name) : NULL;
    bool rows = ends_with(name, ".txt");

    *ret_taken = false;
    if (tab == NULL || !tab->makes || !tab->rows)
        return 0;
    if (walk->pass == PASS_TABLES) {
        *ret_taken = true;
        return !rows && tab->reader == NULL && window->ended && window->end != 0 &&
                       is_schema(window->data, window->end, table_of(tab->stem))
                   ? read_schema(walk, tab, looked, name, failure)
                   : 0;
    }
    *ret_taken = tab->reader != NULL;
    if (tab->reader == NULL || !rows || tab->read)
        return 0;
    tab->read = true;
    return dump_session_load_tab(tab->reader, &looked->stream, name, failure);
}

void archive_tabs_take_empty(struct archive_tabs *tabs, const char *name)
{
    struct tab *tab = ends_with(name, ".txt") ? find(tabs, name) : NULL;

    if (tab != NULL)
        tab->read = true;
}

int archive_tabs_end(struct archive_tabs *tabs, struct failure *failure)
{
    int error = 0;

    for (size_t i = 0; i < tabs->count && error == 0; i++) {
        const struct tab *tab = &tabs->items[i];

        if (tab->reader != NULL && !tab->read)
            error = dump_session_fail(tab->reader, "the file of its rows cannot be read");
        if (tab->reader != NULL && error == 0)
            error = dump_session_end(tab->reader, failure);
    }
    return error;
}

/* --- a folder ----------------------------------------------------------------------------- */

/* Whether NAME, in the folder PATH, makes a table, and its rows stand beside it. */
static bool is_tab(const char *path, const char *name)
{
    cleanup_free char *makes = NULL;
    cleanup_free char *rows = NULL;
    cleanup_free char *stem = strndup(name, strlen(name) - ENDING_SIZE);
    cleanup_free char *text = malloc(SCHEMA_MOST);
    struct stat about;

    if (stem == NULL || text == NULL || asprintf(&makes, "%s/%s", path, name) < 0) {
        makes = NULL;
        return false;
    }
    if (asprintf(&rows, "%s/%s.txt", path, stem) < 0) {
        rows = NULL;
        return false;
    }
    if (lstat(rows, &about) != 0 || !S_ISREG(about.st_mode))
        return false;

    cleanup_fd int file = open(makes, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    ssize_t size = file >= 0 ? read(file, text, SCHEMA_MOST) : 0;

    return size > 0 && size < (ssize_t)SCHEMA_MOST && is_schema(text, (size_t)size, stem);
}

bool archive_tab_is_folder(const char *path)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;
    bool found = false;

    if (folder == NULL)
        return false;
    while (!found && (entry = readdir(folder)) != NULL)
        found = ends_with(entry->d_name, ".sql") && is_tab(path, entry->d_name);
    closedir(folder);
    return found;
}
