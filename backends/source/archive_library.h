/* SPDX-License-Identifier: MIT */
/*
 * libarchive, loaded when an archive is first opened: it brings some ten other libraries with it,
 * which no other command should wait for. Its functions are called by their own names.
 */
#ifndef CRMFS_SOURCE_ARCHIVE_LIBRARY_H
#define CRMFS_SOURCE_ARCHIVE_LIBRARY_H

#include <archive.h>
#include <archive_entry.h>

#include "fs/base/failure.h"

/* All that is used of it. */
#define ARCHIVE_FUNCTIONS(X)                \
    X(archive_entry_filetype)               \
    X(archive_entry_hardlink)               \
    X(archive_entry_mtime)                  \
    X(archive_entry_mtime_is_set)           \
    X(archive_entry_mtime_nsec)             \
    X(archive_entry_pathname)               \
    X(archive_entry_pathname_utf8)          \
    X(archive_entry_size)                   \
    X(archive_entry_size_is_set)            \
    X(archive_errno)                        \
    X(archive_error_string)                 \
    X(archive_file_count)                   \
    X(archive_filter_bytes)                 \
    X(archive_filter_count)                 \
    X(archive_format)                       \
    X(archive_read_data_block)              \
    X(archive_read_free)                    \
    X(archive_read_has_encrypted_entries)   \
    X(archive_read_new)                     \
    X(archive_read_next_header)             \
    X(archive_read_open)                    \
    X(archive_read_open_filename)           \
    X(archive_read_set_passphrase_callback) \
    X(archive_read_support_filter_bzip2)    \
    X(archive_read_support_filter_compress) \
    X(archive_read_support_filter_lz4)      \
    X(archive_read_support_filter_lzma)     \
    X(archive_read_support_filter_xz)       \
    X(archive_read_support_filter_zstd)     \
    X(archive_read_support_format_7zip)     \
    X(archive_read_support_format_cab)      \
    X(archive_read_support_format_cpio)     \
    X(archive_read_support_format_empty)    \
    X(archive_read_support_format_gnutar)   \
    X(archive_read_support_format_rar)      \
    X(archive_read_support_format_rar5)     \
    X(archive_read_support_format_raw)      \
    X(archive_read_support_format_tar)      \
    X(archive_read_support_format_zip)      \
    X(archive_version_details)

/* NOLINTNEXTLINE(bugprone-macro-parentheses): a member stands bare */
#define ARCHIVE_MEMBER(name) __typeof__(name) *name;
struct archive_library {
    ARCHIVE_FUNCTIONS(ARCHIVE_MEMBER)
};

extern struct archive_library archive_library;

/* Before the first call that makes something; what frees may be called at any time, with NULL.
 * 0, -ENOMEM, or -ENOTSUP in words. */
int archive_library_load(struct failure *failure);

#ifndef ARCHIVE_LIBRARY_ITSELF
#define archive_entry_filetype archive_library.archive_entry_filetype
#define archive_entry_hardlink archive_library.archive_entry_hardlink
#define archive_entry_mtime archive_library.archive_entry_mtime
#define archive_entry_mtime_is_set archive_library.archive_entry_mtime_is_set
#define archive_entry_mtime_nsec archive_library.archive_entry_mtime_nsec
#define archive_entry_pathname archive_library.archive_entry_pathname
#define archive_entry_pathname_utf8 archive_library.archive_entry_pathname_utf8
#define archive_entry_size archive_library.archive_entry_size
#define archive_entry_size_is_set archive_library.archive_entry_size_is_set
#define archive_errno archive_library.archive_errno
#define archive_error_string archive_library.archive_error_string
#define archive_file_count archive_library.archive_file_count
#define archive_filter_bytes archive_library.archive_filter_bytes
#define archive_filter_count archive_library.archive_filter_count
#define archive_format archive_library.archive_format
#define archive_read_data_block archive_library.archive_read_data_block
#define archive_read_free archive_library.archive_read_free
#define archive_read_has_encrypted_entries archive_library.archive_read_has_encrypted_entries
#define archive_read_new archive_library.archive_read_new
#define archive_read_next_header archive_library.archive_read_next_header
#define archive_read_open archive_library.archive_read_open
#define archive_read_open_filename archive_library.archive_read_open_filename
#define archive_read_set_passphrase_callback archive_library.archive_read_set_passphrase_callback
#define archive_read_support_filter_bzip2 archive_library.archive_read_support_filter_bzip2
#define archive_read_support_filter_compress archive_library.archive_read_support_filter_compress
#define archive_read_support_filter_lz4 archive_library.archive_read_support_filter_lz4
#define archive_read_support_filter_lzma archive_library.archive_read_support_filter_lzma
#define archive_read_support_filter_xz archive_library.archive_read_support_filter_xz
#define archive_read_support_filter_zstd archive_library.archive_read_support_filter_zstd
#define archive_read_support_format_7zip archive_library.archive_read_support_format_7zip
#define archive_read_support_format_cab archive_library.archive_read_support_format_cab
#define archive_read_support_format_cpio archive_library.archive_read_support_format_cpio
#define archive_read_support_format_empty archive_library.archive_read_support_format_empty
#define archive_read_support_format_gnutar archive_library.archive_read_support_format_gnutar
#define archive_read_support_format_rar archive_library.archive_read_support_format_rar
#define archive_read_support_format_rar5 archive_library.archive_read_support_format_rar5
#define archive_read_support_format_raw archive_library.archive_read_support_format_raw
#define archive_read_support_format_tar archive_library.archive_read_support_format_tar
#define archive_read_support_format_zip archive_library.archive_read_support_format_zip
#define archive_version_details archive_library.archive_version_details
#endif

#endif
