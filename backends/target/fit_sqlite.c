/* SPDX-License-Identifier: MIT */
/* A cell as SQLite is given it: whatever class it is, it goes by the column's affinity. */
#include <stdlib.h>
#include <string.h>

#include "backends/target/fit_internal.h"
#include "fs/base/number_text.h"

static bool is_int64(const struct decimal *decimal)
{
    return decimal_fraction_digits(decimal) == 0 &&
           decimal_compare_magnitude(decimal, decimal->negative ? "9223372036854775808"
                                                                : "9223372036854775807") <= 0;
}

static int fit_sqlite_number(const struct fit *fit, struct fitted *fitted)
{
    struct decimal decimal;

    if (fit_is_special(&fitted->cell))
        return fit_is_word(&fitted->cell, "NaN")
                   ? fit_refuse(fitted, "is NaN, which SQLite keeps as NULL")
                   : 0;
    if (!decimal_parse(fitted->cell.data, fitted->cell.size, &decimal))
        return fit_refuse(fitted, "is not a number");
    if (fitted->cell.size > FIT_NUMBER_TEXT_MOST)
        return fit_refuse(fitted, "is a number written at more length than SQLite is given");
    /* What is not written whole is given as a double. */
    if (fit->kind != FIT_REAL && fit_is_written_whole(&fitted->cell))
        return is_int64(&decimal)
                   ? 0
                   : fit_refuse(fitted,
                                "is beyond the 64 bits that SQLite has whole numbers of; a column "
                                "of TEXT would keep it");
    if (!fit_keeps_digits(&fitted->cell, &decimal, false))
        return fit_refuse(fitted, "has more digits than SQLite keeps of a number; a column of TEXT "
                                  "would keep them");
    return 0;
}

/* SQLite makes a number of a text that looks like one in a column of a number's affinity. */
static int fit_sqlite_numeric_text(struct fitted *fitted)
{
    const char *text = fitted->cell.data;
    size_t size = fitted->cell.size;
    struct decimal decimal;
    char back[DOUBLE_TEXT_SIZE];
    size_t back_size;

    while (size != 0 && strchr(" \t\n\v\f\r", *text) != NULL && *text != '\0') {
        text++;
        size--;
    }
    while (size != 0 && strchr(" \t\n\v\f\r", text[size - 1]) != NULL && text[size - 1] != '\0')
        size--;
    if (!decimal_parse(text, size, &decimal))
        return 0;
    if (size == fitted->cell.size && size < sizeof back) {
        char copy[DOUBLE_TEXT_SIZE + 1];

        memcpy(copy, text, size);
        copy[size] = '\0';
        back_size = is_int64(&decimal) && strpbrk(copy, ".eE") == NULL
                        ? integer_text(strtoll(copy, NULL, 10), back)
                        : double_text(strtod(copy, NULL), back);
        if (back_size == size && memcmp(back, text, size) == 0) {
            fitted->cell.class = CELL_NUMBER;
            fitted->exact = false;
            return 0;
        }
    }
    return fit_refuse(fitted, "is a text of which SQLite would make another number in this column");
}

int fit_sqlite(const struct fit *fit, struct fitted *fitted)
{
    struct cell *cell = &fitted->cell;

    fit_count_boolean(fitted);
    if (cell->class == CELL_NUMBER && fit->kind == FIT_LOOSE_TEXT) {
        cell->class = CELL_TEXT;
        fitted->exact = false;
    } else if (cell->class == CELL_NUMBER) {
        return fit_sqlite_number(fit, fitted);
    }
    if (cell->class == CELL_TEXT && (fit->kind == FIT_NUMERIC || fit->kind == FIT_REAL))
        return fit_sqlite_numeric_text(fitted);
    return 0;
}
