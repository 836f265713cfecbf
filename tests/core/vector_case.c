/*
 * Reads and runs one case of tests/vectors through the public API, and writes its report line. Numbers are carried as
 * marked text from file to comparison and never pass through a type that could round them.
 */
#include "vector_case.h"
#include "vector_config.h"
#include "vector_json.h"
#include "vector_request.h"

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
        fb_slice wanted = vector_text_of(json_array_get(expected, i));
        same = wanted.size == scopes.items[i].size && memcmp(wanted.data, scopes.items[i].data, wanted.size) == 0;
    }
    return same;
}

/* Absent in the case, or equal. */
static bool text_expected(const json_t *expected, fb_slice text)
{
    const fb_slice wanted = expected == NULL ? text : vector_text_of(expected);
    return wanted.size == text.size && memcmp(wanted.data, text.data, text.size) == 0;
}

/* ---- report lines --------------------------------------------------------------------------- */

static void add_verdict(struct vector_text *out, const char *verdict, const char *code)
{
    vector_add_text(out, "\"verdict\":\"");
    vector_add_text(out, verdict);
    vector_add_text(out, "\",\"code\":");
    if (code == NULL) {
        vector_add_text(out, "null");
    } else {
        vector_add_json_string(out, code, strlen(code));
    }
}

static void begin_line(struct vector_text *out, const json_t *test)
{
    const fb_slice id = vector_text_of(json_object_get(test, "id"));
    vector_add_text(out, "{\"id\":");
    vector_add_json_string(out, id.data == NULL ? "" : id.data, id.size);
    vector_add_text(out, ",");
}

char *vector_line(const json_t *test, const char *verdict, const char *code)
{
    struct vector_text out = {0};
    begin_line(&out, test);
    add_verdict(&out, verdict, code);
    vector_add_text(&out, "}");
    return out.data;
}

static void add_accepted(struct vector_text *out, const fb_result *result)
{
    const fb_slice payload = fb_result_payload(result), client = fb_result_client_id(result);
    const fb_list scopes = fb_result_scopes(result);
    add_verdict(out, "accept", NULL);
    vector_add_text(out, ",\"claims\":");
    vector_add_compact(out, payload.data, payload.size);
    vector_add_text(out, ",\"scopes\":[");
    for (size_t i = 0; i < scopes.count; i++) {
        vector_add_text(out, i == 0 ? "" : ",");
        vector_add_json_string(out, scopes.items[i].data, scopes.items[i].size);
    }
    vector_add_text(out, "],\"client_id\":");
    vector_add_json_string(out, client.data, client.size);
}

char *vector_expectation(const json_t *test)
{
    json_t *expected = json_object();
    static const char *const names[] = {"expect", "code", "scopes", "client_id", "steps"};
    for (size_t i = 0; i < 5; i++) {
        if (json_object_get(test, names[i]) != NULL) {
            json_object_set(expected, names[i], json_object_get(test, names[i]));
        }
    }
    char *text = json_dumps(expected, JSON_COMPACT);
    json_decref(expected);
    return text;
}

/* ---- running -------------------------------------------------------------------------------- */

/* What a case and a step of a sequence have in common. */
struct step {
    fb_slice token;
    fb_clock clock;
    bool accept;
    bool has_request;
    struct vector_request request;
    const json_t *given;
};

static bool only_knows(const json_t *object, const char *const *names)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        size_t i = 0;
        while (names[i] != NULL && strcmp(names[i], name) != 0) {
            i++;
        }
        if (names[i] == NULL) {
            return false;
        }
    }
    return true;
}

static bool read_step(struct step *out, const json_t *given)
{
    const json_t *expect = json_object_get(given, "expect"), *now = json_object_get(given, "now");
    const json_t *request = json_object_get(given, "request");
    const char *verdict = vector_is_text(expect) ? json_string_value(expect) : "";
    *out = (struct step){.token = vector_text_of(json_object_get(given, "token")),
                         .clock = fb_clock_now(),
                         .accept = strcmp(verdict, "accept") == 0,
                         .has_request = request != NULL,
                         .given = given};
    return (request == NULL || vector_request_read(&out->request, request)) &&
           vector_is_text(json_object_get(given, "token")) && (out->accept || strcmp(verdict, "reject") == 0) &&
           (now == NULL || json_is_null(now) || vector_number(now, &out->clock.unix_seconds));
}

static fb_status verify_token(const struct step *step, const fb_verifier *verifier, fb_result **out, fb_error *error)
{
    /* A copy of exactly this size: a read beyond the token is one beyond the allocation. */
    char *copy = malloc(step->token.size == 0 ? 1 : step->token.size);
    if (copy == NULL) {
        abort();
    }
    memcpy(copy, step->token.data, step->token.size);
    const fb_status status = fb_verify(verifier, copy, step->token.size, step->clock, out, error);
    free(copy);
    return status;
}

/* Adds what came out, without the opening brace. Whether it is what the step expects. */
static bool run_step(struct vector_text *out, const struct step *step, const fb_verifier *verifier)
{
    fb_result *result = NULL;
    fb_error error = FB_ERROR_INIT;
    const fb_status status =
        step->has_request ? fb_verify_request(verifier, &step->request.request, step->clock, &result, NULL, &error)
                          : verify_token(step, verifier, &result, &error);
    if (status != FB_OK) {
        add_verdict(out, "reject", fb_status_name(status));
        return !step->accept && code_expected(json_object_get(step->given, "code"), fb_status_name(status)) &&
               error.status == status;
    }
    add_accepted(out, result);
    const bool same = step->accept &&
                      claims_expected(json_object_get(step->given, "claims"), fb_result_payload(result)) &&
                      scopes_expected(json_object_get(step->given, "scopes"), fb_result_scopes(result)) &&
                      text_expected(json_object_get(step->given, "client_id"), fb_result_client_id(result));
    fb_result_free(result);
    return same;
}

static char *run_case(const json_t *test, const fb_verifier *verifier, const struct step *step, bool *same)
{
    struct vector_text out = {0};
    begin_line(&out, test);
    *same = run_step(&out, step, verifier);
    vector_add_text(&out, "}");
    return out.data;
}

static char *run_sequence(const json_t *test, const fb_verifier *verifier, bool *same)
{
    const json_t *steps = json_object_get(test, "steps");
    struct vector_text out = {0};
    begin_line(&out, test);
    add_verdict(&out, "steps", NULL);
    vector_add_text(&out, ",\"steps\":[");
    *same = true;
    for (size_t i = 0; i < json_array_size(steps); i++) {
        struct step step;
        (void)read_step(&step, json_array_get(steps, i));
        vector_add_text(&out, i == 0 ? "{" : ",{");
        *same = run_step(&out, &step, verifier) && *same;
        vector_add_text(&out, "}");
    }
    vector_add_text(&out, "]}");
    return out.data;
}

/* Constant text that says why nobody could run the case, or NULL. step: of a case that is no sequence. */
static const char *check_case(const json_t *test, struct step *step)
{
    static const char *const of_case[] = {"id",     "description", "token",  "config", "request",   "now",
                                          "expect", "code",        "claims", "scopes", "client_id", NULL};
    static const char *const of_sequence[] = {"id", "description", "config", "steps", NULL};
    static const char *const of_step[] = {"token",  "request", "now",       "expect", "code",
                                          "claims", "scopes",  "client_id", NULL};
    const json_t *steps = json_object_get(test, "steps");
    if (!only_knows(test, steps == NULL ? of_case : of_sequence)) {
        return "a member that is unknown";
    }
    if (!vector_is_text(json_object_get(test, "id")) || !json_is_object(json_object_get(test, "config")) ||
        (steps == NULL && !read_step(step, test)) || (steps != NULL && json_array_size(steps) == 0)) {
        return "id, token, config, request, now or expect is missing or of the wrong type";
    }
    for (size_t i = 0; i < json_array_size(steps); i++) {
        if (!only_knows(json_array_get(steps, i), of_step) || !read_step(step, json_array_get(steps, i))) {
            return "a step with a member that is unknown, missing or of the wrong type";
        }
    }
    return NULL;
}

static char *refused_line(const json_t *test, const struct step *step, const char *code, bool *same)
{
    *same =
        json_object_get(test, "steps") == NULL && !step->accept && code_expected(json_object_get(test, "code"), code);
    return vector_line(test, "reject", code);
}

char *vector_run(const json_t *test, bool *same)
{
    struct step step;
    *same = false;
    const char *problem = check_case(test, &step);
    if (problem != NULL) {
        return vector_line(test, "error", problem);
    }
    struct vector_config config;
    fb_verifier *verifier = NULL;
    fb_error error = FB_ERROR_INIT;
    const char *member = "";
    char *line, what[160];
    const enum vector_reading reading = vector_configure(&config, json_object_get(test, "config"), &member);
    if (reading == VECTOR_UNKNOWN) {
        snprintf(what, sizeof(what), "config: %.90s is unknown, or given twice", member);
        line = vector_line(test, "error", what);
    } else if (reading == VECTOR_INEXPRESSIBLE) {
        line = refused_line(test, &step, fb_status_name(FB_CONFIGURATION_INVALID), same);
    } else if (fb_verifier_new(&verifier, &config.options, &error) != FB_OK) {
        line = refused_line(test, &step, fb_status_name(error.status), same);
    } else if (json_object_get(test, "steps") != NULL) {
        line = run_sequence(test, verifier, same);
    } else {
        line = run_case(test, verifier, &step, same);
    }
    fb_verifier_free(verifier);
    vector_forget(&config);
    return line;
}
