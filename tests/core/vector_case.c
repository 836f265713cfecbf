/*
 * Reads and runs one case of tests/vectors through the public API, and writes its report line. Numbers are carried as
 * marked text from file to comparison and never pass through a type that could round them.
 */
#include "vector_case.h"
#include "setup.h"
#include "vector_json.h"

/* ---- configuration -------------------------------------------------------------------------- */

struct reading {
    struct setup options;
    char *jwks;
    fb_slice *lists[8];
    size_t list_count;
};

static fb_slice string_of(const json_t *value)
{
    const char *data = json_string_value(value);
    return (fb_slice){data, json_string_length(value)};
}

static bool number_of(const json_t *value, double *out)
{
    const char *text = json_string_value(value);
    if (text == NULL || strncmp(text, VECTOR_MARK, 2) != 0) {
        return false;
    }
    *out = strtod(text + 2, NULL);
    return true;
}

static bool is_text(const json_t *value)
{
    const char *text = json_string_value(value);
    return text != NULL && strncmp(text, VECTOR_MARK, 2) != 0;
}

static bool list_of(struct reading *reading, const json_t *value, fb_list *out)
{
    size_t count = json_is_array(value) ? json_array_size(value) : 1;
    fb_slice *items = calloc(count + 1, sizeof(*items));
    if (items == NULL) {
        abort();
    }
    reading->lists[reading->list_count++] = items;
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_is_array(value) ? json_array_get(value, i) : value;
        if (!is_text(item)) {
            return false;
        }
        items[i] = string_of(item);
    }
    *out = (fb_list){items, count};
    return true;
}

/* The document as text, with its numbers as they were. */
static char *document_of(const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    char *to = text;
    for (char *from = text; from != NULL && *from != '\0';) {
        if (strncmp(from, "\"\\u0001\\u0002", 13) == 0) {
            for (from += 13; *from != '"'; from++) {
                *to++ = *from;
            }
            from++;
        } else if (*from == '"') {
            size_t size = vector_string_end(from, strlen(from), 0);
            memmove(to, from, size);
            to += size;
            from += size;
        } else {
            *to++ = *from++;
        }
    }
    if (to != NULL) {
        *to = '\0';
    }
    return text;
}

static bool set_scalar(struct reading *reading, const char *name, const json_t *value, bool *known)
{
    double number = 0.0;
    *known = true;
    if (strcmp(name, "leeway") == 0) {
        return number_of(value, &reading->options.policy.leeway);
    }
    if (strcmp(name, "clock_skew") == 0) {
        return number_of(value, &reading->options.policy.clock_skew);
    }
    if (strcmp(name, "require_exp") == 0) {
        reading->options.policy.require_exp = json_is_true(value);
        return json_is_boolean(value);
    }
    if (strcmp(name, "max_token_bytes") == 0) {
        bool good = number_of(value, &number) && number >= 0.0 && number <= 9e15;
        reading->options.policy.max_token_bytes = good ? (size_t)number : 0;
        return good;
    }
    if (strcmp(name, "jwks") == 0) {
        reading->jwks = document_of(value);
        reading->options.issuer.jwks = fb_text(reading->jwks);
        return reading->jwks != NULL;
    }
    *known = false;
    return true;
}

static bool set_option(struct reading *reading, const char *name, const json_t *value)
{
    struct setup *options = &reading->options;
    const struct {
        const char *name;
        fb_slice *text;
        fb_list *list;
    } table[] = {
        {"public_key", &options->issuer.public_key, NULL},
        {"jwks_raw", &options->issuer.jwks, NULL},
        {"secret", &options->issuer.secret, NULL},
        {"token_type", &options->policy.token_type, NULL},
        {"algorithms", NULL, &options->issuer.algorithms},
        {"issuer", NULL, &options->issuer.identifiers},
        {"audience", NULL, &options->policy.audiences},
        {"required_scopes", NULL, &options->policy.required_scopes},
        {"required_claims", NULL, &options->required_claims},
        {"scope_claims", NULL, &options->policy.scope_claims},
        {"client_id_claims", NULL, &options->policy.client_id_claims},
    };
    bool known = false, good = set_scalar(reading, name, value, &known);
    if (known) {
        return good;
    }
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (strcmp(name, table[i].name) == 0 && table[i].text != NULL && is_text(value)) {
            *table[i].text = string_of(value);
            return true;
        }
        if (strcmp(name, table[i].name) == 0 && table[i].list != NULL) {
            return list_of(reading, value, table[i].list);
        }
    }
    return false;
}

static bool configure(struct reading *reading, json_t *config, const char **bad)
{
    const char *name;
    json_t *value;
    reading->options = (struct setup)SETUP_INIT;
    json_object_foreach(config, name, value)
    {
        if (!json_is_null(value) && !set_option(reading, name, value)) { /* null: not given, as in Python */
            *bad = name;
            return false;
        }
    }
    return true;
}

static void forget(struct reading *reading)
{
    free(reading->jwks);
    for (size_t i = 0; i < reading->list_count; i++) {
        free(reading->lists[i]);
    }
}

/* ---- outcome -------------------------------------------------------------------------------- */

static bool code_expected(const json_t *expected, const char *code)
{
    if (expected == NULL) {
        return true;
    }
    if (!json_is_array(expected)) {
        return json_is_string(expected) && strcmp(json_string_value(expected), code) == 0;
    }
    for (size_t i = 0; i < json_array_size(expected); i++) {
        if (code_expected(json_array_get(expected, i), code)) {
            return true;
        }
    }
    return false;
}

static bool claims_expected(const json_t *expected, fb_slice payload)
{
    if (expected == NULL) {
        return true;
    }
    json_t *claims = vector_parse(payload.data, payload.size, NULL);
    bool same = claims != NULL && json_equal(claims, expected) == 1;
    json_decref(claims);
    return same;
}

static bool scopes_expected(const json_t *expected, fb_list scopes)
{
    bool same = expected == NULL || json_array_size(expected) == scopes.count;
    for (size_t i = 0; expected != NULL && same && i < scopes.count; i++) {
        fb_slice wanted = string_of(json_array_get(expected, i));
        same = wanted.size == scopes.items[i].size && memcmp(wanted.data, scopes.items[i].data, wanted.size) == 0;
    }
    return same;
}

static void begin_line(struct vector_text *out, const json_t *test, const char *verdict, const char *code)
{
    fb_slice id = string_of(json_object_get(test, "id"));
    vector_add_text(out, "{\"id\":");
    vector_add_json_string(out, id.data == NULL ? "" : id.data, id.size);
    vector_add_text(out, ",\"verdict\":\"");
    vector_add_text(out, verdict);
    vector_add_text(out, "\",\"code\":");
    if (code == NULL) {
        vector_add_text(out, "null");
    } else {
        vector_add_json_string(out, code, strlen(code));
    }
}

char *vector_line(const json_t *test, const char *verdict, const char *code)
{
    struct vector_text out = {0};
    begin_line(&out, test, verdict, code);
    vector_add_text(&out, "}");
    return out.data;
}

static char *accepted_line(const json_t *test, const fb_result *result)
{
    struct vector_text out = {0};
    fb_slice payload = fb_result_payload(result);
    fb_list scopes = fb_result_scopes(result);
    begin_line(&out, test, "accept", NULL);
    vector_add_text(&out, ",\"claims\":");
    vector_add_compact(&out, payload.data, payload.size);
    vector_add_text(&out, ",\"scopes\":[");
    for (size_t i = 0; i < scopes.count; i++) {
        vector_add_text(&out, i == 0 ? "" : ",");
        vector_add_json_string(&out, scopes.items[i].data, scopes.items[i].size);
    }
    vector_add_text(&out, "]}");
    return out.data;
}

char *vector_expectation(const json_t *test)
{
    json_t *expected = json_object();
    static const char *const names[] = {"expect", "code", "scopes"};
    for (size_t i = 0; i < 3; i++) {
        if (json_object_get(test, names[i]) != NULL) {
            json_object_set(expected, names[i], json_object_get(test, names[i]));
        }
    }
    char *text = json_dumps(expected, JSON_COMPACT);
    json_decref(expected);
    return text;
}

/* ---- running -------------------------------------------------------------------------------- */

static char *run_token(const json_t *test, const fb_verifier *verifier, fb_clock clock, bool accept, bool *same)
{
    const json_t *code = json_object_get(test, "code");
    fb_slice token = string_of(json_object_get(test, "token"));
    fb_result *result = NULL;
    fb_error error = FB_ERROR_INIT;
    /* A copy of exactly this size: a read beyond the token is one beyond the allocation. */
    char *copy = malloc(token.size == 0 ? 1 : token.size);
    if (copy == NULL) {
        abort();
    }
    memcpy(copy, token.data, token.size);
    fb_status status = fb_verify(verifier, copy, token.size, clock, &result, &error);
    free(copy);
    if (status != FB_OK) {
        *same = !accept && code_expected(code, fb_status_name(status)) && error.status == status;
        return vector_line(test, "reject", fb_status_name(status));
    }
    *same = accept && claims_expected(json_object_get(test, "claims"), fb_result_payload(result)) &&
            scopes_expected(json_object_get(test, "scopes"), fb_result_scopes(result));
    char *line = accepted_line(test, result);
    fb_result_free(result);
    return line;
}

char *vector_run(const json_t *test, bool *same)
{
    json_t *config = json_object_get(test, "config");
    const json_t *expect = json_object_get(test, "expect"), *now = json_object_get(test, "now");
    bool accept = json_is_string(expect) && strcmp(json_string_value(expect), "accept") == 0;
    bool reject = json_is_string(expect) && strcmp(json_string_value(expect), "reject") == 0;
    fb_clock clock = fb_clock_now();
    *same = false;
    if (!is_text(json_object_get(test, "id")) || !is_text(json_object_get(test, "token")) || !json_is_object(config) ||
        !(accept || reject) || (now != NULL && !json_is_null(now) && !number_of(now, &clock.unix_seconds))) {
        return vector_line(test, "error", "id, token, config, now or expect is missing or of the wrong type");
    }
    struct reading reading = {.options = SETUP_INIT};
    fb_verifier *verifier = NULL;
    fb_error error = FB_ERROR_INIT;
    const char *bad = NULL;
    char *line;
    if (!configure(&reading, config, &bad)) {
        char what[160];
        snprintf(what, sizeof(what), "config: %.90s is unknown or of the wrong type", bad);
        line = vector_line(test, "error", what);
    } else if (json_object_get(config, "jwks") != NULL && json_object_get(config, "jwks_raw") != NULL) {
        line = vector_line(test, "error", "config: jwks and jwks_raw are the same option");
    } else if (setup_verifier(&verifier, &reading.options, &error) != FB_OK) {
        *same = reject && code_expected(json_object_get(test, "code"), fb_status_name(error.status));
        line = vector_line(test, "reject", fb_status_name(error.status));
    } else {
        line = run_token(test, verifier, clock, accept, same);
    }
    fb_verifier_free(verifier);
    forget(&reading);
    return line;
}
