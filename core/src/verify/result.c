/*
 * The result of a verification: the payload, its structure, and what the claims checks found in it. Where iss says
 * whose the token is, it is made before the signature is verified; nobody else sees it before fb__claims_check has
 * passed. From then on it is immutable and shared by reference.
 */
#include "verify/verify.h"

/* Up to this size payloads are decoded, and up to this number nodes are read, on the stack first, so that one block of
 * the right size can hold everything. */
enum { STACK_PAYLOAD = 2048, STACK_NODES = 96 };

static fb__json_status scan(const fb_mem *mem, fb_slice text, fb_node *nodes, size_t capacity, size_t *count)
{
    return fb__json_scan(text.data, text.size, FB__JSON_STRICT, FB__MAX_DEPTH, mem, nodes, capacity, count);
}

static fb_status status_of(fb__json_status status)
{
    return status == FB__JSON_OK ? FB_OK : status == FB__JSON_NO_MEMORY ? FB_OUT_OF_MEMORY : FB_PAYLOAD_INVALID;
}

/* The result, its nodes and its text in one block: nodes first, for their alignment. */
static fb_result *allocate(const fb_mem *mem, size_t capacity, fb_slice text)
{
    size_t bytes = sizeof(fb_result) + capacity * sizeof(fb_node) + text.size;
    fb_result *result = fb__alloc(mem, bytes);
    if (result == NULL) {
        return NULL;
    }
    memset(result, 0, sizeof(*result));
    atomic_init(&result->references, 1);
    result->mem = *mem;
    result->bytes = bytes;
    result->nodes = (fb_node *)(result + 1);
    result->payload = (fb_slice){memcpy(result->nodes + capacity, text.data, text.size), text.size};
    return result;
}

static fb_status read_many_nodes(fb_result **out, const fb_mem *mem, fb_slice text)
{
    const size_t capacity = fb__json_bound(text.data, text.size);
    fb_result *result = allocate(mem, capacity, text);
    if (result == NULL) {
        return FB_OUT_OF_MEMORY;
    }
    const fb__json_status scanned = scan(mem, text, result->nodes, capacity, &result->node_count);
    if (scanned != FB__JSON_OK) {
        fb_result_free(result);
        return status_of(scanned);
    }
    *out = result;
    return FB_OK;
}

fb_status fb__result_from_text(fb_result **out, const fb_mem *mem, fb_slice text)
{
    fb_node nodes[STACK_NODES];
    size_t count;
    const fb__json_status scanned = scan(mem, text, nodes, STACK_NODES, &count);
    *out = NULL;
    if (scanned == FB__JSON_TOO_MANY_NODES) {
        return read_many_nodes(out, mem, text);
    }
    if (scanned != FB__JSON_OK) {
        return status_of(scanned);
    }
    fb_result *result = allocate(mem, count, text);
    if (result == NULL) {
        return FB_OUT_OF_MEMORY;
    }
    memcpy(result->nodes, nodes, count * sizeof(*nodes));
    result->node_count = count;
    *out = result;
    return FB_OK;
}

fb_status fb__result_new(fb_result **out, const fb_mem *mem, fb_slice segment)
{
    *out = NULL;
    char stack[STACK_PAYLOAD];
    size_t size = fb__base64url_decoded_size(segment.size);
    char *text = size <= sizeof(stack) ? stack : fb__alloc(mem, size);
    if (text == NULL) {
        return FB_OUT_OF_MEMORY;
    }
    const fb_status status = fb__base64url_decode(segment.data, segment.size, (unsigned char *)text)
                                 ? fb__result_from_text(out, mem, (fb_slice){text, size})
                                 : FB_TOKEN_MALFORMED;
    if (text != stack) {
        fb__free(mem, text);
    }
    return status;
}

fb_result *fb__result_retain(fb_result *result)
{
    atomic_fetch_add_explicit(&result->references, 1, memory_order_relaxed);
    return result;
}

void fb_result_free(fb_result *result)
{
    if (result == NULL || atomic_fetch_sub_explicit(&result->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    fb_mem mem = result->mem;
    fb__issuer_release(result->issuer);
    void *attached = atomic_load_explicit(&result->attached, memory_order_acquire);
    if (attached != NULL) {
        result->attachment.release(result->attachment.context, attached);
    }
    if (result->scopes.items != result->few_scopes) {
        fb__free(&mem, (void *)(uintptr_t)result->scopes.items);
    }
    fb__free(&mem, result->unescaped);
    fb__free(&mem, result->own[0]);
    fb__free(&mem, result->own[1]);
    fb__policy_base_release(result->base);
    fb__free(&mem, result);
}

bool fb__result_text(fb_result *result, const fb_node *node, fb_slice *out)
{
    const char *text = result->payload.data + node->offset;
    if (!node->escaped) {
        *out = (fb_slice){text, node->length};
        return true;
    }
    if (result->unescaped == NULL) {
        /* Values are shorter than their text, and at most two of what is kept come from one string: issuer, subject or
         * resource, and client id. */
        const size_t bytes = fb__size_multiply(2, result->payload.size);
        result->unescaped = fb__alloc(&result->mem, bytes);
        if (result->unescaped == NULL) {
            return false;
        }
        result->unescaped_capacity = bytes;
        result->bytes += bytes;
    }
    if (node->length > result->unescaped_capacity - result->unescaped_size) {
        return false;
    }
    char *to = result->unescaped + result->unescaped_size;
    *out = (fb_slice){to, fb_unescape(text, node->length, to)};
    result->unescaped_size += out->size;
    return true;
}

bool fb__result_read_iss(fb_result *result, size_t index)
{
    return result->iss.data != NULL || fb__result_text(result, &result->nodes[index], &result->iss);
}

bool fb__result_own(fb_result *result, fb_slice text, fb_slice *out)
{
    char **own = &result->own[result->own[0] != NULL];
    *own = fb__alloc(&result->mem, text.size);
    if (*own == NULL) {
        return false;
    }
    memcpy(*own, text.data, text.size);
    result->bytes += text.size;
    *out = (fb_slice){*own, text.size};
    return true;
}

void fb__result_attach(fb_result *result, const fb_attachment *attachment)
{
    result->attachment = *attachment;
    atomic_store_explicit(&result->attached, attachment->data, memory_order_release);
}

void *fb_result_attachment(const fb_result *result)
{
    return atomic_load_explicit(&result->attached, memory_order_acquire);
}

bool fb_result_is_cached(const fb_result *result)
{
    return atomic_load_explicit(&result->cached, memory_order_relaxed);
}

fb_slice fb_result_issuer(const fb_result *result)
{
    return result->iss;
}

uint64_t fb_result_issuer_number(const fb_result *result)
{
    return result->issuer->number;
}

fb_slice fb_result_client_id(const fb_result *result)
{
    return result->client_id;
}

fb_slice fb_result_subject(const fb_result *result)
{
    return result->subject;
}

fb_slice fb_result_resource(const fb_result *result)
{
    return result->resource;
}

bool fb_result_expires_at(const fb_result *result, int64_t *unix_seconds)
{
    if (result->has_exp) {
        *unix_seconds = result->exp.whole;
    }
    return result->has_exp;
}

fb_list fb_result_scopes(const fb_result *result)
{
    return result->scopes;
}

fb_slice fb_result_kid(const fb_result *result)
{
    return result->kid[0] == '\0' ? (fb_slice){NULL, 0} : fb_text(result->kid);
}

fb_slice fb_result_payload(const fb_result *result)
{
    return result->payload;
}

const fb_node *fb_result_nodes(const fb_result *result, size_t *count)
{
    *count = result->node_count;
    return result->nodes;
}

size_t fb_result_claim(const fb_result *result, fb_slice name)
{
    return fb__json_member(result->payload.data, result->nodes, 0, name);
}
