/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backends/source/mysql.h"
#include "backends/source/mysql_internal.h"
#include "fs/base/json_text.h"
#include "fs/base/memory.h"

static struct mysql_source *own(struct source *source)
{
    return (struct mysql_source *)source;
}

static int version(struct source *base, struct source_version *ret_version, struct failure *failure)
{
    struct mysql_source *source = own(base);
    struct mysql_link *link;

    mysql_thread_init();

    int error = mysql_link_take(source, &link, failure);

    if (error != 0)
        return error;
    error = mysql_read_version(source, link, ret_version, failure);
    mysql_link_give_back(source, link);
    return error;
}

static int put_string(struct buffer *text, const char *before, const char *value)
{
    int error = buffer_append_text(text, before);

    return error == 0 ? json_text_append(text, value, strlen(value)) : error;
}

static int write_status(const struct mysql_source *source, struct buffer *text)
{
    static const char *const ways[] = {
        [CHANGES_BINLOG] = "binary log",
        [CHANGES_GTID] = "GTID",
        [CHANGES_TABLES] = "update time",
    };
    int error = put_string(text, ",\"host\":", source->place);

    if (error == 0)
        error = put_string(text, ",\"server\":", source->server);
    if (error == 0)
        error = put_string(text, ",\"changes_seen_by\":", ways[source->changes]);
    if (error == 0)
        error = buffer_print(
            text,
            ",\"connections\":%u,\"not_consistent\":[%s],\"without_definition\":[%s],"
            "\"granted_one_by_one\":%s",
            source->parallel_now, source->inconsistent != NULL ? source->inconsistent : "",
            source->undefined != NULL ? source->undefined : "",
            source->one_by_one ? "true" : "false");
    return error;
}

static int status(struct source *base, struct buffer *text)
{
    struct mysql_source *source = own(base);

    pthread_mutex_lock(&source->lock);
    int error = write_status(source, text);

    pthread_mutex_unlock(&source->lock);
    return error;
}

static void close_source(struct source *base)
{
    struct mysql_source *source = own(base);

    mysql_guard_stop(source);
    while (source->idle_count != 0)
        mysql_link_close(source, source->idle[--source->idle_count]);
    server_hosts_free(source->hosts);
    server_password_free(source->password);
    server_url_release(&source->url);
    free(source->inconsistent);
    free(source->undefined);
    pthread_cond_destroy(&source->changed);
    pthread_mutex_destroy(&source->lock);
    free(source);
}

static const struct source_class class = {
    .kind = "mysql",
    .remote = true,
    .version = version,
    .begin = mysql_begin,
    .close = close_source,
    .status = status,
};

static void start_library(void)
{
    mysql_library_init(0, NULL, NULL);
}

static uint64_t roll_dice(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_nsec / 1000 + (uint64_t)getpid();
}

static int set_up(struct mysql_source *source, const char *url,
                  const struct source_options *options, struct failure *failure)
{
    int error = server_url_parse(url, &source->url, failure);

    if (error != 0)
        return error;
    if (source->url.database == NULL)
        return failure_set(failure, EINVAL,
                           "the URL names no database: mysql://USER@HOST/DATABASE");
    source->database = source->url.database;
    error = mysql_read_settings(&source->url, options, &source->settings, failure);
    if (error == 0)
        error = server_password_create(&source->url, options, &source->password, failure);
    if (error == 0)
        error = server_hosts_create(&source->url, roll_dice(), &source->hosts, failure);
    return error;
}

int mysql_source_open(const char *url, const struct source_options *options,
                      struct source **ret_source, struct failure *failure)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct mysql_source *source = calloc(1, sizeof *source);
    struct mysql_link *link;

    if (source == NULL)
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    pthread_once(&once, start_library);
    source->source.class = &class;
    source->cancelled = options->cancelled;
    pthread_mutex_init(&source->lock, NULL);
    pthread_cond_init(&source->changed, NULL);

    int error = set_up(source, url, options, failure);

    if (error == 0)
        error = mysql_guard_start(source, failure);
    if (error == 0) {
        error = mysql_link_take(source, &link, failure);
        if (error == 0)
            mysql_link_give_back(source, link);
    }
    if (error != 0) {
        close_source(&source->source);
        return error;
    }
    *ret_source = &source->source;
    return 0;
}
