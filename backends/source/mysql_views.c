/* SPDX-License-Identifier: MIT */
/*
 * What views stand on. A view has no rows of its own, so that what is swapped or altered below it
 * shows through it as it is now. All of it is looked at with the catalogue, and again when the view
 * has been read: while our transaction has read from it, nobody can change any of that.
 *
 * The servers keep a view's definition with every table in it as `DATABASE`.`TABLE`, behind "from"
 * or "join". What is taken for a table and is none, and what the user may not see, is not told of.
 */
#include <errno.h>
#include <string.h>
#include <xxhash.h>

#include "backends/source/mysql_internal.h"
#include "fs/base/ascii.h"
#include "fs/base/memory.h"

#define PLACES_LIMIT ((size_t)64 << 10) /* bytes of the names that a view stands on */

/* One view being looked at. */
struct look {
    struct mysql_source *source;
    struct mysql_link *link;
    struct mysql_catalogue *known; /* NULL: all is asked for */
    XXH3_state_t *state;
    struct buffer places; /* DATABASE, NAME, each with its NUL: all that has been found */
    struct mysql_standing standing;
};

static int no_memory(struct failure *failure)
{
    return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
}

static void digest(struct look *look, const char *text)
{
    XXH3_128bits_update(look->state, text != NULL ? text : "", text != NULL ? strlen(text) + 1 : 0);
}

/* Adds what is not there yet, to be looked at in its turn. */
static void add_place(struct look *look, const char *database, const char *name)
{
    const char *places = (const char *)look->places.data;
    size_t size = look->places.size;

    for (size_t at = 0; at < size;) {
        const char *first = places + at;
        const char *second = first + strlen(first) + 1;

        if (strcmp(first, database) == 0 && strcmp(second, name) == 0)
            return;
        at = (size_t)(second + strlen(second) + 1 - places);
    }
    if (buffer_append(&look->places, database, strlen(database) + 1) == 0 &&
        buffer_append(&look->places, name, strlen(name) + 1) == 0)
        return;
    look->places.size = size;
    look->standing.untold = true;
}

/* --- a definition -------------------------------------------------------------------------------
 */

/* Behind a literal in quotes at AT. */
static const char *skip_literal(const char *at)
{
    for (at++; *at != '\0' && *at != '\''; at++) {
        if (*at == '\\' && at[1] != '\0')
            at++;
    }
    return *at == '\0' ? at : at + 1;
}

/* Copies the name in backticks at AT, with its NUL, and goes behind it. */
static const char *copy_name(const char *at, struct buffer *ret_name, bool *lacking)
{
    for (at++; *at != '\0'; at++) {
        if (*at == '`' && *++at != '`')
            break;
        *lacking |= buffer_append(ret_name, at, 1) != 0;
    }
    *lacking |= buffer_append(ret_name, "", 1) != 0;
    return at;
}

/* Names with dots between them at AT. Two of them are a table's, where one is EXPECTED. */
static const char *read_names(struct look *look, const char *at, bool expected)
{
    cleanup_buffer struct buffer names = BUFFER(PLACES_LIMIT);
    size_t second = 0;
    size_t count = 0;
    bool lacking = false;

    do {
        at = copy_name(at + (count != 0), &names, &lacking);
        if (count++ == 0)
            second = names.size;
    } while (at[0] == '.' && at[1] == '`');
    /* A routine's tables are nowhere to be seen. */
    if (lacking || *at == '(')
        look->standing.untold = true;
    else if (expected && count == 2)
        add_place(look, (const char *)names.data, (const char *)names.data + second);
    return at;
}

static bool is_joint(const char *word, size_t length)
{
    static const char *const joints[] = {"from", "join", "straight_join"};

    for (size_t i = 0; i < sizeof joints / sizeof *joints; i++) {
        if (strlen(joints[i]) == length && strncasecmp(joints[i], word, length) == 0)
            return true;
    }
    return false;
}

static void read_definition(struct look *look, const char *at)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$";
    bool expected = false;

    while (*at != '\0') {
        size_t length = strspn(at, letters);

        if (length != 0) {
            expected = is_joint(at, length);
            at += length;
        } else if (*at == '`') {
            at = read_names(look, at, expected);
            expected = false;
        } else if (*at == '\'') {
            at = skip_literal(at);
            expected = false;
        } else {
            expected = expected && (*at == ' ' || *at == '(');
            at++;
        }
    }
}

/* --- what the server says ----------------------------------------------------------------------
 */

static void take_definition(struct look *look, const char *definition)
{
    if (definition == NULL || definition[0] == '\0') {
        look->standing.untold = true;
        return;
    }
    digest(look, definition);
    read_definition(look, definition);
}

/* When they were made changes of itself where the server makes them as they are asked for, and
 * ARCHIVE tables have it only while they are open. */
static void take_table(struct look *look, const char *engine, const char *made, bool is_sequence)
{
    digest(look, engine);
    if (!ascii_equal(engine, "ARCHIVE") && !ascii_equal(engine, "PERFORMANCE_SCHEMA"))
        digest(look, made);
    look->standing.mixed |= is_sequence || !mysql_is_transactional(engine);
}

static int ask_definition(struct look *look, const char *database, const char *name,
                          struct failure *failure)
{
    cleanup_rows MYSQL_RES *rows = NULL;
    int error = mysql_ask_about(look->source, look->link, "VIEW_DEFINITION", "VIEWS", database,
                                name, &rows, failure);
    MYSQL_ROW row = error == 0 ? mysql_fetch_row(rows) : NULL;

    if (error == 0)
        take_definition(look, row != NULL ? row[0] : NULL);
    return error;
}

static int ask_place(struct look *look, const char *database, const char *name,
                     struct failure *failure)
{
    cleanup_rows MYSQL_RES *rows = NULL;
    MYSQL_ROW row;
    int error =
        mysql_ask_about(look->source, look->link, "TABLE_NAME, TABLE_TYPE, ENGINE, CREATE_TIME",
                        "TABLES", database, name, &rows, failure);

    if (error != 0)
        return error;
    while ((row = mysql_fetch_row(rows)) != NULL && strcmp(row[0], name) != 0)
        ;
    if (row == NULL) {
        look->standing.untold = true;
        return 0;
    }
    if (strcmp(row[1], "VIEW") == 0)
        return ask_definition(look, database, name, failure);
    if (strcmp(row[1], "SYSTEM VIEW") == 0) {
        look->standing.mixed = true;
        return 0;
    }

    cleanup_free char *made = row[3] != NULL ? strdup(row[3]) : NULL;

    error = mysql_number_table(look->source, look->link, database, name, &made, failure);
    if (error == 0)
        take_table(look, row[2] != NULL ? row[2] : "", made, strcmp(row[1], "SEQUENCE") == 0);
    return error;
}

/* The catalogue has been asked for already. */
static int look_at(struct look *look, const char *database, const char *name,
                   struct failure *failure)
{
    const struct mysql_table *table =
        look->known != NULL && strcmp(database, look->source->database) == 0
            ? mysql_catalogue_find(look->known, name)
            : NULL;

    digest(look, database);
    digest(look, name);
    if (table == NULL)
        return ask_place(look, database, name, failure);
    if (table->schema->kind == RELATION_VIEW)
        take_definition(look, table->definition);
    else
        take_table(look, table->engine, table->made, table->is_sequence);
    return 0;
}

static int look_through(struct look *look, const char *name, struct failure *failure)
{
    int error = 0;

    XXH3_128bits_reset(look->state);
    add_place(look, look->source->database, name);
    for (size_t at = 0; at < look->places.size && error == 0;) {
        /* Copies: what is found below moves the buffer. */
        cleanup_free char *database = strdup((const char *)look->places.data + at);
        cleanup_free char *own =
            database != NULL ? strdup((const char *)look->places.data + at + strlen(database) + 1)
                             : NULL;

        if (own == NULL)
            return no_memory(failure);
        at += strlen(database) + strlen(own) + 2;
        error = look_at(look, database, own, failure);
    }

    XXH128_hash_t hash = XXH3_128bits_digest(look->state);

    look->standing.words[0] = hash.low64;
    look->standing.words[1] = hash.high64;
    return error;
}

/* KNOWN may be NULL. */
static int read_standing(struct mysql_source *source, struct mysql_link *link,
                         struct mysql_catalogue *known, const char *name,
                         struct mysql_standing *ret_standing, struct failure *failure)
{
    struct look look = {.source = source,
                        .link = link,
                        .known = known,
                        .state = XXH3_createState(),
                        .places = BUFFER(PLACES_LIMIT)};

    if (look.state == NULL)
        return no_memory(failure);

    int error = look_through(&look, name, failure);

    XXH3_freeState(look.state);
    buffer_release(&look.places);
    if (error == 0)
        *ret_standing = look.standing;
    return error;
}

/* --- catalogue and cursors ---------------------------------------------------------------------
 */

static bool has_views(const struct mysql_catalogue *catalogue)
{
    bool any = false;

    for (size_t i = 0; i < catalogue->count && !any; i++)
        any = catalogue->tables[i].schema->kind == RELATION_VIEW;
    return any;
}

int mysql_read_definitions(struct mysql_source *source, struct mysql_link *link,
                           struct mysql_catalogue *catalogue, struct failure *failure)
{
    cleanup_rows MYSQL_RES *rows = NULL;
    MYSQL_ROW row;

    if (!has_views(catalogue))
        return 0;

    int error = mysql_ask(source, link,
                          "SELECT TABLE_NAME, VIEW_DEFINITION FROM information_schema.VIEWS "
                          "WHERE TABLE_SCHEMA = DATABASE()",
                          &rows, failure);

    while (error == 0 && (row = mysql_fetch_row(rows)) != NULL) {
        struct mysql_table *table = mysql_catalogue_find(catalogue, row[0]);

        if (table == NULL || row[1] == NULL || table->definition != NULL)
            continue;
        table->definition = strdup(row[1]);
        if (table->definition == NULL)
            error = no_memory(failure);
    }
    return error;
}

int mysql_read_views(struct mysql_source *source, struct mysql_link *link,
                     struct mysql_catalogue *catalogue, struct failure *failure)
{
    int error = 0;

    for (size_t i = 0; i < catalogue->count && error == 0; i++) {
        struct mysql_table *table = &catalogue->tables[i];

        if (table->schema->kind == RELATION_VIEW)
            error = read_standing(source, link, catalogue, table->schema->name, &table->standing,
                                  failure);
    }
    return error;
}

int mysql_check_view(struct mysql_source *source, struct mysql_link *link,
                     const struct mysql_table *table, struct failure *failure)
{
    struct mysql_standing now;
    int error = read_standing(source, link, NULL, table->schema->name, &now, failure);

    if (error != 0 || memcmp(now.words, table->standing.words, sizeof now.words) == 0)
        return error;
    return failure_set(failure, ESTALE,
                       "view %s, or a table that it stands on, was altered, or another one has "
                       "been given its name, since the folder was read",
                       table->schema->name);
}
