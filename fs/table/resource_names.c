/* SPDX-License-Identifier: MIT */
#include "fs/table/resource_names.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/ascii.h"
#include "fs/base/memory.h"
#include "fs/base/name_map.h"

#define NUMBER_SIZE 22 /* '-' and any size_t */
#define MOST_SANITISED (RESOURCE_NAME_SIZE - 1 - NUMBER_SIZE)

struct table_names {
    char *resource;
    char *folded; /* the table's name in lower case */
};

struct resource_names {
    size_t count;
    struct table_names *tables;
    struct name_map *by_name;   /* table name -> table */
    struct name_map *by_folded; /* the same in lower case -> first such table */
    struct name_map *taken;     /* resource name -> the last number tried to make it unique */
};

void resource_name_sanitise(const char *name, char sanitised[RESOURCE_NAME_SIZE])
{
    size_t used = 0;
    bool telling = false;

    for (; *name != '\0' && used < MOST_SANITISED; name++) {
        char character = ascii_lower(*name);
        bool alphanumeric =
            (character >= 'a' && character <= 'z') || (character >= '0' && character <= '9');

        telling = telling || alphanumeric;
        if (alphanumeric || character == '_' || character == '.')
            sanitised[used++] = character;
        else if (used == 0 || sanitised[used - 1] != '-')
            sanitised[used++] = '-';
    }
    sanitised[used] = '\0';
    if (!telling)
        memcpy(sanitised, "table", sizeof "table");
}

/*
 * The sanitised name, or with "-2", "-3" … where it is taken. Each name keeps the last number
 * tried, so that many tables of one sanitised name take linear time together.
 */
static int add_resource(struct resource_names *names, const char *table_name, char **ret_resource)
{
    char text[RESOURCE_NAME_SIZE];

    resource_name_sanitise(table_name, text);

    size_t *last_number = name_map_find(names->taken, text);

    if (last_number != NULL) {
        size_t base = strlen(text);

        do
            snprintf(text + base, sizeof text - base, "-%zu", ++*last_number);
        while (name_map_find(names->taken, text) != NULL);
    }
    *ret_resource = strdup(text);
    return *ret_resource != NULL ? name_map_add(names->taken, *ret_resource, 1) : -ENOMEM;
}

/* A copy, NULL without memory. */
static char *lower_case(const char *name)
{
    char *folded = strdup(name);

    for (char *at = folded; at != NULL && *at != '\0'; at++)
        *at = ascii_lower(*at);
    return folded;
}

static int add_table(struct resource_names *names, const char *table_name, size_t table)
{
    struct table_names *own = &names->tables[table];
    int error = name_map_add(names->by_name, table_name, table);

    if (error != 0 && error != -EEXIST)
        return error;
    own->folded = lower_case(table_name);
    if (own->folded == NULL)
        return -ENOMEM;
    error = name_map_add(names->by_folded, own->folded, table);
    if (error != 0 && error != -EEXIST)
        return error;
    return add_resource(names, table_name, &own->resource);
}

int resource_names_create(struct schema *const *schemas, size_t count,
                          struct resource_names **ret_names)
{
    struct resource_names *names = calloc(1, sizeof *names);

    if (names == NULL)
        return -ENOMEM;
    names->count = count;
    names->tables = allocate_array(count, sizeof *names->tables);

    int error = names->tables != NULL ? name_map_create(&names->by_name) : -ENOMEM;

    if (error == 0)
        error = name_map_create(&names->by_folded);
    if (error == 0)
        error = name_map_create(&names->taken);
    for (size_t table = 0; error == 0 && table < count; table++)
        error = add_table(names, schemas[table]->name, table);
    if (error != 0) {
        resource_names_free(names);
        return error;
    }
    *ret_names = names;
    return 0;
}

const char *resource_name(const struct resource_names *names, size_t table)
{
    return names->tables[table].resource;
}

int resource_names_find(const struct resource_names *names, const char *table_name,
                        size_t *ret_table)
{
    const size_t *table = name_map_find(names->by_name, table_name);

    if (table == NULL) {
        cleanup_free char *folded = lower_case(table_name);

        if (folded == NULL)
            return -ENOMEM;
        table = name_map_find(names->by_folded, folded);
    }
    if (table == NULL)
        return -ENOENT;
    *ret_table = *table;
    return 0;
}

void resource_names_free(struct resource_names *names)
{
    if (names == NULL)
        return;
    name_map_free(names->by_name);
    name_map_free(names->by_folded);
    name_map_free(names->taken);
    for (size_t table = 0; names->tables != NULL && table < names->count; table++) {
        free(names->tables[table].resource);
        free(names->tables[table].folded);
    }
    free(names->tables);
    free(names);
}
