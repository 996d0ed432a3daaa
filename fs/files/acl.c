/* SPDX-License-Identifier: MIT */
#include "fs/files/acl.h"

#include <string.h>
#include <sys/stat.h>

#include "fs/base/little_endian.h"

#define HEAD_BYTES 4
#define ENTRY_BYTES 8
#define VERSION 2

#define TAG_USER_OBJ 0x01
#define TAG_USER 0x02
#define TAG_GROUP_OBJ 0x04
#define TAG_GROUP 0x08
#define TAG_MASK 0x10
#define TAG_OTHER 0x20
#define PERMISSIONS 7U

/* Where the first entry with this tag stands; 0: there is none. */
static size_t find(const uint8_t *value, size_t size, unsigned tag)
{
    for (size_t at = HEAD_BYTES; at + ENTRY_BYTES <= size; at += ENTRY_BYTES) {
        if (get_u16(value + at) == tag)
            return at;
    }
    return 0;
}

static unsigned permissions_of(const uint8_t *value, size_t entry)
{
    return entry != 0 ? get_u16(value + entry + 2) & PERMISSIONS : 0;
}

static void set_permissions(uint8_t *value, size_t entry, unsigned permissions)
{
    if (entry != 0)
        put_u16(value + entry + 2, (uint16_t)permissions);
}

/* Whose permissions the group's bits of a mode are. */
static size_t group_class(const uint8_t *value, size_t size)
{
    size_t mask = find(value, size, TAG_MASK);

    return mask != 0 ? mask : find(value, size, TAG_GROUP_OBJ);
}

static bool is_minimal(const uint8_t *value, size_t size)
{
    return find(value, size, TAG_USER) == 0 && find(value, size, TAG_GROUP) == 0 &&
           find(value, size, TAG_MASK) == 0;
}

bool acl_is_name(const char *name)
{
    return strcmp(name, ACL_ACCESS) == 0 || strcmp(name, ACL_DEFAULT) == 0;
}

bool acl_is_valid(const uint8_t *value, size_t size)
{
    return size >= HEAD_BYTES && (size - HEAD_BYTES) % ENTRY_BYTES == 0 &&
           get_u32(value) == VERSION;
}

mode_t acl_mode(const uint8_t *value, size_t size, mode_t mode, bool *ret_minimal)
{
    unsigned owner = permissions_of(value, find(value, size, TAG_USER_OBJ));
    unsigned group = permissions_of(value, group_class(value, size));
    unsigned other = permissions_of(value, find(value, size, TAG_OTHER));

    *ret_minimal = is_minimal(value, size);
    return (mode & ~(mode_t)0777) | owner << 6 | group << 3 | other;
}

void acl_change_mode(uint8_t *value, size_t size, mode_t mode)
{
    set_permissions(value, find(value, size, TAG_USER_OBJ), mode >> 6 & PERMISSIONS);
    set_permissions(value, group_class(value, size), mode >> 3 & PERMISSIONS);
    set_permissions(value, find(value, size, TAG_OTHER), mode & PERMISSIONS);
}

mode_t acl_inherit(uint8_t *value, size_t size, mode_t mode, bool *ret_minimal)
{
    size_t owner = find(value, size, TAG_USER_OBJ);
    size_t group = group_class(value, size);
    size_t other = find(value, size, TAG_OTHER);

    set_permissions(value, owner, permissions_of(value, owner) & mode >> 6);
    set_permissions(value, group, permissions_of(value, group) & mode >> 3);
    set_permissions(value, other, permissions_of(value, other) & mode);
    return acl_mode(value, size, mode, ret_minimal);
}
