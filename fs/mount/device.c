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

static void add_word(const struct device *device, const struct iovec *pieces, int count)
{
    struct fuse_out_header header;
    uint32_t flags;

    if (!device->side_by_side || count != 2 || pieces[0].iov_len != sizeof header ||
        pieces[1].iov_len < offsetof(struct fuse_init_out, flags) + sizeof flags)
        return;
    memcpy(&header, pieces[0].iov_base, sizeof header);
    if (header.error != 0)
        return;

    char *place = (char *)pieces[1].iov_base + offsetof(struct fuse_init_out, flags);

    memcpy(&flags, place, sizeof flags);
    flags |= FUSE_PARALLEL_DIROPS;
    memcpy(place, &flags, sizeof flags);
}

/* Before the answer to INIT there is none, and no other thread. */
static ssize_t write_answer(int file, struct iovec *pieces, int count, void *state)
{
    struct device *device = &((struct mount_state *)state)->device;

    if (device->greeting) {
        device->greeting = false;
        add_word(device, pieces, count);
    }
    return writev(file, pieces, count);
}

static ssize_t read_request(int file, void *buffer, size_t size, void *state)
{
    (void)state;
    return read(file, buffer, size);
}

int device_attach(struct fuse_session *session)
{
    static const struct fuse_custom_io io = {.writev = write_answer, .read = read_request};

    return fuse_session_custom_io(session, &io, fuse_session_fd(session));
}
