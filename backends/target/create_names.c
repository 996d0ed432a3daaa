/* SPDX-License-Identifier: MIT */
/*
 * Names that a database would cut, or refuse at the very end, when a table gets the one it is to
 * have; and those that indexes get.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "backends/target/create.h"
#include "fs/base/utf8.h"

#define POSTGRES_NAME_BYTES 63 /* NAMEDATALEN, without the NUL */
#define MYSQL_NAME_CHARS 64
#define MYSQL_CHAR_BYTES 3    /* names are of utf8mb3 */
#define SQLITE_NAME_BYTES 200 /* it takes any; who reads them does not */
#define SUM_SIZE 9            /* "_01234567" */

static const char *why_not_mysql(const char *name)
{
    size_t size = strlen(name);
    size_t characters = 0;

    for (const char *at = name; *at != '\0'; characters++) {
        size_t length = utf8_character(at, size - (size_t)(at - name));

        if (length == 0 || length > MYSQL_CHAR_BYTES)
            return "has a character that MySQL's names cannot";
        at += length;
    }
    if (characters > MYSQL_NAME_CHARS)
        return "is longer than the 64 characters that MySQL has for one";
    return size == 0 || name[size - 1] == ' ' ? "is empty or ends in a blank, as MySQL's cannot"
                                              : NULL;
}

static const char *why_not(enum target_engine engine, const char *name)
{
    if (engine == ENGINE_MYSQL)
        return why_not_mysql(name);
    if (engine == ENGINE_SQLITE)
        return NULL;
    if (strlen(name) > POSTGRES_NAME_BYTES)
        return "is longer than the 63 bytes that PostgreSQL has for one";
    return name[0] == '\0' ? "is empty, as PostgreSQL's cannot be" : NULL;
}

int create_check_names(enum target_engine engine, const struct schema *like,
                       struct failure *failure)
{
    const char *why = why_not(engine, like->name);

    if (why != NULL)
        return failure_set(failure, EINVAL, "its name %s: rename it, or leave the table out", why);
    for (size_t i = 0; i < like->column_count; i++) {
        why = why_not(engine, like->columns[i].name);
        if (why != NULL)
            return failure_set(failure, EINVAL, "the name of its column \"%.300s\" %s",
                               like->columns[i].name, why);
    }
    return 0;
}

/* ---- Indexes --------------------------------------------------------------------------------- */

/* A name under way, and what it has room for. */
struct room {
    char *name;
    size_t size;
    size_t bytes_most;
    size_t characters_left;
    size_t character_most; /* bytes of one */
};

static struct room room_for(enum target_engine engine, char name[CREATE_INDEX_NAME_SIZE])
{
    struct room room = {
        .name = name,
        .bytes_most = engine == ENGINE_POSTGRES ? POSTGRES_NAME_BYTES : SQLITE_NAME_BYTES,
        .character_most = engine == ENGINE_MYSQL ? MYSQL_CHAR_BYTES : 4,
    };

    room.characters_left = engine == ENGINE_MYSQL ? MYSQL_NAME_CHARS : room.bytes_most;
    name[0] = '\0';
    return room;
}

/* … and a sum behind it. */
static struct room room_for_more(enum target_engine engine, char name[CREATE_INDEX_NAME_SIZE])
{
    struct room room = room_for(engine, name);

    room.bytes_most -= SUM_SIZE;
    room.characters_left -= SUM_SIZE;
    return room;
}

static void add_sum(const struct room *room, XXH32_hash_t sum)
{
    snprintf(room->name + room->size, CREATE_INDEX_NAME_SIZE - room->size, "_%08x", sum);
}

/* Adds the characters of TEXT that can be in a name. Whether it is there as a whole. */
static bool add(struct room *room, const char *text)
{
    size_t size = strlen(text);
    bool whole = true;

    for (size_t at = 0; at < size;) {
        size_t length = utf8_character(text + at, size - at);

        if (length == 0 || length > room->character_most) {
            at += length != 0 ? length : 1;
            whole = false;
            continue;
        }
        if (room->characters_left == 0 || room->size + length > room->bytes_most)
            return false;
        memcpy(room->name + room->size, text + at, length);
        room->size += length;
        room->characters_left--;
        at += length;
    }
    room->name[room->size] = '\0';
    return whole;
}

/* Whether there was room for all of it. */
static bool add_index_name(struct room *room, enum target_engine engine, const struct schema *like,
                           const struct table_extras *extras, size_t number)
{
    const char *name = extras->indexes[number].name;
    char key[32];

    if (name[0] == '\0') {
        snprintf(key, sizeof key, "_key%zu", number + 1);
        return add(room, like->name) && add(room, key);
    }
    if (engine == ENGINE_MYSQL || extras->engine != ENGINE_MYSQL)
        return add(room, name);
    return add(room, like->name) && add(room, "_") && add(room, name) && add(room, "_idx");
}

/* MySQL refuses a blank at the end. */
static bool ends_badly(const struct room *room)
{
    return room->size == 0 || room->name[room->size - 1] == ' ';
}

/* Another index of the table, before this one, is called so. */
static bool is_repeated(enum target_engine engine, const struct schema *like,
                        const struct table_extras *extras, size_t number, const char *name)
{
    for (size_t i = 0; i < number; i++) {
        char other[CREATE_INDEX_NAME_SIZE];
        struct room room = room_for(engine, other);

        if (add_index_name(&room, engine, like, extras, i) && strcasecmp(name, other) == 0)
            return true;
    }
    return false;
}

void create_index_name(enum target_engine engine, const struct schema *like,
                       const struct table_extras *extras, size_t number, bool is_taken,
                       char name[CREATE_INDEX_NAME_SIZE])
{
    const char *given = extras->indexes[number].name;
    struct room room = room_for(engine, name);

    if (add_index_name(&room, engine, like, extras, number) && !ends_badly(&room) && !is_taken &&
        !is_repeated(engine, like, extras, number, name))
        return;
    room = room_for_more(engine, name);
    add_index_name(&room, engine, like, extras, number);
    add_sum(&room, XXH32(given, strlen(given),
                         XXH32(like->name, strlen(like->name), (XXH32_hash_t)number)));
}

void create_other_name(enum target_engine engine, const char *name, unsigned number,
                       char other[CREATE_INDEX_NAME_SIZE])
{
    struct room room = room_for_more(engine, other);

    add(&room, name);
    add_sum(&room, XXH32(name, strlen(name), number));
}
