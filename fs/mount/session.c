/* SPDX-License-Identifier: MIT */
/*
 * Three kinds of threads: libfuse's workers answer requests; the thread that
 * called session_run() waits for them to end; the attendant looks at the mount
 * once, so that it is known to answer, and afterwards waits for its end, and for
 * readers who are killed unnoticed:
 *
 *   signal handler --'s'--> pipe --> attendant: ends the loop and long work, wakes the runner
 *   unmounted by others: the same
 *   session_run, after the loop --'e'--> pipe --> attendant: ends
 */
#include "fs/mount/session.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/base/buffer.h"
#include "fs/base/log.h"
#include "fs/base/memory.h"
#include "fs/mount/answer.h"
#include "fs/mount/mountpoint.h"
#include "fs/mount/requests.h"

#define WORKERS 10
#define WORKERS_MOST 64 /* most of them waiting for tables to be read through */
#define OPTIONS_LIMIT ((size_t)64 << 10)

#define WAKE_SIGNAL SIGUSR1
#define WAKE_INTERVAL_MS 20
#define CHECK_INTERVAL_MS 500

struct session {
    struct fuse_session *fuse;
    char *mountpoint;
    bool mounted;
    size_t max_inodes;
    struct mount_state state;

    /* Of session_run. */
    pthread_t runner;
    int pipe[2];
    void (*ready)(void *context);
    void *ready_context;
};

static const int ending_signals[] = {SIGTERM, SIGINT, SIGHUP};
#define ENDING_SIGNALS (sizeof ending_signals / sizeof *ending_signals)

/* A signal handler has no other way to its session; so one session runs at a time. */
static volatile sig_atomic_t signal_pipe = -1;

static void on_ending_signal(int number)
{
    int saved_errno = errno;

    (void)number;
    if (write(signal_pipe, "s", 1) < 0) {
        /* The pipe is full of such words already. */
    }
    errno = saved_errno;
}

static void on_wake_signal(int number)
{
    (void)number;
}

#define WORDS_SIZE 200

/* While this thread mounts: libfuse's last words, which say why it failed. Otherwise NULL. */
static _Thread_local char *last_words;

static void take_words(enum fuse_log_level level, const char *format, va_list arguments)
{
    char words[WORDS_SIZE];

    vsnprintf(words, sizeof words, format, arguments);
    words[strcspn(words, "\n")] = '\0';
    if (level >= FUSE_LOG_DEBUG)
        log_message(LOG_LEVEL_DEBUG, "%s", words);
    else if (last_words != NULL)
        memcpy(last_words, words, WORDS_SIZE);
    else
        log_message(LOG_LEVEL_WARNING, "%s", words);
}

static int mount_failure(const char *words, const char *otherwise, struct failure *failure)
{
    return failure_set(failure, EPERM, "%s", words[0] != '\0' ? words : otherwise);
}

static int compose_options(const struct mount_options *options, struct buffer *composed)
{
    /* The kernel keeps to the modes that are shown: cheaper than being asked, and safer. */
    int error = buffer_print(composed, "default_permissions");

    if (error == 0 && options->max_read != 0)
        error = buffer_print(composed, ",max_read=%u", options->max_read);
    if (error == 0 && options->fuse_options[0] != '\0')
        error = buffer_print(composed, ",%s", options->fuse_options);
    return error != 0 ? error : buffer_append(composed, "", 1);
}

static int create_fuse_session(struct session *session, const struct mount_options *options,
                               struct failure *failure)
{
    cleanup_buffer struct buffer composed = BUFFER(OPTIONS_LIMIT);
    int error = compose_options(options, &composed);

    if (error != 0)
        return failure_set(failure, -error, "cannot compose the mount options: %s",
                           strerror(-error));

    char name[] = "crmfs", flag[] = "-o", debug[] = "-d";
    char *words[] = {name, flag, (char *)composed.data, options->debug ? debug : NULL, NULL};
    struct fuse_args arguments = FUSE_ARGS_INIT(options->debug ? 4 : 3, words);

    char said[WORDS_SIZE] = "";

    last_words = said;
    session->fuse =
        fuse_session_new(&arguments, &request_handlers, sizeof request_handlers, &session->state);
    last_words = NULL;
    fuse_opt_free_args(&arguments);
    if (session->fuse == NULL)
        return mount_failure(said, "libfuse does not take the mount options", failure);
    session->state.fuse = session->fuse;
    return 0;
}

static int mount_session(struct session *session, const struct mount_options *options,
                         struct failure *failure)
{
    session->mountpoint = strdup(options->mountpoint);
    if (session->mountpoint == NULL)
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));

    int error = mountpoint_prepare(session->mountpoint, failure);

    if (error == 0)
        error = create_fuse_session(session, options, failure);
    if (error != 0)
        return error;

    char said[WORDS_SIZE] = "";

    last_words = said;
    session->mounted = fuse_session_mount(session->fuse, session->mountpoint) == 0;
    last_words = NULL;
    if (!session->mounted)
        return mount_failure(said,
                             "fusermount3 did not mount it, for the reason that it gave; if it "
                             "gave none, install the package fuse3 and see who may use /dev/fuse",
                             failure);
    error = device_attach(session->fuse);
    return error == 0 ? 0
                      : failure_set(failure, -error, "libfuse does not take our way to the device");
}

int session_mount(const struct mount_options *options, struct session **ret_session,
                  struct failure *failure)
{
    struct session *session = calloc(1, sizeof *session);

    if (session == NULL)
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    session->pipe[0] = session->pipe[1] = -1;
    session->max_inodes = options->max_inodes;
    session->state = (struct mount_state){.uid = options->uid,
                                          .gid = options->gid,
                                          .umask = options->umask,
                                          .max_read = options->max_read};
    opened_set_init(&session->state.opened);
    long_requests_init(&session->state.long_requests);
    answer_buffers_init(&session->state.buffers);
    fuse_set_log_func(take_words);

    int error = mount_session(session, options, failure);

    if (error != 0)
        session_free(session);
    else
        *ret_session = session;
    return error;
}

/* The next byte of the pipe; 0 when none comes within TIMEOUT_MS. */
static char next_word(const struct session *session, int timeout_ms)
{
    struct pollfd waiting = {.fd = session->pipe[0], .events = POLLIN};
    char word = 0;

    if (poll(&waiting, 1, timeout_ms) <= 0 || read(session->pipe[0], &word, 1) != 1)
        return 0;
    return word;
}

/* Whether the mount is gone, unmounted by others; being told of it would cost every request. */
static bool is_cut_off(int device)
{
    struct pollfd state = {.fd = device};

    return poll(&state, 1, 0) > 0;
}

static void *attend(void *context)
{
    struct session *session = context;
    int device = fuse_session_fd(session->fuse);
    struct statx root;
    char word;

    /* Answered by our own workers. */
    if (statx(AT_FDCWD, session->mountpoint, AT_STATX_FORCE_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE,
              &root) == 0 &&
        session->ready != NULL)
        session->ready(session->ready_context);
    do {
        word = next_word(session, CHECK_INTERVAL_MS);
        long_requests_look(&session->state.long_requests);
    } while (word == 0 && !is_cut_off(device));
    if (word != 'e') {
        /* Workers may still be busy for somebody who waits no longer, and keep who asks the kernel
         * to forget waiting: it locks the directory in which something is looked up. */
        tree_end(session->state.tree);
        inode_limit_end(session->state.limit);
        write_out_end(session->state.write_out);
        outdated_end(session->state.outdated);
        fuse_session_exit(session->fuse);
    }
    while (word != 'e') {
        /* A single one could come between the runner's look at the exit flag and its sleep. */
        pthread_kill(session->runner, WAKE_SIGNAL);
        word = next_word(session, WAKE_INTERVAL_MS);
    }
    return NULL;
}

struct saved_signals {
    struct sigaction ending[ENDING_SIGNALS];
    struct sigaction wake;
    sigset_t mask;
};

static void take_signals(const struct session *session, struct saved_signals *saved)
{
    /* A second one ends the process, whatever a worker waits for. */
    struct sigaction ending = {.sa_handler = on_ending_signal,
                               .sa_flags = (int)(SA_RESTART | SA_RESETHAND)};
    struct sigaction wake = {.sa_handler = on_wake_signal};
    sigset_t wanted;

    signal_pipe = session->pipe[1];
    sigemptyset(&wanted);
    sigaddset(&wanted, WAKE_SIGNAL);
    for (size_t i = 0; i < ENDING_SIGNALS; i++) {
        sigaction(ending_signals[i], NULL, &saved->ending[i]);
        if (saved->ending[i].sa_handler != SIG_IGN) /* nohup */
            sigaction(ending_signals[i], &ending, NULL);
        sigaddset(&wanted, ending_signals[i]);
    }
    sigaction(WAKE_SIGNAL, &wake, &saved->wake);
    pthread_sigmask(SIG_UNBLOCK, &wanted, &saved->mask);
}

static void give_signals_back(const struct saved_signals *saved)
{
    for (size_t i = 0; i < ENDING_SIGNALS; i++)
        sigaction(ending_signals[i], &saved->ending[i], NULL);
    sigaction(WAKE_SIGNAL, &saved->wake, NULL);
    pthread_sigmask(SIG_SETMASK, &saved->mask, NULL);
    signal_pipe = -1;
}

static int loop(struct session *session)
{
    struct fuse_loop_config *config = fuse_loop_cfg_create();

    if (config == NULL)
        return -ENOMEM;
    fuse_loop_cfg_set_clone_fd(config, 1);
    fuse_loop_cfg_set_max_threads(config, WORKERS_MOST);
    fuse_loop_cfg_set_idle_threads(config, WORKERS);

    int error = fuse_session_loop_mt(session->fuse, config);

    fuse_loop_cfg_destroy(config);
    return error;
}

static void unmount(struct session *session)
{
    if (session->mounted)
        fuse_session_unmount(session->fuse);
    session->mounted = false;
}

/* The loop with an attendant beside it; unmounted afterwards. */
static int serve(struct session *session)
{
    struct saved_signals saved;
    pthread_t attendant;

    session->runner = pthread_self();
    take_signals(session, &saved);

    int error = -pthread_create(&attendant, NULL, attend, session);

    if (error == 0) {
        error = loop(session);
        /* What asks the kernel must not write where the device was. Without workers it could wait
         * for ever, until the device is closed. */
        if (error >= 0) {
            inode_limit_end(session->state.limit);
            outdated_end(session->state.outdated);
        }
        /* Cuts the attendant off, should it still wait for a first answer. */
        unmount(session);
        if (write(session->pipe[1], "e", 1) != 1)
            log_message(LOG_LEVEL_ERROR, "cannot end the mount: %s", strerror(errno));
        pthread_join(attendant, NULL);
    }
    give_signals_back(&saved);
    return error;
}

int session_run(struct session *session, struct tree *tree, void (*ready)(void *context),
                void *context, struct failure *failure)
{
    session->ready = ready;
    session->ready_context = context;
    session->state.tree = tree;
    session->state.inodes = inode_table_create(tree_root(tree));
    if (session->state.inodes == NULL)
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));

    int error = inode_limit_create(session->fuse, session->state.inodes, session->max_inodes,
                                   &session->state.limit);

    if (error != 0)
        return failure_set(failure, -error, "cannot start a thread: %s", strerror(-error));
    if (tree_files(tree) != NULL)
        error = write_out_create(session->mountpoint, &session->state.write_out);
    if (error == 0 && tree_files(tree) != NULL)
        error = outdated_create(session->fuse, tree_files(tree), &session->state.outdated);
    if (error != 0)
        return failure_set(failure, -error, "cannot start a thread: %s", strerror(-error));
    if (pipe2(session->pipe, O_CLOEXEC) != 0)
        return failure_set(failure, errno, "cannot make a pipe: %s", strerror(errno));
    /* A handler must never wait for room. */
    fcntl(session->pipe[1], F_SETFL, O_NONBLOCK);

    error = serve(session);
    if (error != 0)
        return failure_set(failure, error < 0 ? -error : EIO, "the mount broke off: %s",
                           error < 0 ? strerror(-error) : "libfuse ended");
    return 0;
}

void session_free(struct session *session)
{
    unmount(session);
    write_out_free(session->state.write_out);
    outdated_free(session->state.outdated);
    inode_limit_free(session->state.limit);
    if (session->fuse != NULL)
        fuse_session_destroy(session->fuse);
    opened_set_release(&session->state.opened);
    long_requests_release(&session->state.long_requests);
    answer_buffers_release(&session->state.buffers);
    inode_table_free(session->state.inodes);
    close_descriptor(&session->pipe[0]);
    close_descriptor(&session->pipe[1]);
    free(session->mountpoint);
    free(session);
}
