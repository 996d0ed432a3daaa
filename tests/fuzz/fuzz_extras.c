/* SPDX-License-Identifier: MIT */
/* The statements that a backup has for a table: whatever they say, indexes are of its columns. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backends/target/create.h"
#include "fs/base/memory.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const kinds[] = {"sqlite", "mysql", "postgresql"};
    struct schema *schema = schema_create("t", 3);
    struct table_extras extras;

    require(schema != NULL);
    for (size_t i = 0; i < 3; i++) {
        schema->columns[i].name = strndup(&"abc"[i], 1);
        schema->columns[i].native_type = strdup("INTEGER");
        require(schema->columns[i].name != NULL && schema->columns[i].native_type != NULL);
    }
    if (size != 0)
        schema->ddl = strndup((const char *)data + 1, size - 1);
    require(table_extras_read(schema, kinds[size != 0 ? data[0] % 3 : 0], &extras) == 0);
    require(extras.counting == SIZE_MAX || extras.counting < 3);
    for (size_t i = 0; i < extras.index_count; i++) {
        require(extras.indexes[i].count != 0 && extras.indexes[i].name != NULL);
        for (size_t k = 0; k < extras.indexes[i].count; k++)
            require(extras.indexes[i].columns[k] < 3);
    }
    for (enum target_engine engine = ENGINE_SQLITE; engine <= ENGINE_POSTGRES; engine++) {
        struct buffer sql = BUFFER((size_t)16 << 20);
        struct buffer notes = BUFFER((size_t)16 << 20);

        require(create_table_write(engine, schema, "archive", &extras, "made", &sql, &notes) == 0);
        buffer_release(&sql);
        buffer_release(&notes);
    }
    table_extras_release(&extras);
    schema_release(schema);
    return 0;
}
