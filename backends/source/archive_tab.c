/* SPDX-License-Identifier: MIT */
#include "backends/source/archive_tab.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/archive_internal.h"
#include "backends/source/sql_text.h"
#include "fs/base/memory.h"

#define ENDING_SIZE 4

/* Two files of one name, or one of the two. */
struct tab {
    char *stem;                 /* their name without the ending */
    bool makes;                 /* there is the first … */
    bool rows;                  /* … and the second … */
    bool read;                  /* … which has been read */
    bool alone;                 /* there is no second, and the first makes a table */
    struct dump_reader *reader; /* NULL: they are something else */
};

struct archive_tabs {
    struct tab *items;
    size_t count;
    size_t capacity;
    struct name_map *stems;   /* to items */
    struct name_map *folders; /* in which a table has both */
    bool makes;               /* some were noted … */
    bool rows;
    bool any; /* … of one name */
};

int archive_tabs_create(struct archive_tabs **ret_tabs)
{
    struct archive_tabs *tabs = calloc(1, sizeof *tabs);
    int error = tabs != NULL ? name_map_create(&tabs->stems) : -ENOMEM;

    if (error == 0)
        error = name_map_create(&tabs->folders);
    if (error != 0) {
        archive_tabs_free(tabs);
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
    name_map_free(tabs->folders);
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

bool archive_tab_is_called(const char *name, const char *ending)
{
    cleanup_free char *plain = archive_unpacked_name(name);

    return plain != NULL && ends_with(plain, ending);
}

char *archive_tab_stem(const char *name)
{
    char *stem = archive_unpacked_name(name);

    if (stem != NULL && !ends_with(stem, ".sql") && !ends_with(stem, ".txt")) {
        free(stem);
        return NULL;
    }
    if (stem != NULL)
        stem[strlen(stem) - ENDING_SIZE] = '\0';
    return stem;
}

/* The item that NAME is a file of; NULL: none. */
static struct tab *find(const struct archive_tabs *tabs, const char *name)
{
    cleanup_free char *stem = archive_tab_stem(name);
    const size_t *found = stem != NULL ? name_map_find(tabs->stems, stem) : NULL;

    return found != NULL ? &tabs->items[*found] : NULL;
}

static int add(struct archive_tabs *tabs, const char *name, struct tab **ret_tab)
{
    cleanup_free char *stem = archive_tab_stem(name);
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
    bool makes = archive_tab_is_called(name, ".sql");
    struct tab *tab = find(tabs, name);
    int error = 0;

    if (!makes && !archive_tab_is_called(name, ".txt"))
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
    const struct tab *tab = archive_tab_is_called(name, ".sql") ? find(tabs, name) : NULL;

    return tab != NULL && tab->makes && tabs->any;
}

/* --- what stands in them ------------------------------------------------------------------ */

static const char *table_of(const char *stem)
{
    const char *slash = strrchr(stem, '/');

    return slash != NULL ? slash + 1 : stem;
}

/* What STEM stands in; NULL: no memory. */
static char *folder_of(const char *stem)
{
    return strndup(stem, (size_t)(table_of(stem) - stem));
}

static int note_folder(struct archive_tabs *tabs, const char *stem)
{
    cleanup_free char *folder = folder_of(stem);
    int error = folder != NULL ? name_map_add(tabs->folders, folder, 0) : -ENOMEM;

    return error == -EEXIST ? 0 : error;
}

static bool is_noted(const struct archive_tabs *tabs, const char *stem)
{
    cleanup_free char *folder = folder_of(stem);

    return folder != NULL && name_map_find(tabs->folders, folder) != NULL;
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

bool archive_tab_is_schema(const void *text, size_t size, const char *table)
{
    bool coded = strchr(table, '@') != NULL && holds(text, size, "CREATE TABLE ");
    enum text_set set;

    return dump_recognise(text, size, &set) && set == TEXT_UNDECIDED &&
           (coded || makes(text, size, table, '`') || makes(text, size, table, '"')) &&
           !holds(text, size, "\nINSERT ") && !holds(text, size, "\nREPLACE ") &&
           !holds(text, size, "-- PostgreSQL") && !holds(text, size, "PRAGMA");
}

/* One of the two. */
struct file {
    struct archive_walk *walk;
    struct tab *tab;
    const char *name;
};

static int read_schema(const struct file *file, struct looked_stream *looked,
                       struct failure *failure)
{
    struct tab *tab = file->tab;
    const struct byte_window *window = &looked->window;
    struct archive_tabs *tabs = file->walk->plan->tabs;
    int error;

    if (!window->ended || window->end == 0 ||
        !archive_tab_is_schema(window->data, window->end, table_of(tab->stem)))
        return 0;
    /* Whether it has none because they were lost is known when all such files have been seen. */
    if (!tab->rows && file->walk->pass == PASS_TABLES) {
        tab->alone = true;
        return 0;
    }
    error = note_folder(tabs, tab->stem);
    if (error != 0)
        return error;
    tab->reader =
        dump_session_create(file->walk->taker, delimited_wish_charset(&file->walk->source->wish));
    if (tab->reader == NULL)
        return -ENOMEM;
    return dump_session_read(tab->reader, &looked->stream, file->name, "", NULL, failure);
}

static int read_packed_schema(void *context, struct byte_stream *stream, struct failure *failure)
{
    struct looked_stream looked;
    int error = looked_stream_begin(&looked, stream, failure);

    if (error == 0)
        error = read_schema(context, &looked, failure);
    looked_stream_end(&looked);
    return error;
}

static int read_rows(void *context, struct byte_stream *stream, struct failure *failure)
{
    const struct file *file = context;

    file->tab->read = true;
    return dump_session_load_tab(file->tab->reader, stream, file->name, &file->walk->source->wish,
                                 failure);
}

int archive_tabs_read(struct archive_walk *walk, struct looked_stream *looked, const char *name,
                      bool packed, bool *ret_taken, struct failure *failure)
{
    struct tab *tab = walk->plan != NULL ? find(walk->plan->tabs, name) : NULL;
    struct file file = {.walk = walk, .tab = tab, .name = name};
    bool rows = archive_tab_is_called(name, ".txt");

    *ret_taken = false;
    if (tab == NULL || !tab->makes || !walk->plan->tabs->any)
        return 0;
    if (walk->pass == PASS_TABLES ||
        (tab->alone && walk->pass == PASS_ALL && is_noted(walk->plan->tabs, tab->stem))) {
        *ret_taken = true;
        if (rows || tab->reader != NULL)
            return 0;
        return packed ? archive_read_unpacked(walk, &looked->stream, name, read_packed_schema,
                                              &file, failure)
                      : read_schema(&file, looked, failure);
    }
    *ret_taken = tab->reader != NULL;
    /* Compressed, nothing is some bytes: without any, the file was not written whole. */
    if (tab->reader == NULL || !rows || tab->read ||
        (looked->window.end == 0 && !ends_with(name, ".txt")))
        return 0;
    return packed ? archive_read_unpacked(walk, &looked->stream, name, read_rows, &file, failure)
                  : read_rows(&file, &looked->stream, failure);
}

void archive_tabs_take_empty(struct archive_tabs *tabs, const char *name)
{
    struct tab *tab = ends_with(name, ".txt") ? find(tabs, name) : NULL;

    if (tab != NULL)
        tab->read = true;
}

int archive_tabs_end(struct archive_tabs *tabs, struct failure *failure)
{
    static const char alone[] = "there is a file that makes it and none of its rows, as others "
                                "beside it have: it did not come along, or the dump left it out";
    int error = 0;

    for (size_t i = 0; i < tabs->count && error == 0; i++) {
        const struct tab *tab = &tabs->items[i];
        const char *words = tab->alone ? alone : "the file of its rows cannot be read";

        if (tab->reader != NULL && !tab->read)
            error = dump_session_fail(tab->reader, words);
        if (tab->reader != NULL && error == 0)
            error = dump_session_end(tab->reader, failure);
    }
    return error;
}
