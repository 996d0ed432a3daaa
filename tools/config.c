/* SPDX-License-Identifier: MIT */
#include "tools/config.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/base/memory.h"

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

/* inih cuts a longer section's name off without a word. */
#define SECTION_SIZE 50
#define SOURCE_PREFIX "source "

struct parser {
    const char *file;
    const char *directory;
    const char *text;
    size_t left;
    unsigned line;
    struct mount_settings *settings;
    struct source_list *sources;
    char section[SECTION_SIZE];
    unsigned section_line; /* 0: before the first section */
    bool in_source;        /* the section is a source's */
    bool url_seen;
    struct buffer mount_keys; /* the keys of [mount] so far, each ended by NUL */
    unsigned failed_line;
    struct failure *failure;
    int error; /* the first; nothing is read after it */
};

static void fail(struct parser *parser, unsigned line, int error)
{
    parser->failed_line = line;
    parser->error = failure_prefix(parser->failure, -error, "%s:%u", parser->file, line);
}

static void refuse(struct parser *parser, unsigned line, const char *format, const char *detail)
{
    struct failure failure = {0};

    failure_set(&failure, EINVAL, format, detail); // NOLINT(clang-diagnostic-format-nonliteral)
    fail(parser, line, failure_set(parser->failure, EINVAL, "%s", failure.text));
}

static void end_section(struct parser *parser)
{
    if (parser->error == 0 && parser->in_source && !parser->url_seen)
        refuse(parser, parser->section_line, "the section [%s] lacks its key \"url\"",
               parser->section);
}

/* LINE is what stands after the '['. inih itself says nothing of a section without keys. */
static void begin_section(struct parser *parser, const char *line)
{
    size_t size = strcspn(line, "]");

    end_section(parser);
    if (parser->error != 0 || line[size] == '\0')
        return;
    if (strchr(" \t\r\v\f\n;#", line[size + 1]) == NULL) {
        snprintf(parser->section, sizeof parser->section, "%.*s",
                 (int)strcspn(line + size + 1, "\r\n"), line + size + 1);
        refuse(parser, parser->line, "\"%s\" stands behind the ']' that ends the section's name",
               parser->section);
        return;
    }
    if (size >= SECTION_SIZE) {
        refuse(parser, parser->line, "the name of the section is too long%s", "");
        return;
    }
    memcpy(parser->section, line, size);
    parser->section[size] = '\0';
    parser->section_line = parser->line;
    parser->url_seen = false;
    parser->in_source = strncmp(parser->section, SOURCE_PREFIX, strlen(SOURCE_PREFIX)) == 0;
    if (!parser->in_source && strcmp(parser->section, "mount") != 0)
        refuse(parser, parser->line, "unknown section [%s]; there are [mount] and [source NAME]",
               parser->section);
}

/* The next line, for inih, which gives ROOM bytes; NULL at the end and after an error. */
static char *next_line(char *line, int room, void *context)
{
    struct parser *parser = context;
    const char *end = memchr(parser->text, '\n', parser->left);
    size_t size = end != NULL ? (size_t)(end - parser->text) + 1 : parser->left;

    if (parser->error != 0 || parser->left == 0)
        return NULL;
    parser->line++;
    if (size >= (size_t)room || size > CONFIG_LINE_LIMIT) {
        refuse(parser, parser->line, "the line is too long%s", "");
        return NULL;
    }
    if (memchr(parser->text, '\0', size) != NULL) {
        refuse(parser, parser->line, "the line holds a NUL byte%s", "");
        return NULL;
    }
    memcpy(line, parser->text, size);
    line[size] = '\0';
    parser->text += size;
    parser->left -= size;

    const char *first = line + strspn(line, " \t\r\v\f");

    if (*first == '[')
        begin_section(parser, first + 1);
    return parser->error == 0 ? line : NULL;
}

/* What a folder below live/ cannot be called, or the command line could not say. */
static int check_source_name(struct parser *parser, const char *name)
{
    if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
        strpbrk(name, "/=") != NULL)
        return failure_set(parser->failure, EINVAL,
                           "[%s]: \"%s\" cannot be the name of a source, which is a folder's, "
                           "without / and =; write [source NAME]",
                           parser->section, name);
    return 0;
}

static int take_source_key(struct parser *parser, const char *name, const char *value)
{
    if (strcmp(name, "url") != 0 && !parser->url_seen)
        return failure_set(parser->failure, EINVAL,
                           "\"url\" is the first key of a source; \"%s\" stands before it", name);
    if (strcmp(name, "url") != 0)
        return source_list_set(parser->sources, name, value, parser->failure);
    if (parser->url_seen)
        return failure_set(parser->failure, EINVAL, "\"url\" is given twice");
    parser->url_seen = true;

    const char *source = parser->section + strlen(SOURCE_PREFIX);
    int error = check_source_name(parser, source);

    if (error == 0 && value[0] == '\0')
        return failure_set(parser->failure, EINVAL,
                           "\"url\" is empty; say where the database is: url = /srv/crm.db");
    return error != 0 ? error
                      : source_list_add_named(parser->sources, source, value, parser->directory,
                                              parser->failure);
}

/* Whether both name one option: '-' and '_' are the same in it. */
static bool is_same_key(const char *left, const char *right)
{
    size_t i = 0;

    while (left[i] != '\0' &&
           (left[i] == '-' ? '_' : left[i]) == (right[i] == '-' ? '_' : right[i]))
        i++;
    return left[i] == right[i];
}

static int note_mount_key(struct parser *parser, const char *name)
{
    const char *keys = (const char *)parser->mount_keys.data;

    for (size_t at = 0; at < parser->mount_keys.size; at += strlen(keys + at) + 1) {
        if (is_same_key(keys + at, name))
            return failure_set(parser->failure, EINVAL, "\"%s\" is given twice", name);
    }
    if (buffer_append(&parser->mount_keys, name, strlen(name) + 1) != 0)
        return failure_set(parser->failure, ENOMEM, "%s", strerror(ENOMEM));
    return 0;
}

static int take_mount_key(struct parser *parser, const char *name, const char *value)
{
    static const char *const paths[] = {"store", "spool", "passphrase-file", "passphrase_file"};
    bool is_path = false;
    cleanup_free char *path = NULL;
    int error = note_mount_key(parser, name);

    if (error != 0)
        return error;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        is_path = is_path || strcmp(name, paths[i]) == 0;
    if (is_path && value[0] != '\0' && value[0] != '/' &&
        asprintf(&path, "%s/%s", parser->directory, value) < 0) {
        path = NULL;
        return failure_set(parser->failure, ENOMEM, "%s", strerror(ENOMEM));
    }
    return mount_settings_set(parser->settings, "key", name, path != NULL ? path : value,
                              parser->failure);
}

static bool is_quoted(const char *value)
{
    size_t size = strlen(value);

    return size >= 2 && (value[0] == '"' || value[0] == '\'') && value[size - 1] == value[0];
}

/* From inih. */
static int take_key(void *context, const char *section, const char *name, const char *value)
{
    struct parser *parser = context;
    int error;

    (void)section;
    if (parser->error != 0)
        return 0;
    if (parser->section_line == 0)
        error = failure_set(parser->failure, EINVAL,
                            "\"%s\" stands before the first section; write [mount] above", name);
    else if (is_quoted(value))
        error = failure_set(parser->failure, EINVAL,
                            "%s: values are written without quotes, whatever is in them", name);
    else if (parser->in_source)
        error = take_source_key(parser, name, value);
    else if (strcmp(name, "config") == 0)
        error = failure_set(parser->failure, EINVAL,
                            "unknown key \"config\"; a configuration names no other one, the "
                            "command line and /etc/fstab do");
    else
        error = take_mount_key(parser, name, value);
    if (error != 0)
        fail(parser, parser->line, error);
    return error == 0;
}

/* inih's ways are global. */
static void set_up_inih(void)
{
    ini_use_stack = false;
    ini_max_line = (int)CONFIG_LINE_LIMIT + 3;
    ini_initial_alloc = ini_max_line;
    ini_allow_multiline = false;
    ini_allow_inline_comments = false;
    ini_allow_bom = false;
}

int config_parse(const char *name, const char *directory, const char *text, size_t size,
                 struct mount_settings *settings, struct source_list *sources,
                 struct failure *failure)
{
    struct parser parser = {.file = name,
                            .directory = directory,
                            .text = text,
                            .left = size,
                            .settings = settings,
                            .sources = sources,
                            .failure = failure,
                            .mount_keys = BUFFER(CONFIG_LIMIT)};
    size_t mark = strlen(BYTE_ORDER_MARK);

    if (size >= mark && memcmp(text, BYTE_ORDER_MARK, mark) == 0) {
        parser.text += mark;
        parser.left -= mark;
    }
    set_up_inih();

    int wrong = ini_parse_stream(next_line, &parser, take_key, &parser);

    buffer_release(&parser.mount_keys);
    if (wrong < 0)
        return failure_set(failure, ENOMEM, "%s: %s", name, strerror(ENOMEM));
    if (wrong > 0 && (parser.error == 0 || (unsigned)wrong < parser.failed_line))
        refuse(&parser, (unsigned)wrong, "neither a [section] nor a key = value%s", "");
    end_section(&parser);
    return parser.error;
}

static int read_file(const char *path, struct buffer *content, struct failure *failure)
{
    cleanup_fd int file = open(path, O_RDONLY | O_CLOEXEC);

    if (file < 0)
        return failure_set(failure, errno, "cannot open the configuration %s: %s", path,
                           strerror(errno));
    for (;;) {
        if (buffer_reserve(content, 4096) != 0)
            return failure_set(failure, EINVAL, "the configuration %s is too large", path);

        ssize_t size = read(file, content->data + content->size, 4096);

        if (size == 0)
            return 0;
        if (size < 0)
            return failure_set(failure, errno, "cannot read the configuration %s: %s", path,
                               strerror(errno));
        content->size += (size_t)size;
    }
}

int config_read(const char *path, struct mount_settings *settings, struct source_list *sources,
                struct failure *failure)
{
    cleanup_buffer struct buffer content = BUFFER(CONFIG_LIMIT);
    int error = read_file(path, &content, failure);

    if (error != 0)
        return error;

    cleanup_free char *copy = strdup(path);
    cleanup_free char *directory = copy != NULL ? realpath(dirname(copy), NULL) : NULL;

    if (directory == NULL)
        return failure_set(failure, errno, "cannot find the folder of %s: %s", path,
                           strerror(errno));
    error = config_parse(path, directory, (const char *)content.data, content.size, settings,
                         sources, failure);
    if (error == 0 && source_list_note_configuration(sources, path) != 0)
        error = failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    return error;
}
