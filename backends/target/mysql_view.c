/* SPDX-License-Identifier: MIT */
/* Views in MySQL, by what SHOW CREATE says of them. */
#include <errno.h>
#include <string.h>

#include "backends/target/mysql_target.h"

/* Behind " DEFINER=`user`@`host`" of AT, which begins so; AT itself: it does not. */
static const char *behind_definer(const char *at)
{
    const char *end = at + strlen(" DEFINER=");

    if (strncmp(at, " DEFINER=`", strlen(" DEFINER=`")) != 0)
        return at;
    for (int part = 0; part < 2; part++) {
        for (end++; *end != '\0' && (*end != '`' || end[1] == '`'); end++)
            end += *end == '`';
        end += *end == '`';
        if (part == 0 && *end++ != '@')
            return at;
    }
    return end;
}

/* Whoever restores it is who it is run as: the one who made it may be nobody here. */
int mysql_create_view(struct target *base, const struct schema *like, struct failure *failure)
{
    struct mysql_target *target = (struct mysql_target *)base;
    struct buffer text = BUFFER(MYSQL_STATEMENT_LIMIT);
    const char *definer = strstr(like->ddl, " DEFINER=`");
    const char *view = strstr(like->ddl, " VIEW `");
    int error;

    if (view == NULL || strncmp(like->ddl, "CREATE ", 7) != 0)
        return failure_set(failure, EINVAL, "is made by no statement that is known");
    if (definer == NULL || definer > view)
        definer = view;
    error = buffer_append(&text, like->ddl, (size_t)(definer - like->ddl));
    if (error == 0)
        error = buffer_append_text(&text, behind_definer(definer));
    if (error == 0)
        error = mysql_target_run(target, &text, failure);
    buffer_release(&text);
    return error == 0 || target->link->broken
               ? error
               : failure_prefix(failure, EINVAL, "it cannot be made");
}
