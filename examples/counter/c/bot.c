/* Counts, reminds, copies files, asks another service, and fails when it is told to. */

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <switchboard.h>
#include <time.h>

/* Where a text begins with a word, what follows it; otherwise NULL. */
static const char *after(const char *text, const char *word) {
    size_t length = strlen(word);
    return strncmp(text, word, length) ? NULL : text + length;
}

static const char *minutes(void) { return sb_config("minutes"); }

static const char *counted(void) {
    int64_t count;
    if (!sb_state_increment("chat", "count", 1, &count))
        return NULL;
    sb_info("counted %lld", (long long)count);
    return sb_format("%lld", (long long)count);
}

static const char *remind(const char *what) {
    uint64_t wait = strtoull(minutes(), NULL, 10) * 60000;
    return sb_timer_after("chat", "reminder", wait, what) ? sb_format("In %s minutes", minutes()) : NULL;
}

static const char *now(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return sb_format("%lld", (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

static const char *order(const char *url) {
    sb_response answer;
    if (!sb_http(&(sb_request){.url = url}, &answer))
        return NULL;
    return sb_format("%d %s", answer.status, answer.body);
}

static sb_failure copy(const sb_message *event) {
    const char *about = sb_media_describe(event->file), *bytes, *kept;
    size_t length;
    SB_TRY(about);
    SB_TRY(bytes = sb_media_read(event->file, 0, 1 << 20, &length));
    const char *type = sb_json(about, "mimeType"), *size = sb_json(about, "size");
    SB_TRY(kept = sb_media_keep(type, "copy.png", bytes, length));
    SB_TRY(sb_send_image(event->chat, kept, sb_format("%s, %s bytes", type, size), NULL));
    return SB_OK;
}

static void crash(const char *total) { assert(total && "an order has a total"); }

sb_failure on_message(const sb_message *event) {
    const char *text = event->text, *answer, *rest;
    if (event->file)
        return copy(event);
    if (!strcmp(text, "count"))
        answer = counted();
    else if ((rest = after(text, "remind me ")))
        answer = remind(rest);
    else if (!strcmp(text, "hello"))
        answer = sb_format("%s!", sb_config("greeting"));
    else if (!strcmp(text, "time"))
        answer = now();
    else if (!strcmp(text, "chance"))
        answer = sb_format("%llu", (unsigned long long)sb_random());
    else if ((rest = after(text, "order ")))
        answer = order(rest);
    else if (!strcmp(text, "tag"))
        /* What plugin.toml does not ask for is refused; the error names the line to add. */
        answer = sb_contact_tag(event->contact, "regular", "") ? "tagged" : sb_error();
    else if (!strcmp(text, "fail"))
        return "no such order";
    else {
        if (!strcmp(text, "crash"))
            crash(NULL);
        answer = sb_format("You said: %s", text);
    }
    SB_TRY(answer);
    SB_TRY(sb_reply(event->chat, answer));
    return SB_OK;
}

sb_failure on_timer(const sb_timer *timer) {
    SB_TRY(sb_reply(timer->chat, sb_format("Reminder: %s", timer->payload)));
    return SB_OK;
}

/* A webhook is answered with what it brought, back to front. */
sb_failure on_webhook(const sb_webhook *request, sb_webhook_reply *reply) {
    char *body = sb_alloc(request->body_length);
    for (size_t i = 0; i < request->body_length; i++)
        body[i] = request->body[request->body_length - 1 - i];
    sb_pair *length = sb_alloc(sizeof *length);
    *length = (sb_pair){"x-length", sb_format("%zu", request->body_length)};
    *reply = (sb_webhook_reply){201, sb_header(request, "content-type"), body, request->body_length, length, 1};
    return SB_OK;
}
