/* Reading JSON where one value is wanted: the host's own JSON, which is well made. What is not is simply not
 * found. */

#include <string.h>

#include "internal.h"

/* Nothing of the host's is nested so deeply; a stack is small. */
#define DEEPEST 64

static const char *blank(const char *at) {
    while (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')
        at++;
    return at;
}

/* Behind a text that begins here; NULL where it has no end. */
static const char *text_end(const char *at) {
    for (at++; *at && *at != '"'; at++)
        if (*at == '\\' && *++at == 0)
            return NULL;
    return *at ? at + 1 : NULL;
}

/* Behind a value that begins here; NULL where it has no end. */
static const char *value_end(const char *at) {
    int depth = 0;
    do {
        at = blank(at);
        if (*at == '"') {
            if (!(at = text_end(at)))
                return NULL;
        } else if (*at == '{' || *at == '[') {
            if (++depth > DEEPEST)
                return NULL;
            at++;
        } else if (*at == '}' || *at == ']') {
            depth--;
            at++;
        } else if (*at == ',' || *at == ':') {
            if (depth == 0)
                return NULL;
            at++;
        } else {
            size_t length = strcspn(at, ",:{}[]\" \t\n\r");
            if (length == 0)
                return NULL;
            at += length;
        }
    } while (depth > 0);
    return depth == 0 ? at : NULL;
}

/* The member of an object by its name, or of an array by its number, as it stands in a path. */
static const char *member(const char *at, const char *name, size_t length) {
    bool is_object = *at == '{';
    if (!is_object && *at != '[')
        return NULL;
    size_t wanted = 0;
    for (size_t i = 0; !is_object && i < length; i++) {
        if (name[i] < '0' || name[i] > '9')
            return NULL;
        wanted = wanted * 10 + (size_t)(name[i] - '0');
    }
    at = blank(at + 1);
    for (size_t place = 0; *at && *at != '}' && *at != ']'; place++) {
        bool found = !is_object && place == wanted;
        if (is_object) {
            const char *end = *at == '"' ? text_end(at) : NULL;
            if (!end)
                return NULL;
            found = (size_t)(end - at) == length + 2 && memcmp(at + 1, name, length) == 0;
            at = blank(end);
            if (*at != ':')
                return NULL;
            at = blank(at + 1);
        }
        if (found)
            return at;
        if (!(at = value_end(at)))
            return NULL;
        at = blank(at);
        if (*at == ',')
            at = blank(at + 1);
    }
    return NULL;
}

static unsigned hex(const char *at) {
    unsigned code = 0;
    for (int i = 0; i < 4; i++) {
        char digit = at[i];
        unsigned value = digit >= '0' && digit <= '9'   ? (unsigned)(digit - '0')
                         : digit >= 'a' && digit <= 'f' ? (unsigned)(digit - 'a') + 10
                         : digit >= 'A' && digit <= 'F' ? (unsigned)(digit - 'A') + 10
                                                        : 0;
        if (digit == 0 || digit == '"')
            return 0xfffd;
        code = code * 16 + value;
    }
    return code;
}

static char *put(char *out, unsigned code) {
    if (code < 0x80) {
        *out++ = (char)code;
    } else if (code < 0x800) {
        *out++ = (char)(0xc0 | code >> 6);
        *out++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *out++ = (char)(0xe0 | code >> 12);
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
        *out++ = (char)(0x80 | (code & 0x3f));
    } else {
        *out++ = (char)(0xf0 | code >> 18);
        *out++ = (char)(0x80 | (code >> 12 & 0x3f));
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
        *out++ = (char)(0x80 | (code & 0x3f));
    }
    return out;
}

/* A text without its quotes and escapes. */
static const char *plain(const char *at, const char *end) {
    char *text = sb_alloc((size_t)(end - at)), *out = text;
    for (at++; at < end - 1; at++) {
        if (*at != '\\') {
            *out++ = *at;
            continue;
        }
        at++;
        if (*at != 'u') {
            const char *known = strchr("b\bf\fn\nr\rt\t", *at);
            *out++ = known ? known[1] : *at;
            continue;
        }
        if (end - at < 6)
            break;
        unsigned code = hex(at + 1);
        at += 4;
        if (code >= 0xd800 && code < 0xdc00 && end - at > 7 && at[1] == '\\' && at[2] == 'u') {
            code = 0x10000 + ((code - 0xd800) << 10) + ((hex(at + 3) - 0xdc00) & 0x3ff);
            at += 6;
        }
        /* A NUL would end the text. */
        out = put(out, code == 0 || (code >= 0xd800 && code < 0xe000) ? 0xfffd : code);
    }
    *out = 0;
    return text;
}

const char *sb_json(const char *json, const char *path) {
    const char *at = blank(json ? json : "");
    while (*path) {
        size_t length = strcspn(path, ".");
        if (!(at = member(at, path, length)))
            return NULL;
        path += length + (path[length] == '.');
    }
    const char *end = value_end(at);
    if (!end)
        return NULL;
    if (*at == '"')
        return plain(at, end);
    if (end - at == 4 && memcmp(at, "null", 4) == 0)
        return NULL;
    return sb_format("%.*s", (int)(end - at), at);
}
