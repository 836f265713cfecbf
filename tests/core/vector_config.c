/*
 * Options by their Python names, as tests/vectors/README.md lists them, made into those of the C API. Values are handed
 * over as they are: what is wrong with them is for the library to say.
 */
#include "vector_config.h"
#include "vector_json.h"

#include <stdlib.h>
#include <string.h>

/* ---- values --------------------------------------------------------------------------------- */

fb_slice vector_text_of(const json_t *value)
{
    return (fb_slice){json_string_value(value), json_string_length(value)};
}

bool vector_is_text(const json_t *value)
{
    const char *text = json_string_value(value);
    return text != NULL && strncmp(text, VECTOR_MARK, 2) != 0;
}

bool vector_number(const json_t *value, double *out)
{
    const char *text = json_string_value(value);
    if (text == NULL || strncmp(text, VECTOR_MARK, 2) != 0) {
        return false;
    }
    *out = strtod(text + 2, NULL);
    return true;
}

/* Zeroed, and freed with the configuration. */
static void *take(struct vector_config *config, size_t count, size_t size)
{
    void *memory = calloc(count + 1, size);
    void **owned = realloc(config->owned, (config->owned_count + 1) * sizeof(*owned));
    if (memory == NULL || owned == NULL) {
        abort();
    }
    config->owned = owned;
    owned[config->owned_count++] = memory;
    return memory;
}

void vector_forget(struct vector_config *config)
{
    for (size_t i = 0; i < config->owned_count; i++) {
        free(config->owned[i]);
    }
    free(config->owned);
}

/* A number as a language without its text would write it: as an integer, or in the fewest digits. */
static void add_number(struct vector_text *out, const char *number)
{
    char text[40];
    if (strpbrk(number, ".eE") == NULL) {
        vector_add_text(out, number);
        return;
    }
    const double value = strtod(number, NULL);
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    vector_add_text(out, text);
}

/* JSON text of a value whose numbers are marked. */
static fb_slice json_of(struct vector_config *config, const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    struct vector_text out = {0};
    const size_t size = text == NULL ? 0 : strlen(text);
    for (size_t at = 0; at < size;) {
        size_t end = text[at] == '"' ? vector_string_end(text, size, at) : at + 1;
        if (strncmp(text + at, "\"\\u0001\\u0002", 13) == 0) {
            text[end - 1] = '\0';
            add_number(&out, text + at + 13);
        } else {
            vector_add(&out, text + at, end - at);
        }
        at = end;
    }
    free(text);
    char *kept = take(config, out.size, 1);
    memcpy(kept, out.data, out.size);
    free(out.data);
    return (fb_slice){kept, out.size};
}

/* ---- members -------------------------------------------------------------------------------- */

typedef bool read_member(struct vector_config *config, const json_t *value, void *out, void *count);

struct member {
    const char *name;
    read_member *read;
    size_t offset, count_offset;
};

static bool read_text(struct vector_config *config, const json_t *value, void *out, void *count)
{
    (void)config, (void)count;
    *(fb_slice *)out = vector_text_of(value);
    return vector_is_text(value);
}

/* One text is a list of one. */
static bool read_list(struct vector_config *config, const json_t *value, void *out, void *count)
{
    (void)count;
    const size_t size = json_is_array(value) ? json_array_size(value) : 1;
    fb_slice *items = take(config, size, sizeof(*items));
    for (size_t i = 0; i < size; i++) {
        const json_t *item = json_is_array(value) ? json_array_get(value, i) : value;
        items[i] = vector_text_of(item);
        if (!vector_is_text(item)) {
            return false;
        }
    }
    *(fb_list *)out = (fb_list){items, size};
    return true;
}

static bool read_number(struct vector_config *config, const json_t *value, void *out, void *count)
{
    (void)config, (void)count;
    return vector_number(value, out);
}

static bool read_size(struct vector_config *config, const json_t *value, void *out, void *count)
{
    double number = 0.0;
    (void)config, (void)count;
    const bool good = vector_number(value, &number) && number >= 0.0 && number <= 9e15;
    *(size_t *)out = good ? (size_t)number : 0;
    return good;
}

static bool read_flag(struct vector_config *config, const json_t *value, void *out, void *count)
{
    (void)config, (void)count;
    *(bool *)out = json_is_true(value);
    return json_is_boolean(value);
}

static bool read_document(struct vector_config *config, const json_t *value, void *out, void *count)
{
    (void)count;
    *(fb_slice *)out = json_of(config, value);
    return true;
}

/* The value of one required claim, or the list of them. */
static fb_list values_of(struct vector_config *config, const json_t *value)
{
    const size_t size = json_is_array(value) ? json_array_size(value) : 1;
    fb_slice *items = take(config, size, sizeof(*items));
    for (size_t i = 0; i < size; i++) {
        items[i] = json_of(config, json_is_array(value) ? json_array_get(value, i) : value);
    }
    return (fb_list){items, size};
}

/* A mapping from claim to values; a text or a list says names. */
static bool read_required(struct vector_config *config, const json_t *value, void *out, void *count)
{
    fb_list names = {NULL, 0};
    if (!json_is_object(value) && !read_list(config, value, &names, NULL)) {
        return false;
    }
    const size_t size = json_is_object(value) ? json_object_size(value) : names.count;
    fb_required_claim *required = take(config, size, sizeof(*required));
    for (size_t i = 0; i < names.count; i++) {
        required[i].claim = names.items[i];
    }
    size_t i = 0;
    void *iterator = json_object_iter((json_t *)(uintptr_t)value); /* NULL for what is no object */
    for (; iterator != NULL; iterator = json_object_iter_next((json_t *)(uintptr_t)value, iterator)) {
        required[i].claim = fb_text(json_object_iter_key(iterator));
        required[i++].values = values_of(config, json_object_iter_value(iterator));
    }
    *(const fb_required_claim **)out = required;
    *(size_t *)count = size;
    return true;
}

static bool read_hierarchy(struct vector_config *config, const json_t *value, void *out, void *count)
{
    if (!json_is_object(value)) {
        return false;
    }
    fb_scope_rule *rules = take(config, json_object_size(value), sizeof(*rules));
    size_t i = 0;
    void *iterator = json_object_iter((json_t *)(uintptr_t)value);
    for (; iterator != NULL; iterator = json_object_iter_next((json_t *)(uintptr_t)value, iterator)) {
        const json_t *implied = json_object_iter_value(iterator);
        rules[i].scope = fb_text(json_object_iter_key(iterator));
        if (!json_is_array(implied) || !read_list(config, implied, &rules[i++].implied, NULL)) {
            return false;
        }
    }
    *(const fb_scope_rule **)out = rules;
    *(size_t *)count = i;
    return true;
}

static const struct member of_issuer[] = {
    {"public_key", read_text, offsetof(fb_issuer, public_key), 0},
    {"jwks", read_document, offsetof(fb_issuer, jwks), 0},
    {"jwks_raw", read_text, offsetof(fb_issuer, jwks), 0},
    {"secret", read_text, offsetof(fb_issuer, secret), 0},
    {"issuer", read_list, offsetof(fb_issuer, identifiers), 0},
    {"algorithms", read_list, offsetof(fb_issuer, algorithms), 0},
    {"audience", read_list, offsetof(fb_issuer, audiences), 0},
    {"token_type", read_text, offsetof(fb_issuer, token_type), 0},
    {"scope_claims", read_list, offsetof(fb_issuer, scope_claims), 0},
    {"client_id_claims", read_list, offsetof(fb_issuer, client_id_claims), 0},
    {"required_claims", read_required, offsetof(fb_issuer, required_claims), offsetof(fb_issuer, required_claim_count)},
};

static const struct member of_verifier[] = {
    {"audience", read_list, offsetof(fb_options, audiences), 0},
    {"required_scopes", read_list, offsetof(fb_options, required_scopes), 0},
    {"scope_hierarchy", read_hierarchy, offsetof(fb_options, scope_hierarchy), offsetof(fb_options, scope_rule_count)},
    {"required_claims", read_required, offsetof(fb_options, required_claims),
     offsetof(fb_options, required_claim_count)},
    {"leeway", read_number, offsetof(fb_options, leeway), 0},
    {"clock_skew", read_number, offsetof(fb_options, clock_skew), 0},
    {"require_exp", read_flag, offsetof(fb_options, require_exp), 0},
    {"token_type", read_text, offsetof(fb_options, token_type), 0},
    {"scope_claims", read_list, offsetof(fb_options, scope_claims), 0},
    {"merge_scope_claims", read_flag, offsetof(fb_options, merge_scope_claims), 0},
    {"client_id_claims", read_list, offsetof(fb_options, client_id_claims), 0},
    {"max_token_bytes", read_size, offsetof(fb_options, max_token_bytes), 0},
    {"sender_constrained", read_text, offsetof(fb_options, sender_constrained), 0},
};

static const struct member of_dpop[] = {
    {"max_age", read_number, offsetof(fb_dpop, max_age), 0},
    {"required", read_flag, offsetof(fb_dpop, required), 0},
    {"algorithms", read_list, offsetof(fb_dpop, algorithms), 0},
    {"nonce_secret", read_text, offsetof(fb_dpop, nonce_secret), 0},
    {"replay_capacity", read_size, offsetof(fb_dpop, replay_capacity), 0},
};

static const struct member *find(const struct member *members, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(members[i].name, name) == 0) {
            return &members[i];
        }
    }
    return NULL;
}

static enum vector_reading read_into(struct vector_config *config, const struct member *member, const json_t *value,
                                     void *options)
{
    char *base = options;
    return member->read(config, value, base + member->offset, base + member->count_offset) ? VECTOR_READ
                                                                                           : VECTOR_INEXPRESSIBLE;
}

/* ---- all of it ------------------------------------------------------------------------------ */

static bool has(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return value != NULL && !json_is_null(value);
}

static enum vector_reading read_issuer(struct vector_config *config, const json_t *given, fb_issuer *out,
                                       const char **member)
{
    const char *name;
    json_t *value;
    enum vector_reading reading = VECTOR_READ;
    json_object_foreach((json_t *)(uintptr_t)given, name, value)
    {
        const struct member *known = find(of_issuer, sizeof(of_issuer) / sizeof(of_issuer[0]), name);
        *member = name;
        if (known == NULL || (strcmp(name, "jwks_raw") == 0 && has(given, "jwks"))) {
            return VECTOR_UNKNOWN;
        }
        if (!json_is_null(value) && read_into(config, known, value, out) != VECTOR_READ) {
            reading = VECTOR_INEXPRESSIBLE;
        }
    }
    return reading;
}

static enum vector_reading read_dpop(struct vector_config *config, const json_t *given, const char **member)
{
    const char *name;
    json_t *value;
    fb_dpop *dpop = take(config, 1, sizeof(*dpop));
    enum vector_reading reading = json_is_object(given) ? VECTOR_READ : VECTOR_INEXPRESSIBLE;
    *dpop = (fb_dpop)FB_DPOP_INIT;
    config->options.dpop = dpop;
    json_object_foreach((json_t *)(uintptr_t)given, name, value)
    {
        const struct member *known = find(of_dpop, sizeof(of_dpop) / sizeof(of_dpop[0]), name);
        *member = name;
        if (known == NULL) {
            return VECTOR_UNKNOWN;
        }
        if (!json_is_null(value) && read_into(config, known, value, dpop) != VECTOR_READ) {
            reading = VECTOR_INEXPRESSIBLE;
        }
    }
    return reading;
}

static enum vector_reading read_issuers(struct vector_config *config, const json_t *given, const char **member)
{
    const size_t count = json_array_size(given);
    *member = "issuers";
    config->issuers = take(config, count, sizeof(*config->issuers));
    config->options.issuers = config->issuers;
    config->options.issuer_count = count;
    enum vector_reading reading = json_is_array(given) ? VECTOR_READ : VECTOR_INEXPRESSIBLE;
    for (size_t i = 0; i < count; i++) {
        config->issuers[i] = (fb_issuer)FB_ISSUER_INIT;
        const enum vector_reading one = read_issuer(config, json_array_get(given, i), &config->issuers[i], member);
        if (one == VECTOR_UNKNOWN) {
            return one;
        }
        reading = one == VECTOR_READ ? reading : one;
    }
    return reading;
}

enum vector_reading vector_configure(struct vector_config *out, const json_t *config, const char **member)
{
    const char *name;
    json_t *value;
    *out = (struct vector_config){.options = FB_OPTIONS_INIT};
    enum vector_reading reading = VECTOR_READ;
    const bool listed = has(config, "issuers");
    if (listed) {
        reading = read_issuers(out, json_object_get(config, "issuers"), member);
    } else {
        out->issuers = take(out, 1, sizeof(*out->issuers));
        *out->issuers = (fb_issuer)FB_ISSUER_INIT;
        out->options.issuers = out->issuers;
        out->options.issuer_count = 1;
    }
    json_object_foreach((json_t *)(uintptr_t)config, name, value)
    {
        const struct member *known = find(of_verifier, sizeof(of_verifier) / sizeof(of_verifier[0]), name);
        const struct member *flat = find(of_issuer, sizeof(of_issuer) / sizeof(of_issuer[0]), name);
        if (reading == VECTOR_UNKNOWN) {
            break;
        }
        *member = name;
        if (strcmp(name, "dpop") == 0) {
            const enum vector_reading one = json_is_null(value) ? VECTOR_READ : read_dpop(out, value, member);
            reading = one == VECTOR_READ ? reading : one;
        } else if (strcmp(name, "issuers") == 0 || json_is_null(value)) { /* null: not given, as in Python */
            reading = known == NULL && flat == NULL && strcmp(name, "issuers") != 0 ? VECTOR_UNKNOWN : reading;
        } else if (known != NULL) {
            reading = read_into(out, known, value, &out->options) == VECTOR_READ ? reading : VECTOR_INEXPRESSIBLE;
        } else if (flat == NULL || (strcmp(name, "jwks_raw") == 0 && has(config, "jwks"))) {
            reading = VECTOR_UNKNOWN;
        } else if (listed || read_into(out, flat, value, out->issuers) != VECTOR_READ) {
            reading = VECTOR_INEXPRESSIBLE; /* the one issuer and a list of them */
        }
    }
    return reading;
}
