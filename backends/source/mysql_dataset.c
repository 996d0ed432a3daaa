/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "backends/source/mysql_internal.h"

static struct mysql_dataset *own(struct dataset *base)
{
    return (struct mysql_dataset *)base;
}

static size_t table_count(const struct dataset *base)
{
    return ((const struct mysql_dataset *)base)->catalogue.count;
}

static struct schema *schema(const struct dataset *base, size_t table)
{
    return ((const struct mysql_dataset *)base)->catalogue.tables[table].schema;
}

static int verify(struct dataset *base, struct failure *failure)
{
    (void)base;
    (void)failure;
    return 0;
}

static struct mysql_link *find_free(const struct mysql_dataset *dataset)
{
    for (size_t i = 0; i < dataset->link_count; i++) {
        if (!dataset->links[i]->taken)
            return dataset->links[i];
    }
    return NULL;
}

int mysql_dataset_take(struct mysql_dataset *dataset, struct mysql_link **ret_link,
                       struct failure *failure)
{
    struct mysql_link *link = NULL;

    pthread_mutex_lock(&dataset->lock);
    while (dataset->link_count != 0 && (link = find_free(dataset)) == NULL)
        pthread_cond_wait(&dataset->given_back, &dataset->lock);
    if (link != NULL)
        link->taken = true;
    pthread_mutex_unlock(&dataset->lock);
    if (link == NULL)
        return failure_set(failure, EIO, "the connection to the server is lost");
    mysql_thread_init();
    mysql_link_bind(dataset->source, link, &dataset->dataset.bound);
    *ret_link = link;
    return 0;
}

/* The lock is held. */
static void remove_link(struct mysql_dataset *dataset, const struct mysql_link *link)
{
    for (size_t i = 0; i < dataset->link_count; i++) {
        if (dataset->links[i] == link) {
            dataset->links[i] = dataset->links[--dataset->link_count];
            return;
        }
    }
}

void mysql_dataset_give_back(struct mysql_dataset *dataset, struct mysql_link *link)
{
    mysql_link_unbind(dataset->source, link);

    bool broken = link->broken;

    pthread_mutex_lock(&dataset->lock);
    link->taken = false;
    if (broken) {
        remove_link(dataset, link);
        /* The others may work, but whoever lost one gives up, and begins anew. */
        __atomic_store_n(&dataset->dataset.lost, true, __ATOMIC_RELAXED);
    }
    pthread_cond_broadcast(&dataset->given_back);
    pthread_mutex_unlock(&dataset->lock);
    if (broken)
        mysql_link_close(dataset->source, link);
}

static void finish(struct dataset *base)
{
    struct mysql_dataset *dataset = own(base);

    pthread_mutex_lock(&dataset->lock);
    while (dataset->link_count != 0) {
        struct mysql_link *link = dataset->links[--dataset->link_count];

        if (__atomic_load_n(&dataset->dataset.lost, __ATOMIC_RELAXED))
            link->broken = true;
        mysql_link_give_back(dataset->source, link);
    }
    pthread_cond_broadcast(&dataset->given_back);
    pthread_mutex_unlock(&dataset->lock);
}

static void release(struct dataset *base)
{
    struct mysql_dataset *dataset = own(base);

    finish(base);
    mysql_catalogue_release(&dataset->catalogue);
    pthread_cond_destroy(&dataset->given_back);
    pthread_mutex_destroy(&dataset->lock);
    free(dataset);
}

static const struct dataset_class class = {
    .table_count = table_count,
    .schema = schema,
    .plan = mysql_plan,
    .open_cursor = mysql_open_cursor,
    .verify = verify,
    .finish = finish,
    .release = release,
};

struct mysql_dataset *mysql_dataset_create(struct mysql_source *source)
{
    struct mysql_dataset *dataset = calloc(1, sizeof *dataset);

    if (dataset == NULL)
        return NULL;
    dataset->dataset.class = &class;
    dataset->source = source;
    pthread_mutex_init(&dataset->lock, NULL);
    pthread_cond_init(&dataset->given_back, NULL);
    return dataset;
}
