/* What garbage costs: tokens of 64 KiB in the shapes that make a verifier work hardest before it can refuse them. Their
 * headers are as large as one of a token of 16 KiB can be, which is the default limit. Then tokens of 16 KiB for a
 * verifier with several issuers, which reads payloads before signatures. */
#include "../core/setup.h"
#include "bench.h"
#include "verify/verify.h"

static fb_verifier *verifier, *several;
enum { SHAPES = 10, PAYLOADS = 5, DEFAULT_TOKEN = 16384, PAYLOAD = 12200 };
static char shapes[SHAPES][FB__MAX_TOKEN];
static const char *const names[SHAPES] = {
    "dots",          "letters",    "three long segments", "nested header",      "header of names",
    "escaped names", "zero bytes", "long signature",      "long escaped names", "names of escapes"};

static void run_shape(void *context, unsigned iteration)
{
    fb_result *result;
    fb_error error = FB_ERROR_INIT;
    (void)iteration;
    if (fb_verify(verifier, context, FB__MAX_TOKEN, (fb_clock){1, 1}, &result, &error) == FB_OK) {
        abort();
    }
}

static char payloads[PAYLOADS][DEFAULT_TOKEN];
static size_t payload_sizes[PAYLOADS];
static const char *const payload_names[PAYLOADS] = {"short names", "escaped names", "names alike", "nested arrays",
                                                    "another issuer's iss"};

static void run_payload(void *context, unsigned iteration)
{
    const size_t which = (size_t)((char (*)[DEFAULT_TOKEN])context - payloads);
    fb_result *result;
    fb_error error = FB_ERROR_INIT;
    (void)iteration;
    if (fb_verify(several, context, payload_sizes[which], (fb_clock){1, 1}, &result, &error) == FB_OK) {
        abort();
    }
}

/* first, then so many of pattern, numbered, as fit; then last. */
static void fill_payload(size_t which, const char *first, const char *pattern, const char *last)
{
    static char text[PAYLOAD + 64];
    static const char header[] = "{\"alg\":\"RS256\"}";
    int at = snprintf(text, sizeof(text), "%s", first);
    for (int i = 0; at < PAYLOAD - 40; i++) {
        at += snprintf(text + at, sizeof(text) - (size_t)at, pattern, i);
    }
    at += snprintf(text + at, sizeof(text) - (size_t)at, "%s", last);
    size_t size = fb__base64url_encode(header, sizeof(header) - 1, payloads[which]);
    payloads[which][size++] = '.';
    size += fb__base64url_encode(text, (size_t)at, payloads[which] + size);
    memcpy(payloads[which] + size, ".AAAA", 5);
    payload_sizes[which] = size + 5;
}

static void bench_payloads(const fb_keypair *pair)
{
    const fb_slice identifiers[] = {fb_text("https://a.example"), fb_text("https://b.example")};
    fb_issuer issuers[] = {FB_ISSUER_INIT, FB_ISSUER_INIT};
    fb_options options = FB_OPTIONS_INIT;
    bench_case cases[PAYLOADS];
    for (size_t i = 0; i < 2; i++) {
        issuers[i].identifiers = (fb_list){&identifiers[i], 1};
        issuers[i].public_key = fb_keypair_public_pem(pair);
    }
    options.issuers = issuers;
    options.issuer_count = 2;
    if (fb_verifier_new(&several, &options, NULL) != FB_OK) {
        exit(1);
    }
    fill_payload(0, "{\"iss\":0", ",\"%x\":0", ",\"1\":0}");
    fill_payload(1, "{\"iss\":0", ",\"\\u0061%x\":0", ",\"\\u00611\":0}");
    fill_payload(2, "{\"iss\":0", ",\"same-start-%04x-same-end\":0", ",\"same-start-0001-same-end\":0}");
    fill_payload(3, "{\"iss\":[0", ",[[%x],[[[[[[[]]]]]]]]", "]}");
    fill_payload(4, "{\"iss\":\"https://c.example\"", ",\"%x\":0", "}");
    memset(cases, 0, sizeof(cases));
    for (size_t i = 0; i < PAYLOADS; i++) {
        cases[i].name = payload_names[i];
        cases[i].run = run_payload;
        cases[i].context = payloads[i];
    }
    bench_run(cases, PAYLOADS);
    for (size_t i = 0; i < PAYLOADS; i++) {
        printf("16 KiB of %-22s refused in %6.1f us\n", cases[i].name, cases[i].median / 1000);
    }
    fb_verifier_free(several);
}

/* A header at the front of the token, and letters after it. */
static void fill(char *token, const char *header, size_t size)
{
    memset(token, 'A', FB__MAX_TOKEN);
    size_t used = fb__base64url_encode(header, size, token);
    token[used] = token[FB__MAX_TOKEN - 345] = '.';
}

/* 24 members: as many as are compared each with each. Their names differ in the last character. */
static void fill_names(char *token, char *header, bool escapes)
{
    int at = snprintf(header, FB__MAX_HEADER, "{");
    for (int i = 0; i < 24; i++) {
        at += snprintf(header + at, (size_t)(FB__MAX_HEADER - at), "%s\"", i == 0 ? "" : ",");
        for (int piece = 0; piece < 80; piece++) {
            at += snprintf(header + at, (size_t)(FB__MAX_HEADER - at), escapes || piece == 0 ? "\\u0061" : "aaaaaa");
        }
        at += snprintf(header + at, (size_t)(FB__MAX_HEADER - at), "%c\":0", 'a' + i);
    }
    at += snprintf(header + at, (size_t)(FB__MAX_HEADER - at), "}");
    fill(token, header, (size_t)at);
}

int main(void)
{
    static char header[FB__MAX_HEADER];
    struct setup options = SETUP_INIT;
    fb_keypair *pair;
    options.policy.max_token_bytes = FB__MAX_TOKEN;
    if (fb_keypair_generate(&pair, fb_text("RS256"), 0, NULL, NULL) != FB_OK) {
        return 1;
    }
    options.issuer.public_key = fb_keypair_public_pem(pair);
    if (setup_verifier(&verifier, &options, NULL) != FB_OK) {
        return 1;
    }
    memset(shapes[0], '.', FB__MAX_TOKEN);
    memset(shapes[1], 'A', FB__MAX_TOKEN);
    memset(shapes[2], 'A', FB__MAX_TOKEN);
    shapes[2][20000] = shapes[2][40000] = '.';
    memset(header, '[', sizeof(header));
    memcpy(header, "{\"a\":", 5);
    fill(shapes[3], header, sizeof(header));
    int at = snprintf(header, sizeof(header), "{\"alg\":\"RS256\"");
    for (int i = 0; i < 250; i++) {
        at += snprintf(header + at, sizeof(header) - (size_t)at, ",\"same-start-%04d-same-end\":0", i);
    }
    at += snprintf(header + at, sizeof(header) - (size_t)at, ",\"alg\":1}");
    fill(shapes[4], header, (size_t)at);
    at = snprintf(header, sizeof(header), "{\"alg\":\"RS256\"");
    for (int i = 0; i < 250; i++) {
        at += snprintf(header + at, sizeof(header) - (size_t)at, ",\"\\u0061\\u0061\\u0061%04d\":0", i);
    }
    at += snprintf(header + at, sizeof(header) - (size_t)at, ",\"alg\":1}");
    fill(shapes[5], header, (size_t)at);
    fill(shapes[7], "{\"alg\":\"RS256\"}", 15);
    shapes[7][FB__MAX_TOKEN - 345] = 'A';
    shapes[7][100] = '.';

    fill_names(shapes[8], header, false);
    fill_names(shapes[9], header, true);

    bench_case cases[SHAPES];
    memset(cases, 0, sizeof(cases));
    for (size_t i = 0; i < SHAPES; i++) {
        cases[i].name = names[i];
        cases[i].run = run_shape;
        cases[i].context = shapes[i];
    }
    bench_run(cases, SHAPES);
    for (size_t i = 0; i < SHAPES; i++) {
        printf("64 KiB of %-22s refused in %6.1f us\n", cases[i].name, cases[i].median / 1000);
    }
    bench_payloads(pair);
    fb_verifier_free(verifier);
    fb_keypair_free(pair);
    return 0;
}
