/* The calls of switchboard.h, each by the function of the contract. */

#include <string.h>

#include "internal.h"

#define IN(name) plugin_string_t name##_in = sb_in(name)

/* A call that gives a text, and one that gives nothing. */
#define TEXT(call)                                     \
    plugin_string_t ret;                               \
    sb_refusal err;                                    \
    return sb_went_well(call, &err) ? sb_out(&ret) : NULL
#define DONE(call)  \
    sb_refusal err; \
    return sb_went_well(call, &err)

uint64_t sb_now(void) { return switchboard_plugin_delivery_now(); }
uint32_t sb_attempt(void) { return switchboard_plugin_delivery_attempt(); }
void sb_retry_after(uint64_t millis) { switchboard_plugin_delivery_retry_after(millis); }
void sb_stop(void) { switchboard_plugin_delivery_stop(); }

void sb_reject(const char *reason) {
    IN(reason);
    switchboard_plugin_delivery_reject(&reason_in);
}

uint64_t sb_random(void) { return wasi_random_random_get_random_u64(); }

void sb_random_bytes(void *into, size_t length) {
    plugin_list_u8_t bytes;
    wasi_random_random_get_random_bytes(length, &bytes);
    memcpy(into, bytes.ptr, length);
    plugin_list_u8_free(&bytes);
}

static switchboard_plugin_messaging_options_t options_in(const sb_options *given) {
    switchboard_plugin_messaging_options_t in = {0};
    if (!given)
        return in;
    in.due_at = (plugin_option_u64_t){given->due_at != 0, given->due_at};
    in.reply_to.is_some = given->reply_to != NULL;
    in.reply_to.val = sb_in(given->reply_to);
    in.typing = given->typing;
    in.randomise = given->randomise;
    in.cancel_if_replied = given->cancel_if_replied;
    return in;
}

#define SENDING \
    IN(to);     \
    switchboard_plugin_messaging_options_t how = options_in(options)

const char *sb_send(const char *to, const char *text, const sb_options *options) {
    SENDING;
    IN(text);
    TEXT(switchboard_plugin_messaging_send_text(&to_in, &text_in, &how, &ret, &err));
}

const char *sb_reply(const char *chat, const char *text) { return sb_send(chat, text, NULL); }

const char *sb_send_image(const char *to, const char *media, const char *caption, const sb_options *options) {
    SENDING;
    IN(media);
    IN(caption);
    TEXT(switchboard_plugin_messaging_send_image(&to_in, &media_in, &caption_in, &how, &ret, &err));
}

const char *sb_send_audio(const char *to, const char *media, const sb_options *options) {
    SENDING;
    IN(media);
    TEXT(switchboard_plugin_messaging_send_audio(&to_in, &media_in, &how, &ret, &err));
}

const char *sb_send_video(const char *to, const char *media, const char *caption, const sb_options *options) {
    SENDING;
    IN(media);
    IN(caption);
    TEXT(switchboard_plugin_messaging_send_video(&to_in, &media_in, &caption_in, &how, &ret, &err));
}

const char *sb_send_document(const char *to, const char *media, const char *filename, const char *caption,
                             const sb_options *options) {
    SENDING;
    IN(media);
    IN(filename);
    IN(caption);
    TEXT(switchboard_plugin_messaging_send_document(&to_in, &media_in, &filename_in, &caption_in, &how, &ret, &err));
}

const char *sb_send_sticker(const char *to, const char *media, const sb_options *options) {
    SENDING;
    IN(media);
    TEXT(switchboard_plugin_messaging_send_sticker(&to_in, &media_in, &how, &ret, &err));
}

const char *sb_send_location(const char *to, double latitude, double longitude, const char *name,
                             const char *address, const sb_options *options) {
    SENDING;
    IN(name);
    IN(address);
    TEXT(switchboard_plugin_messaging_send_location(&to_in, latitude, longitude, &name_in, &address_in, &how, &ret,
                                                    &err));
}

const char *sb_send_buttons(const char *to, const char *text, const sb_choice *buttons, size_t count,
                            const sb_options *options) {
    SENDING;
    IN(text);
    switchboard_plugin_messaging_list_button_t all = {sb_alloc(count * sizeof *all.ptr), count};
    for (size_t i = 0; i < count; i++)
        all.ptr[i] = (switchboard_plugin_messaging_button_t){sb_in(buttons[i].id), sb_in(buttons[i].title)};
    TEXT(switchboard_plugin_messaging_send_buttons(&to_in, &text_in, &all, &how, &ret, &err));
}

const char *sb_send_list(const char *to, const char *text, const char *button, const sb_choice *rows,
                         size_t count, const sb_options *options) {
    SENDING;
    IN(text);
    IN(button);
    switchboard_plugin_messaging_list_row_t all = {sb_alloc(count * sizeof *all.ptr), count};
    for (size_t i = 0; i < count; i++)
        all.ptr[i] = (switchboard_plugin_messaging_row_t){sb_in(rows[i].id), sb_in(rows[i].title),
                                                          sb_in(rows[i].description)};
    TEXT(switchboard_plugin_messaging_send_list(&to_in, &text_in, &button_in, &all, &how, &ret, &err));
}

const char *sb_send_json(const char *to, const char *json, const sb_options *options) {
    SENDING;
    IN(json);
    TEXT(switchboard_plugin_messaging_send(&to_in, &json_in, &how, &ret, &err));
}

const char *sb_send_template(const char *to, const char *name, const char *language, const sb_pair *values,
                             size_t count, const sb_options *options) {
    SENDING;
    IN(name);
    IN(language);
    plugin_list_tuple2_string_string_t all = sb_in_pairs(values, count);
    TEXT(switchboard_plugin_templates_send(&to_in, &name_in, &language_in, &all, &how, &ret, &err));
}

const char *sb_react(const char *message_id, const char *emoji) {
    IN(message_id);
    IN(emoji);
    TEXT(switchboard_plugin_messaging_react(&message_id_in, &emoji_in, &ret, &err));
}

const char *sb_note(const char *chat, const char *text) {
    IN(chat);
    IN(text);
    TEXT(switchboard_plugin_messaging_note(&chat_in, &text_in, &ret, &err));
}

bool sb_mark_read(const char *message_id) {
    IN(message_id);
    DONE(switchboard_plugin_messaging_mark_read(&message_id_in, &err));
}

bool sb_typing(const char *chat) {
    IN(chat);
    DONE(switchboard_plugin_messaging_typing(&chat_in, &err));
}

bool sb_cancel(const char *message_id) {
    IN(message_id);
    DONE(switchboard_plugin_messaging_cancel(&message_id_in, &err));
}

bool sb_timer_at(const char *scope, const char *name, uint64_t due_at, const char *payload) {
    IN(scope);
    IN(name);
    IN(payload);
    DONE(switchboard_plugin_timers_set(&scope_in, &name_in, due_at, &payload_in, &err));
}

bool sb_timer_after(const char *scope, const char *name, uint64_t millis, const char *payload) {
    IN(scope);
    IN(name);
    IN(payload);
    DONE(switchboard_plugin_timers_set_after(&scope_in, &name_in, millis, &payload_in, &err));
}

bool sb_timer_cron(const char *scope, const char *name, const char *cron, const char *time_zone,
                   const char *payload) {
    IN(scope);
    IN(name);
    IN(cron);
    IN(time_zone);
    IN(payload);
    DONE(switchboard_plugin_timers_set_cron(&scope_in, &name_in, &cron_in, &time_zone_in, &payload_in, &err));
}

bool sb_timer_in(const char *to, const char *name, uint64_t due_at, const char *payload) {
    IN(to);
    IN(name);
    IN(payload);
    DONE(switchboard_plugin_timers_set_in(&to_in, &name_in, due_at, &payload_in, &err));
}

bool sb_timer_cancel(const char *scope, const char *name) {
    IN(scope);
    IN(name);
    DONE(switchboard_plugin_timers_cancel(&scope_in, &name_in, &err));
}

bool sb_state_get(const char *scope, const char *key, const char **value) {
    IN(scope);
    IN(key);
    plugin_option_string_t ret;
    sb_refusal err;
    *value = NULL;
    if (!sb_went_well(switchboard_plugin_state_get(&scope_in, &key_in, &ret, &err), &err))
        return false;
    if (ret.is_some)
        *value = sb_out(&ret.val);
    return true;
}

static bool set(const char *scope, const char *key, const char *value, uint64_t *ttl) {
    IN(scope);
    IN(key);
    IN(value);
    DONE(switchboard_plugin_state_set(&scope_in, &key_in, &value_in, ttl, &err));
}

bool sb_state_set(const char *scope, const char *key, const char *value) { return set(scope, key, value, NULL); }

bool sb_state_set_for(const char *scope, const char *key, const char *value, uint64_t ttl_millis) {
    return set(scope, key, value, &ttl_millis);
}

bool sb_state_delete(const char *scope, const char *key) {
    IN(scope);
    IN(key);
    DONE(switchboard_plugin_state_delete(&scope_in, &key_in, &err));
}

bool sb_state_increment(const char *scope, const char *key, int64_t delta, int64_t *sum) {
    IN(scope);
    IN(key);
    int64_t ret = 0;
    sb_refusal err;
    bool well = sb_went_well(switchboard_plugin_state_increment(&scope_in, &key_in, delta, &ret, &err), &err);
    if (sum)
        *sum = ret;
    return well;
}

bool sb_state_compare_and_set(const char *scope, const char *key, const char *expected, const char *value,
                              bool *was_set) {
    IN(scope);
    IN(key);
    IN(expected);
    IN(value);
    bool ret = false;
    sb_refusal err;
    bool well = sb_went_well(switchboard_plugin_state_compare_and_set(
                                 &scope_in, &key_in, expected ? &expected_in : NULL, &value_in, &ret, &err),
                             &err);
    if (was_set)
        *was_set = ret;
    return well;
}

const char *sb_config(const char *key) {
    IN(key);
    plugin_string_t ret;
    return switchboard_plugin_config_get(&key_in, &ret) ? sb_out(&ret) : NULL;
}

const char *sb_config_all(void) {
    plugin_string_t ret;
    switchboard_plugin_config_all(&ret);
    return sb_out(&ret);
}

const char *sb_source(void) {
    plugin_string_t ret;
    switchboard_plugin_config_source(&ret);
    return sb_out(&ret);
}

const char *sb_secret_placeholder(const char *name) {
    IN(name);
    TEXT(switchboard_plugin_secrets_placeholder(&name_in, &ret, &err));
}

const char *sb_secret_reveal(const char *name) {
    IN(name);
    TEXT(switchboard_plugin_secrets_reveal(&name_in, &ret, &err));
}

bool sb_http(const sb_request *request, sb_response *response) {
    size_t length = request->body_length;
    if (request->body && !length)
        length = strlen(request->body);
    switchboard_plugin_http_request_t in = {
        .method = sb_in(request->method ? request->method : request->body ? "POST" : "GET"),
        .url = sb_in(request->url),
        .headers = sb_in_pairs(request->headers, request->header_count),
        .body = {(uint8_t *)request->body, length},
        .timeout_ms = {request->timeout_millis != 0, request->timeout_millis},
    };
    switchboard_plugin_http_response_t ret;
    sb_refusal err;
    if (!sb_went_well(switchboard_plugin_http_send(&in, &ret, &err), &err))
        return false;
    response->status = ret.status;
    response->headers = sb_out_pairs(&ret.headers, &response->header_count);
    response->body = sb_out_bytes(&ret.body, &response->body_length);
    return true;
}

const char *sb_contact(const char *contact) {
    IN(contact);
    switchboard_plugin_contacts_entry_t ret;
    sb_refusal err;
    if (!sb_went_well(switchboard_plugin_contacts_get(&contact_in, &ret, &err), &err))
        return NULL;
    plugin_string_t json = ret.json;
    ret.json = (plugin_string_t){0};
    switchboard_plugin_contacts_entry_free(&ret);
    return sb_out(&json);
}

bool sb_contact_tag(const char *contact, const char *tag, const char *value) {
    IN(contact);
    IN(tag);
    IN(value);
    DONE(switchboard_plugin_contacts_tag(&contact_in, &tag_in, &value_in, &err));
}

bool sb_contact_untag(const char *contact, const char *tag) {
    IN(contact);
    IN(tag);
    DONE(switchboard_plugin_contacts_untag(&contact_in, &tag_in, &err));
}

bool sb_contact_set_name(const char *contact, const char *name) {
    IN(contact);
    IN(name);
    DONE(switchboard_plugin_contacts_set_name(&contact_in, &name_in, &err));
}

bool sb_contact_opt_in(const char *contact, const char *reason) {
    IN(contact);
    IN(reason);
    DONE(switchboard_plugin_contacts_opt_in(&contact_in, &reason_in, &err));
}

bool sb_contact_opt_out(const char *contact, const char *reason) {
    IN(contact);
    IN(reason);
    DONE(switchboard_plugin_contacts_opt_out(&contact_in, &reason_in, &err));
}

const char *sb_chat(const char *chat) {
    IN(chat);
    switchboard_plugin_chats_entry_t ret;
    sb_refusal err;
    if (!sb_went_well(switchboard_plugin_chats_get(&chat_in, &ret, &err), &err))
        return NULL;
    plugin_string_t json = ret.json;
    ret.json = (plugin_string_t){0};
    switchboard_plugin_chats_entry_free(&ret);
    return sb_out(&json);
}

bool sb_chat_hand_over(const char *chat, const char *reason) {
    IN(chat);
    IN(reason);
    DONE(switchboard_plugin_chats_hand_over(&chat_in, &reason_in, &err));
}

bool sb_chat_hand_back(const char *chat) {
    IN(chat);
    DONE(switchboard_plugin_chats_hand_back(&chat_in, &err));
}

bool sb_chat_assign(const char *chat, const char *who) {
    IN(chat);
    IN(who);
    DONE(switchboard_plugin_chats_assign(&chat_in, &who_in, &err));
}

const char *sb_emit(const char *name, const char *json) {
    IN(name);
    IN(json);
    TEXT(switchboard_plugin_events_emit(&name_in, &json_in, &ret, &err));
}

const char *sb_media_describe(const char *id) {
    IN(id);
    switchboard_plugin_media_entry_t ret;
    sb_refusal err;
    if (!sb_went_well(switchboard_plugin_media_describe(&id_in, &ret, &err), &err))
        return NULL;
    plugin_string_t json = ret.json;
    ret.json = (plugin_string_t){0};
    switchboard_plugin_media_entry_free(&ret);
    return sb_out(&json);
}

const char *sb_media_read(const char *id, uint64_t offset, uint32_t length, size_t *read) {
    IN(id);
    plugin_list_u8_t ret;
    sb_refusal err;
    bool well = sb_went_well(switchboard_plugin_media_read(&id_in, offset, length, &ret, &err), &err);
    return well ? sb_out_bytes(&ret, read) : NULL;
}

const char *sb_media_keep(const char *mime_type, const char *filename, const void *bytes, size_t length) {
    IN(mime_type);
    IN(filename);
    plugin_list_u8_t all = {(uint8_t *)bytes, length};
    TEXT(switchboard_plugin_media_keep(&mime_type_in, &filename_in, &all, &ret, &err));
}
