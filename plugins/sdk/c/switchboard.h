/* Write Switchboard plugins in C.
 *
 *     #include <switchboard.h>
 *
 *     sb_failure on_message(const sb_message *event) {
 *         SB_TRY(sb_reply(event->chat, sb_format("You said: %s", event->text)));
 *         return SB_OK;
 *     }
 *
 * Whatever a handler does (send, schedule, set a timer, write state) happens when it has returned SB_OK,
 * all together; after a failure or a trap nothing of it happened, and the event is tried again. A plugin
 * may call what its plugin.toml asks for under [permissions]; anything else is refused, and sb_error()
 * names the line to add.
 *
 * Every text that a handler is given or that a call returns belongs to the SDK and lives until the
 * handler returns: nothing is freed by hand, and nothing is kept for later.
 */
#ifndef SWITCHBOARD_H
#define SWITCHBOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a handler returns: SB_OK, or a text that says what went wrong. */
typedef const char *sb_failure;
#define SB_OK ((sb_failure)0)

/* Fail with the host's words where a call was refused. */
#define SB_TRY(call)          \
    do {                      \
        if (!(call))          \
            return sb_error(); \
    } while (0)

/* A message from a customer: on = "message". Times are Unix milliseconds. */
typedef struct {
    const char *id; /* of the event, the same at every attempt */
    const char *message_id;
    const char *account;
    const char *chat;
    const char *contact;
    uint64_t time;
    const char *kind; /* text, image, interactive, … */
    const char *text; /* empty where there is none */
    uint32_t attempt; /* 1 at first */
    const char *json; /* the whole event, for sb_json */
    const char *choice; /* the id of the button or row that was tapped; NULL for any other message */
    const char *file; /* the id of the file that it carries; NULL where it has none */
} sb_message;

/* A status of a message of ours, something of the account, or a fact by name. */
typedef struct {
    const char *id;
    const char *account;
    const char *chat; /* empty where the event has no chat */
    const char *contact;
    uint64_t time;
    const char *kind; /* sent, delivered, read or error for a status; otherwise the event's name */
    uint32_t attempt;
    const char *json;
} sb_event;

/* A timer that came due. */
typedef struct {
    const char *id;
    const char *account;
    const char *chat; /* empty for a timer of the whole plugin */
    const char *contact;
    uint64_t time;
    const char *name;
    const char *payload;
    uint32_t attempt;
    const char *json;
} sb_timer;

typedef struct {
    const char *name;
    const char *value;
} sb_pair;

/* A call of a webhook address of this plugin. */
typedef struct {
    const char *id;
    uint64_t time;
    const char *method;
    const char *path;
    const sb_pair *headers;
    size_t header_count;
    const char *body; /* ends in NUL, which body_length does not count */
    size_t body_length;
    uint32_t attempt;
} sb_webhook;

/* What answers a sync webhook: status 200 and nothing else where it is left alone. */
typedef struct {
    uint16_t status;
    const char *content_type;
    const char *body;
    size_t body_length; /* 0: the body ends in NUL */
    const sb_pair *headers; /* beside the content type */
    size_t header_count;
} sb_webhook_reply;

/* Yours: those that plugin.toml names under [[events]]. */
sb_failure on_message(const sb_message *event);
sb_failure on_status(const sb_event *event);
sb_failure on_account(const sb_event *event);
sb_failure on_timer(const sb_timer *timer);
sb_failure on_event(const sb_event *event);
sb_failure on_webhook(const sb_webhook *request, sb_webhook_reply *reply);

/* "code: message" of the call that was refused last, and its code: denied, not-found, invalid, … */
const char *sb_error(void);
const char *sb_error_code(void);

/* End the call here, with these words as its failure; for where nothing can be returned. An assert that does
 * not hold and abort() end it too. */
void sb_fail(const char *format, ...) __attribute__((__format__(__printf__, 1, 2), __noreturn__));

/* A header's first value, whatever its case; NULL where it is not there. */
const char *sb_header(const sb_webhook *request, const char *name);

/* A value in JSON, by the names on its way: sb_json(event->json, "message.content.image.id"); parts of a
 * list by number. A text comes without quotes, anything else as it is written, NULL where it is null or
 * not there. */
const char *sb_json(const char *json, const char *path);

/* A new text, as by printf; it lives until the handler returns. */
const char *sb_format(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));
/* Memory that lives until the handler returns. */
void *sb_alloc(size_t size);

/* Lines for the people who look after this plugin. They stay even if the call fails. */
void sb_debug(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));
void sb_info(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));
void sb_warn(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));
void sb_log_error(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));

/* This call. */
uint64_t sb_now(void);                   /* Unix milliseconds */
uint32_t sb_attempt(void);               /* 1 at first */
void sb_retry_after(uint64_t millis);    /* try this event again so much later */
void sb_reject(const char *reason);      /* give this event up */
void sb_stop(void);                      /* keep it from the plugins after this one */

/* Real chance: rand() of the standard library begins the same in every call. */
uint64_t sb_random(void);
void sb_random_bytes(void *into, size_t length);

/* How a message leaves; what is 0 is left out. */
typedef struct {
    uint64_t due_at;
    const char *reply_to;
    bool typing;
    bool randomise;
    bool cancel_if_replied;
} sb_options;

typedef struct {
    const char *id;
    const char *title;
    const char *description; /* of a row; may be NULL */
} sb_choice;

/* Send: to a chat's id or a phone number ("+15550001"). options may be NULL. They give the new message's
 * id, or NULL where they are refused. */
const char *sb_reply(const char *chat, const char *text);
const char *sb_send(const char *to, const char *text, const sb_options *options);
const char *sb_send_image(const char *to, const char *media, const char *caption, const sb_options *options);
const char *sb_send_audio(const char *to, const char *media, const sb_options *options);
const char *sb_send_video(const char *to, const char *media, const char *caption, const sb_options *options);
const char *sb_send_document(const char *to, const char *media, const char *filename, const char *caption,
                             const sb_options *options);
const char *sb_send_sticker(const char *to, const char *media, const sb_options *options);
const char *sb_send_location(const char *to, double latitude, double longitude, const char *name,
                             const char *address, const sb_options *options);
const char *sb_send_buttons(const char *to, const char *text, const sb_choice *buttons, size_t count,
                            const sb_options *options);
const char *sb_send_list(const char *to, const char *text, const char *button, const sb_choice *rows,
                         size_t count, const sb_options *options);
const char *sb_send_json(const char *to, const char *json, const sb_options *options);
const char *sb_send_template(const char *to, const char *name, const char *language, const sb_pair *values,
                             size_t count, const sb_options *options);
const char *sb_react(const char *message_id, const char *emoji);
const char *sb_note(const char *chat, const char *text);
bool sb_mark_read(const char *message_id);
bool sb_typing(const char *chat);
bool sb_cancel(const char *message_id);

/* Timers: scope is "chat" or "plugin". */
bool sb_timer_at(const char *scope, const char *name, uint64_t due_at, const char *payload);
bool sb_timer_after(const char *scope, const char *name, uint64_t millis, const char *payload);
bool sb_timer_cron(const char *scope, const char *name, const char *cron, const char *time_zone,
                   const char *payload);
bool sb_timer_cancel(const char *scope, const char *name);
/* Once, in another chat: its id, or a phone number. */
bool sb_timer_in(const char *to, const char *name, uint64_t due_at, const char *payload);

typedef struct {
    const char *name;
    uint64_t due_at;
    const char *cron; /* empty for a one-shot timer */
    const char *payload;
} sb_timer_entry;

bool sb_timer_list(const char *scope, const sb_timer_entry **timers, size_t *count);

/* State: scope is "plugin", "account", "chat" or "contact". */
bool sb_state_get(const char *scope, const char *key, const char **value); /* *value is NULL where absent */
bool sb_state_set(const char *scope, const char *key, const char *value);
bool sb_state_set_for(const char *scope, const char *key, const char *value, uint64_t ttl_millis);
bool sb_state_delete(const char *scope, const char *key);
bool sb_state_increment(const char *scope, const char *key, int64_t delta, int64_t *sum);
bool sb_state_compare_and_set(const char *scope, const char *key, const char *expected, const char *value,
                              bool *was_set); /* expected NULL: no value */
/* Up to limit (at most 100) whose key begins with prefix and sorts after `after`. */
bool sb_state_list(const char *scope, const char *prefix, const char *after, uint32_t limit,
                   const sb_pair **entries, size_t *count);

/* Settings: NULL where absent; a string as it is, anything else as JSON. */
const char *sb_config(const char *key);
const char *sb_config_all(void);
/* The text that this plugin's file carries beside its code; empty where there is none. */
const char *sb_source(void);

/* Secrets: NULL where refused. */
const char *sb_secret_placeholder(const char *name);
const char *sb_secret_reveal(const char *name);

/* Outgoing HTTP, done at once. */
typedef struct {
    const char *method; /* NULL: GET, or POST where there is a body */
    const char *url;
    const sb_pair *headers;
    size_t header_count;
    const char *body;
    size_t body_length; /* 0: the body ends in NUL */
    uint32_t timeout_millis;
} sb_request;

typedef struct {
    uint16_t status;
    const sb_pair *headers;
    size_t header_count;
    const char *body; /* ends in NUL, which body_length does not count */
    size_t body_length;
} sb_response;

bool sb_http(const sb_request *request, sb_response *response);

/* People and chats. Entries as JSON; NULL where refused. */
const char *sb_contact(const char *contact);
bool sb_contact_tag(const char *contact, const char *tag, const char *value);
bool sb_contact_untag(const char *contact, const char *tag);
bool sb_contact_set_name(const char *contact, const char *name);
bool sb_contact_opt_in(const char *contact, const char *reason);
bool sb_contact_opt_out(const char *contact, const char *reason);
const char *sb_chat(const char *chat);
bool sb_chat_hand_over(const char *chat, const char *reason);
bool sb_chat_hand_back(const char *chat);
bool sb_chat_assign(const char *chat, const char *who);

typedef struct {
    const char *id;
    const char *direction; /* in or out */
    const char *kind;
    const char *text;
    uint64_t time;
    const char *status;
} sb_line;

/* The newest messages first, up to limit (at most 100), older than the message `before` where it is not empty. */
bool sb_chat_history(const char *chat, const char *before, uint32_t limit, const sb_line **lines, size_t *count);

/* Templates as JSON, one and a list; NULL where refused. status may be empty. */
const char *sb_template(const char *name, const char *language);
const char *sb_templates(const char *status, const char *after, uint32_t limit);

/* Stored files: a description as JSON, a piece of one, and a new one to send by its id. */
const char *sb_media_describe(const char *id);
const char *sb_media_read(const char *id, uint64_t offset, uint32_t length, size_t *read);
const char *sb_media_keep(const char *mime_type, const char *filename, const void *bytes, size_t length);

/* Emit an event of your own, with a JSON object; gives its id, or NULL. */
const char *sb_emit(const char *name, const char *json);

#ifdef __cplusplus
}
#endif

#endif
