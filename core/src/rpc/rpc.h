/*
 * What the body of a JSON-RPC request asks for, and what that needs. Nothing here knows of tokens; what is read is
 * hostile.
 */
#ifndef FB_RPC_H
#define FB_RPC_H

#include "encoding/encoding.h"

enum {
    FB__RPC_MAX_SCOPES = 64,
    FB__RPC_MAX_RULES = 1024,
    FB__RPC_MAX_METHODS = 256,
    FB__RPC_MAX_PATTERN = 256, /* of an anonymous method, too */
    FB__RPC_MAX_NAME = 8192,
    FB__RPC_MAX_DEPTH = 128
};

/* What a rule is about. */
typedef enum fb__rpc_kind { FB__RPC_TOOL, FB__RPC_RESOURCE, FB__RPC_PROMPT, FB__RPC_KINDS } fb__rpc_kind;

typedef struct fb__rpc_rule {
    fb_slice pattern;
    uint64_t scopes; /* as in fb_rpc_answer */
} fb__rpc_rule;

struct fb_rpc_policy {
    fb__arena arena;
    fb_list anonymous;
    struct {
        const fb__rpc_rule *items;
        size_t count;
        uint64_t all; /* the scopes of all of them */
    } rules[FB__RPC_KINDS];
    fb_slice scopes[FB__RPC_MAX_SCOPES];
    size_t scope_count;
    size_t max_body_bytes;
};

/* ---- pattern.c */

/* Whether text matches, with "*" for any text. folds: without regard to the case of ASCII letters. */
bool fb__pattern_matches(fb_slice pattern, fb_slice text, bool folds);

/* ---- plain_uri.c */

/* Whether no URL library writes this URI in another way, but for the case of its letters. */
bool fb__uri_is_plain(fb_slice uri);

/* Whether that can be said of URIs that match this pattern. */
bool fb__uri_pattern_is_plain(fb_slice pattern);

/* ---- lenient_json.c */

/* Whether some parser of JSON or of one of its extensions might take text, or its beginning, for an object or array.
 * True for all that the strict reader takes for one. */
bool fb__json_might_be_read(fb_slice text);

#endif
