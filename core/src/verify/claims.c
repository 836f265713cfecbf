/*
 * Every rule about claims (RFC 7519 section 4.1, RFC 8725 sections 3.8 to 3.10, RFC 8693 section 4). It is given a
 * payload whose signature is verified and whose JSON is strict. Absent, of the wrong type and out of range are three
 * different answers.
 */
#include "verify/verify.h"

#include <math.h>

/* The claims that every token is checked for. All have names of three letters. */
enum claim { EXP, NBF, IAT, ISS, AUD, SUB, CLAIMS };
static const char names[CLAIMS][4] = {"exp", "nbf", "iat", "iss", "aud", "sub"};

struct check {
    const fb__policy *policy;
    fb_result *result;
    const char *text;
    const fb_node *nodes;
    size_t found[CLAIMS]; /* node indices; 0: absent */
    fb_error *error;
};

static fb_slice name_of(enum claim claim)
{
    return (fb_slice){names[claim], 3};
}

static fb_status out_of_memory(fb_error *error)
{
    return fb__reject(error, FB_OUT_OF_MEMORY, (fb_slice){NULL, 0});
}

static void find_claims(struct check *check)
{
    for (size_t name = 1; name < check->nodes[0].next; name = check->nodes[name + 1].next) {
        const fb_node *node = &check->nodes[name];
        if (node->length != 3 && !node->escaped) {
            continue;
        }
        for (size_t c = 0; c < CLAIMS; c++) {
            if (node->escaped ? fb__json_equal(check->text, node, name_of((enum claim)c))
                              : memcmp(check->text + node->offset, names[c], 3) == 0) {
                check->found[c] = name + 1;
                break;
            }
        }
    }
}

static const fb_node *claim_node(const struct check *check, enum claim claim)
{
    return check->found[claim] == 0 ? NULL : &check->nodes[check->found[claim]];
}

/* One NumericDate. FB_OK with *present false when it is absent. */
static fb_status read_time(const struct check *check, enum claim claim, fb_status invalid, fb__seconds *out,
                           bool *present)
{
    const fb_node *node = claim_node(check, claim);
    *present = node != NULL;
    if (node != NULL && !fb__json_seconds(check->text, node, out)) {
        return fb__reject(check->error, invalid, name_of(claim));
    }
    return FB_OK;
}

fb_status fb__claims_check_time(const fb__policy *policy, const fb_result *result, double now, fb_error *error)
{
    /* Doubles cannot overflow here: all values are within int64, the leeway within a day. */
    if (result->has_exp && now >= result->exp.value + policy->leeway) {
        return fb__reject(error, FB_TOKEN_EXPIRED, name_of(EXP));
    }
    if (result->has_nbf && now + policy->leeway < result->nbf.value) {
        return fb__reject(error, FB_TOKEN_NOT_YET_VALID, name_of(NBF));
    }
    if (result->has_iat && now + policy->leeway < result->iat.value) {
        return fb__reject(error, FB_TOKEN_ISSUED_IN_FUTURE, name_of(IAT));
    }
    return FB_OK;
}

/* In the documented order: exp whole, then nbf whole, then iat whole. */
static fb_status check_times(struct check *check, double now)
{
    fb_result *result = check->result;
    const double leeway = check->policy->leeway;
    fb_status status = read_time(check, EXP, FB_EXP_INVALID, &result->exp, &result->has_exp);
    if (status != FB_OK) {
        return status;
    }
    if (!result->has_exp && check->policy->require_exp) {
        return fb__reject(check->error, FB_EXP_MISSING, name_of(EXP));
    }
    if (result->has_exp && now >= result->exp.value + leeway) {
        return fb__reject(check->error, FB_TOKEN_EXPIRED, name_of(EXP));
    }
    status = read_time(check, NBF, FB_NBF_INVALID, &result->nbf, &result->has_nbf);
    if (status != FB_OK) {
        return status;
    }
    if (result->has_nbf && now + leeway < result->nbf.value) {
        return fb__reject(check->error, FB_TOKEN_NOT_YET_VALID, name_of(NBF));
    }
    status = read_time(check, IAT, FB_IAT_INVALID, &result->iat, &result->has_iat);
    return status != FB_OK ? status : fb__claims_check_time(check->policy, result, now, check->error);
}

static fb_status check_issuer(struct check *check)
{
    const fb_list *issuers = &check->policy->issuers;
    const fb_node *node = claim_node(check, ISS);
    if (node == NULL) {
        return issuers->items == NULL ? FB_OK : fb__reject(check->error, FB_ISS_MISSING, name_of(ISS));
    }
    if (node->kind != FB_STRING) {
        return fb__reject(check->error, FB_ISS_INVALID, name_of(ISS));
    }
    for (size_t i = 0; i < issuers->count; i++) {
        if (fb__json_equal(check->text, node, issuers->items[i])) {
            return FB_OK;
        }
    }
    return issuers->items == NULL ? FB_OK : fb__reject(check->error, FB_ISSUER_MISMATCH, name_of(ISS));
}

/* scheme "://" and something behind it, RFC 3986 section 3. What a host does with it, it parses itself. */
static bool is_url(fb_slice value)
{
    size_t i = 0;
    while (i < value.size &&
           ((value.data[i] >= 'a' && value.data[i] <= 'z') || (value.data[i] >= 'A' && value.data[i] <= 'Z') ||
            (i > 0 && ((value.data[i] >= '0' && value.data[i] <= '9') || value.data[i] == '+' || value.data[i] == '-' ||
                       value.data[i] == '.')))) {
        i++;
    }
    return i > 0 && value.size > i + 3 && memcmp(value.data + i, "://", 3) == 0;
}

/* The members of aud as nodes [*first, *end): itself when it is a string. False when it is neither form. */
static bool audience_nodes(const struct check *check, size_t *first, size_t *end)
{
    size_t aud = check->found[AUD];
    const fb_node *node = &check->nodes[aud];
    if (node->kind == FB_STRING) {
        *first = aud;
        *end = aud + 1;
        return true;
    }
    if (node->kind != FB_ARRAY) {
        return false;
    }
    *first = aud + 1;
    *end = node->next;
    for (size_t i = *first; i < *end; i = check->nodes[i].next) {
        if (check->nodes[i].kind != FB_STRING) {
            return false;
        }
    }
    return true;
}

/* Without configured audiences the token's only aud tells which server it is for (RFC 8707), if it is a URL. */
static fb_status sole_audience(struct check *check, size_t first, size_t end)
{
    if (first + 1 != end) {
        return FB_OK;
    }
    fb_slice value;
    if (!fb__result_text(check->result, &check->nodes[first], &value)) {
        return out_of_memory(check->error);
    }
    if (is_url(value)) {
        check->result->resource = value;
    }
    return FB_OK;
}

static fb_status check_audience(struct check *check)
{
    const fb_list *audiences = &check->policy->audiences;
    if (check->found[AUD] == 0) {
        return audiences->items == NULL ? FB_OK : fb__reject(check->error, FB_AUD_MISSING, name_of(AUD));
    }
    size_t first, end;
    if (!audience_nodes(check, &first, &end)) {
        return fb__reject(check->error, FB_AUD_INVALID, name_of(AUD));
    }
    if (audiences->items == NULL) {
        return sole_audience(check, first, end);
    }
    bool matched = false;
    for (size_t a = 0; a < audiences->count; a++) {
        for (size_t i = first; i < end; i++) {
            if (!fb__json_equal(check->text, &check->nodes[i], audiences->items[a])) {
                continue;
            }
            matched = true;
            if (!is_url(audiences->items[a])) {
                break;
            }
            return fb__result_text(check->result, &check->nodes[i], &check->result->resource)
                       ? FB_OK
                       : out_of_memory(check->error);
        }
    }
    return matched ? FB_OK : fb__reject(check->error, FB_AUDIENCE_MISMATCH, name_of(AUD));
}

static fb_status read_subject(struct check *check)
{
    const fb_node *node = claim_node(check, SUB);
    if (node == NULL) {
        return FB_OK;
    }
    if (node->kind != FB_STRING) {
        return fb__reject(check->error, FB_SUB_INVALID, name_of(SUB));
    }
    return fb__result_text(check->result, node, &check->result->subject) ? FB_OK : out_of_memory(check->error);
}

static fb_status read_client_id(struct check *check)
{
    const fb_list *claims = &check->policy->client_id_claims;
    for (size_t i = 0; i < claims->count; i++) {
        size_t index = fb__json_member(check->text, check->nodes, 0, claims->items[i]);
        if (index == 0) {
            continue;
        }
        const fb_node *node = &check->nodes[index];
        if (node->kind != FB_STRING) {
            return fb__reject(check->error, FB_CLIENT_ID_INVALID, claims->items[i]);
        }
        if (node->length > 0) {
            return fb__result_text(check->result, node, &check->result->client_id) ? FB_OK
                                                                                   : out_of_memory(check->error);
        }
    }
    return fb__result_own(check->result, check->policy->client_id_default, &check->result->client_id)
               ? FB_OK
               : out_of_memory(check->error);
}

static fb_status check_required_claims(struct check *check)
{
    const fb_list *claims = &check->policy->required_claims;
    for (size_t i = 0; i < claims->count; i++) {
        if (fb__json_member(check->text, check->nodes, 0, claims->items[i]) == 0) {
            return fb__reject(check->error, FB_CLAIM_MISSING, claims->items[i]);
        }
    }
    return FB_OK;
}

/* Room for count scopes; NULL when there is none. */
static fb_slice *scope_room(fb_result *result, size_t count)
{
    fb_slice *room = result->few_scopes;
    if (count > FB__FEW_SCOPES) {
        room = fb__alloc(&result->mem, count * sizeof(*room));
        if (room == NULL) {
            return NULL;
        }
        result->bytes += count * sizeof(*room);
    }
    result->scopes.items = room;
    return room;
}

/* RFC 6749 section 3.3: separated by U+0020 and by nothing else. */
static bool split_scopes(fb_result *result, fb_slice value)
{
    size_t count = 1;
    for (size_t i = 0; i < value.size; i++) {
        count += value.data[i] == ' ';
    }
    fb_slice *room = scope_room(result, count);
    if (room == NULL) {
        return false;
    }
    const char *end = value.data + value.size;
    for (const char *start = value.data; start < end;) {
        const char *space = memchr(start, ' ', (size_t)(end - start));
        const char *stop = space == NULL ? end : space;
        if (stop > start) {
            room[result->scopes.count++] = (fb_slice){start, (size_t)(stop - start)};
        }
        start = stop + 1;
    }
    return true;
}

static fb_status list_scopes(struct check *check, size_t array, fb_slice claim)
{
    size_t end = check->nodes[array].next;
    for (size_t i = array + 1; i < end; i = check->nodes[i].next) {
        if (check->nodes[i].kind != FB_STRING) {
            return fb__reject(check->error, FB_SCOPE_INVALID, claim);
        }
    }
    fb_slice *room = scope_room(check->result, end - array - 1);
    if (room == NULL) {
        return out_of_memory(check->error);
    }
    for (size_t i = array + 1; i < end; i++) {
        if (check->nodes[i].length == 0) {
            continue;
        }
        if (!fb__result_text(check->result, &check->nodes[i], &room[check->result->scopes.count])) {
            return out_of_memory(check->error);
        }
        check->result->scopes.count++;
    }
    return FB_OK;
}

static fb_status read_scopes(struct check *check)
{
    const fb_list *claims = &check->policy->scope_claims;
    check->result->scopes.items = check->result->few_scopes;
    for (size_t i = 0; i < claims->count; i++) {
        size_t index = fb__json_member(check->text, check->nodes, 0, claims->items[i]);
        if (index == 0) {
            continue;
        }
        if (check->nodes[index].kind == FB_ARRAY) {
            return list_scopes(check, index, claims->items[i]);
        }
        if (check->nodes[index].kind != FB_STRING) {
            return fb__reject(check->error, FB_SCOPE_INVALID, claims->items[i]);
        }
        fb_slice value;
        return fb__result_text(check->result, &check->nodes[index], &value) && split_scopes(check->result, value)
                   ? FB_OK
                   : out_of_memory(check->error);
    }
    return FB_OK;
}

static fb_status check_required_scopes(struct check *check)
{
    const fb_list *required = &check->policy->required_scopes, *granted = &check->result->scopes;
    uint64_t missing = 0;
    for (size_t r = 0; r < required->count; r++) {
        size_t g = 0;
        while (g < granted->count && !fb__slice_equal(required->items[r], granted->items[g])) {
            g++;
        }
        if (g == granted->count) {
            missing |= (uint64_t)1 << r;
        }
    }
    if (missing == 0) {
        return FB_OK;
    }
    fb_status status = fb__reject(check->error, FB_INSUFFICIENT_SCOPE, (fb_slice){NULL, 0});
    if (FB__HAS(check->error, missing_scopes)) {
        check->error->missing_scopes = missing;
    }
    return status;
}

fb_status fb__claims_check(const fb__policy *policy, fb_result *result, double now, fb_error *error)
{
    struct check check = {policy, result, result->payload.data, result->nodes, {0}, error};
    find_claims(&check);
    fb_status status = check_times(&check, now);
    if (status != FB_OK) {
        return status;
    }
    static fb_status (*const rules[])(struct check *) = {check_issuer,         check_audience,        read_subject,
                                                         read_client_id,       check_required_claims, read_scopes,
                                                         check_required_scopes};
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        status = rules[i](&check);
        if (status != FB_OK) {
            return status;
        }
    }
    return FB_OK;
}
