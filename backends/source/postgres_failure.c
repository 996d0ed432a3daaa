/* SPDX-License-Identifier: MIT */
/*
 * What the server or libpq refused, as an errno and in words: what failed, and what
 * to do. SQLSTATE decides where there is one (appendix A of PostgreSQL's manual);
 * libpq's own refusals have none and are known by their words, which it does not
 * translate as long as nobody sets a locale.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backends/source/postgres_internal.h"

#define STATE_LENGTH 5
#define SAID_LIMIT 400

struct verdict {
    const char *key; /* the SQLSTATE, or how it begins; or a part of the words */
    int code;
    const char *words;
};

static const struct verdict states[] = {
    {"28P01", EACCES,
     "the user or the password is wrong; passwords come from ~/.pgpass, passfile=, a service file "
     "or password-command="},
    {"28", EACCES,
     "the server does not let this user in from here: there is no such user, it may not log in, or "
     "pg_hba.conf wants it to come otherwise"},
    {"3D000", ENOENT, "there is no such database; psql -l lists them"},
    {"53300", EBUSY,
     "no connection is free; raise max_connections or the role's CONNECTION LIMIT, or close some "
     "(crmfs wants three or more, and needs two)"},
    {"53100", EIO, "the server's disk is full"},
    {"53400", EIO,
     "the server would not lend as much temporary space as sorting takes (temp_file_limit); an "
     "index over the table's key, or a primary key, saves the sorting"},
    {"53", EIO, "the server has run out of something"},
    {"54", EFBIG, "a row is larger than the server can send (1 GB as text)"},
    {"42501", EACCES, NULL},
    {"55P03", EBUSY,
     "it is locked by another program; try again when that has finished, or wait longer (-o "
     "busy-timeout=SECONDS)"},
    {"40", ESTALE, "the server gave the moment up (a standby had to go on); it is read again"},
    {"42P01", ESTALE, "the table is not there any more"},
    {"42703", ESTALE, "a column is not there any more"},
    {"42704", ESTALE, "something that the table needs is not there any more"},
    {"22P05", EILSEQ, "a text in it cannot be said in UTF-8"},
    {"22021", EILSEQ, "a text in it is not of the database's own encoding"},
    {"57014", EIO, "the query was cancelled on the server"},
    {"57P01", EIO, "the connection was ended by the server's administrator; it is made anew"},
    {"57P02", EIO, "the server crashed; the connection is made anew when it is back"},
    {"57P05", EIO, "the server closed the connection because it was idle; it is made anew"},
    {"57P03", EIO, "the server is starting or stopping; the connection is made anew when it is up"},
    {"25P02", EIO, "a statement of the same transaction had failed before"},
    {"25P03", EIO, "the server ended the transaction because it was idle"},
    {"25P04", EIO, "the server ended the transaction because it took too long"},
    {"55000", ENODATA,
     "it cannot be read as it is now; REFRESH MATERIALIZED VIEW fills one that has not been"},
    {"XX", EIO, "the server finds its own data damaged; look at its log, and see pg_amcheck"},
    {"58", EIO, "the server cannot read its own files; look at its log and its disk"},
    {"08", EIO, "the connection was lost; it is made anew"},
};

static const struct verdict phrases[] = {
    {"no password supplied", EACCES,
     "the server wants a password; it comes from ~/.pgpass, passfile=, a service file or "
     "password-command="},
    {"certificate verify failed", EPROTO, "the server's certificate is not to be trusted"},
    {"certificate expired", EPROTO, "the server says that our certificate (sslcert=) has expired"},
    {"does not match host name", EPROTO,
     "the server's certificate is of another host; name the host as the certificate does"},
    {"root certificate file", EPROTO,
     "the certificates to trust are missing; sslrootcert=FILE names them"},
    {"server does not support SSL", EPROTO,
     "the server does not do TLS, which sslmode= asks for; set ssl = on there"},
    {"SSL SYSCALL error", EIO, "the connection was lost; it is made anew"},
    {"SSL connection has been closed", EIO, "the connection was lost; it is made anew"},
    {"SSL", EPROTO, "TLS failed"},
    {"invalid connection option", EINVAL, "the URL has an option that libpq does not know"},
    {"invalid ", EINVAL, "the URL is not as libpq wants it"},
    {"definition of service", EINVAL, "the service is not in a service file (~/.pg_service.conf)"},
    {"could not translate host name", EHOSTUNREACH, "the host's name is not known"},
    {"Connection refused", ECONNREFUSED, "no server listens there; is it running?"},
    {"No such file or directory", ECONNREFUSED,
     "no server listens there; is it running, and is the socket's folder right "
     "(?host=/var/run/postgresql)?"},
    {"No route to host", EHOSTUNREACH, "the host cannot be reached"},
    {"Network is unreachable", EHOSTUNREACH, "the host cannot be reached"},
    {"session is", EIO, "the server is not of the kind that target_session_attrs= asks for"},
    {"server is in hot standby", EIO,
     "the server is not of the kind that target_session_attrs= asks for"},
    {"server is not in hot standby", EIO,
     "the server is not of the kind that target_session_attrs= asks for"},
};

/* Of class 28, in which many things have one number: in the server's words, if those are English.
 */
static const struct verdict entrance[] = {
    {"pg_hba.conf", EACCES,
     "the server does not let this user in from here; its pg_hba.conf has to have a line for the "
     "user, the database and this address"},
    {"does not exist", EACCES, "the server has no such user; psql -c '\\du' lists them"},
    {"not permitted to log in", EACCES,
     "the user may not log in; as an administrator: ALTER ROLE … LOGIN"},
};

static const struct verdict lost = {"", EIO, "the connection was lost; it is made anew"};

static const struct verdict refused = {"", EIO, "the server refused to read it"};

static const struct verdict far_away = {
    "", EIO,
    "another server, which its rows come from, cannot be reached from the one that is asked"};

static const struct verdict far_refused = {
    "", EIO, "another server, which its rows come from, refuses to give them"};

/* The SQLSTATE in libpq's verbose words: "FATAL:  28P01: password …". */
static bool find_state(const char *words, char state[STATE_LENGTH + 1])
{
    for (const char *at = strstr(words, ":  "); at != NULL; at = strstr(at + 1, ":  ")) {
        const char *code = at + 3;

        if (strspn(code, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == STATE_LENGTH &&
            code[STATE_LENGTH] == ':') {
            memcpy(state, code, STATE_LENGTH);
            state[STATE_LENGTH] = '\0';
            return true;
        }
    }
    return false;
}

static const struct verdict *judge(const char *state, const char *words)
{
    bool enters = strcmp(state, "28000") == 0;

    for (size_t i = 0; enters && i < sizeof entrance / sizeof *entrance; i++) {
        if (strstr(words, entrance[i].key) != NULL)
            return &entrance[i];
    }
    for (size_t i = 0; state[0] != '\0' && i < sizeof states / sizeof *states; i++) {
        if (strncmp(state, states[i].key, strlen(states[i].key)) == 0)
            return &states[i];
    }
    for (size_t i = 0; state[0] == '\0' && i < sizeof phrases / sizeof *phrases; i++) {
        if (strstr(words, phrases[i].key) != NULL)
            return &phrases[i];
    }
    return &lost;
}

/* Whether another server said it to postgres_fdw, which passes it on as it came. */
static bool is_passed_on(const PGresult *result)
{
    const char *function = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);

    return function != NULL && strcmp(function, "pgfdw_report_error") == 0;
}

/*
 * While a table is read: what is said of something else than our own statement and connection. That
 * a function of a view, or the server of a foreign table, misses something is no change of the
 * table; of a name that our statement has the server says where in it that stands. Nor is our
 * connection lost with another server's. NULL: it is about ours.
 */
static const struct verdict *judge_elsewhere(const struct link *link, const PGresult *result,
                                             const char *state)
{
    const char *severity =
        result != NULL ? PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED) : NULL;

    if (!link->guards || severity == NULL || strcmp(severity, "ERROR") != 0 ||
        PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION) != NULL)
        return NULL;
    if (strncmp(state, "08", 2) == 0)
        return &far_away;
    if (strcmp(state, "42501") == 0 && is_passed_on(result))
        return &far_refused;
    return strcmp(state, "42P01") == 0 || strcmp(state, "42703") == 0 || strcmp(state, "42704") == 0
               ? &refused
               : NULL;
}

/* The server's own words without what is only for its programmers; one line. */
static void quote(const char *words, const char *state, char said[SAID_LIMIT])
{
    const char *begin = state[0] != '\0' ? strstr(words, state) : NULL;

    begin = begin != NULL ? begin + STATE_LENGTH + 1 : words;
    begin += strspn(begin, " ");

    size_t length = strcspn(begin, "\n");

    /* The last line says what happened, where libpq first says whom it asked. */
    snprintf(said, SAID_LIMIT, "%.*s", (int)(length < SAID_LIMIT - 1 ? length : SAID_LIMIT - 1),
             begin);
}

static int say(struct failure *failure, const struct link *link, const struct verdict *verdict,
               const char *said, const char *state)
{
    const char *user = PQuser(link->connection);
    const char *database = PQdb(link->connection);
    char cause[200] = "";

    if (strcmp(verdict->key, "42501") == 0)
        return failure_set(failure, verdict->code,
                           "%s: the user lacks a privilege; as the owner of the database: GRANT "
                           "CONNECT ON DATABASE \"%s\" TO \"%s\" (PostgreSQL: %s, SQLSTATE %s)",
                           link->place, database != NULL ? database : "", user != NULL ? user : "",
                           said, state);
    if (strcmp(verdict->key, "certificate verify failed") == 0)
        postgres_certificate_cause(link->source, link->host, cause, sizeof cause);
    return failure_set(failure, verdict->code, "%s: %s%s%s (PostgreSQL: %s%s%s)", link->place,
                       verdict->words, *cause != '\0' ? ": " : "", cause, said,
                       *state != '\0' ? ", SQLSTATE " : "", state);
}

int postgres_failure(struct failure *failure, const struct link *link, const PGresult *result)
{
    const char *words =
        result != NULL ? PQresultErrorMessage(result) : PQerrorMessage(link->connection);
    const char *field = result != NULL ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    char state[STATE_LENGTH + 1] = "";
    char said[SAID_LIMIT];

    if (field != NULL)
        snprintf(state, sizeof state, "%s", field);
    else
        find_state(words, state);

    const struct verdict *verdict = judge_elsewhere(link, result, state);

    if (verdict == NULL)
        verdict = judge(state, words);
    if (verdict == &lost && !postgres_link_is_lost(link))
        verdict = &refused;
    quote(words, state, said);
    return say(failure, link, verdict, said, state);
}

int postgres_no_memory(struct failure *failure, const struct link *link)
{
    return failure_set(failure, ENOMEM, "%s: out of memory", link->place);
}
