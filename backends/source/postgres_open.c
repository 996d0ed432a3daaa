/* SPDX-License-Identifier: MIT */
#include "backends/source/postgres.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <xxhash.h>

#include "backends/source/postgres_internal.h"
#include "fs/base/clock.h"
#include "fs/base/json_text.h"

#define CONNECT_TIMEOUT_NS (UINT64_C(10) * 1000000000)
#define FOREIGN_TIMEOUT_NS (UINT64_C(60) * 1000000000)
#define NOTES_LIMIT ((size_t)1 << 20)
#define FOREIGN_PERIOD_NS (UINT64_C(2) * 1000000000)

/*
 * What says that nothing has changed: the transactions that are visible (a commit always makes
 * them others), of which server, since when. A standby does not list those under way; how far it
 * has applied the primary's log says as much. Nothing in it depends on a session's settings, which
 * are others within a moment. It is asked outside of transactions, too.
 */
static const char state_query[] =
    "SET LOCAL statement_timeout = 0; SELECT pg_catalog.pg_current_snapshot(), pg_catalog.pg_is_in_recovery(),"
    " CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() END,"
    " pg_catalog.date_part('epoch', pg_catalog.pg_postmaster_start_time())::pg_catalog.int8,"
    " (SELECT oid FROM pg_catalog.pg_database"
    " WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database())";

int postgres_read_state(struct link *link, struct buffer *state, struct failure *failure)
{
    cleanup_result PGresult *result = NULL;
    int error = postgres_link_run(link, state_query, &result, failure);

    for (int i = 0; i < PQnfields(result) && error == 0; i++)
        error = buffer_print(state, "%s\n", PQgetvalue(result, 0, i));
    if (error == 0)
        error = buffer_print(state, "%zu", link->host);
    return error == -ENOMEM || error == -EFBIG ? postgres_no_memory(failure, link) : error;
}

/* FOREIGN: there are tables whose changes leave no trace here; they are taken to change. */
static struct source_version make_version(const struct buffer *state, bool foreign)
{
    XXH128_hash_t hash = XXH3_128bits(state->data, state->size);

    return (struct source_version){
        {hash.low64, hash.high64, foreign ? clock_now_ns() / FOREIGN_PERIOD_NS : 0, 0}};
}

/* To whoever reads the source's files, what is wrong with the server is an error of input. */
static int unreadable(int error, struct failure *failure)
{
    switch (error) {
    case 0:
    case -EACCES:
    case -EBUSY:
    case -ENOMEM:
    case -ESTALE:
    case -ECANCELED: return error;
    default: break;
    }
    if (failure != NULL)
        failure->code = EIO;
    return -EIO;
}

/* Does TRY; once more when it was the connection, which may have been lost while nobody used it. */
static int persist(struct postgres_source *source,
                   int (*try)(struct postgres_source *, void *, struct failure *), void *context,
                   struct failure *failure)
{
    for (int i = 0;; i++) {
        bool had = source->control.connection != NULL;
        int error = postgres_control(source, failure);

        if (error == 0)
            error = try(source, context, failure);
        if (error != -EIO || i > 0 || !had || !postgres_link_is_lost(&source->control))
            return error;
    }
}

static int try_state(struct postgres_source *source, void *context, struct failure *failure)
{
    struct buffer *state = context;

    buffer_clear(state);
    return postgres_read_state(&source->control, state, failure);
}

static int source_version(struct source *base, struct source_version *ret_version,
                          struct failure *failure)
{
    struct postgres_source *source = (struct postgres_source *)base;
    cleanup_buffer struct buffer state = BUFFER(POSTGRES_STATE_LIMIT);

    pthread_mutex_lock(&source->lock);
    int error = persist(source, try_state, &state, failure);

    if (error == 0)
        *ret_version = make_version(&state, source->foreign);
    pthread_mutex_unlock(&source->lock);
    return unreadable(error, failure);
}

struct question {
    const char *sql;
    PGresult *result;
};

static int try_question(struct postgres_source *source, void *context, struct failure *failure)
{
    struct question *question = context;

    return postgres_link_run(&source->control, question->sql, &question->result, failure);
}

int postgres_ask_now(struct postgres_source *source, const char *sql, PGresult **ret_result,
                     size_t *ret_host, struct failure *failure)
{
    struct question question = {.sql = sql};

    pthread_mutex_lock(&source->lock);
    int error = persist(source, try_question, &question, failure);

    *ret_host = source->control.host;
    pthread_mutex_unlock(&source->lock);
    if (error == 0)
        *ret_result = question.result;
    return error;
}

static int append_notes(const struct postgres_source *source, struct buffer *text)
{
    int error = buffer_append_text(text, ",\"host\":");

    if (error == 0)
        error = json_text_append(text, source->place, strlen(source->place));
    if (error == 0)
        error = buffer_append_text(text, ",\"row_security\":[");
    if (error == 0 && source->policies.size != 0)
        error = buffer_append(text, source->policies.data, source->policies.size);
    return error == 0 ? buffer_append_text(text, "]") : error;
}

static int source_status(struct source *base, struct buffer *text)
{
    struct postgres_source *source = (struct postgres_source *)base;

    pthread_mutex_lock(&source->note_lock);
    int error = append_notes(source, text);

    pthread_mutex_unlock(&source->note_lock);
    return error;
}

/* What the status says, which waits for nobody. */
static int take_notes(struct postgres_source *source, const struct postgres_dataset *dataset)
{
    const struct catalogue *catalogue = dataset->catalogue;
    int error = 0;

    pthread_mutex_lock(&source->note_lock);
    snprintf(source->place, sizeof source->place, "%s", dataset->keeper.place);
    buffer_clear(&source->policies);
    for (size_t i = 0; i < catalogue->count && error == 0; i++) {
        const char *name = catalogue->tables[i].schema->name;

        if (!catalogue->tables[i].policies)
            continue;
        if (source->policies.size != 0)
            error = buffer_append_text(&source->policies, ",");
        if (error == 0)
            error = json_text_append(&source->policies, name, strlen(name));
    }
    pthread_mutex_unlock(&source->note_lock);
    return error;
}

struct beginning {
    struct dataset *dataset;
    struct buffer state;
};

static int try_begin(struct postgres_source *source, void *context, struct failure *failure)
{
    struct beginning *beginning = context;

    buffer_clear(&beginning->state);
    return postgres_begin(source, &beginning->dataset, &beginning->state, failure);
}

/* For the next moment, and for what the version has to say. */
static void keep_catalogue(struct postgres_source *source, struct catalogue *catalogue)
{
    __atomic_add_fetch(&catalogue->references, 1, __ATOMIC_RELAXED);
    postgres_catalogue_release(source->catalogue);
    source->catalogue = catalogue;
    source->foreign = catalogue->foreign;
}

static int begin(struct postgres_source *source, struct dataset **ret_dataset,
                 struct source_version *ret_version, struct failure *failure)
{
    struct beginning beginning = {.state = BUFFER(POSTGRES_STATE_LIMIT)};

    pthread_mutex_lock(&source->lock);
    int error = persist(source, try_begin, &beginning, failure);

    if (error == 0) {
        keep_catalogue(source, ((struct postgres_dataset *)beginning.dataset)->catalogue);
        error = take_notes(source, (struct postgres_dataset *)beginning.dataset);
        if (error != 0)
            beginning.dataset->class->release(beginning.dataset);
    }
    if (error == 0) {
        *ret_version = make_version(&beginning.state, source->foreign);
        *ret_dataset = beginning.dataset;
    }
    pthread_mutex_unlock(&source->lock);
    buffer_release(&beginning.state);
    return error;
}

static int source_begin(struct source *source, struct dataset **ret_dataset,
                        struct source_version *ret_version, struct failure *failure)
{
    return unreadable(begin((struct postgres_source *)source, ret_dataset, ret_version, failure),
                      failure);
}

static void source_close(struct source *base)
{
    struct postgres_source *source = (struct postgres_source *)base;

    postgres_link_close(&source->control);
    server_hosts_free(source->hosts);
    server_url_release(&source->url);
    server_password_free(source->password);
    buffer_release(&source->policies);
    postgres_catalogue_release(source->catalogue);
    pthread_mutex_destroy(&source->note_lock);
    pthread_mutex_destroy(&source->lock);
    free(source);
}

static const struct source_class class = {
    .kind = "postgresql",
    .remote = true,
    .version = source_version,
    .begin = source_begin,
    .close = source_close,
    .status = source_status,
};

/* The URL's own command counts more than a configuration. */
static int keep_password(struct postgres_source *source, const struct source_options *options,
                         struct failure *failure)
{
    struct source_options said = *options;

    if (source->url.password_command != NULL)
        said.password = said.password_command = NULL;
    return server_password_create(&source->url, &said, &source->password, failure);
}

/* Paths are libpq's affair, but for those that mean another file in the daemon's folder. */
static int check_paths(const struct server_url *url, struct failure *failure)
{
    static const char *const names[] = {"passfile", "sslrootcert", "sslcert",
                                        "sslkey",   "sslcrl",      "sslcrldir"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = server_url_option(url, names[i]);
        const char *path = NULL;
        bool is_word =
            value != NULL &&
            ((strcmp(names[i], "sslrootcert") == 0 && strcmp(value, "system") == 0) ||
             (strcmp(names[i], "sslkey") == 0 && strchr(value, ':') != NULL) /* ENGINE:KEY */
             || *value == '\0');
        int error = is_word ? 0 : server_url_path(url, names[i], &path, failure);

        if (error != 0)
            return error;
    }
    return 0;
}

static int configure(struct postgres_source *source, const char *url,
                     const struct source_options *options, struct failure *failure)
{
    uint64_t connections = POSTGRES_LINKS_MOST;
    uint64_t dice = 0;
    int error = server_url_parse(url, &source->url, failure);

    if (error == 0)
        error = check_paths(&source->url, failure);
    if (error != 0)
        return error;
    if (getrandom(&dice, sizeof dice, 0) != sizeof dice)
        dice = clock_now_ns();
    error = server_hosts_create(&source->url, dice, &source->hosts, failure);
    if (error != 0)
        return error;
    source->several = server_hosts_count(source->hosts) > 1;
    source->connect_timeout_ns = CONNECT_TIMEOUT_NS;
    source->foreign_timeout_ns = FOREIGN_TIMEOUT_NS;
    error = server_url_number(&source->url, "connections", 1, POSTGRES_LINKS_MOST, &connections,
                              failure);
    if (error != 0)
        return error;
    if (connections < source->options.parallel)
        source->options.parallel = (unsigned)connections;
    error =
        server_url_duration(&source->url, "connect_timeout", &source->connect_timeout_ns, failure);
    if (error == 0)
        error = server_url_duration(&source->url, "foreign-timeout", &source->foreign_timeout_ns,
                                    failure);
    return error == 0 ? keep_password(source, options, failure) : error;
}

/* One that has not connected yet. */
static int create(const char *url, const struct source_options *options,
                  struct postgres_source **ret_source, struct failure *failure)
{
    struct postgres_source *source = calloc(1, sizeof *source);

    if (source == NULL)
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    source->source.class = &class;
    source->options = *options;
    source->options.password = source->options.password_command = NULL; /* only lent to us */
    source->policies = BUFFER(NOTES_LIMIT);
    pthread_mutex_init(&source->lock, NULL);
    pthread_mutex_init(&source->note_lock, NULL);

    int error = configure(source, url, options, failure);

    if (error != 0)
        source_close(&source->source);
    else
        *ret_source = source;
    return error;
}

int postgres_source_open(const char *url, const struct source_options *options,
                         struct source **ret_source, struct failure *failure)
{
    struct postgres_source *source = NULL;
    struct source_version version;
    struct dataset *dataset;
    int error = create(url, options, &source, failure);

    if (source == NULL)
        return error;
    error = begin(source, &dataset, &version, failure);
    if (error != 0) {
        source_close(&source->source);
        return error;
    }
    dataset->class->release(dataset);
    *ret_source = &source->source;
    return 0;
}

int postgres_source_reach(const char *url, const struct source_options *options,
                          struct postgres_source **ret_source, struct failure *failure)
{
    struct postgres_source *source = NULL;
    int error = create(url, options, &source, failure);

    if (source == NULL)
        return error;
    pthread_mutex_lock(&source->lock);
    error = postgres_control(source, failure);
    pthread_mutex_unlock(&source->lock);
    if (error != 0)
        source_close(&source->source);
    else
        *ret_source = source;
    return error;
}

int postgres_source_take(struct postgres_source *source, struct link *ret_link,
                         struct failure *failure)
{
    pthread_mutex_lock(&source->lock);

    int error = postgres_control(source, failure);

    if (error == 0) {
        *ret_link = source->control;
        ret_link->patience_ns = 0;
        source->control.connection = NULL;
    }
    pthread_mutex_unlock(&source->lock);
    return error;
}
