/* SPDX-License-Identifier: MIT */
/*
 * Whether the user may know of all tables. Whoever is granted some one by one is told of no
 * others, by information_schema as by SHOW TABLES, so that a folder without them looks whole.
 *
 * Rights come by roles, by patterns and for all databases; only the server can tell what they come
 * to. It looks at them before it looks for a table: of one that is not there it denies that the
 * user may ask, or says that there is none.
 */
#include <errno.h>
#include <mysqld_error.h>
#include <stdio.h>

#include "backends/source/mysql_internal.h"
#include "fs/base/memory.h"

#define NO_TABLE "`crmfs: no table of this name`"

int mysql_read_grants(struct mysql_source *source, struct mysql_link *link, bool *ret_one_by_one,
                      struct failure *failure)
{
    cleanup_rows MYSQL_RES *rows = NULL;
    struct failure why = {.code = 0};

    *ret_one_by_one = false;
    if (mysql_ask(source, link, "SHOW CREATE TABLE " NO_TABLE, &rows, &why) == 0)
        return 0;
    if (link->broken) {
        if (failure != NULL)
            *failure = why;
        return -why.code;
    }
    *ret_one_by_one = mysql_errno(link->handle) == ER_TABLEACCESS_DENIED_ERROR;
    return 0;
}

void mysql_word_grants(const struct mysql_source *source, char words[MYSQL_GRANTS_SIZE])
{
    const char *user = source->url.user != NULL ? source->url.user : "USER";

    snprintf(words, MYSQL_GRANTS_SIZE,
             "the server shows user %.80s only what is granted to it one by one, and tells of no "
             "other tables; GRANT SELECT, SHOW VIEW ON `%.64s`.* TO '%.80s'@'…' shows them all",
             user, source->database, user);
}
