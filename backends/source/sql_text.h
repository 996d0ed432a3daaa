/* SPDX-License-Identifier: MIT */
/* Names and texts within statements of standard SQL. */
#ifndef CRMFS_SOURCE_SQL_TEXT_H
#define CRMFS_SOURCE_SQL_TEXT_H

/* NAME in double quotes, TEXT in single ones, the caller's. NULL: no memory. */
char *sql_name(const char *name);
char *sql_literal(const char *text);

/* TEXT between quotes, which are doubled in it, the caller's. NULL: no memory. */
char *sql_quoted(const char *text, char sign);

#endif
