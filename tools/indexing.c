/* SPDX-License-Identifier: MIT */
#include "tools/indexing.h"

#include "fs/table/indexed.h"

int indexing_wrap(struct indexing *indexing, const bool *cancelled,
                  void (*warn)(void *context, const struct failure *why), void *context,
                  struct source **source, struct failure *failure)
{
    const struct spool_options options = {.directory = NULL};
    struct source *stream = *source;
    int error = 0;

    if (stream->class->stream == NULL)
        return 0;
    if (indexing->spool == NULL)
        error = spool_create(&options, &indexing->spool, failure);
    if (error != 0) {
        stream->class->close(stream);
        return error;
    }

    struct indexed_options indexed = {
        .spool = indexing->spool,
        .cancelled = cancelled,
        .report = warn,
        .report_context = context,
    };

    return indexed_source_create(stream, &indexed, source);
}

void indexing_end(struct indexing *indexing)
{
    if (indexing->spool != NULL)
        spool_free(indexing->spool);
    indexing->spool = NULL;
}
