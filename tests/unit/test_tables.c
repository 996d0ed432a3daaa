/* SPDX-License-Identifier: MIT */
/* The objects of a snapshot as bytes: layouts pinned, and whatever is not exactly one refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fs/base/little_endian.h"
#include "fs/store/tables.h"

static struct object_reference reference(uint8_t number)
{
    struct object_reference made = {.pack_hint = 0x1122334455667700 + number,
                                    .offset = UINT64_C(8) * number,
                                    .sealed_size = 100 + number};

    memset(made.id, number, sizeof made.id);
    return made;
}

static void assert_reference(const struct object_reference *found, uint8_t number)
{
    struct object_reference wanted = reference(number);

    assert_memory_equal(found->id, wanted.id, sizeof wanted.id);
    assert_true(found->pack_hint == wanted.pack_hint && found->offset == wanted.offset &&
                found->sealed_size == wanted.sealed_size);
}

/* ---- Pages ---- */

static int decode_page(const void *bytes, size_t size)
{
    struct stored_group *groups;
    size_t count;
    int error = page_decode(bytes, size, &groups, &count);

    if (error == 0)
        free(groups);
    return error;
}

static void test_page(void **context)
{
    const struct stored_group groups[] = {
        {reference(1), 0x0102030405060708 | 1, 1000, 2000, 10},
        {reference(2), 0, 5, 6, 0},
        {reference(3), 128, 7, 8, 1},
    };
    cleanup_buffer struct buffer bytes = BUFFER(4096);
    struct stored_group *decoded;
    size_t count;

    (void)context;
    assert_int_equal(page_encode(groups, 3, &bytes), 0);
    assert_int_equal(bytes.size, 8 + 3 * 80);
    assert_memory_equal(bytes.data, "\3\0\0\0\0\0\0\0\1\1\1", 11);
    assert_memory_equal(bytes.data + 8 + 32, "\x01\x77\x66\x55\x44\x33\x22\x11\1\0\0\0\x65\0\0\0",
                        16);
    assert_memory_equal(bytes.data + 8 + 48, "\x09\x07\x06\x05\x04\x03\x02\x01", 8);
    assert_memory_equal(bytes.data + 8 + 56, "\x0a\0\0\0\0\0\0\0\xe8\x03\0\0\0\0\0\0\xd0\x07", 18);

    assert_int_equal(page_decode(bytes.data, bytes.size, &decoded, &count), 0);
    assert_int_equal(count, 3);
    for (uint8_t i = 0; i < 3; i++) {
        assert_reference(&decoded[i].reference, (uint8_t)(i + 1));
        assert_true(decoded[i].first_key == groups[i].first_key &&
                    decoded[i].rows == groups[i].rows &&
                    decoded[i].csv_bytes == groups[i].csv_bytes &&
                    decoded[i].ndjson_bytes == groups[i].ndjson_bytes);
    }
    free(decoded);
    for (size_t cut = 0; cut < bytes.size; cut++)
        assert_int_equal(decode_page(bytes.data, cut), -EBADMSG);
    assert_int_equal(buffer_append(&bytes, "", 1), 0);
    assert_int_equal(decode_page(bytes.data, bytes.size), -EBADMSG);
    bytes.size--;

    bytes.data[4] = 1; /* zeros */
    assert_int_equal(decode_page(bytes.data, bytes.size), -EBADMSG);
    bytes.data[4] = 0;
    bytes.data[8 + 60] = 1;
    assert_int_equal(decode_page(bytes.data, bytes.size), -EBADMSG);
    bytes.data[8 + 60] = 0;
    put_u64(bytes.data + 8 + 64, (UINT64_C(1) << 40) + 1);
    assert_int_equal(decode_page(bytes.data, bytes.size), -EBADMSG);
    put_u64(bytes.data + 8 + 64, UINT64_C(1) << 40);
    assert_int_equal(decode_page(bytes.data, bytes.size), 0);
    put_u64(bytes.data + 8 + 48, 64); /* the page should have ended there */
    assert_int_equal(decode_page(bytes.data, bytes.size), -EBADMSG);
}

static void test_page_ends(void **context)
{
    struct stored_group *groups = calloc(PAGE_GROUPS_LIMIT + 1, sizeof *groups);
    cleanup_buffer struct buffer bytes = BUFFER(1 << 20);

    (void)context;
    assert_non_null(groups);
    assert_false(page_ends_after(&groups[0], 1)); /* a fragment */
    groups[0].first_key = 65;
    assert_false(page_ends_after(&groups[0], 1));
    groups[0].first_key = 64;
    assert_true(page_ends_after(&groups[0], 1));
    assert_false(page_ends_after(&groups[1], PAGE_GROUPS_LIMIT - 1));
    assert_true(page_ends_after(&groups[1], PAGE_GROUPS_LIMIT));
    assert_int_equal(page_encode(groups, 2, &bytes), -EFBIG);
    groups[0].first_key = 0;
    assert_int_equal(page_encode(groups, 0, &bytes), -EFBIG);
    assert_int_equal(page_encode(groups, PAGE_GROUPS_LIMIT + 1, &bytes), -EFBIG);
    assert_int_equal(page_encode(groups, PAGE_GROUPS_LIMIT, &bytes), 0);
    assert_int_equal(decode_page(bytes.data, bytes.size), 0);
    free(groups);
}

/* ---- Images ---- */

static int decode_image(const void *bytes, size_t size)
{
    struct stored_image image;
    int error = stored_image_decode(bytes, size, &image);

    if (error == 0)
        stored_image_release(&image);
    return error;
}

static void test_image(void **context)
{
    struct object_reference pages[] = {reference(8), reference(9)};
    const struct stored_image image = {.rows = 0x0203,
                                       .csv_bytes = 0x0405,
                                       .ndjson_bytes = 0x0607,
                                       .digest = {0xd1, 0xd2},
                                       .schema = reference(7),
                                       .page_count = 2,
                                       .pages = pages};
    cleanup_buffer struct buffer bytes = BUFFER(4096);
    struct stored_image decoded;

    (void)context;
    assert_int_equal(stored_image_encode(&image, &bytes), 0);
    assert_int_equal(bytes.size, 112 + 2 * 48);
    assert_memory_equal(bytes.data, "\3\2\0\0\0\0\0\0\5\4\0\0\0\0\0\0\7\6\0\0\0\0\0\0\xd1\xd2\0",
                        27);
    assert_memory_equal(bytes.data + 56, "\7\7\7", 3);
    assert_memory_equal(bytes.data + 104, "\2\0\0\0\0\0\0\0\x08\x08", 10);

    assert_int_equal(stored_image_decode(bytes.data, bytes.size, &decoded), 0);
    assert_true(decoded.rows == image.rows && decoded.csv_bytes == image.csv_bytes &&
                decoded.ndjson_bytes == image.ndjson_bytes && decoded.page_count == 2);
    assert_memory_equal(decoded.digest, image.digest, sizeof image.digest);
    assert_reference(&decoded.schema, 7);
    assert_reference(&decoded.pages[1], 9);
    stored_image_release(&decoded);
    for (size_t cut = 0; cut < bytes.size; cut++)
        assert_int_equal(decode_image(bytes.data, cut), -EBADMSG);
    assert_int_equal(buffer_append(&bytes, "", 1), 0);
    assert_int_equal(decode_image(bytes.data, bytes.size), -EBADMSG);
    bytes.size--;
    bytes.data[108] = 1;
    assert_int_equal(decode_image(bytes.data, bytes.size), -EBADMSG);
    bytes.data[108] = 0;
    put_u64(bytes.data, 0); /* pages, but no rows */
    assert_int_equal(decode_image(bytes.data, bytes.size), -EBADMSG);
    put_u64(bytes.data, UINT64_MAX);
    assert_int_equal(decode_image(bytes.data, bytes.size), -EBADMSG);
}

static void test_empty_image(void **context)
{
    struct stored_image image = {.schema = reference(7)};
    cleanup_buffer struct buffer bytes = BUFFER(4096);

    (void)context;
    assert_int_equal(stored_image_encode(&image, &bytes), 0);
    assert_int_equal(bytes.size, 112);
    assert_int_equal(decode_image(bytes.data, bytes.size), 0);
    image.rows = 1; /* rows, but no pages */
    assert_int_equal(stored_image_encode(&image, &bytes), -EFBIG);
}

/* ---- Schemas ---- */

static char *text(const char *from)
{
    char *copy = strdup(from);

    assert_non_null(copy);
    return copy;
}

static size_t *one_index(size_t index)
{
    size_t *indexes = malloc(sizeof *indexes);

    assert_non_null(indexes);
    *indexes = index;
    return indexes;
}

static struct schema *sample_schema(void)
{
    struct schema *schema = schema_create("Kontakte \"α\"", 2);

    assert_non_null(schema);
    schema->kind = RELATION_TABLE;
    schema->columns[0] = (struct column){.name = text("id"),
                                         .type = COLUMN_INTEGER,
                                         .native_type = text("INTEGER"),
                                         .not_null = true};
    schema->columns[1] = (struct column){.name = text("x\n"),
                                         .type = COLUMN_ANY,
                                         .native_type = text("\xff\xfe"),
                                         .generated = true,
                                         .hidden = true};
    schema->primary_key = one_index(0);
    schema->primary_key_count = 1;
    schema->order_key = one_index(0);
    schema->order_key_count = 1;
    schema->foreign_keys = calloc(2, sizeof *schema->foreign_keys);
    schema->foreign_key_count = 2;
    schema->foreign_keys[0] =
        (struct foreign_key){.count = 1, .columns = one_index(1), .target_table = text("other")};
    schema->foreign_keys[1] = (struct foreign_key){.count = 1,
                                                   .columns = one_index(0),
                                                   .target_table = text("third"),
                                                   .target_columns = calloc(1, sizeof(char *))};
    schema->foreign_keys[1].target_columns[0] = text("key");
    schema->ddl = text("CREATE TABLE …;\n\tx");
    return schema;
}

static const char schema_json[] =
    "{\"name\":\"Kontakte \\\"α\\\"\",\"kind\":\"table\",\"columns\":["
    "{\"name\":\"id\",\"type\":\"integer\",\"native\":\"INTEGER\",\"notNull\":true,"
    "\"generated\":false,\"hidden\":false},"
    "{\"name\":\"x\\n\",\"type\":\"any\",\"native\":{\"base64\":\"//4=\"},\"notNull\":false,"
    "\"generated\":true,\"hidden\":true}],"
    "\"primaryKey\":[0],\"orderKey\":[0],\"foreignKeys\":["
    "{\"columns\":[1],\"table\":\"other\",\"targets\":null},"
    "{\"columns\":[0],\"table\":\"third\",\"targets\":[\"key\"]}],"
    "\"ddl\":\"CREATE TABLE …;\\n\\tx\"}";

static int decode_schema(const void *bytes, size_t size)
{
    struct schema *schema;
    int error = schema_decode(bytes, size, &schema);

    if (error == 0)
        schema_release(schema);
    return error;
}

static void test_schema(void **context)
{
    struct schema *schema = sample_schema();
    struct schema *decoded = NULL;
    cleanup_buffer struct buffer bytes = BUFFER(1 << 20);

    (void)context;
    assert_int_equal(schema_encode(schema, &bytes), 0);
    assert_int_equal(bytes.size, sizeof schema_json - 1);
    assert_memory_equal(bytes.data, schema_json, bytes.size);
    assert_int_equal(schema_decode(bytes.data, bytes.size, &decoded), 0);
    assert_true(schema_equal(schema, decoded));
    schema_release(decoded);
    for (size_t cut = 0; cut < bytes.size; cut++)
        assert_int_equal(decode_schema(bytes.data, cut), -EBADMSG);
    schema_release(schema);
}

/* FROM, which stands once in TEXT, exchanged for TO; the caller frees it. */
static char *exchange(const char *in, const char *from, const char *to)
{
    const char *place = strstr(in, from);
    char *made;

    assert_non_null(place);
    assert_true(asprintf(&made, "%.*s%s%s", (int)(place - in), in, to, place + strlen(from)) > 0);
    return made;
}

/* Text that is refused with each of the changes, FROM and TO. */
static void refuse_changed(int (*decode)(const void *bytes, size_t size), const char *text,
                           const char *const (*changes)[2], size_t count)
{
    assert_int_equal(decode(text, strlen(text)), 0);
    for (size_t i = 0; i < count; i++) {
        char *wrong = exchange(text, changes[i][0], changes[i][1]);

        if (decode(wrong, strlen(wrong)) != -EBADMSG)
            fail_msg("%s", wrong);
        free(wrong);
    }
}

static void test_schema_strict(void **context)
{
    static const char *const changes[][2] = {
        {"\"table\"", "\"thing\""},
        {"\"integer\"", "\"integral\""},
        {"\"primaryKey\":[0]", "\"primaryKey\":[2]"},
        {"\"primaryKey\":[0]", "\"primaryKey\":[-1]"},
        {"\"primaryKey\":[0]", "\"primaryKey\":[0.0]"},
        {"\"primaryKey\":[0]", "\"primaryKey\":[\"0\"]"},
        {"\"targets\":[\"key\"]", "\"targets\":[]"},
        {"\"targets\":[\"key\"]", "\"targets\":[null]"},
        {"\"targets\":null", "\"targets\":false"},
        {"\"notNull\":true", "\"notNull\":1"},
        {"\"//4=\"", "\"//4\""},
        {"\"//4=\"", "\"AAAA\""},
        {"{\"base64\":\"//4=\"}", "{\"base64\":\"//4=\",\"x\":1}"},
        {"{\"base64\":\"//4=\"}", "{\"base64\":\"YWJj\"}"}, /* it is valid UTF-8 */
        {"α", "\\u03b1"},
        {"\\n", "\\u000a"},
        {"\"kind\"", " \"kind\""},
        {"\"ddl\":\"", "\"x\":1,\"ddl\":\""},
        {"\"ddl\":\"CREATE", "\"ddl\":\"\\u0000CREATE"},
        {"}],\"primaryKey\"", "},{}],\"primaryKey\""},
    };

    (void)context;
    refuse_changed(decode_schema, schema_json, changes, sizeof changes / sizeof *changes);
}

/* ---- Trees ---- */

static const char tree_json[] =
    "{\"sources\":[{\"name\":\"billing\",\"kind\":\"sqlite\",\"time\":1,\"tables\":[]},"
    "{\"name\":\"crm\",\"kind\":\"sqlite\",\"time\":1700000000000000000,\"tables\":["
    "{\"name\":\"b\",\"image\":"
    "\"0101010101010101010101010101010101010101010101010101010101010101"
    "01776655443322110100000065000000\",\"rows\":3,\"csv\":100,\"ndjson\":200},"
    "{\"name\":\"a/\\\"\",\"image\":"
    "\"0202020202020202020202020202020202020202020202020202020202020202"
    "02776655443322110200000066000000\",\"rows\":0,\"csv\":5,\"ndjson\":0}]}]}";

static int decode_tree(const void *bytes, size_t size)
{
    struct stored_tree tree;
    int error = stored_tree_decode(bytes, size, &tree);

    if (error == 0)
        stored_tree_release(&tree);
    return error;
}

static void test_tree(void **context)
{
    static char names[][8] = {"billing", "crm", "sqlite", "b", "a/\""};
    struct stored_table tables[] = {
        {names[3], reference(1), 3, 100, 200},
        {names[4], reference(2), 0, 5, 0},
    };
    struct stored_source sources[] = {
        {.name = names[0], .kind = names[2], .time_ns = 1},
        {.name = names[1],
         .kind = names[2],
         .time_ns = 1700000000000000000,
         .table_count = 2,
         .tables = tables},
    };
    const struct stored_tree tree = {.source_count = 2, .sources = sources};
    struct stored_tree decoded;
    cleanup_buffer struct buffer bytes = BUFFER(1 << 20);

    (void)context;
    assert_int_equal(stored_tree_encode(&tree, &bytes), 0);
    assert_int_equal(bytes.size, sizeof tree_json - 1);
    assert_memory_equal(bytes.data, tree_json, bytes.size);
    assert_int_equal(stored_tree_decode(bytes.data, bytes.size, &decoded), 0);
    assert_int_equal(decoded.source_count, 2);
    assert_string_equal(decoded.sources[1].name, "crm");
    assert_string_equal(decoded.sources[1].tables[1].name, "a/\"");
    assert_reference(&decoded.sources[1].tables[1].image, 2);
    assert_true(decoded.sources[1].time_ns == 1700000000000000000 &&
                decoded.sources[1].tables[0].rows == 3 &&
                decoded.sources[1].tables[0].csv_bytes == 100 &&
                decoded.sources[1].tables[0].ndjson_bytes == 200);
    stored_tree_release(&decoded);
    for (size_t cut = 0; cut < bytes.size; cut++)
        assert_int_equal(decode_tree(bytes.data, cut), -EBADMSG);
}

/* Files of old backups are often named so; what differs in them stays different. */
static void test_tree_names_that_are_not_utf8(void **context)
{
    static char names[][256] = {"B\xe9jart", "B\xe8jart", "B\xf0\x90\x80\x80", "B\xff"};
    struct stored_source sources[5];
    static char longest[256];
    static char kind[] = "archive";
    static const size_t order[] = {1, 0, 2, 3}; /* of their bytes */
    const struct stored_tree tree = {.source_count = 5, .sources = sources};
    struct stored_tree decoded;
    cleanup_buffer struct buffer bytes = BUFFER(1 << 20);

    (void)context;
    memset(longest, 0xfe, sizeof longest - 1);
    for (size_t i = 0; i < 5; i++)
        sources[i] =
            (struct stored_source){.name = i < 4 ? names[order[i]] : longest, .kind = kind};
    assert_int_equal(stored_tree_encode(&tree, &bytes), 0);
    assert_int_equal(stored_tree_decode(bytes.data, bytes.size, &decoded), 0);
    assert_int_equal(decoded.source_count, 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(decoded.sources[i].name, sources[i].name);
    stored_tree_release(&decoded);
}

static void test_tree_strict(void **context)
{
    static const char *const changes[][2] = {
        {"\"billing\"", "\"crm\""},
        {"\"billing\"", "\"d\""},
        {"\"billing\"", "\"\""},
        {"\"billing\"", "\".\""},
        {"\"billing\"", "\"a/b\""},
        {"\"billing\"", "\"a\\n\""},
        {"\"billing\"", "1"},
        {"\"billing\"", "{\"base64\":\"YmlsbGluZw==\"}"},
        {"\"b\"", "\"a/\\\"\""},
        {"\"rows\":3", "\"rows\":-3"},
        {"\"rows\":3", "\"rows\":3.0"},
        {"\"rows\":3", "\"rows\":03"},
        {"\"rows\":3", "\"rows\":99999999999999999999"},
        {"65000000\"", "650000\""},
        {"65000000\"", "6500000G\""},
        {"\"time\":1,", ""},
        {"{\"sources\"", "{\"x\":0,\"sources\""},
        {"\"tables\":[]", "\"tables\":[{}]"},
    };

    (void)context;
    refuse_changed(decode_tree, tree_json, changes, sizeof changes / sizeof *changes);
    assert_int_equal(decode_tree("{\"sources\":[]}", 14), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page),        cmocka_unit_test(test_page_ends),
        cmocka_unit_test(test_image),       cmocka_unit_test(test_empty_image),
        cmocka_unit_test(test_schema),      cmocka_unit_test(test_schema_strict),
        cmocka_unit_test(test_tree),        cmocka_unit_test(test_tree_names_that_are_not_utf8),
        cmocka_unit_test(test_tree_strict),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
