/* SPDX-License-Identifier: MIT */
/* A data package's descriptor: what is taken from it holds together. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/package.h"
#include "tests/fuzz/target.h"

static void check_columns(const struct schema *schema, size_t count, const size_t *columns)
{
    for (size_t i = 0; i < count; i++)
        require(columns[i] < schema->column_count);
}

static void check_table(const struct package_table *table)
{
    const struct schema *schema = table->schema;

    require(strchr(table->stem, '/') == NULL && table->stem[0] != '.' && table->stem[0] != '\0');
    check_columns(schema, schema->primary_key_count, schema->primary_key);
    check_columns(schema, schema->order_key_count, schema->order_key);
    for (size_t i = 0; i < schema->column_count; i++)
        require(schema->columns[i].name != NULL && schema->columns[i].native_type != NULL);
    for (size_t i = 0; i < schema->foreign_key_count; i++) {
        check_columns(schema, schema->foreign_keys[i].count, schema->foreign_keys[i].columns);
        require(schema->foreign_keys[i].target_table != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct package package;
    struct failure failure = {0};
    int error = package_parse(data, size, "CREATE TABLE t;\n", &package, &failure);

    require((error == 0) == (failure.code == 0));
    if (error != 0)
        return 0;
    for (size_t i = 0; i < package.count; i++)
        check_table(&package.tables[i]);
    package_release(&package);
    return 0;
}
