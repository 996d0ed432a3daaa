/* SPDX-License-Identifier: MIT */
#include "tools/snapshot_filter.h"

#include <errno.h>
#include <string.h>

#include "fs/store/policy.h"

static int add(const char **words, size_t *count, const char *word, struct failure *failure)
{
    if (*count == FILTER_WORDS_LIMIT)
        return failure_set(failure, EINVAL, "an option is given more than %d times",
                           FILTER_WORDS_LIMIT);
    words[(*count)++] = word;
    return 1;
}

int snapshot_filter_take(struct snapshot_filter *filter, int letter, const char *value,
                         struct failure *failure)
{
    if (letter == FILTER_TAG_LETTER)
        return add(filter->tag_lists, &filter->tag_list_count, value, failure);
    if (letter == FILTER_HOST_LETTER)
        return add(filter->hosts, &filter->host_count, value, failure);
    return 0;
}

bool snapshot_filter_has(const struct snapshot_filter *filter, const struct snapshot *snapshot)
{
    bool tags = filter->tag_list_count == 0;
    bool host = filter->host_count == 0;

    for (size_t i = 0; i < filter->tag_list_count && !tags; i++)
        tags = snapshot_has_tags(snapshot, filter->tag_lists[i]);
    for (size_t i = 0; i < filter->host_count && !host; i++)
        host = strcmp(snapshot->host, filter->hosts[i]) == 0;
    return tags && host;
}
