/* SPDX-License-Identifier: MIT */
/* A load into MySQL or MariaDB; what its files share. */
#ifndef CRMFS_TARGET_MYSQL_LOAD_H
#define CRMFS_TARGET_MYSQL_LOAD_H

#include "backends/target/mysql_target.h"
#include "backends/target/server_load.h"

struct mysql_load {
    struct server_load base;
    struct mysql_target *target;
    struct mysql_place *place;
    struct mysql_table into; /* that rows go into: the place's table, or one that is like it */
    char *load_data;         /* LOAD DATA … */
    struct mysql_follower *follower; /* reads back what is in; NULL: nobody does before the end */
    struct mysql_insert *insert; /* where the server, or the library, allows no LOAD DATA LOCAL */
};

static inline bool mysql_load_is_bits(const struct mysql_load *load, size_t index)
{
    return mysql_is_bits(&load->place->schema->columns[load->base.work.columns[index]]);
}

extern const struct server_dialect mysql_dialect;

/* Makes the stage: a temporary table of the same columns. */
int mysql_load_create_stage(struct mysql_load *load, struct failure *failure);

/* Before rows are deleted, or given other values: has what is referred to noted (mysql_gone.c). */
int mysql_note_gone(struct mysql_load *load, struct failure *failure);

/* Writes load_data. */
int mysql_load_prepare(struct mysql_load *load, struct failure *failure);

/* As server_load_class.send. */
int mysql_load_send(struct server_load *base, const struct row_batch *batch, size_t first,
                    size_t end, struct refusal *ret_refusal, struct failure *failure);

/*
 * The same by INSERTs of many rows each, prepared once. They are of the load's connection, and
 * freed before it ends.
 */
int mysql_insert_rows(struct mysql_load *load, const struct row_batch *batch, size_t first,
                      size_t end, struct refusal *ret_refusal, struct failure *failure);
void mysql_insert_free(struct mysql_insert *insert);

/* Cuts off where the server says that it was in what it was sent. */
void mysql_load_cut_row(char *words);

/* What the last statement was warned of, as a refusal; its words are "" when it was not. */
int mysql_load_warning(struct mysql_load *load, struct refusal *ret_refusal,
                       struct failure *failure);

#endif
