/* What the SDK's own files share. */
#ifndef SWITCHBOARD_INTERNAL_H
#define SWITCHBOARD_INTERNAL_H

#include "plugin.h"
#include "switchboard.h"

typedef switchboard_plugin_types_error_t sb_refusal;

/* A text as the contract takes it; it is only looked at. NULL is an empty one. */
plugin_string_t sb_in(const char *text);
/* A text that the host gave: a copy that ends in NUL and lives until the handler returns. */
const char *sb_out(plugin_string_t *text);
/* The same for bytes. */
const char *sb_out_bytes(plugin_list_u8_t *bytes, size_t *length);
const sb_pair *sb_out_pairs(plugin_list_tuple2_string_string_t *pairs, size_t *count);
/* Pairs as the contract takes them; they are only looked at. */
plugin_list_tuple2_string_string_t sb_in_pairs(const sb_pair *pairs, size_t count);
/* Whether a call went well; otherwise its refusal is what sb_error() tells from now on. */
bool sb_went_well(bool well, sb_refusal *refusal);

#endif
