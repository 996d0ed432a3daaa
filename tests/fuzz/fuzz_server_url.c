/* SPDX-License-Identifier: MIT */
/*
 * Servers' URLs and their host lists: whatever text is given, it is refused in words,
 * or every part is within its limits, and the hosts come in an order that has each once.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/server_hosts.h"
#include "backends/source/server_url.h"
#include "fs/base/memory.h"
#include "tests/fuzz/target.h"

static void check_url(const struct server_url *url)
{
    require(url->scheme != NULL);
    require(url->host_count <= SERVER_HOSTS_LIMIT && url->option_count <= SERVER_OPTIONS_LIMIT);
    for (size_t i = 0; i < url->host_count; i++)
        require(url->hosts[i].name != NULL && url->hosts[i].port <= 65535);
    for (size_t i = 0; i < url->option_count; i++) {
        const char *name = url->options[i].name;

        /* None twice: the first of the name is this one. */
        require(server_url_option(url, name) == url->options[i].value);
        require(strcmp(name, "password") != 0 && strcmp(name, "host") != 0);
    }
}

static void check_order(struct server_hosts *hosts, uint64_t now_ns)
{
    size_t order[SERVER_HOSTS_LIMIT];
    bool seen[SERVER_HOSTS_LIMIT] = {false};
    uint64_t wait_ns = 0;
    size_t count = server_hosts_order(hosts, now_ns, order, &wait_ns);

    require(count <= server_hosts_count(hosts) && (count != 0 || wait_ns != 0));
    for (size_t i = 0; i < count; i++) {
        require(order[i] < server_hosts_count(hosts) && !seen[order[i]]);
        require(server_hosts_get(hosts, order[i])->name != NULL);
        seen[order[i]] = true;
    }
}

static void check_hosts(const struct server_url *url, uint64_t dice)
{
    struct failure failure = {.code = 0};
    struct server_hosts *hosts;
    uint64_t now_ns = 1;

    if (server_hosts_create(url, dice, &hosts, &failure) != 0) {
        require(failure.code != 0 && failure.text[0] != '\0');
        return;
    }
    for (size_t i = 0; i < server_hosts_count(hosts); i++) {
        check_order(hosts, now_ns);
        server_hosts_failed(hosts, i, now_ns++);
    }
    check_order(hosts, now_ns);
    server_hosts_worked(hosts, (size_t)(dice % server_hosts_count(hosts)));
    check_order(hosts, now_ns);
    server_hosts_free(hosts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct failure failure = {.code = 0};
    struct server_url url = {.host_count = 0};
    cleanup_free char *text = malloc(size + 1);

    require(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    if (server_url_parse(text, &url, &failure) != 0) {
        require(failure.code != 0 && failure.text[0] != '\0' && url.scheme == NULL);
        return 0;
    }
    check_url(&url);
    check_hosts(&url, size);
    server_url_release(&url);
    return 0;
}
