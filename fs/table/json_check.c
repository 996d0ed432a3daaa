/* SPDX-License-Identifier: MIT */
#include "fs/table/json_check.h"

#include "fs/table/block.h"

/* Where the check stands between two bytes. */
enum state {
    EXPECT_VALUE,
    EXPECT_VALUE_OR_END, /* after '[' */
    EXPECT_KEY,          /* after ',' in an object */
    EXPECT_KEY_OR_END,   /* after '{' */
    EXPECT_COLON,
    AFTER_VALUE, /* ',' or the end of what encloses the value */
    IN_LITERAL,
    IN_STRING,
    IN_ESCAPE,
    IN_HEX,
    /* Numbers, by what was last. */
    NUMBER_MINUS,
    NUMBER_ZERO,
    NUMBER_DIGITS,
    NUMBER_POINT,
    NUMBER_DECIMALS,
    NUMBER_E,
    NUMBER_SIGN,
    NUMBER_EXPONENT,

    STATE_MASK = 0xff,
    /* Marks of the three states in a string: */
    STRING_IS_KEY = 0x100,
    /* … it is the first key of the outermost object, and nothing of it has been read. */
    STRING_IS_FIRST = 0x200,
    STRING_MARKS = STRING_IS_KEY | STRING_IS_FIRST,
};

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_hex(uint8_t byte)
{
    return is_digit(byte) || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
}

static bool is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

void json_check_begin(struct json_check *check)
{
    *check = (struct json_check){.state = EXPECT_VALUE};
}

static bool in_object(const struct json_check *check)
{
    unsigned level = check->depth - 1u;

    return check->depth != 0 && (check->stack[level / 8] >> level % 8 & 1) != 0;
}

static void open_level(struct json_check *check, bool object)
{
    if (check->depth == JSON_DEPTH_LIMIT) {
        check->bad = true;
        return;
    }
    unsigned bit = 1u << check->depth % 8;
    uint8_t *place = &check->stack[check->depth / 8];

    *place = (uint8_t)(object ? *place | bit : *place & ~bit);
    check->depth++;
    check->state = object ? EXPECT_KEY_OR_END : EXPECT_VALUE_OR_END;
}

static void close_level(struct json_check *check, bool object)
{
    if (check->depth == 0 || in_object(check) != object) {
        check->bad = true;
        return;
    }
    check->depth--;
    check->state = AFTER_VALUE;
}

static void begin_literal(struct json_check *check, const char *rest)
{
    check->literal = rest;
    check->state = IN_LITERAL;
}

static void take_value(struct json_check *check, uint8_t byte)
{
    switch (byte) {
    case '{': open_level(check, true); break;
    case '[': open_level(check, false); break;
    case '"': check->state = IN_STRING; break;
    case 't': begin_literal(check, "rue"); break;
    case 'f': begin_literal(check, "alse"); break;
    case 'n':
        check->null = check->depth == 0;
        begin_literal(check, "ull");
        break;
    case '-': check->state = NUMBER_MINUS; break;
    case '0': check->state = NUMBER_ZERO; break;
    default: check->bad = !is_digit(byte); check->state = NUMBER_DIGITS;
    }
}

static void take_key(struct json_check *check, uint8_t byte)
{
    bool first = check->state == EXPECT_KEY_OR_END && check->depth == 1;

    check->bad = byte != '"';
    check->state = (uint16_t)(IN_STRING | STRING_IS_KEY | (first ? STRING_IS_FIRST : 0));
}

static void take_after_value(struct json_check *check, uint8_t byte)
{
    switch (byte) {
    case ',':
        check->bad = check->depth == 0;
        check->state = in_object(check) ? EXPECT_KEY : EXPECT_VALUE;
        break;
    case '}': close_level(check, true); break;
    case ']': close_level(check, false); break;
    default: check->bad = true;
    }
}

static void take_literal(struct json_check *check, uint8_t byte)
{
    check->bad = byte != (uint8_t)*check->literal++;
    if (*check->literal == '\0')
        check->state = AFTER_VALUE;
}

static void end_string(struct json_check *check)
{
    check->state = (check->state & STRING_IS_KEY) != 0 ? EXPECT_COLON : AFTER_VALUE;
}

static void set_string_state(struct json_check *check, enum state state)
{
    check->state = (uint16_t)((check->state & STRING_MARKS) | state);
}

static void take_string(struct json_check *check, uint8_t byte)
{
    if (byte == '"') {
        end_string(check);
    } else if (byte == '\\') {
        set_string_state(check, IN_ESCAPE);
    } else {
        check->bad = byte < 0x20;
        check->dollar |= (check->state & STRING_IS_FIRST) != 0 && byte == '$';
        check->state &= (uint16_t)~STRING_IS_FIRST;
    }
}

static void take_escape(struct json_check *check, uint8_t byte)
{
    if (byte == 'u') {
        set_string_state(check, IN_HEX);
        check->hex_left = 4;
        return;
    }
    check->bad = byte == '\0' || strchr("\"\\/bfnrt", byte) == NULL;
    check->state &= (uint16_t)~STRING_IS_FIRST;
    set_string_state(check, IN_STRING);
}

/* A key may also begin with '$' written as an escape. */
static void take_hex(struct json_check *check, uint8_t byte)
{
    check->bad = !is_hex(byte);
    check->hex_left--;
    if (byte != (uint8_t) "4200"[check->hex_left])
        check->state &= (uint16_t)~STRING_IS_FIRST;
    if (check->hex_left != 0)
        return;
    check->dollar |= (check->state & STRING_IS_FIRST) != 0;
    check->state &= (uint16_t)~STRING_IS_FIRST;
    set_string_state(check, IN_STRING);
}

static bool number_may_end(const struct json_check *check)
{
    return check->state == NUMBER_ZERO || check->state == NUMBER_DIGITS ||
           check->state == NUMBER_DECIMALS || check->state == NUMBER_EXPONENT;
}

/* Moves on if BYTE continues the number; false when it does not belong to it. */
static bool continue_number(struct json_check *check, uint8_t byte)
{
    bool digit = is_digit(byte);
    bool e = byte == 'e' || byte == 'E';
    int next = -1;

    switch (check->state) {
    case NUMBER_MINUS:
        if (digit)
            next = byte == '0' ? NUMBER_ZERO : NUMBER_DIGITS;
        break;
    case NUMBER_ZERO:
    case NUMBER_DIGITS:
        if (digit && check->state == NUMBER_DIGITS)
            next = NUMBER_DIGITS;
        else if (byte == '.' || e)
            next = e ? NUMBER_E : NUMBER_POINT;
        break;
    case NUMBER_POINT:
    case NUMBER_DECIMALS:
        if (digit)
            next = NUMBER_DECIMALS;
        else if (e && check->state == NUMBER_DECIMALS)
            next = NUMBER_E;
        break;
    default: /* NUMBER_E, NUMBER_SIGN, NUMBER_EXPONENT */
        if (digit)
            next = NUMBER_EXPONENT;
        else if (check->state == NUMBER_E && (byte == '+' || byte == '-'))
            next = NUMBER_SIGN;
    }
    if (next < 0)
        return false;
    check->state = (uint16_t)next;
    return true;
}

static void take_between(struct json_check *check, uint8_t byte)
{
    if (is_space(byte))
        return;
    switch (check->state) {
    case EXPECT_VALUE: take_value(check, byte); break;
    case EXPECT_VALUE_OR_END:
        if (byte == ']')
            close_level(check, false);
        else
            take_value(check, byte);
        break;
    case EXPECT_KEY: take_key(check, byte); break;
    case EXPECT_KEY_OR_END:
        if (byte == '}')
            close_level(check, true);
        else
            take_key(check, byte);
        break;
    case EXPECT_COLON:
        check->bad = byte != ':';
        check->state = EXPECT_VALUE;
        break;
    default: take_after_value(check, byte);
    }
}

static void take_byte(struct json_check *check, uint8_t byte)
{
    switch (check->state & STATE_MASK) {
    case EXPECT_VALUE:
    case EXPECT_VALUE_OR_END:
    case EXPECT_KEY:
    case EXPECT_KEY_OR_END:
    case EXPECT_COLON:
    case AFTER_VALUE: take_between(check, byte); break;
    case IN_LITERAL: take_literal(check, byte); break;
    case IN_STRING: take_string(check, byte); break;
    case IN_ESCAPE: take_escape(check, byte); break;
    case IN_HEX: take_hex(check, byte); break;
    default:
        if (continue_number(check, byte))
            break;
        check->bad = !number_may_end(check);
        check->state = AFTER_VALUE;
        if (!check->bad)
            take_between(check, byte);
    }
}

/* The first byte from AT that a string does not just go on with, or near END. */
static const uint8_t *skip_string(const uint8_t *at, const uint8_t *end)
{
    for (; end - at >= BLOCK_SIZE; at += BLOCK_SIZE) {
        uint32_t stops = block_escaped(block_load(at));

        if (stops != 0)
            return at + __builtin_ctz(stops);
    }
    return at;
}

void json_check_feed(struct json_check *check, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;

    for (const uint8_t *end = size != 0 ? at + size : at; at < end && !check->bad; at++) {
        if ((check->state & (STATE_MASK | STRING_IS_FIRST)) == IN_STRING) {
            at = skip_string(at, end);
            if (at == end)
                return;
        }
        take_byte(check, *at);
    }
}

bool json_check_end(struct json_check *check)
{
    if (number_may_end(check))
        check->state = AFTER_VALUE;
    return !check->bad && check->depth == 0 && check->state == AFTER_VALUE;
}
