/* SPDX-License-Identifier: MIT */
#include "tools/harden.h"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_DESCRIPTORS 65536

/*
 * Blocks of 128 KiB and more go back to the kernel as soon as they are freed.
 * Left alone, the allocator raises this threshold by itself and keeps them.
 */
#define MAPPED_BLOCK_BYTES (128 << 10)

static void limit_memory_waste(void)
{
    mallopt(M_ARENA_MAX, 2);
    mallopt(M_MMAP_THRESHOLD, MAPPED_BLOCK_BYTES);
    mallopt(M_TRIM_THRESHOLD, MAPPED_BLOCK_BYTES);
}

/* Keys and passphrases rest in locked memory. */
static void raise_locked_memory_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur >= limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_MEMLOCK, &limit);
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= MOST_DESCRIPTORS)
        return;
    limit.rlim_cur = limit.rlim_max < MOST_DESCRIPTORS ? limit.rlim_max : MOST_DESCRIPTORS;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/*
 * A standard stream that is closed would be the next file that is opened, and what is said would be
 * written into that. What stands in its place refuses what the stream is for.
 */
static void fill_standard_streams(void)
{
    static const int modes[] = {O_WRONLY, O_RDONLY, O_RDONLY};

    for (int i = 0; i < 3; i++) {
        if (fcntl(i, F_GETFD) < 0 && open("/dev/null", modes[i]) != i)
            _exit(1);
    }
}

void harden_process(void)
{
    fill_standard_streams();
    setrlimit(RLIMIT_CORE, &(struct rlimit){0});
    prctl(PR_SET_DUMPABLE, 0);
    umask(077);
    /* A process that listens no longer is no reason to end. */
    signal(SIGPIPE, SIG_IGN);
    /* A file size limit is met like a full disk: EFBIG, not death. */
    signal(SIGXFSZ, SIG_IGN);
    raise_descriptor_limit();
    raise_locked_memory_limit();
    limit_memory_waste();
}
