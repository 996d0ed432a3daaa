/* SPDX-License-Identifier: MIT */
#include "fs/mount/write_out.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fs/base/clock.h"
#include "fs/base/hash.h"
#include "fs/base/memory.h"

#define INTERVAL_NS UINT64_C(1000000000)
#define LOOK_MS 20
#define ROUNDS_MOST 100 /* of who goes on writing all the time, the rest comes later */
#define ROUNDS_HASTY 3
#define PAGES_WAIT_NS 1000000L
#define FUSE_MAGIC 0x65735546

struct waiting_answer {
    fuse_req_t request;
    write_out_answer *answer;
    bool is_hasty;
    struct waiting_answer *next;
    _Alignas(max_align_t) char what[];
};

struct writable_file {
    fuse_ino_t inode;
    unsigned opened;
    bool refused;
    UT_hash_handle hh;
};

struct write_out {
    const char *mountpoint;
    uint64_t pages_begun; /* atomic, as the next */
    uint64_t pages_ended;

    pthread_mutex_t lock;           /* guards all below */
    pthread_cond_t wanted;          /* the thread */
    pthread_cond_t written;         /* who waits */
    struct writable_file *writable; /* that are open for reading and writing */
    uint64_t asked;                 /* how often somebody wanted it */
    bool patient;                   /* somebody does who waits long for it */
    uint64_t done;                  /* up to which of those it is */
    struct failure failure;         /* why the last was not; its code is 0: it was */
    struct waiting_answer *answers;
    bool ending; /* atomic as well */
    pthread_t thread;
};

static bool is_ending(struct write_out *write_out)
{
    return __atomic_load_n(&write_out->ending, __ATOMIC_RELAXED);
}

static uint64_t pages(const uint64_t *count)
{
    return __atomic_load_n(count, __ATOMIC_SEQ_CST);
}

void write_out_begin_page(struct write_out *write_out)
{
    __atomic_add_fetch(&write_out->pages_begun, 1, __ATOMIC_SEQ_CST);
}

void write_out_end_page(struct write_out *write_out)
{
    __atomic_add_fetch(&write_out->pages_ended, 1, __ATOMIC_SEQ_CST);
}

/* ---- The process ---- */

int write_out_main(int argc, char **argv)
{
    cleanup_fd int top =
        argc == 2 ? open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK) : -1;
    struct statfs system;
    struct statx status;

    if (top < 0 || fstatfs(top, &system) != 0 || system.f_type != FUSE_MAGIC)
        return ENODEV;
    /* Kernels differ in whether they have waited: what they sent is before this in their queue. */
    if (syncfs(top) != 0 ||
        statx(top, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC, STATX_TYPE, &status) != 0)
        return errno;
    return 0;
}

static int start_process(struct write_out *write_out, pid_t *ret_process)
{
    char name[] = WRITE_OUT_NAME;
    char *nothing[] = {NULL};
    cleanup_free char *mountpoint = strdup(write_out->mountpoint);
    char *arguments[] = {name, mountpoint, NULL};
    posix_spawn_file_actions_t actions;
    int error = mountpoint != NULL ? posix_spawn_file_actions_init(&actions) : ENOMEM;

    if (error != 0)
        return -error;
    for (int i = STDIN_FILENO; i <= STDERR_FILENO && error == 0; i++)
        error = posix_spawn_file_actions_addopen(&actions, i, "/dev/null", O_RDWR, 0);
    if (error == 0) /* the device: it must close when the daemon ends */
        error = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    if (error == 0)
        error = posix_spawn(ret_process, "/proc/self/exe", &actions, NULL, arguments, nothing);
    posix_spawn_file_actions_destroy(&actions);
    return -error;
}

/* What it ended with; -ECANCELED: the mount is to end first. */
static int await_process(struct write_out *write_out, pid_t process, struct failure *failure)
{
    cleanup_fd int ends = (int)syscall(SYS_pidfd_open, process, 0);
    struct pollfd waiting = {.fd = ends, .events = POLLIN};
    int status;

    while (ends >= 0 && poll(&waiting, 1, LOOK_MS) <= 0) {
        if (is_ending(write_out))
            return -ECANCELED;
    }
    if (waitpid(process, &status, 0) != process)
        return failure_set(failure, errno, "waitpid: %s", strerror(errno));
    if (!WIFEXITED(status))
        return failure_set(failure, EIO, WRITE_OUT_NAME " was ended from outside");
    if (WEXITSTATUS(status) == ENODEV)
        return failure_set(failure, ENODEV, "the mount is not at %s any more",
                           write_out->mountpoint);
    if (WEXITSTATUS(status) != 0)
        return failure_set(failure, WEXITSTATUS(status), "syncfs: %s",
                           strerror(WEXITSTATUS(status)));
    return 0;
}

/* Whether the kernel may have had something, with 0 or -errno. RET_LEFT: to be waited for later. */
static int write_once(struct write_out *write_out, bool *ret_had, pid_t *ret_left,
                      struct failure *failure)
{
    uint64_t before = pages(&write_out->pages_begun);
    pid_t process = 0;
    int error = start_process(write_out, &process);

    *ret_left = 0;
    *ret_had = false;
    if (error != 0)
        return failure_set(failure, -error, "cannot start " WRITE_OUT_NAME ": %s",
                           strerror(-error));
    error = await_process(write_out, process, failure);
    if (error == -ECANCELED)
        *ret_left = process;
    while (error == 0 && !is_ending(write_out) &&
           pages(&write_out->pages_ended) < pages(&write_out->pages_begun))
        nanosleep(&(struct timespec){.tv_nsec = PAGES_WAIT_NS}, NULL);
    *ret_had = error == 0 && pages(&write_out->pages_begun) != before;
    return error;
}

/* ---- The thread ---- */

/* SURE: all is here, as far as there was no error. */
static void answer_all(struct waiting_answer *answers, int error, bool sure,
                       const struct failure *failure)
{
    while (answers != NULL) {
        struct waiting_answer *next = answers->next;
        int own = error == 0 && !sure && answers->is_hasty ? -EBUSY : error;

        answers->answer(answers->request, answers->what, own, failure);
        free(answers);
        answers = next;
    }
}

/* A mount that ends owes nobody that any more: its end stores what it was given. RET_SURE: all of
 * it is here. */
static int write_all(struct write_out *write_out, int rounds, bool *ret_sure, pid_t *ret_left,
                     struct failure *failure)
{
    bool had = true;
    int error = 0;

    for (int i = 0; i < rounds && error == 0 && had; i++)
        error = write_once(write_out, &had, ret_left, failure);
    *ret_sure = error == 0 && !had && !is_ending(write_out);
    if (error == 0 || error == -ECANCELED)
        return 0;
    return failure_prefix(failure, failure->code,
                          "what programs have written through memory (mmap) cannot be had");
}

/* What was asked for until now. The lock is given back meanwhile. */
static void serve_asked(struct write_out *write_out, pid_t *ret_left)
{
    uint64_t asked = write_out->asked;
    struct waiting_answer *answers = write_out->answers;
    int rounds = write_out->patient ? ROUNDS_MOST : ROUNDS_HASTY;
    struct failure failure = {0};
    bool writable = write_out->writable != NULL;
    bool sure = true;

    write_out->answers = NULL;
    write_out->patient = false;
    pthread_mutex_unlock(&write_out->lock);

    int error = writable ? write_all(write_out, rounds, &sure, ret_left, &failure) : 0;

    pthread_mutex_lock(&write_out->lock);
    write_out->done = asked;
    write_out->failure = failure;
    pthread_cond_broadcast(&write_out->written);
    pthread_mutex_unlock(&write_out->lock);
    answer_all(answers, error, sure, &failure);
    pthread_mutex_lock(&write_out->lock);
}

/* Who wants to know is told when it is asked for. */
static void write_now_and_then(struct write_out *write_out, pid_t *ret_left)
{
    struct failure failure = {0};
    bool had;

    pthread_mutex_unlock(&write_out->lock);
    (void)write_once(write_out, &had, ret_left, &failure);
    pthread_mutex_lock(&write_out->lock);
}

static void *run(void *context)
{
    struct write_out *write_out = context;
    pid_t left = 0;

    pthread_mutex_lock(&write_out->lock);
    while (!write_out->ending) {
        if (write_out->done != write_out->asked) {
            serve_asked(write_out, &left);
        } else if (write_out->writable == NULL) {
            pthread_cond_wait(&write_out->wanted, &write_out->lock);
        } else {
            uint64_t until = clock_now_ns() + INTERVAL_NS;

            clock_wait(&write_out->wanted, &write_out->lock, until);
            if (write_out->done == write_out->asked && write_out->writable != NULL &&
                clock_now_ns() >= until)
                write_now_and_then(write_out, &left);
        }
    }

    struct waiting_answer *answers = write_out->answers;

    write_out->answers = NULL;
    pthread_mutex_unlock(&write_out->lock);
    answer_all(answers, 0, false, NULL);
    /* Nobody answers the kernel now, which lets go of it when the device closes. */
    if (left != 0)
        (void)waitpid(left, NULL, 0);
    return NULL;
}

int write_out_create(const char *mountpoint, struct write_out **ret_write_out)
{
    struct write_out *write_out = calloc(1, sizeof *write_out);

    if (write_out == NULL)
        return -ENOMEM;
    write_out->mountpoint = mountpoint;
    pthread_mutex_init(&write_out->lock, NULL);
    pthread_cond_init(&write_out->wanted, NULL);
    pthread_cond_init(&write_out->written, NULL);

    int error = pthread_create(&write_out->thread, NULL, run, write_out);

    if (error != 0) {
        free(write_out);
        return -error;
    }
    *ret_write_out = write_out;
    return 0;
}

static bool is_writable(int flags)
{
    return (flags & O_ACCMODE) == O_RDWR;
}

static struct writable_file *find_writable(struct write_out *write_out, fuse_ino_t inode)
{
    struct writable_file *file = NULL;

    HASH_FIND(hh, write_out->writable, &inode, sizeof inode, file);
    return file;
}

static int add_writable(struct write_out *write_out, fuse_ino_t inode)
{
    struct writable_file *file = calloc(1, sizeof *file);
    bool is_first = write_out->writable == NULL;

    if (file == NULL)
        return -ENOMEM;
    file->inode = inode;
    file->opened = 1;
    HASH_ADD(hh, write_out->writable, inode, sizeof inode, file);
    if (file->refused) {
        free(file);
        return -ENOMEM;
    }
    if (is_first) /* else the thread would begin its second again */
        pthread_cond_signal(&write_out->wanted);
    return 0;
}

int write_out_opened(struct write_out *write_out, fuse_ino_t inode, int flags)
{
    int error = 0;

    if (!is_writable(flags))
        return 0;
    pthread_mutex_lock(&write_out->lock);

    struct writable_file *file = find_writable(write_out, inode);

    if (file != NULL)
        file->opened++;
    else
        error = add_writable(write_out, inode);
    pthread_mutex_unlock(&write_out->lock);
    return error;
}

void write_out_closed(struct write_out *write_out, fuse_ino_t inode, int flags)
{
    if (!is_writable(flags))
        return;
    pthread_mutex_lock(&write_out->lock);

    struct writable_file *file = find_writable(write_out, inode);

    if (file != NULL && --file->opened == 0) {
        HASH_DEL(write_out->writable, file);
        free(file);
    }
    pthread_mutex_unlock(&write_out->lock);
}

bool write_out_may_lack(struct write_out *write_out, fuse_ino_t inode)
{
    pthread_mutex_lock(&write_out->lock);

    bool may = find_writable(write_out, inode) != NULL;

    pthread_mutex_unlock(&write_out->lock);
    return may;
}

int write_out_wait(struct write_out *write_out, struct failure *failure)
{
    int error = 0;

    pthread_mutex_lock(&write_out->lock);
    if (write_out->writable != NULL && !write_out->ending) {
        uint64_t mine = ++write_out->asked;

        write_out->patient = true;
        pthread_cond_signal(&write_out->wanted);
        while (write_out->done < mine && !write_out->ending)
            pthread_cond_wait(&write_out->written, &write_out->lock);
        if (write_out->done >= mine && write_out->failure.code != 0) {
            *failure = write_out->failure;
            error = -failure->code;
        }
    }
    pthread_mutex_unlock(&write_out->lock);
    return error;
}

static struct waiting_answer *make_waiting(fuse_req_t request, const struct write_out_wish *wish)
{
    struct waiting_answer *waiting = malloc(sizeof *waiting + wish->size);

    if (waiting == NULL)
        return NULL;
    *waiting = (struct waiting_answer){
        .request = request, .answer = wish->answer, .is_hasty = wish->is_hasty};
    if (wish->size != 0)
        memcpy(waiting->what, wish->what, wish->size);
    return waiting;
}

void write_out_then(struct write_out *write_out, fuse_req_t request,
                    const struct write_out_wish *wish)
{
    struct waiting_answer *waiting = make_waiting(request, wish);
    struct failure failure = {0};

    if (waiting == NULL) {
        wish->answer(request, wish->what, failure_set(&failure, ENOMEM, "%s", strerror(ENOMEM)),
                     &failure);
        return;
    }
    pthread_mutex_lock(&write_out->lock);

    bool sure = write_out->writable == NULL;

    if (!sure && !write_out->ending) {
        waiting->next = write_out->answers;
        write_out->answers = waiting;
        write_out->patient |= !wish->is_hasty;
        write_out->asked++;
        pthread_cond_signal(&write_out->wanted);
        waiting = NULL;
    }
    pthread_mutex_unlock(&write_out->lock);
    answer_all(waiting, 0, sure, &failure);
}

void write_out_end(struct write_out *write_out)
{
    if (write_out == NULL)
        return;
    pthread_mutex_lock(&write_out->lock);
    __atomic_store_n(&write_out->ending, true, __ATOMIC_RELAXED);
    pthread_cond_broadcast(&write_out->wanted);
    pthread_cond_broadcast(&write_out->written);
    pthread_mutex_unlock(&write_out->lock);
}

void write_out_free(struct write_out *write_out)
{
    if (write_out == NULL)
        return;
    write_out_end(write_out);
    pthread_join(write_out->thread, NULL);

    struct writable_file *file, *next;

    HASH_ITER (hh, write_out->writable, file, next) {
        HASH_DEL(write_out->writable, file);
        free(file);
    }
    pthread_cond_destroy(&write_out->wanted);
    pthread_cond_destroy(&write_out->written);
    pthread_mutex_destroy(&write_out->lock);
    free(write_out);
}
