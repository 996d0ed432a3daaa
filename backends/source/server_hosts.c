/* SPDX-License-Identifier: MIT */
#include "backends/source/server_hosts.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"

#define WEIGHT_MOST 1000000

enum balance { BALANCE_ORDER, BALANCE_ROUND_ROBIN, BALANCE_WEIGHTED };

struct state {
    uint64_t weight;
    uint64_t pause_ns; /* after its next failure */
    uint64_t until_ns; /* until when it is left alone */
};

static char no_name[] = "";
static const struct server_host default_host = {.name = no_name};

struct server_hosts {
    const struct server_url *url;
    size_t count;
    uint64_t max_lag_ns;
    enum balance balance;

    pthread_mutex_t lock; /* guards all below */
    size_t first;         /* where the order begins */
    struct state states[SERVER_HOSTS_LIMIT];
};

static int read_weights(struct server_hosts *hosts, struct failure *failure)
{
    const char *text = server_url_option(hosts->url, "weights");
    size_t count = 0;

    for (size_t i = 0; i < hosts->count; i++)
        hosts->states[i].weight = 1;
    if (text == NULL)
        return 0;
    for (; count < hosts->count; count++) {
        char *end;
        unsigned long weight = strtoul(text, &end, 10);

        if (*text < '0' || *text > '9' || weight > WEIGHT_MOST || (*end != ',' && *end != '\0'))
            break;
        hosts->states[count].weight = weight;
        text = end + (*end == ',');
        if (*end == '\0') {
            count++;
            break;
        }
    }
    if (count != hosts->count || *text != '\0')
        return failure_set(failure, EINVAL,
                           "%s:// URL: weights: a number from 0 to %d for each of the %zu hosts is "
                           "wanted, such as 3,1",
                           hosts->url->scheme, WEIGHT_MOST, hosts->count);
    return 0;
}

static size_t first_host(const struct server_hosts *hosts, uint64_t dice)
{
    uint64_t sum = 0;

    if (hosts->balance == BALANCE_ORDER)
        return 0;
    if (hosts->balance == BALANCE_ROUND_ROBIN)
        return (size_t)(dice % hosts->count);
    for (size_t i = 0; i < hosts->count; i++)
        sum += hosts->states[i].weight;
    dice = sum != 0 ? dice % sum : 0;
    for (size_t i = 0; i < hosts->count; i++) {
        if (dice < hosts->states[i].weight)
            return i;
        dice -= hosts->states[i].weight;
    }
    return 0;
}

int server_hosts_create(const struct server_url *url, uint64_t dice,
                        struct server_hosts **ret_hosts, struct failure *failure)
{
    static const char *const balances[] = {"order", "round-robin", "weighted", NULL};
    struct server_hosts *hosts = calloc(1, sizeof *hosts);
    size_t balance = BALANCE_ORDER;

    if (hosts == NULL)
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    hosts->url = url;
    hosts->count = url->host_count != 0 ? url->host_count : 1;
    hosts->max_lag_ns = UINT64_MAX;

    int error = server_url_choice(url, "balance", balances, &balance, failure);

    if (error == 0)
        error = server_url_duration(url, "max-lag", &hosts->max_lag_ns, failure);
    if (error == 0)
        error = read_weights(hosts, failure);
    if (error != 0) {
        free(hosts);
        return error;
    }
    hosts->balance = (enum balance)balance;
    hosts->first = first_host(hosts, dice);
    pthread_mutex_init(&hosts->lock, NULL);
    *ret_hosts = hosts;
    return 0;
}

void server_hosts_free(struct server_hosts *hosts)
{
    if (hosts == NULL)
        return;
    pthread_mutex_destroy(&hosts->lock);
    free(hosts);
}

size_t server_hosts_count(const struct server_hosts *hosts)
{
    return hosts->count;
}

const struct server_host *server_hosts_get(const struct server_hosts *hosts, size_t index)
{
    return hosts->url->host_count != 0 ? &hosts->url->hosts[index] : &default_host;
}

uint64_t server_hosts_max_lag(const struct server_hosts *hosts)
{
    return hosts->max_lag_ns;
}

size_t server_hosts_order(struct server_hosts *hosts, uint64_t now_ns, size_t *ret_order,
                          uint64_t *ret_wait_ns)
{
    uint64_t soonest = UINT64_MAX;
    size_t count = 0;

    pthread_mutex_lock(&hosts->lock);
    for (size_t i = 0; i < hosts->count; i++) {
        size_t index = (hosts->first + i) % hosts->count;

        if (hosts->states[index].until_ns <= now_ns)
            ret_order[count++] = index;
        else if (hosts->states[index].until_ns < soonest)
            soonest = hosts->states[index].until_ns;
    }
    pthread_mutex_unlock(&hosts->lock);
    if (count == 0)
        *ret_wait_ns = soonest - now_ns;
    return count;
}

void server_hosts_failed(struct server_hosts *hosts, size_t index, uint64_t now_ns)
{
    struct state *state = &hosts->states[index];

    pthread_mutex_lock(&hosts->lock);
    state->pause_ns = state->pause_ns == 0 ? HOST_PAUSE_NS : state->pause_ns * 2;
    if (state->pause_ns > HOST_PAUSE_MOST_NS)
        state->pause_ns = HOST_PAUSE_MOST_NS;
    state->until_ns = now_ns + state->pause_ns;
    if (hosts->first == index && hosts->balance != BALANCE_ORDER)
        hosts->first = (index + 1) % hosts->count;
    pthread_mutex_unlock(&hosts->lock);
}

void server_hosts_add_failure(struct failure *all, const struct failure *one)
{
    struct failure before = *all;

    if (before.code == 0)
        *all = *one;
    else
        failure_set(all, one->code, "%.700s; %.290s", before.text, one->text);
}

void server_hosts_worked(struct server_hosts *hosts, size_t index)
{
    pthread_mutex_lock(&hosts->lock);
    hosts->states[index].pause_ns = 0;
    hosts->states[index].until_ns = 0;
    if (hosts->balance != BALANCE_ORDER)
        hosts->first = index;
    pthread_mutex_unlock(&hosts->lock);
}
