/* The calls of switchboard.h that give many things at once. */

#include <string.h>

#include "internal.h"

/* A list as it comes of the contract, and what is made of it. */
#define LIST(call)                   \
    *count = 0;                      \
    sb_refusal err;                  \
    if (!sb_went_well(call, &err))   \
        return false;                \
    *count = ret.len

bool sb_state_list(const char *scope, const char *prefix, const char *after, uint32_t limit,
                   const sb_pair **entries, size_t *count) {
    plugin_string_t scope_in = sb_in(scope), prefix_in = sb_in(prefix), after_in = sb_in(after);
    switchboard_plugin_state_list_entry_t ret;
    LIST(switchboard_plugin_state_list(&scope_in, &prefix_in, &after_in, limit, &ret, &err));
    sb_pair *out = sb_alloc(ret.len * sizeof *out);
    for (size_t i = 0; i < ret.len; i++)
        out[i] = (sb_pair){sb_out(&ret.ptr[i].key), sb_out(&ret.ptr[i].value)};
    *entries = out;
    switchboard_plugin_state_list_entry_free(&ret);
    return true;
}

bool sb_timer_list(const char *scope, const sb_timer_entry **timers, size_t *count) {
    plugin_string_t scope_in = sb_in(scope);
    switchboard_plugin_timers_list_entry_t ret;
    LIST(switchboard_plugin_timers_list(&scope_in, &ret, &err));
    sb_timer_entry *out = sb_alloc(ret.len * sizeof *out);
    for (size_t i = 0; i < ret.len; i++) {
        switchboard_plugin_timers_entry_t *it = &ret.ptr[i];
        out[i] = (sb_timer_entry){sb_out(&it->name), it->due_at, sb_out(&it->cron), sb_out(&it->payload)};
    }
    *timers = out;
    switchboard_plugin_timers_list_entry_free(&ret);
    return true;
}

bool sb_chat_history(const char *chat, const char *before, uint32_t limit, const sb_line **lines, size_t *count) {
    plugin_string_t chat_in = sb_in(chat), before_in = sb_in(before);
    switchboard_plugin_chats_list_line_t ret;
    LIST(switchboard_plugin_chats_history(&chat_in, &before_in, limit, &ret, &err));
    sb_line *out = sb_alloc(ret.len * sizeof *out);
    for (size_t i = 0; i < ret.len; i++) {
        switchboard_plugin_chats_line_t *it = &ret.ptr[i];
        out[i] = (sb_line){sb_out(&it->id),   sb_out(&it->direction), sb_out(&it->kind),
                           sb_out(&it->text), it->time,               sb_out(&it->status)};
    }
    *lines = out;
    switchboard_plugin_chats_list_line_free(&ret);
    return true;
}

const char *sb_template(const char *name, const char *language) {
    plugin_string_t name_in = sb_in(name), language_in = sb_in(language);
    switchboard_plugin_templates_entry_t ret;
    sb_refusal err;
    if (!sb_went_well(switchboard_plugin_templates_get(&name_in, &language_in, &ret, &err), &err))
        return NULL;
    const char *json = sb_out(&ret.json);
    switchboard_plugin_templates_entry_free(&ret);
    return json;
}

const char *sb_templates(const char *status, const char *after, uint32_t limit) {
    plugin_string_t status_in = sb_in(status), after_in = sb_in(after);
    switchboard_plugin_templates_list_entry_t ret;
    sb_refusal err;
    if (!sb_went_well(switchboard_plugin_templates_list(&status_in, &after_in, limit, &ret, &err), &err))
        return NULL;
    size_t length = 2;
    for (size_t i = 0; i < ret.len; i++)
        length += ret.ptr[i].json.len + 1;
    char *json = sb_alloc(length + 1), *out = json;
    *out++ = '[';
    for (size_t i = 0; i < ret.len; i++) {
        if (i)
            *out++ = ',';
        memcpy(out, ret.ptr[i].json.ptr, ret.ptr[i].json.len);
        out += ret.ptr[i].json.len;
    }
    memcpy(out, "]", 2);
    switchboard_plugin_templates_list_entry_free(&ret);
    return json;
}
