/* SPDX-License-Identifier: MIT */
#include "fs/mount/device.h"

#include <linux/fuse.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fs/mount/answer.h"

void device_greet(struct device *device, const struct fuse_conn_info *connection)
{
    device->greeting = true;
    device->side_by_side = (connection->capable & FUSE_CAP_PARALLEL_DIROPS) != 0;
}

/* A worker answers what it has read before it reads again. */
static _Thread_local bool drops_privileges;

bool device_drops_privileges(void)
{
    return drops_privileges;
}

static void add_words(const struct device *device, const struct iovec *pieces, int count)
{
    struct fuse_out_header header;
    uint32_t flags;

    if (count != 2 || pieces[0].iov_len != sizeof header ||
        pieces[1].iov_len < offsetof(struct fuse_init_out, flags) + sizeof flags)
        return;
    memcpy(&header, pieces[0].iov_base, sizeof header);
    if (header.error != 0)
        return;

    char *place = (char *)pieces[1].iov_base + offsetof(struct fuse_init_out, flags);

    memcpy(&flags, place, sizeof flags);
    flags |= FUSE_HANDLE_KILLPRIV_V2; /* a kernel that does not know it passes it over */
    if (device->side_by_side)
        flags |= FUSE_PARALLEL_DIROPS;
    memcpy(place, &flags, sizeof flags);
}

/* Before the answer to INIT there is none, and no other thread. */
static ssize_t write_answer(int file, struct iovec *pieces, int count, void *state)
{
    struct device *device = &((struct mount_state *)state)->device;

    if (device->greeting) {
        device->greeting = false;
        add_words(device, pieces, count);
    }
    return writev(file, pieces, count);
}

/* The word at OFFSET of what a request says behind its header; 0 when it is not so long. */
static uint32_t word_of(const char *request, size_t size, size_t offset)
{
    uint32_t word = 0;

    if (size >= sizeof(struct fuse_in_header) + offset + sizeof word)
        memcpy(&word, request + sizeof(struct fuse_in_header) + offset, sizeof word);
    return word;
}

static bool wants_fewer_privileges(const char *request, size_t size)
{
    struct fuse_in_header header;

    if (size < sizeof header)
        return false;
    memcpy(&header, request, sizeof header);
    switch (header.opcode) {
    case FUSE_OPEN:
        return (word_of(request, size, offsetof(struct fuse_open_in, open_flags)) &
                FUSE_OPEN_KILL_SUIDGID) != 0;
    case FUSE_WRITE:
        return (word_of(request, size, offsetof(struct fuse_write_in, write_flags)) &
                FUSE_WRITE_KILL_SUIDGID) != 0;
    case FUSE_SETATTR:
        return (word_of(request, size, offsetof(struct fuse_setattr_in, valid)) &
                FATTR_KILL_SUIDGID) != 0;
    default: return false;
    }
}

static ssize_t read_request(int file, void *buffer, size_t size, void *state)
{
    ssize_t got = read(file, buffer, size);

    (void)state;
    if (got > 0)
        drops_privileges = wants_fewer_privileges(buffer, (size_t)got);
    return got;
}

int device_attach(struct fuse_session *session)
{
    static const struct fuse_custom_io io = {.writev = write_answer, .read = read_request};

    return fuse_session_custom_io(session, &io, fuse_session_fd(session));
}
