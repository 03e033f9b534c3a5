/* What is C's own: failures from deep down, JSON, choices, lists. */

#include <string.h>
#include <switchboard.h>

static void find(int id) { sb_fail("no order %d", id); }

static const char *lists(const sb_message *event) {
    const sb_pair *entries;
    const sb_timer_entry *timers;
    const sb_line *lines;
    size_t count;
    const char *all = "";
    sb_state_set("chat", "a", "1");
    sb_state_set("chat", "b", "2");
    sb_timer_after("chat", "tea", 300000, "");
    if (!sb_state_list("chat", "", "", 10, &entries, &count))
        return NULL;
    for (size_t i = 0; i < count; i++)
        all = sb_format("%s%s=%s ", all, entries[i].name, entries[i].value);
    if (!sb_timer_list("chat", &timers, &count) || count != 1)
        return NULL;
    all = sb_format("%s%s@%lld ", all, timers[0].name, (long long)(timers[0].due_at - sb_now()));
    if (!sb_chat_history(event->chat, "", 1, &lines, &count) || count != 1)
        return NULL;
    return sb_format("%s%s", all, lines[0].text);
}

sb_failure on_message(const sb_message *event) {
    const char *answer = event->text;
    if (event->choice)
        answer = sb_format("You chose %s", event->choice);
    else if (!strcmp(event->text, "name"))
        answer = sb_json(sb_contact(event->contact), "name");
    else if (!strcmp(event->text, "lists"))
        answer = lists(event);
    else if (!strcmp(event->text, "deep"))
        find(7);
    else if (!strcmp(event->text, "offer")) {
        SB_TRY(sb_send_buttons(event->chat, "Yes or no?", (sb_choice[]){{"yes", "Yes", NULL}, {"no", "No", NULL}}, 2, NULL));
        return SB_OK;
    }
    SB_TRY(answer);
    SB_TRY(sb_reply(event->chat, answer));
    return SB_OK;
}
