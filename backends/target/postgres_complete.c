/* SPDX-License-Identifier: MIT */
/* What new tables in PostgreSQL get when the rows are there: indexes, keys, foreign keys. */
#include <string.h>

#include "backends/target/create.h"
#include "backends/target/postgres_target.h"
#include "fs/base/memory.h"

/* Has a foreign key hold for what will be written, and not for the rows that are there. */
static int add_not_valid(struct postgres_target *target, struct buffer *sql)
{
    static const char words[] = " NOT VALID";

    return target->unrelated ? buffer_append(sql, words, strlen(words)) : 0;
}

static int run_later(struct postgres_target *target, const char *text, struct failure *failure)
{
    cleanup_buffer struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    int error = buffer_append_text(&sql, text);

    if (error == 0 && strncmp(text, "ALTER TABLE ", 12) == 0 &&
        strstr(text, " FOREIGN KEY ") != NULL && strstr(text, " NOT VALID") == NULL)
        error = add_not_valid(target, &sql);
    if (error == 0)
        error = buffer_append(&sql, "", 1);
    if (error == 0)
        error = postgres_make(target, (const char *)sql.data, true, failure);
    return error > 0 ? 0 : error;
}

/* The table's indexes, by names that nothing else in public has. */
static int add_indexes(struct postgres_target *target, const struct postgres_place *place,
                       struct failure *failure)
{
    int error = 0;

    for (size_t i = 0; i < place->extras.index_count && error == 0; i++) {
        bool is_taken = false;

        do {
            cleanup_buffer struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
            char name[CREATE_INDEX_NAME_SIZE];

            create_index_name(ENGINE_POSTGRES, place->like, &place->extras, i, is_taken, name);
            error = create_index_write(ENGINE_POSTGRES, place->like, &place->extras.indexes[i],
                                       name, place->like->name, &sql);
            if (error == 0)
                error = buffer_append(&sql, "", 1);
            if (error == 0)
                error = postgres_try_statement(target, (const char *)sql.data, !is_taken, failure);
            is_taken = error == 1;
        } while (is_taken);
    }
    return error;
}

/* The table's foreign keys, when all tables are there. LIKE: as it came. */
static int add_foreign_keys(struct postgres_target *target, const struct postgres_place *place,
                            struct failure *failure)
{
    const struct schema *like = place->like;
    int error = 0;

    for (size_t f = 0; like != NULL && f < like->foreign_key_count && error == 0; f++) {
        const struct foreign_key *key = &like->foreign_keys[f];
        const struct schema *parent = target_find_table(&target->target, key->target_table);
        cleanup_buffer struct buffer name = BUFFER(POSTGRES_SQL_LIMIT);
        struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);

        if (parent == NULL)
            continue;
        error = postgres_add_table(&name, postgres_target_place(target, parent)->table);
        if (error == 0)
            error = buffer_append(&name, "", 1);
        if (error == 0)
            error = buffer_append_text(&sql, "ALTER TABLE ");
        if (error == 0)
            error = postgres_add_table(&sql, place->table);
        if (error == 0)
            error = buffer_append_text(&sql, " ADD ");
        if (error == 0)
            error = create_foreign_key_write(ENGINE_POSTGRES, like, key, parent,
                                             (const char *)name.data, &place->extras.rules, &sql);
        if (error == 0)
            error = add_not_valid(target, &sql);
        if (error == 0)
            error = postgres_target_run(target, &sql, NULL, failure);
        buffer_release(&sql);
    }
    return error;
}

int postgres_complete_tables(struct postgres_target *target, struct failure *failure)
{
    int error = postgres_find_in_public(target, failure);

    for (size_t i = 0; i < target->place_count && error == 0; i++) {
        const struct postgres_place *place = target->places[i];

        for (size_t at = 0; at < place->later_size && error == 0;
             at += strlen(place->later + at) + 1)
            error = run_later(target, place->later + at, failure);
        if (error == 0)
            error = add_indexes(target, place, failure);
    }
    for (size_t i = 0; i < target->place_count && error == 0; i++)
        error = add_foreign_keys(target, target->places[i], failure);
    return error == 0 ? postgres_find_as_usual(target, failure) : error;
}
