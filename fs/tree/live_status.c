/* SPDX-License-Identifier: MIT */
/* What .crmfs/status says of a live source. */
#include <string.h>

#include "fs/base/clock.h"
#include "fs/base/json_text.h"
#include "fs/tree/live_internal.h"

/* The members that the newest generation (referenced, or NULL) has to do with; and the source's
 * state. */
static int append_state(struct live *live, struct generation *newest, struct buffer *text)
{
    struct generation_fault table_fault = {.failed_ns = 0};
    char changed[CLOCK_TEXT_SIZE];
    int error = 0;

    /* NULL: nothing has been read yet. */
    if (newest != NULL)
        error = buffer_print(text, ",\"changed\":\"%s\"",
                             clock_text(generation_changed(newest).tv_sec, changed));
    if (error == 0 && newest != NULL)
        error = generation_status(newest, text, &table_fault);
    pthread_mutex_lock(&live->lock);
    struct failure failure = live->failure;
    struct generation_fault fault = live->last_fault;

    live_unlock(live);
    if (error == 0)
        error = buffer_append_text(text, ",\"error\":");
    if (error == 0)
        error = failure.code != 0 ? json_text_append(text, failure.text, strlen(failure.text))
                                  : buffer_append_text(text, "null");
    if (error == 0)
        error = generation_fault_append(text, table_fault.failed_ns > fault.failed_ns ? &table_fault
                                                                                      : &fault);
    return error;
}

int live_status(struct live *live, struct buffer *text)
{
    pthread_mutex_lock(&live->lock);
    struct generation *newest = live->newest;

    if (newest != NULL)
        generation_reference(newest);
    live_unlock(live);

    int error = buffer_append_text(text, "{\"name\":");

    if (error == 0)
        error = json_text_append(text, live->name, strlen(live->name));
    if (error == 0)
        error = buffer_append_text(text, ",\"url\":");
    if (error == 0)
        error = json_text_append(text, live->url, strlen(live->url));
    if (error == 0)
        error = append_state(live, newest, text);
    if (error == 0 && live->source->class->status != NULL)
        error = live->source->class->status(live->source, text);
    if (error == 0)
        error = buffer_append_text(text, "}");
    if (newest != NULL)
        generation_release(newest);
    return error;
}
