/* SPDX-License-Identifier: MIT */
#include "tools/lack_words.h"

/* Appends BEFORE, then the names with commas, or "no table". */
static int append_list(struct buffer *output, const char *before, const struct stored_names *names)
{
    int error = buffer_append_text(output, before);

    for (size_t i = 0; i < names->count && error == 0; i++)
        error = buffer_print(output, "%s%s", i == 0 ? "" : ", ", names->names[i]);
    return error == 0 && names->count == 0 ? buffer_append_text(output, "no table") : error;
}

int lack_words_append(struct buffer *output, const struct stored_source *source)
{
    const char *before = ": lacks ";
    const char *name;
    size_t place = 0;
    int error = source->partial ? buffer_append_text(output, " (in part") : 0;

    while (error == 0 && (name = stored_source_next_lacking(source, &place)) != NULL) {
        error = buffer_print(output, "%s%s", before, name);
        before = ", ";
    }
    if (error == 0 && source->partial && (source->has_only || source->without.count != 0)) {
        error = buffer_append_text(output, before[0] == ':' ? ": " : "; ");
        if (error == 0)
            error = source->has_only ? append_list(output, "only ", &source->only)
                                     : append_list(output, "without ", &source->without);
    }
    if (error == 0 && source->unseen)
        error = buffer_append_text(output, ", perhaps without others");
    return error == 0 && source->partial ? buffer_append_text(output, ")") : error;
}
