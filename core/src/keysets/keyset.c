/*
 * Key sets: from configuration or from a document (RFC 7517 section 5), and the choice of the key for a token. A set is
 * an immutable snapshot with a count of its readers. Keys that cannot be used are kept with the reason, and never
 * chosen.
 */
#include "keysets/keysets.h"

static fb__keyset *keyset_new(const fb_mem *mem, size_t count)
{
    fb__keyset *set = fb__zalloc(mem, sizeof(*set) + count * sizeof(set->keys[0]));
    if (set != NULL) {
        atomic_init(&set->references, 1);
        set->mem = *mem;
        set->tables.mem = &set->mem;
        set->count = count;
    }
    return set;
}

fb__keyset *fb__keyset_retain(fb__keyset *set)
{
    atomic_fetch_add_explicit(&set->references, 1, memory_order_relaxed);
    return set;
}

void fb__keyset_release(fb__keyset *set)
{
    if (set == NULL || atomic_fetch_sub_explicit(&set->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    FB__INSIDE_GATE;
    fb_mem mem = set->mem;
    for (size_t i = 0; i < set->count; i++) {
        fb__verification_key_clear(&set->keys[i], &mem);
    }
    fb__table_budget_release(set->tables.budget);
    fb__free(&mem, set->document);
    fb__free(&mem, set);
}

bool fb__keyset_keep_document(fb__keyset *set, fb_slice document)
{
    set->document = fb__alloc(&set->mem, document.size);
    if (set->document == NULL) {
        return false;
    }
    memcpy(set->document, document.data, document.size);
    set->document_size = document.size;
    return true;
}

void fb__keyset_share_budget(fb__keyset *set, fb__table_budget *budget)
{
    set->tables.budget = budget == NULL ? NULL : fb__table_budget_retain(budget);
}

fb__keyset *fb__keyset_empty(const fb_mem *mem)
{
    return keyset_new(mem, 0);
}

/* One key that serves whatever kid a token has. */
static fb_status finish_single(fb__keyset **out, fb__keyset *set, fb_status status)
{
    if (status != FB_OK) {
        fb__keyset_release(set);
        return status;
    }
    set->ignore_kid = true;
    fb__verification_key_init(&set->keys[0], &set->tables);
    *out = set;
    return FB_OK;
}

fb_status fb__keyset_from_pem(fb__keyset **out, const fb_mem *mem, fb_slice pem, fb_error *error)
{
    fb__keyset *set = keyset_new(mem, 1);
    *out = NULL;
    return set == NULL ? fb__out_of_memory(error)
                       : finish_single(out, set, fb__key_from_pem(&set->keys[0].key, mem, pem, error));
}

fb_status fb__keyset_from_secret(fb__keyset **out, const fb_mem *mem, fb_slice secret, uint32_t algs, bool allow_short,
                                 fb_error *error)
{
    fb__keyset *set = keyset_new(mem, 1);
    *out = NULL;
    return set == NULL
               ? fb__out_of_memory(error)
               : finish_single(out, set, fb__key_from_secret(&set->keys[0].key, mem, secret, algs, allow_short, error));
}

/* ---- documents --------------------------------------------------------------------------------------------------- */

/* A document, taken apart. */
struct document {
    fb_slice text;
    fb_node *nodes;
};

static bool same_text(fb_slice a, fb_slice b)
{
    return (a.data == NULL) == (b.data == NULL) && fb__slice_equal(a, b);
}

/* Finds keys that are listed more than once. False: OpenSSL failed. */
static bool find_twins(fb__keyset *set)
{
    unsigned char thumbprints[FB__MAX_KEYS][FB__THUMBPRINT];
    for (size_t i = 0; i < set->count; i++) {
        const fb__key *key = &set->keys[i].key;
        set->first[i] = (uint8_t)i;
        if (key->algs == 0) {
            continue;
        }
        if (!fb__key_thumbprint(key, thumbprints[i])) {
            return false;
        }
        for (size_t j = 0; j < i && set->first[i] == i; j++) {
            const fb__key *other = &set->keys[j].key;
            if (other->algs != 0 && same_text(other->issuer, key->issuer) &&
                memcmp(thumbprints[j], thumbprints[i], FB__THUMBPRINT) == 0) {
                set->first[i] = set->first[j];
            }
        }
    }
    return true;
}

static fb_status import_keys(fb__keyset *set, const struct document *document, size_t array, fb_error *error)
{
    size_t usable = 0, at = array + 1;
    for (size_t i = 0; i < set->count; i++, at = document->nodes[at].next) {
        fb__key *key = &set->keys[i].key;
        if (!fb__key_from_jwk(key, &set->mem, document->text.data, document->nodes, at, NULL)) {
            return fb__out_of_memory(error);
        }
        usable += key->algs != 0;
        set->undecided = set->undecided || key->undecided;
        fb__verification_key_init(&set->keys[i], &set->tables);
    }
    if (usable > 0) {
        return usable == 1 || find_twins(set) ? FB_OK : fb__out_of_memory(error);
    }
    if (set->count == 0) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "jwks: the key set is empty");
    }
    return fb__fail(error, FB_CONFIGURATION_INVALID, "jwks: none of the %zu keys can be used; of the first: %s",
                    set->count, set->keys[0].key.problem);
}

static fb_status read_document(fb__keyset **out, const fb_mem *mem, const struct document *document, fb_error *error)
{
    const fb_node *nodes = document->nodes;
    const size_t array = fb__json_member(document->text.data, nodes, 0, fb_text("keys"));
    if (array == 0 || nodes[array].kind != FB_ARRAY) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "jwks: the document has no array \"keys\"");
    }
    size_t count = 0;
    for (size_t at = array + 1; at < nodes[array].next; at = nodes[at].next) {
        count++;
    }
    if (count > FB__MAX_KEYS) {
        return fb__fail(error, FB_CONFIGURATION_INVALID, "jwks: the key set holds more than %d keys", FB__MAX_KEYS);
    }
    fb__keyset *set = keyset_new(mem, count);
    if (set == NULL) {
        return fb__out_of_memory(error);
    }
    fb__openssl_errors errors;
    fb__openssl_begin(&errors);
    fb_status status = import_keys(set, document, array, error);
    fb__openssl_end(&errors);
    if (status != FB_OK) {
        fb__keyset_release(set);
        return status;
    }
    *out = set;
    return FB_OK;
}

/* By the same strict rules as a token's JSON, and with one allocation, so that want of memory cannot change the text.
 */
fb_status fb__keyset_from_jwks(fb__keyset **out, const fb_mem *mem, fb_slice text, fb_error *error)
{
    const size_t capacity = fb__json_bound(text.data, text.size);
    struct document document = {text, fb__alloc(mem, fb__size_multiply(capacity, sizeof(fb_node)))};
    size_t count;
    *out = NULL;
    if (document.nodes == NULL) {
        return fb__out_of_memory(error);
    }
    fb_status status;
    switch (
        fb__json_scan(text.data, text.size, FB__JSON_STRICT, FB__MAX_DEPTH, mem, document.nodes, capacity, &count)) {
    case FB__JSON_OK:
        status = read_document(out, mem, &document, error);
        break;
    case FB__JSON_NO_MEMORY:
        status = fb__out_of_memory(error);
        break;
    default:
        status = fb__fail(error, FB_CONFIGURATION_INVALID, "jwks: the document is not a valid JSON object");
        break;
    }
    fb__free(mem, document.nodes);
    return status;
}

/* ---- the choice of a key ----------------------------------------------------------------------------------------- */

fb_status fb__keyset_select(fb__keyset *set, fb_slice kid, const fb__alg *alg, fb__verification_key **out)
{
    const uint32_t bit = fb__alg_bit(alg);
    const bool by_kid = kid.data != NULL && !set->ignore_kid;
    bool named = set->ignore_kid;
    fb__verification_key *found = NULL;
    for (size_t i = 0; i < set->count; i++) {
        const fb__key *key = &set->keys[i].key;
        if (by_kid && (key->kid.data == NULL || !fb__slice_equal(key->kid, kid))) {
            continue;
        }
        named = named || by_kid;
        if ((key->algs & bit) == 0) {
            continue;
        }
        if (found != NULL && set->first[i] != set->first[found - set->keys]) {
            return FB_KEY_AMBIGUOUS;
        }
        found = found != NULL ? found : &set->keys[i];
    }
    *out = found;
    return found != NULL ? FB_OK : named ? FB_KEY_UNSUITABLE : FB_KEY_NOT_FOUND;
}

/* ---- comparison -------------------------------------------------------------------------------------------------- */

static bool same_problem(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* By all that decides about a token and all that fb_verifier_keys shows. */
static bool same_key(const fb__key *a, const fb__key *b)
{
    return a->algs == b->algs && a->bits == b->bits && same_text(a->kid, b->kid) &&
           same_text(a->kty_text, b->kty_text) && same_text(a->alg_text, b->alg_text) &&
           same_text(a->crv_text, b->crv_text) && same_text(a->issuer, b->issuer) &&
           same_problem(a->problem, b->problem) &&
           (a->pkey == b->pkey || (a->pkey != NULL && b->pkey != NULL && EVP_PKEY_eq(a->pkey, b->pkey) == 1));
}

bool fb__keyset_same(const fb__keyset *a, const fb__keyset *b)
{
    bool paired[FB__MAX_KEYS] = {false}, same = a->count == b->count;
    fb__openssl_errors errors;
    fb__openssl_begin(&errors);
    for (size_t i = 0; same && i < a->count; i++) {
        same = false;
        for (size_t j = 0; !same && j < b->count; j++) {
            /* The same place first: providers seldom shuffle. */
            size_t at = (i + j) % b->count;
            same = !paired[at] && same_key(&a->keys[i].key, &b->keys[at].key);
            paired[at] = paired[at] || same;
        }
    }
    fb__openssl_end(&errors);
    return same;
}
