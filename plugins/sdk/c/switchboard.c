/* From the contract's exports to a plugin's own functions, and the memory of a call. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "internal.h"

typedef struct block {
    struct block *next;
    max_align_t memory[];
} block;

static block *blocks;
static const char *error = "";
static const char *error_code = "";

void *sb_alloc(size_t size) {
    block *fresh = malloc(sizeof(block) + size);
    if (!fresh)
        abort();
    fresh->next = blocks;
    blocks = fresh;
    return fresh->memory;
}

static void release(void) {
    while (blocks) {
        block *next = blocks->next;
        free(blocks);
        blocks = next;
    }
    error = error_code = "";
}

plugin_string_t sb_in(const char *text) {
    plugin_string_t in;
    plugin_string_set(&in, text ? text : "");
    return in;
}

static const char *copy(const uint8_t *from, size_t length) {
    char *text = sb_alloc(length + 1);
    memcpy(text, from, length);
    text[length] = 0;
    return text;
}

const char *sb_out(plugin_string_t *text) {
    const char *out = copy(text->ptr, text->len);
    plugin_string_free(text);
    return out;
}

const char *sb_out_bytes(plugin_list_u8_t *bytes, size_t *length) {
    const char *out = copy(bytes->ptr, bytes->len);
    *length = bytes->len;
    plugin_list_u8_free(bytes);
    return out;
}

const sb_pair *sb_out_pairs(plugin_list_tuple2_string_string_t *pairs, size_t *count) {
    sb_pair *out = sb_alloc(pairs->len * sizeof(sb_pair));
    for (size_t i = 0; i < pairs->len; i++) {
        out[i].name = copy(pairs->ptr[i].f0.ptr, pairs->ptr[i].f0.len);
        out[i].value = copy(pairs->ptr[i].f1.ptr, pairs->ptr[i].f1.len);
    }
    *count = pairs->len;
    plugin_list_tuple2_string_string_free(pairs);
    return out;
}

plugin_list_tuple2_string_string_t sb_in_pairs(const sb_pair *pairs, size_t count) {
    plugin_list_tuple2_string_string_t in = {sb_alloc(count * sizeof(plugin_tuple2_string_string_t)), count};
    for (size_t i = 0; i < count; i++)
        in.ptr[i] = (plugin_tuple2_string_string_t){sb_in(pairs[i].name), sb_in(pairs[i].value)};
    return in;
}

bool sb_went_well(bool well, sb_refusal *refusal) {
    if (well)
        return true;
    error_code = copy(refusal->code.ptr, refusal->code.len);
    error = sb_format("%s: %.*s", error_code, (int)refusal->message.len, (const char *)refusal->message.ptr);
    switchboard_plugin_types_error_free(refusal);
    return false;
}

const char *sb_error(void) { return error; }
const char *sb_error_code(void) { return error_code; }

static const char *formatted(const char *format, va_list values) {
    va_list again;
    va_copy(again, values);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (length < 0)
        return "";
    char *text = sb_alloc((size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, values);
    return text;
}

const char *sb_format(const char *format, ...) {
    va_list values;
    va_start(values, format);
    const char *text = formatted(format, values);
    va_end(values);
    return text;
}

void sb_fail(const char *format, ...) {
    va_list values;
    va_start(values, format);
    sb_log_error("%s", formatted(format, values));
    va_end(values);
    __builtin_trap();
}

static void line(const char *level, const char *message) {
    plugin_string_t word = sb_in(level), said = sb_in(message);
    switchboard_plugin_log_write(&word, &said);
}

#define LEVEL(function, level)                      \
    void function(const char *format, ...) {        \
        va_list values;                             \
        va_start(values, format);                   \
        line(level, formatted(format, values));     \
        va_end(values);                             \
    }
LEVEL(sb_debug, "debug")
LEVEL(sb_info, "info")
LEVEL(sb_warn, "warn")
LEVEL(sb_log_error, "error")

/* The end of a call: a failure's text goes to the host, which frees it; all else is released. */
static __attribute__((unused)) bool end(sb_failure failure, plugin_string_t *err) {
    if (failure)
        plugin_string_dup(err, *failure ? failure : "it failed without a word");
    release();
    return failure == SB_OK;
}

const char *sb_header(const sb_webhook *request, const char *name) {
    for (size_t i = 0; i < request->header_count; i++)
        if (!strcasecmp(request->headers[i].name, name))
            return request->headers[i].value;
    return NULL;
}

#define TAKE(field) .field = sb_out(&from->field)

#ifdef SWITCHBOARD_ON_MESSAGE
bool exports_switchboard_plugin_on_message_handle(exports_switchboard_plugin_on_message_message_t *from,
                                                  plugin_string_t *err) {
    sb_message event = {TAKE(id), TAKE(message_id), TAKE(account), TAKE(chat), TAKE(contact), .time = from->time,
                        TAKE(kind), TAKE(text), .attempt = from->attempt, TAKE(json)};
    event.choice = sb_json(event.json, "data.content.interactive.reply.id");
    event.file = sb_json(event.json, sb_format("data.content.%s.id", event.kind));
    return end(on_message(&event), err);
}
#endif

#define EVENT {TAKE(id), TAKE(account), TAKE(chat), TAKE(contact), .time = from->time, TAKE(kind), \
               .attempt = from->attempt, TAKE(json)}

#ifdef SWITCHBOARD_ON_STATUS
bool exports_switchboard_plugin_on_status_handle(exports_switchboard_plugin_on_status_event_t *from,
                                                 plugin_string_t *err) {
    sb_event event = EVENT;
    return end(on_status(&event), err);
}
#endif

#ifdef SWITCHBOARD_ON_ACCOUNT
bool exports_switchboard_plugin_on_account_handle(exports_switchboard_plugin_on_account_event_t *from,
                                                  plugin_string_t *err) {
    sb_event event = EVENT;
    return end(on_account(&event), err);
}
#endif

#ifdef SWITCHBOARD_ON_EVENT
bool exports_switchboard_plugin_on_event_handle(exports_switchboard_plugin_on_event_event_t *from,
                                                plugin_string_t *err) {
    sb_event event = EVENT;
    return end(on_event(&event), err);
}
#endif

#ifdef SWITCHBOARD_ON_TIMER
bool exports_switchboard_plugin_on_timer_handle(exports_switchboard_plugin_on_timer_timer_t *from,
                                                plugin_string_t *err) {
    sb_timer timer = {TAKE(id), TAKE(account), TAKE(chat), TAKE(contact), .time = from->time, TAKE(name),
                      TAKE(payload), .attempt = from->attempt, TAKE(json)};
    return end(on_timer(&timer), err);
}
#endif

#ifdef SWITCHBOARD_ON_WEBHOOK
static void header(exports_switchboard_plugin_on_webhook_webhook_reply_t *to, const char *name, const char *value) {
    plugin_tuple2_string_string_t *place = &to->headers.ptr[to->headers.len++];
    plugin_string_dup(&place->f0, name);
    plugin_string_dup(&place->f1, value);
}

/* The answer as the host takes it, which frees it. */
static void answer(const sb_webhook_reply *reply, exports_switchboard_plugin_on_webhook_webhook_reply_t *to) {
    to->headers.ptr = malloc((reply->header_count + 1) * sizeof *to->headers.ptr);
    if (!to->headers.ptr)
        abort();
    if (reply->content_type)
        header(to, "content-type", reply->content_type);
    for (size_t i = 0; i < reply->header_count; i++)
        header(to, reply->headers[i].name, reply->headers[i].value);
    if (!reply->body)
        return;
    to->body.len = reply->body_length ? reply->body_length : strlen(reply->body);
    to->body.ptr = malloc(to->body.len + 1);
    if (!to->body.ptr)
        abort();
    memcpy(to->body.ptr, reply->body, to->body.len);
}

bool exports_switchboard_plugin_on_webhook_handle(exports_switchboard_plugin_on_webhook_webhook_t *from,
                                                  exports_switchboard_plugin_on_webhook_webhook_reply_t *to,
                                                  plugin_string_t *err) {
    sb_webhook request = {TAKE(id), .time = from->time, TAKE(method), TAKE(path), .attempt = from->attempt};
    request.headers = sb_out_pairs(&from->headers, &request.header_count);
    request.body = sb_out_bytes(&from->body, &request.body_length);
    sb_webhook_reply reply = {.status = 200};
    sb_failure failure = on_webhook(&request, &reply);
    memset(to, 0, sizeof *to);
    to->status = reply.status;
    if (!failure)
        answer(&reply, to);
    return end(failure, err);
}
#endif

/* `switchboard build` gives the module its type: no object file is linked for it. */
void __component_type_object_force_link_plugin(void) {}
