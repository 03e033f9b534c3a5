/* The smallest bot: it says what it hears. */

#include <switchboard.h>

sb_failure on_message(const sb_message *event) {
    SB_TRY(sb_reply(event->chat, sb_format("You said: %s", event->text)));
    return SB_OK;
}
