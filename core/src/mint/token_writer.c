/*
 * Tokens for tests: header and claims from options. What a caller adds keeps its JSON text to the byte.
 */
#include "mint/mint.h"

#include <math.h>

/* Claims in their order, each as raw JSON text; a later one of the same name takes the place of the first. */
struct claims {
    fb_string *text;
    const fb_node *nodes; /* of the additional claims; NULL: none */
    fb_slice additional;
    bool *used; /* by node index: this additional claim has been written in an earlier one's place */
};

static fb_slice raw_value(fb_slice document, const fb_node *node)
{
    size_t quotes = node->kind == FB_STRING;
    return (fb_slice){document.data + node->offset - quotes, node->length + 2 * quotes};
}

static void start_claim(struct claims *claims, fb_slice quoted_name)
{
    if (claims->text->text[claims->text->size - 1] != '{') {
        fb__string_add_text(claims->text, ",");
    }
    fb__string_add(claims->text, quoted_name.data, quoted_name.size);
    fb__string_add_text(claims->text, ":");
}

/* Starts a standard claim. False when an additional one took its place and is written already. */
static bool begin_claim(struct claims *claims, const char *quoted_name)
{
    fb_slice name = fb_text(quoted_name);
    start_claim(claims, name);
    if (claims->nodes == NULL) {
        return true;
    }
    size_t index = fb__json_member(claims->additional.data, claims->nodes, 0, (fb_slice){name.data + 1, name.size - 2});
    if (index == 0) {
        return true;
    }
    fb_slice value = raw_value(claims->additional, &claims->nodes[index]);
    fb__string_add(claims->text, value.data, value.size);
    claims->used[index] = true;
    return false;
}

static void add_seconds(struct claims *claims, const char *quoted_name, double seconds)
{
    if (begin_claim(claims, quoted_name)) {
        char text[FB__NUMBER_ROOM];
        fb__string_add(claims->text, text, fb__number_write(seconds, 17, text));
    }
}

static void add_audiences(struct claims *claims, const fb_token_options *options)
{
    if (options->audiences.count == 0 || !begin_claim(claims, "\"aud\"")) {
        return;
    }
    if (options->audiences.count == 1 && !options->audience_is_list) {
        fb__string_add_quoted(claims->text, options->audiences.items[0]);
        return;
    }
    for (size_t i = 0; i < options->audiences.count; i++) {
        fb__string_add_text(claims->text, i == 0 ? "[" : ",");
        fb__string_add_quoted(claims->text, options->audiences.items[i]);
    }
    fb__string_add_text(claims->text, "]");
}

static void add_scopes(struct claims *claims, const fb_token_options *options)
{
    if (options->scopes.count == 0 || !begin_claim(claims, "\"scope\"")) {
        return;
    }
    for (size_t i = 0; i < options->scopes.count; i++) {
        if (i > 0) {
            claims->text
                ->size--; /* the closing quote, which becomes the space; add_quoted's opening quote is dropped too */
            size_t at = claims->text->size;
            fb__string_add_quoted(claims->text, options->scopes.items[i]);
            claims->text->text[at] = ' ';
        } else {
            fb__string_add_quoted(claims->text, options->scopes.items[i]);
        }
    }
}

static void add_additional(struct claims *claims)
{
    for (size_t name = 1; claims->nodes != NULL && name < claims->nodes[0].next; name = claims->nodes[name + 1].next) {
        if (!claims->used[name + 1]) {
            fb_slice value = raw_value(claims->additional, &claims->nodes[name + 1]);
            start_claim(claims, raw_value(claims->additional, &claims->nodes[name]));
            fb__string_add(claims->text, value.data, value.size);
        }
    }
}

static void write_claims(struct claims *claims, const fb_token_options *options)
{
    fb__string_add_text(claims->text, "{");
    if (options->subject.data != NULL && begin_claim(claims, "\"sub\"")) {
        fb__string_add_quoted(claims->text, options->subject);
    }
    if (options->issuer.data != NULL && begin_claim(claims, "\"iss\"")) {
        fb__string_add_quoted(claims->text, options->issuer);
    }
    add_seconds(claims, "\"iat\"", floor(options->now));
    add_seconds(claims, "\"exp\"", floor(options->now) + options->expires_in);
    add_audiences(claims, options);
    add_scopes(claims, options);
    add_additional(claims);
    fb__string_add_text(claims->text, "}");
}

static fb_status check_list(const fb_mem *mem, const char *name, const fb_list *list, size_t *room, fb_error *error)
{
    if (list->items == NULL && list->count > 0) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "%s has a count, but no items", name);
    }
    fb_status status = FB_OK;
    for (size_t i = 0; i < list->count && status == FB_OK; i++) {
        *room = fb__size_add(*room, fb__size_add(fb__quoted_room(list->items[i].size), 1));
        status = fb__check_text(mem, name, list->items[i], error);
    }
    return status;
}

/* Everything that is text or a number; *room becomes what the claims may take. */
static fb_status check_token_options(const fb_mem *mem, const fb_token_options *options, size_t *room, fb_error *error)
{
    const struct {
        const char *name;
        fb_slice value;
    } texts[] = {
        {"subject", options->subject}, {"issuer", options->issuer}, {"kid", options->kid}, {"type", options->type}};
    *room = fb__size_add(256, fb__size_multiply(2, options->additional_claims.size));
    if (!isfinite(options->now) || !isfinite(options->expires_in) || !isfinite(options->now + options->expires_in)) {
        return fb__fail(error, FB_CONFIGURATION_INVALID,
                        "now and expires_in must be finite numbers of seconds, and so must be their sum");
    }
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        *room = fb__size_add(*room, fb__quoted_room(texts[i].value.size));
        fb_status status = fb__check_text(mem, texts[i].name, texts[i].value, error);
        if (status != FB_OK) {
            return status;
        }
    }
    fb_status status = check_list(mem, "audience", &options->audiences, room, error);
    return status == FB_OK ? check_list(mem, "scopes", &options->scopes, room, error) : status;
}

/* The additional claims' nodes, with a flag for each after them, in one block. */
static fb_status scan_additional(const fb_mem *mem, fb_slice additional, fb_node **out, bool **used, fb_error *error)
{
    enum { DEPTH = 1000 };
    *out = NULL;
    if (additional.data == NULL) {
        return FB_OK;
    }
    size_t capacity = fb__json_bound(additional.data, additional.size), count;
    fb_node *nodes = fb__zalloc(mem, fb__size_multiply(capacity, sizeof(*nodes) + sizeof(bool)));
    if (nodes == NULL) {
        return fb__out_of_memory(error);
    }
    fb__json_status status =
        fb__json_scan(additional.data, additional.size, FB__JSON_LENIENT, DEPTH, mem, nodes, capacity, &count);
    if (status != FB__JSON_OK) {
        fb__free(mem, nodes);
        return fb__fail(error, FB_CONFIGURATION_INVALID, "additional_claims is not a JSON object");
    }
    *out = nodes;
    *used = (bool *)(nodes + capacity);
    return FB_OK;
}

static fb_string *write_header(const fb_keypair *pair, const fb_token_options *options)
{
    fb_string *header = fb__string_new(&pair->mem, fb__size_add(64, fb__size_add(fb__quoted_room(options->kid.size),
                                                                                 fb__quoted_room(options->type.size))));
    if (header == NULL) {
        return NULL;
    }
    fb_slice type = options->type.data == NULL ? fb_text("JWT") : options->type;
    fb__string_add_text(header, "{");
    if (type.size > 0) {
        fb__string_add_member(header, "typ", type);
    }
    fb__string_add_member(header, "alg", fb_keypair_algorithm(pair));
    if (options->kid.size > 0) {
        fb__string_add_member(header, "kid", options->kid);
    }
    fb__string_add_text(header, "}");
    return header;
}

/* What a token is put together from. */
struct draft {
    fb_node *nodes; /* of the additional claims, and the flags after them */
    bool *used;
    fb_string *header, *payload;
};

static fb_status write_token(const fb_keypair *keypair, const fb_token_options *options, struct draft *draft,
                             fb_string **out, fb_error *error)
{
    const fb_mem *mem = &keypair->mem;
    size_t room;
    fb_status status = check_token_options(mem, options, &room, error);
    if (status != FB_OK) {
        return status;
    }
    status = scan_additional(mem, options->additional_claims, &draft->nodes, &draft->used, error);
    if (status != FB_OK) {
        return status;
    }
    draft->header = write_header(keypair, options);
    draft->payload = fb__string_new(mem, room);
    if (draft->header == NULL || draft->payload == NULL) {
        return fb__out_of_memory(error);
    }
    struct claims claims = {draft->payload, draft->nodes, options->additional_claims, draft->used};
    write_claims(&claims, options);
    return fb_keypair_sign(keypair, fb_string_text(draft->header), fb_string_text(draft->payload), out, error);
}

fb_status fb_keypair_create_token(const fb_keypair *keypair, const fb_token_options *given, fb_string **out,
                                  fb_error *error)
{
    fb_token_options options = FB_TOKEN_OPTIONS_INIT;
    *out = NULL;
    if (given->size == 0 || given->size > sizeof(options)) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "options must start from FB_TOKEN_OPTIONS_INIT");
    }
    memcpy(&options, given, given->size);
    struct draft draft = {NULL, NULL, NULL, NULL};
    fb_status status = write_token(keypair, &options, &draft, out, error);
    fb__free(&keypair->mem, draft.nodes);
    fb_string_free(draft.header);
    fb_string_free(draft.payload);
    return status;
}
