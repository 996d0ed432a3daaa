/* SPDX-License-Identifier: MIT */
/*
 * Values from outside on their way into a column: whatever the text, it is refused with a reason,
 * or what it becomes is the same value, and has one form.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/target/fit.h"
#include "fs/base/memory.h"
#include "tests/fuzz/target.h"

static const struct {
    enum target_engine engine;
    enum column_type type;
    const char *native;
} columns[] = {
    {ENGINE_SQLITE, COLUMN_INTEGER, "INTEGER"},
    {ENGINE_SQLITE, COLUMN_FLOAT, "REAL"},
    {ENGINE_SQLITE, COLUMN_ANY, ""},
    {ENGINE_MYSQL, COLUMN_INTEGER, "int(11) unsigned"},
    {ENGINE_MYSQL, COLUMN_DECIMAL, "decimal(20,5)"},
    {ENGINE_MYSQL, COLUMN_FLOAT, "float"},
    {ENGINE_MYSQL, COLUMN_DATETIME, "datetime(3)"},
    {ENGINE_MYSQL, COLUMN_TIME, "time(2)"},
    {ENGINE_MYSQL, COLUMN_TEXT, "varchar(20)"},
    {ENGINE_POSTGRES, COLUMN_DATE, "date"},
    {ENGINE_POSTGRES, COLUMN_TIMESTAMP, "timestamp(3) with time zone"},
    {ENGINE_POSTGRES, COLUMN_JSON, "jsonb"},
    {ENGINE_POSTGRES, COLUMN_UUID, "uuid"},
    {ENGINE_POSTGRES, COLUMN_BOOLEAN, "boolean"},
    {ENGINE_POSTGRES, COLUMN_DECIMAL, "numeric(8,2)"},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;

    size_t which = data[0] % (sizeof columns / sizeof *columns);
    char native[64];

    snprintf(native, sizeof native, "%s", columns[which].native);

    const struct column column = {.type = columns[which].type, .native_type = native};
    const struct fit fit = fit_of(columns[which].engine, &column);
    /* Memory of its own, so that a read beyond it shows. */
    cleanup_free char *text = malloc(size - 2 + 1);
    cleanup_buffer struct buffer scratch = BUFFER((size_t)1 << 24);
    cleanup_buffer struct buffer value = BUFFER((size_t)1 << 24);
    struct cell cell = {data[1] % 2 != 0 ? CELL_TEXT : CELL_NUMBER, size - 2, text};
    struct fitted fitted;

    require(text != NULL && buffer_reserve(&scratch, fit_room(cell.size)) == 0);
    memcpy(text, data + 2, size - 2);

    int error = fit_cell(&fit, &cell, &scratch, &fitted);

    require(error == 0 || (error == -EINVAL && fitted.reason != NULL));
    if (error == 0)
        require(fit_value(&fit, &fitted.cell, &value) == 0);
    return 0;
}
