/* SPDX-License-Identifier: MIT */
/*
 * Views. A database of the same kind understands their own statements; another one may understand
 * something else by them, and is not told. One that cannot be made hinders nothing, and is said.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/restore/restore_internal.h"

static bool is_same_kind(const struct restore_plan *plan)
{
    return strcmp(plan->kind, plan->target->class->kind) == 0;
}

bool restore_has_view(const struct restore_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->view_count; i++) {
        if (strcmp(plan->views[i].schema->name, name) == 0)
            return true;
    }
    return false;
}

/* Why it is not even tried; NULL: it is. */
static const char *hindrance(const struct restore_plan *plan, const struct schema *schema)
{
    if (schema->kind == RELATION_VIRTUAL)
        return "it is no table with rows of its own";
    if (!is_same_kind(plan))
        return "it is in the words of another kind of database; make it by hand";
    return plan->options->no_create ? "nothing is to be made" : NULL;
}

int restore_plan_add_view(struct restore_plan *plan, struct schema *schema)
{
    const char *why = hindrance(plan, schema);
    struct restore_view *views;

    /* One that is there is left as it is; and rows that were chosen have no views. */
    if (target_find_table(plan->target, schema->name) != NULL || plan->options->where != NULL ||
        plan->options->key_count != 0)
        return 0;
    views = reallocarray(plan->views, plan->view_count + 1, sizeof *plan->views);
    if (views == NULL)
        return -ENOMEM;
    plan->views = views;
    views += plan->view_count++;
    *views = (struct restore_view){.schema = schema};
    if (why == NULL)
        return 0;
    views->why = strdup(why);
    return views->why != NULL ? 0 : -ENOMEM;
}

static int try_view(struct restore_plan *plan, struct restore_view *view, struct failure *failure)
{
    struct failure reason = {.code = 0};
    int error = plan->target->class->create_view(plan->target, view->schema, &reason);

    free(view->why);
    view->why = NULL;
    view->made = error == 0;
    if (error == 0)
        return 0;
    /* What has been committed stands. */
    if (error != -EINVAL && plan->target->class->creates_within) {
        *failure = reason;
        return error;
    }
    view->why = strdup(failure_text(&reason, error));
    return view->why != NULL ? 0 : -ENOMEM;
}

/* One may read another: they are tried until no more can be made. */
int restore_make_views(struct restore_plan *plan, struct failure *failure)
{
    bool progress = true;
    int error = 0;

    for (bool first = true; progress && error == 0; first = false) {
        progress = false;
        for (size_t i = 0; i < plan->view_count && error == 0; i++) {
            struct restore_view *view = &plan->views[i];

            /* After the first round those that were tried have a reason as well as no others. */
            if (view->made || (first ? view->why != NULL : !view->tried))
                continue;
            view->tried = true;
            error = try_view(plan, view, failure);
            progress = progress || view->made;
        }
    }
    return error;
}

void restore_views_release(struct restore_plan *plan)
{
    for (size_t i = 0; i < plan->view_count; i++)
        free(plan->views[i].why);
    free(plan->views);
}
