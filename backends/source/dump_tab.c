/* SPDX-License-Identifier: MIT */
/*
 * A file of rows as mysqldump --tab writes it, with INTO OUTFILE, where no statement says how:
 * fields between tabs, with escapes, texts in their columns' character sets, or, where the program
 * was told one, in that: as the user says, else as the SET NAMES beside it does; but utf8 stands
 * there in either case.
 */
#include <errno.h>
#include <stdlib.h>

#include "backends/source/dump_internal.h"
#include "backends/source/dump_rows.h"
#include "fs/base/memory.h"

/* All columns, or all but the generated ones. */
static void choose_columns(const struct dump_table *table, bool generated, struct dump_load *load)
{
    load->count = 0;
    for (size_t i = 0; i < table->column_count; i++) {
        if (generated || !table->columns[i].generated)
            load->columns[load->count++] = i;
    }
}

/* Whether the first row has no field for each of the columns. 1, 0 or -errno. */
static int lacks_columns(struct dump_reader *reader, const struct dump_load *load,
                         struct failure *failure)
{
    const struct byte_window *window = &reader->window;
    size_t size;
    int got = 0;
    int more = 1;

    while (more > 0 && got == 0) {
        got = window->at < window->end ? dump_load_row(reader, load, &size) : 0;
        if (got == 0)
            more = byte_window_more(&reader->window, failure);
    }
    return more < 0 && more != -EFBIG ? more : got == -EILSEQ;
}

int dump_load_as_tab(struct dump_reader *reader, struct dump_table *table, struct failure *failure)
{
    struct dump_load *load = calloc(1, sizeof *load);
    int error = dump_reserve_cells(reader, table->column_count);
    int lacks = 0;

    if (load == NULL)
        return -ENOMEM;
    reader->guesses_set = reader->wish == NULL && reader->named == NULL;
    *load = (struct dump_load){
        .terminator = '\t',
        .own_bytes = reader->guesses_set,
        .charset = reader->wish != NULL ? dump_charset_wished(reader) : reader->named,
        .columns = allocate_array(table->column_count, sizeof *load->columns),
        .hex = allocate_array(table->column_count, sizeof *load->hex),
        .said = 1,
    };
    if (load->columns == NULL || load->hex == NULL)
        error = -ENOMEM;
    dump_load_set(reader, load);
    if (error == 0) {
        choose_columns(table, true, load);
        lacks = lacks_columns(reader, load, failure);
        error = lacks < 0 ? lacks : 0;
    }
    if (error != 0) {
        dump_load_free(load);
        return error;
    }
    /* MySQL's leaves out what is generated, MariaDB's does not. */
    if (lacks)
        choose_columns(table, false, load);
    dump_load_free(table->load);
    table->load = load;
    return 0;
}
