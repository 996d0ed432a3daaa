/* SPDX-License-Identifier: MIT */
/*
 * A source that nobody writes to may yet have a new generation, because views that go by the clock
 * are to be read anew. Only they are: all other images are those of the generation before.
 */
#include <stdlib.h>
#include <string.h>

#include "fs/base/clock.h"
#include "fs/base/memory.h"
#include "fs/table/indexed.h"
#include "fs/tree/generation_internal.h"
#include "fs/tree/passing_views.h"

/*
 * However short the refresh time: whoever looks a file up is to open it before the name stands for
 * the next one.
 */
#define SHORTEST_LIFE_NS (NS_PER_SECOND / 5)

/* Which of its views pass. Without memory they are taken to last. */
static bool *find_passing(const struct generation *generation)
{
    size_t count = generation->table_count;
    cleanup_free struct schema **schemas = allocate_array(count, sizeof(struct schema *));
    bool *passing = allocate_array(count, sizeof *passing);

    if (schemas == NULL || passing == NULL) {
        free(passing);
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        schemas[i] = generation->tables[i].schema;
    passing_views_find(generation->options.source->class->kind, schemas, count, passing);
    return passing;
}

/*
 * A view whose attributes somebody was told of. One that takes long is shown for as long: else the
 * database would do nothing but read it.
 */
static bool has_read_view(struct generation *generation)
{
    uint64_t now_ns = clock_now_ns();
    bool found = false;

    pthread_mutex_lock(&generation->lock);
    for (size_t i = 0; i < generation->table_count && !found; i++) {
        const struct generation_table *table = &generation->tables[i];

        found = table->known && table->schema->kind == RELATION_VIEW &&
                now_ns - table->read_ns >= table->took_ns &&
                (generation->passing == NULL || generation->passing[i]);
    }
    pthread_mutex_unlock(&generation->lock);
    return found;
}

bool generation_has_passed(struct generation *generation)
{
    if (indexed_source_is(generation->options.source) ||
        clock_now_ns() - generation->begun_ns < SHORTEST_LIFE_NS || !has_read_view(generation))
        return false;
    if (generation->passing != NULL)
        return true;

    bool *passing = find_passing(generation);

    if (passing == NULL)
        return false;
    pthread_mutex_lock(&generation->lock);
    generation->passing = passing;
    pthread_mutex_unlock(&generation->lock);
    return has_read_view(generation);
}

/* Both locks are held. */
static void inherit_table(struct generation *generation, size_t index,
                          const struct generation_table *from)
{
    struct generation_table *table = &generation->tables[index];

    if (generation->passing[index] || !from->known || from->image == NULL || from->cut != NULL ||
        image_is_lost(from->image) || !schema_equal(from->schema, table->schema))
        return;
    table->image = image_reference(from->image);
    table->identity = from->identity;
    table->kept = from->kept;
    generation_note_known(generation, index);
}

void generation_inherit(struct generation *generation, struct generation *before)
{
    bool same = before->passing != NULL &&
                memcmp(&before->version, &generation->version, sizeof before->version) == 0 &&
                generation_has_tables(before, generation->dataset);

    if (!same)
        return;
    generation->passing = allocate_array(generation->table_count, sizeof *generation->passing);
    if (generation->passing == NULL)
        return;
    memcpy(generation->passing, before->passing,
           generation->table_count * sizeof *generation->passing);
    pthread_mutex_lock(&before->lock);
    pthread_mutex_lock(&generation->lock);
    for (size_t i = 0; i < generation->table_count; i++)
        inherit_table(generation, i, &before->tables[i]);
    pthread_mutex_unlock(&generation->lock);
    pthread_mutex_unlock(&before->lock);
}
