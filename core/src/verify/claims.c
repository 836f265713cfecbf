/*
 * The rules about claims in their order, and those about times, required claims and the profile for access tokens (RFC
 * 7519 section 4.1, RFC 9068 section 2.2). Given a payload whose signature is verified and whose JSON is strict.
 * Absent, of the wrong type and out of range are three different outcomes. Since the claims are verified, a refusal
 * says what was expected and what the claim holds.
 */
#include "verify/claims.h"

#include <math.h>
#include <stdio.h>

/* All have names of three letters. */
#define CLAIMS(X)             \
    X(FB__EXP, 'e', 'x', 'p') \
    X(FB__NBF, 'n', 'b', 'f') \
    X(FB__IAT, 'i', 'a', 't') \
    X(FB__ISS, 'i', 's', 's') \
    X(FB__AUD, 'a', 'u', 'd') \
    X(FB__SUB, 's', 'u', 'b') \
    X(FB__CNF, 'c', 'n', 'f')
#define NAME(claim, a, b, c) [claim] = {a, b, c},
static const char names[FB__CLAIMS][3] = {CLAIMS(NAME)};

fb_slice fb__claim_name(enum fb__claim claim)
{
    return (fb_slice){names[claim], 3};
}

/* ---- refusals ------------------------------------------------------------------------------- */

/* More than fb_error keeps of a value, whatever escapes it is written with. */
enum { ENOUGH = 12 * sizeof(((fb_error *)NULL)->actual) };

fb_status fb__claims_missing(const fb__claims *claims, fb_status status, fb_slice name)
{
    (void)fb__reject(claims->error, status, name);
    fb__set_expected(claims->error, fb_text("present"));
    fb__set_actual(claims->error, fb_text("absent"));
    return status;
}

fb_slice fb__claims_text(const fb__claims *claims, size_t index)
{
    const fb_node *node = &claims->nodes[index];
    const size_t quotes = node->kind == FB_STRING;
    return (fb_slice){claims->text + node->offset - quotes, node->length + 2 * quotes};
}

fb_status fb__claims_mistyped(const fb__claims *claims, fb_status status, fb_slice name, size_t index,
                              const char *expected)
{
    (void)fb__reject(claims->error, status, name);
    fb__set_expected(claims->error, fb_text(expected));
    fb__set_actual(claims->error, fb__claims_text(claims, index));
    return status;
}

fb_status fb__claims_mismatch(const fb__claims *claims, fb_status status, enum fb__claim claim, const fb_list *expected)
{
    const fb_node *node = &claims->nodes[claims->found[claim]];
    fb_slice value = {claims->text + node->offset, node->length};
    char text[ENOUGH];
    if (node->escaped) {
        value = (fb_slice){text, fb_unescape(value.data, value.size < ENOUGH ? value.size : ENOUGH, text)};
    }
    (void)fb__reject(claims->error, status, fb__claim_name(claim));
    fb__set_expected_list(claims->error, expected, " or ");
    fb__set_actual(claims->error, value);
    return status;
}

/* ---- times ---------------------------------------------------------------------------------- */

const char *fb__seconds_text(double seconds, char out[FB__NUMBER_ROOM])
{
    const double rounded = fabs(seconds) < 1e12 ? round(seconds * 1000.0) / 1000.0 : seconds;
    out[fb__number_write(rounded, 15, out)] = '\0';
    return out;
}

/* Between two clocks that are a little apart nothing is gained by a token that is valid too early. */
static double tolerance_ahead(const fb__policy *policy)
{
    return policy->leeway > policy->clock_skew ? policy->leeway : policy->clock_skew;
}

/* Says by how much: a clock that is seconds off is the usual reason, and what the operator has to see. */
static fb_status refuse_time(const fb__policy *policy, fb_error *error, fb_status status, enum fb__claim claim,
                             double value, double now)
{
    const bool expires = claim == FB__EXP;
    char distance[FB__NUMBER_ROOM], leeway[FB__NUMBER_ROOM], skew[FB__NUMBER_ROOM], limit[FB__NUMBER_ROOM];
    char expected[FB__NUMBER_ROOM + 16], actual[FB__NUMBER_ROOM];
    (void)fb__seconds_text(expires ? now - value : value - now, distance);
    (void)fb__seconds_text(expires ? now - policy->leeway : now + tolerance_ahead(policy), limit);
    (void)fb__seconds_text(policy->leeway, leeway);
    if (expires) {
        (void)fb__fail(error, status, "%s: %s s ago, leeway %s s", fb_status_text(status), distance, leeway);
    } else {
        (void)fb__fail(error, status, "%s: %s s ahead, leeway %s s, clock_skew %s s", fb_status_text(status), distance,
                       leeway, fb__seconds_text(policy->clock_skew, skew));
    }
    (void)snprintf(expected, sizeof(expected), "%s %s", expires ? "more than" : "at most", limit);
    if (FB__HAS(error, claim)) {
        error->claim = fb__claim_name(claim);
    }
    fb__set_expected(error, fb_text(expected));
    fb__set_actual(error, fb_text(fb__seconds_text(value, actual)));
    return status;
}

/* Doubles cannot overflow in what follows: all values are within int64, leeway and clock_skew within a day. */

static fb_status check_exp(const fb__policy *policy, const fb_result *result, double now, fb_error *error)
{
    return !result->has_exp || now < result->exp.value + policy->leeway
               ? FB_OK
               : refuse_time(policy, error, FB_TOKEN_EXPIRED, FB__EXP, result->exp.value, now);
}

static fb_status check_nbf(const fb__policy *policy, const fb_result *result, double now, fb_error *error)
{
    return !result->has_nbf || now + tolerance_ahead(policy) >= result->nbf.value
               ? FB_OK
               : refuse_time(policy, error, FB_TOKEN_NOT_YET_VALID, FB__NBF, result->nbf.value, now);
}

static fb_status check_iat(const fb__policy *policy, const fb_result *result, double now, fb_error *error)
{
    return !result->has_iat || now + tolerance_ahead(policy) >= result->iat.value
               ? FB_OK
               : refuse_time(policy, error, FB_TOKEN_ISSUED_IN_FUTURE, FB__IAT, result->iat.value, now);
}

fb_status fb__claims_check_time(const fb__policy *policy, const fb_result *result, double now, fb_error *error)
{
    fb_status status = check_exp(policy, result, now, error);
    if (status == FB_OK) {
        status = check_nbf(policy, result, now, error);
    }
    return status == FB_OK ? check_iat(policy, result, now, error) : status;
}

/* One NumericDate. FB_OK with *present false when it is absent. */
static fb_status read_time(const fb__claims *claims, enum fb__claim claim, fb_status invalid, fb__seconds *out,
                           bool *present)
{
    const size_t index = claims->found[claim];
    *present = index != 0;
    if (index == 0 || fb__json_seconds(claims->text, &claims->nodes[index], out)) {
        return FB_OK;
    }
    return fb__claims_mistyped(claims, invalid, fb__claim_name(claim), index, "a number of seconds");
}

/* exp whole, then nbf whole, then iat whole. */
static fb_status check_times(fb__claims *claims, double now)
{
    const fb__policy *policy = claims->policy;
    fb_result *result = claims->result;
    fb_status status = read_time(claims, FB__EXP, FB_EXP_INVALID, &result->exp, &result->has_exp);
    if (status != FB_OK) {
        return status;
    }
    if (!result->has_exp && policy->require_exp) {
        return fb__claims_missing(claims, FB_EXP_MISSING, fb__claim_name(FB__EXP));
    }
    status = check_exp(policy, result, now, claims->error);
    if (status != FB_OK) {
        return status;
    }
    status = read_time(claims, FB__NBF, FB_NBF_INVALID, &result->nbf, &result->has_nbf);
    if (status != FB_OK) {
        return status;
    }
    status = check_nbf(policy, result, now, claims->error);
    if (status != FB_OK) {
        return status;
    }
    status = read_time(claims, FB__IAT, FB_IAT_INVALID, &result->iat, &result->has_iat);
    if (status != FB_OK) {
        return status;
    }
    if (!result->has_iat && policy->token_type == FB__TYPE_ACCESS_TOKEN) {
        return fb__claims_missing(claims, FB_CLAIM_MISSING, fb__claim_name(FB__IAT));
    }
    return check_iat(policy, result, now, claims->error);
}

/* ---- required claims ------------------------------------------------------------------------ */

/* RFC 9068 section 2.2, beside what has been checked by now: client_id and jti, whatever holds the client's id here. */
static fb_status check_access_token(fb__claims *claims)
{
    static const struct {
        fb_slice name;
        fb_status mistyped;
    } required[] = {{{"client_id", 9}, FB_CLIENT_ID_INVALID}, {{"jti", 3}, FB_JTI_INVALID}};
    for (size_t i = 0; i < 2 && claims->policy->token_type == FB__TYPE_ACCESS_TOKEN; i++) {
        const size_t index = fb__json_member(claims->text, claims->nodes, 0, required[i].name);
        if (index == 0) {
            return fb__claims_missing(claims, FB_CLAIM_MISSING, required[i].name);
        }
        if (claims->nodes[index].kind != FB_STRING) {
            return fb__claims_mistyped(claims, required[i].mistyped, required[i].name, index, "a string");
        }
    }
    return FB_OK;
}

static fb_status check_required_claims(fb__claims *claims)
{
    for (size_t i = 0; i < claims->policy->required_claim_count; i++) {
        const fb__required *required = &claims->policy->required_claims[i];
        const size_t index = fb__claim_path_find(&required->path, claims->text, claims->nodes);
        if (index == 0) {
            return fb__claims_missing(claims, FB_CLAIM_MISSING, required->path.name);
        }
        if (required->values != NULL && !fb__claim_value_holds(required, claims->text, claims->nodes, index)) {
            (void)fb__reject(claims->error, FB_CLAIM_MISMATCH, required->path.name);
            fb__set_expected_list(claims->error, &required->texts, " or ");
            fb__set_actual(claims->error, fb__claims_text(claims, index));
            return FB_CLAIM_MISMATCH;
        }
    }
    return FB_OK;
}

/* ---- all of them ---------------------------------------------------------------------------- */

#define THREE(a, b, c) ((uint32_t)(a) << 16 | (uint32_t)(b) << 8 | (uint32_t)(c))
#define CASE(claim, a, b, c) \
    case THREE(a, b, c):     \
        return claim;

/* The claim of a name of three letters; FB__CLAIMS: none. */
static enum fb__claim claim_named(const char *text)
{
    const unsigned char *bytes = (const unsigned char *)text;
    switch (THREE(bytes[0], bytes[1], bytes[2])) {
        CLAIMS(CASE)
    default:
        return FB__CLAIMS;
    }
}

static void find_claims(fb__claims *claims)
{
    for (size_t name = 1; name < claims->nodes[0].next; name = claims->nodes[name + 1].next) {
        const fb_node *node = &claims->nodes[name];
        if (!node->escaped) {
            if (node->length == 3) {
                claims->found[claim_named(claims->text + node->offset)] = name + 1;
            }
            continue;
        }
        for (size_t c = 0; c < FB__CLAIMS; c++) {
            if (fb__json_equal(claims->text, node, fb__claim_name((enum fb__claim)c))) {
                claims->found[c] = name + 1;
                break;
            }
        }
    }
}

fb_status fb__claims_check(const fb__policy *policy, fb_result *result, fb_slice key_issuer, double now,
                           fb_error *error)
{
    static fb_status (*const rules[])(fb__claims *claims) = {
        fb__claims_check_issuer,   fb__claims_check_audience, fb__claims_read_subject,
        fb__claims_read_client_id, check_access_token,        check_required_claims,
        fb__claims_read_scopes,    fb__claims_check_scopes,   fb__claims_read_confirmation};
    fb__claims claims = {policy, result, result->payload.data, result->nodes, {0}, key_issuer, error};
    find_claims(&claims);
    fb_status status = check_times(&claims, now);
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]) && status == FB_OK; i++) {
        status = rules[i](&claims);
    }
    return status;
}
