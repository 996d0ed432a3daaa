/* SPDX-License-Identifier: MIT */
#include "fs/files/attributes.h"

#include <errno.h>
#include <sys/sysmacros.h>

#include "fs/base/little_endian.h"

#define BLOCK_BYTES 4096
#define STAT_BLOCK_BYTES 512
#define NANOSECONDS 1000000000

static void put_time(uint8_t *bytes, const struct timespec *time)
{
    put_u64(bytes, (uint64_t)time->tv_sec);
    put_u32(bytes + 8, (uint32_t)time->tv_nsec);
}

static struct timespec get_time(const uint8_t *bytes)
{
    return (struct timespec){.tv_sec = (time_t)get_u64(bytes), .tv_nsec = get_u32(bytes + 8)};
}

void attributes_encode(const struct attributes *attributes, uint8_t bytes[ATTRIBUTES_BYTES])
{
    put_u32(bytes, attributes->mode);
    put_u32(bytes + 4, attributes->links);
    put_u32(bytes + 8, attributes->uid);
    put_u32(bytes + 12, attributes->gid);
    put_u64(bytes + 16, attributes->device);
    put_u64(bytes + 24, attributes->size);
    put_u64(bytes + 32, attributes->content_bytes);
    put_time(bytes + 40, &attributes->accessed);
    put_time(bytes + 52, &attributes->modified);
    put_time(bytes + 64, &attributes->changed);
    put_time(bytes + 76, &attributes->born);
    put_u64(bytes + 88, attributes->parent);
}

int attributes_decode(const struct file_item *item, struct attributes *ret_attributes)
{
    const uint8_t *bytes = item->value;

    if (item->size != ATTRIBUTES_BYTES)
        return -EBADMSG;

    struct attributes attributes = {
        .mode = get_u32(bytes),
        .links = get_u32(bytes + 4),
        .uid = get_u32(bytes + 8),
        .gid = get_u32(bytes + 12),
        .device = get_u64(bytes + 16),
        .size = get_u64(bytes + 24),
        .content_bytes = get_u64(bytes + 32),
        .accessed = get_time(bytes + 40),
        .modified = get_time(bytes + 52),
        .changed = get_time(bytes + 64),
        .born = get_time(bytes + 76),
        .parent = get_u64(bytes + 88),
    };

    if (attributes.size > INT64_MAX || attributes.accessed.tv_nsec >= NANOSECONDS ||
        attributes.modified.tv_nsec >= NANOSECONDS || attributes.changed.tv_nsec >= NANOSECONDS ||
        attributes.born.tv_nsec >= NANOSECONDS)
        return -EBADMSG;
    *ret_attributes = attributes;
    return 0;
}

/*
 * tar(1) takes a file without blocks for one of zeros, and does not look. But a program may have
 * written to it by way of memory, which the kernel has not passed on yet.
 */
static uint64_t shown_blocks(const struct attributes *attributes, uint64_t bytes)
{
    if (bytes == 0 && S_ISREG(attributes->mode) && attributes->size > 0)
        return 1;
    return (bytes + STAT_BLOCK_BYTES - 1) / STAT_BLOCK_BYTES;
}

struct stat attributes_stat(const struct attributes *attributes, uint64_t shown_inode,
                            uint64_t pending)
{
    return (struct stat){
        .st_ino = shown_inode,
        .st_mode = attributes->mode,
        .st_nlink = attributes->links,
        .st_uid = attributes->uid,
        .st_gid = attributes->gid,
        .st_rdev = makedev((unsigned)(attributes->device >> 32), (unsigned)attributes->device),
        .st_size = (off_t)attributes->size,
        .st_blksize = BLOCK_BYTES,
        .st_blocks = (blkcnt_t)shown_blocks(attributes, attributes->content_bytes + pending),
        .st_atim = attributes->accessed,
        .st_mtim = attributes->modified,
        .st_ctim = attributes->changed,
    };
}
