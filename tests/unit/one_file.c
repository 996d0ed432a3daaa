/* SPDX-License-Identifier: MIT */
#include "tests/unit/one_file.h"

#include "tests/unit/store_samples.h"
#include "tests/unit/succeed.h"

static void open_files(struct one_file *file, struct storage *storage)
{
    sample_state_forget();
    file->storage = storage;
    file->store = sample_store_open(storage);
    succeed(object_reader_create(file->store, file->options.memory_bytes, &file->reader, &failure));
    file->options.store = file->store;
    file->options.reader = file->reader;
    succeed(files_create(&file->options, &file->files, &failure));
}

struct one_file one_file_make(struct storage *storage, struct files_options options)
{
    struct one_file file = {.options = options};
    const struct files_new wanted = {
        .directory = FILES_TOP, .name = "a", .mode = S_IFREG | 0644, .open = true};
    struct stat stat;

    sample_store_make(storage);
    open_files(&file, storage);
    succeed(files_make(file.files, &wanted, &file.number, &stat, &failure));
    succeed(files_sync(file.files, &failure));
    return file;
}

void one_file_find(struct one_file *file, struct storage *storage)
{
    one_file_close(file);
    open_files(file, storage);
}

void one_file_close(struct one_file *file)
{
    files_free(file->files);
    object_reader_free(file->reader);
    store_close(file->store);
}
