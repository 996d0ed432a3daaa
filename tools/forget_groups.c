/* SPDX-License-Identifier: MIT */
#include "tools/forget_groups.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/clock.h"
#include "fs/base/log.h"
#include "fs/base/memory.h"
#include "fs/base/name_map.h"
#include "tools/forget_damage.h"
#include "tools/lack_words.h"

#define LABEL_LIMIT ((size_t)1 << 20)

int group_by_parse(const char *text, struct group_by *ret_by)
{
    struct group_by by = {.host = false};

    while (*text != '\0') {
        size_t size = strcspn(text, ",");

        if (size == 4 && strncmp(text, "host", size) == 0)
            by.host = true;
        else if (size == 7 && strncmp(text, "sources", size) == 0)
            by.sources = true;
        else if (size == 4 && strncmp(text, "tags", size) == 0)
            by.tags = true;
        else
            return -EINVAL;
        text += size;
        if (*text == ',' && *++text == '\0')
            return -EINVAL;
    }
    *ret_by = by;
    return 0;
}

static int append_sources(struct buffer *label, const struct opened_store *opened,
                          const struct snapshot *snapshot, struct failure *failure)
{
    struct stored_tree tree;
    int error = opened_store_tree(opened, snapshot, &tree, failure);

    if (error != 0)
        return error;
    for (size_t i = 0; i < tree.source_count && error == 0; i++) {
        error = buffer_print(label, "%s%s", i == 0 ? "sources " : ",", tree.sources[i].name);
        if (error == 0)
            error = lack_words_append(label, &tree.sources[i]);
    }
    if (tree.source_count == 0 && error == 0)
        error = buffer_append_text(label, "no sources");
    if (tree.lacks_files && error == 0)
        error = buffer_append_text(label, " (in part: lacks files/)");
    stored_tree_release(&tree);
    return error;
}

static int compare_texts(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* In their order: the same tags are the same group, however they were given. */
static int append_tags(struct buffer *label, const struct snapshot *snapshot)
{
    char **tags = allocate_array(snapshot->tag_count, sizeof *tags);
    int error = tags != NULL ? buffer_append_text(label, "tags ") : -ENOMEM;

    if (error == 0 && snapshot->tag_count != 0) {
        memcpy((void *)tags, (const void *)snapshot->tags, snapshot->tag_count * sizeof *tags);
        qsort((void *)tags, snapshot->tag_count, sizeof *tags, compare_texts);
    }
    for (size_t i = 0; i < snapshot->tag_count && error == 0; i++)
        error = buffer_print(label, "%s%s", i == 0 ? "" : ",", tags[i]);
    free((void *)tags);
    return error;
}

static int make_label(const struct opened_store *opened, const struct group_by *by,
                      const struct snapshot *snapshot, struct buffer *label,
                      struct failure *failure)
{
    int error = 0;

    buffer_clear(label);
    if (by->host)
        error = buffer_print(label, "host %s", snapshot->host);
    if (error == 0 && by->sources) {
        if (label->size != 0)
            error = buffer_append_text(label, ", ");
        if (error == 0)
            error = append_sources(label, opened, snapshot, failure);
    }
    if (error == 0 && by->tags) {
        if (label->size != 0)
            error = buffer_append_text(label, ", ");
        if (error == 0)
            error = append_tags(label, snapshot);
    }
    return error != 0 ? error : buffer_append(label, "", 1);
}

static int add_to_group(struct snapshot_group *group, const struct snapshot *snapshot)
{
    if ((group->count & (group->count - 1)) == 0) {
        size_t room = group->count != 0 ? 2 * group->count : 1;
        const struct snapshot **snapshots =
            reallocarray((void *)group->snapshots, room, sizeof(const struct snapshot *));

        if (snapshots == NULL)
            return -ENOMEM;
        group->snapshots = snapshots;
    }
    group->snapshots[group->count++] = snapshot;
    return 0;
}

static int add(struct snapshot_groups *groups, struct name_map *by_label, const char *label,
               const struct snapshot *snapshot)
{
    const size_t *known = name_map_find(by_label, label);

    if (known != NULL && groups->groups != NULL)
        return add_to_group(&groups->groups[*known], snapshot);

    struct snapshot_group *more = reallocarray(groups->groups, groups->count + 1, sizeof *more);
    char *copy = strdup(label);

    if (more != NULL)
        groups->groups = more;
    if (more == NULL || copy == NULL) {
        free(copy);
        return -ENOMEM;
    }
    more[groups->count] = (struct snapshot_group){.label = copy};
    groups->count++;

    int error = name_map_add(by_label, copy, groups->count - 1);

    return error != 0 ? error : add_to_group(&more[groups->count - 1], snapshot);
}

/* They are the last of a group. */
static void tell_ahead(const struct snapshot_group *group)
{
    const struct snapshot *last = group->snapshots[group->count - 1];
    char time[CLOCK_TEXT_SIZE];
    size_t count = 0;

    while (count < group->count && (group->reasons[group->count - 1 - count] & POLICY_AHEAD) != 0)
        count++;
    if (count == 0)
        return;
    clock_text((time_t)(last->time_ns / NS_PER_SECOND), time);
    if (count == 1)
        log_message(LOG_LEVEL_WARNING,
                    "%s, of %s, is of a time to come: until then it stays, and stands for no other "
                    "one; by its name it can be forgotten",
                    last->name, time);
    else
        log_message(LOG_LEVEL_WARNING,
                    "%s, of %s, and %zu more are of a time to come: until then they stay, and "
                    "stand for no others; by their names they can be forgotten",
                    last->name, time, count - 1);
}

static int judge(struct snapshot_groups *groups, const struct policy *policy)
{
    uint64_t now = clock_calendar_ns();

    for (size_t i = 0; i < groups->count; i++) {
        struct snapshot_group *group = &groups->groups[i];

        group->reasons = allocate_array(group->count, sizeof *group->reasons);
        if (group->reasons == NULL)
            return -ENOMEM;
        policy_apply(policy, group->snapshots, group->count, now, group->reasons);
        tell_ahead(group);
    }
    return 0;
}

int snapshot_groups_make(const struct opened_store *opened, const struct snapshot_filter *filter,
                         const struct group_by *by, const struct policy *policy,
                         struct snapshot_groups *ret_groups, struct failure *failure)
{
    cleanup_buffer struct buffer label = BUFFER(LABEL_LIMIT);
    cleanup_name_map struct name_map *by_label = NULL;
    struct snapshot_groups groups = {.count = 0};
    int error = name_map_create(&by_label);

    for (size_t i = 0; i < opened->state.snapshot_count && error == 0; i++) {
        const struct snapshot *snapshot = &opened->state.snapshots[i];

        if (!snapshot_filter_has(filter, snapshot))
            continue;
        error = make_label(opened, by, snapshot, &label, failure);
        if (error == -EIO) {
            log_message(LOG_LEVEL_WARNING, "%s stays: what it holds cannot be read: %s",
                        snapshot->name, failure_text(failure, error));
            *failure = (struct failure){.code = 0};
            groups.unread++;
            error = 0;
            continue;
        }
        if (error == 0)
            error = add(&groups, by_label, (const char *)label.data, snapshot);
    }
    if (error == 0)
        error = judge(&groups, policy);
    if (error == 0)
        error = forget_damage_heed(opened, policy, &groups, failure);
    if (error != 0) {
        name_map_free(steal_pointer(&by_label)); /* it borrows the labels */
        snapshot_groups_release(&groups);
        return error;
    }
    *ret_groups = groups;
    return 0;
}

void snapshot_groups_release(struct snapshot_groups *groups)
{
    for (size_t i = 0; i < groups->count; i++) {
        free(groups->groups[i].label);
        free((void *)groups->groups[i].snapshots);
        free(groups->groups[i].reasons);
    }
    free(groups->groups);
    *groups = (struct snapshot_groups){.count = 0};
}
