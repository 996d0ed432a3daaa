/* SPDX-License-Identifier: MIT */
/* A load into PostgreSQL; what its files share. */
#ifndef CRMFS_TARGET_POSTGRES_LOAD_H
#define CRMFS_TARGET_POSTGRES_LOAD_H

#include "backends/target/postgres_target.h"
#include "backends/target/server_load.h"

/* Of a statement of the dialect: rows of the table that a replace deletes. */
#define POSTGRES_DOOMED "NOT EXISTS (SELECT FROM %s s WHERE %k)"

struct postgres_load {
    struct server_load base;
    struct postgres_target *target;
    struct postgres_place *place;
    char *copy; /* COPY … FROM STDIN */
};

static inline const struct table *postgres_load_table(const struct postgres_load *load)
{
    return load->place->table;
}

extern const struct server_dialect postgres_dialect;

#endif
