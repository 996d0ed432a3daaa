/* SPDX-License-Identifier: MIT */
#include "tests/unit/spool_place.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/unit/fake_source.h"
#include "tests/unit/open_files.h"

struct spool_place spool_place_create(uint64_t limit_bytes)
{
    struct spool_place place = {.directory = scratch_directory()};
    struct spool_options options = {.directory = place.directory, .limit_bytes = limit_bytes};

    must(spool_create(&options, &place.spool, NULL) == 0);
    return place;
}

uint64_t spool_used_bytes(struct spool *spool)
{
    struct spool_usage usage;

    spool_usage(spool, &usage);
    return usage.used_bytes;
}

void spool_place_free(struct spool_place *place)
{
    int descriptor;

    must(spool_used_bytes(place->spool) == 0);
    spool_free(place->spool);
    must(open_files_in(place->directory, &descriptor, 1) == 0);
    scratch_directory_remove(place->directory);
}

size_t spool_place_blocks(const struct spool_place *place, int *ret_descriptor)
{
    struct stat status;

    must(open_files_in(place->directory, ret_descriptor, 1) == 1);
    must(fstat(*ret_descriptor, &status) == 0);
    return (size_t)status.st_blocks * 512;
}

uint8_t *spool_noise(size_t size, uint32_t seed)
{
    uint8_t key[randombytes_SEEDBYTES] = {0};
    uint8_t *bytes = malloc(size != 0 ? size : 1);

    must(bytes != NULL);
    memcpy(key, &seed, sizeof seed);
    randombytes_buf_deterministic(bytes, size, key);
    return bytes;
}

struct spool_blob spool_put_noise(struct spool *spool, size_t size, uint32_t seed)
{
    uint8_t *bytes = spool_noise(size, seed);
    struct spool_blob blob;

    must(spool_put(spool, bytes, size, &blob, NULL) == 0);
    free(bytes);
    return blob;
}

void spool_check_noise(struct spool *spool, const struct spool_blob *blob, size_t size,
                       uint32_t seed)
{
    uint8_t *bytes = spool_noise(size, seed);
    struct buffer output = BUFFER((size_t)64 << 20);

    must(buffer_append(&output, "before", 6) == 0);
    must(spool_get(spool, blob, &output, NULL) == 0);
    must(output.size == size);
    must(size == 0 || memcmp(output.data, bytes, size) == 0);
    buffer_release(&output);
    free(bytes);
}
