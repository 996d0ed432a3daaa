/* SPDX-License-Identifier: MIT */
/* What fit_cell, fit_number and fit_sqlite share. */
#ifndef CRMFS_TARGET_FIT_INTERNAL_H
#define CRMFS_TARGET_FIT_INTERNAL_H

#include "backends/target/decimal.h"
#include "backends/target/fit.h"

int fit_refuse(struct fitted *fitted, const char *reason); /* -EINVAL */
bool fit_is_word(const struct cell *cell, const char *word);

/* What was appended to SCRATCH since BEGIN becomes the cell. */
int fit_take_scratch(struct buffer *scratch, size_t begin, enum cell_class class,
                     struct fitted *fitted);

/* Numbers go through texts of this size; no double has digits beyond. */
#define FIT_NUMBER_TEXT_MOST 400

bool fit_is_special(const struct cell *cell); /* a number that no digits are for */

/* Whether a double (or float) gives back the digits of the number. */
bool fit_keeps_digits(const struct cell *cell, const struct decimal *decimal, bool single);

/* Whether it is written as a whole number: without point and exponent. */
bool fit_is_written_whole(const struct cell *cell);

void fit_count_boolean(struct fitted *fitted); /* as 1 or 0 */

/* As fit_cell, of a cell that is not NULL; of a number's column (FIT_INTEGER to FIT_SINGLE). */
int fit_number(const struct fit *fit, struct buffer *scratch, struct fitted *fitted);
/* … of any column of SQLite's. */
int fit_sqlite(const struct fit *fit, struct fitted *fitted);

#endif
