/*
 * Valid tokens of every algorithm with one thing changed: bits, characters, whole segments, their encoding. With a
 * fixed seed. Nothing but the token itself is accepted. FB_TEST_ROUNDS: how many mutations in all.
 */
#include "setup.h"
#include "test.h"
#include "verify/verify.h"

enum { ROUNDS = 100000, ROOM = 4096 };
static const double NOW = 1800000000.0;

static uint64_t state = 2026;

static unsigned pick(size_t limit)
{
    state = state * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)((state >> 33) % limit);
}

struct subject {
    const fb__alg *alg;
    fb_keypair *pair;
    fb_verifier *verifier;
    char token[ROOM];
    size_t size;
};
static struct subject subjects[FB__ALG_COUNT];

static void make(struct subject *s, const fb__alg *alg)
{
    struct setup options = SETUP_INIT;
    fb_token_options minting = FB_TOKEN_OPTIONS_INIT;
    fb_string *token = NULL;
    fb_error error = FB_ERROR_INIT;
    s->alg = alg;
    CHECK(fb_keypair_generate(&s->pair, (fb_slice){alg->name, alg->name_size}, 0, NULL, &error) == FB_OK);
    minting.subject = fb_text("alice");
    minting.now = NOW;
    minting.scopes = FB_LIST(fb_text("read"), fb_text("write"));
    CHECK(fb_keypair_create_token(s->pair, &minting, &token, &error) == FB_OK);
    fb_slice text = fb_string_text(token);
    memcpy(s->token, text.data, text.size);
    s->size = text.size;
    fb_string_free(token);
    if (alg->kty == FB__KTY_OCT) {
        options.issuer.secret = fb_keypair_private_pem(s->pair);
    } else {
        options.issuer.public_key = fb_keypair_public_pem(s->pair);
    }
    options.issuer.algorithms = FB_LIST({alg->name, alg->name_size});
    CHECK(setup_verifier(&s->verifier, &options, &error) == FB_OK);
}

/* ---- changes of the text
 * --------------------------------------------------------------------------------------------- */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n";

static size_t change_text(char *token, size_t size)
{
    size_t at = pick(size), length = 1 + pick(8);
    length = length < size - at ? length : size - at;
    switch (pick(7)) {
    case 0: /* a bit */
        token[at] = (char)(token[at] ^ (1 << pick(8)));
        return size;
    case 1: /* a character */
        token[at] = alphabet[pick(sizeof(alphabet) - 1)];
        return size;
    case 2: /* one more */
        memmove(token + at + 1, token + at, size - at);
        token[at] = alphabet[pick(sizeof(alphabet) - 1)];
        return size + 1;
    case 3: /* some fewer */
        memmove(token + at, token + at + length, size - at - length);
        return size - length;
    case 4: /* a piece twice */
        memmove(token + at + length, token + at, size - at);
        return size + length;
    case 5: /* cut */
        return at;
    default: { /* two characters exchanged */
        size_t other = pick(size);
        char kept = token[at];
        token[at] = token[other];
        token[other] = kept;
        return size;
    }
    }
}

/* ---- changes of the segments
 * ------------------------------------------------------------------------------------------ */

struct segment {
    char text[ROOM];
    size_t size;
};

static void split(const struct subject *s, struct segment out[3])
{
    const char *at = s->token, *end = s->token + s->size;
    for (size_t i = 0; i < 3; i++) {
        const char *dot = i < 2 ? memchr(at, '.', (size_t)(end - at)) : end;
        out[i].size = (size_t)(dot - at);
        memcpy(out[i].text, at, out[i].size);
        at = dot + 1;
    }
}

static size_t join(const struct segment *segments, size_t count, char *token)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        memcpy(token + size, segments[i].text, segments[i].size);
        size += segments[i].size;
        if (i + 1 < count) {
            token[size++] = '.';
        }
    }
    return size;
}

static void encode(struct segment *segment, const unsigned char *bytes, size_t size)
{
    segment->size = fb__base64url_encode(bytes, size, segment->text);
}

/* One change of what a segment says, written canonically again. */
static void change_bytes(struct segment *segment)
{
    static unsigned char bytes[ROOM];
    size_t size = fb__base64url_decoded_size(segment->size);
    CHECK(fb__base64url_decode(segment->text, segment->size, bytes));
    size_t at = pick(size);
    switch (pick(6)) {
    case 0: /* a bit */
        bytes[at] = (unsigned char)(bytes[at] ^ (1 << pick(8)));
        break;
    case 1: /* a byte more: zero first, zero last, any anywhere */
        at = pick(3) == 0 ? 0 : pick(2) == 0 ? size : at;
        memmove(bytes + at + 1, bytes + at, size - at);
        bytes[at] = (unsigned char)(pick(2) == 0 ? 0 : pick(256));
        size++;
        break;
    case 2: /* a byte fewer */
        memmove(bytes + at, bytes + at + 1, size - at - 1);
        size--;
        break;
    case 3: /* cut */
        size = at;
        break;
    case 4: /* twice */
        memcpy(bytes + size, bytes, size);
        size *= 2;
        break;
    default: /* in reverse */
        for (size_t i = 0; i < size / 2; i++) {
            unsigned char kept = bytes[i];
            bytes[i] = bytes[size - 1 - i];
            bytes[size - 1 - i] = kept;
        }
        break;
    }
    encode(segment, bytes, size);
}

/* One more member, before or after: a duplicate, one that is refused, one that means nothing. */
static void change_members(struct segment *segment)
{
    static const char *const members[] = {
        "\"alg\":\"none\"",  "\"alg\":\"HS256\"", "\"kid\":\"x\"",   "\"crit\":[\"x\"]",
        "\"b64\":false",     "\"typ\":\"JWT\"",   "\"x\":1",         "\"exp\":99999999999",
        "\"sub\":\"admin\"", "\"jwk\":{}",        "\"zip\":\"DEF\"",
    };
    static unsigned char bytes[ROOM];
    static char text[ROOM];
    size_t size = fb__base64url_decoded_size(segment->size);
    CHECK(fb__base64url_decode(segment->text, segment->size, bytes));
    const char *member = members[pick(sizeof(members) / sizeof(members[0]))];
    int made = pick(2) == 0 ? snprintf(text, sizeof(text), "{%s,%.*s", member, (int)size - 1, (char *)bytes + 1)
                            : snprintf(text, sizeof(text), "%.*s,%s}", (int)size - 1, (char *)bytes, member);
    encode(segment, (unsigned char *)text, (size_t)made);
}

/* The bits of the last character that no byte uses; padding; the alphabet of RFC 4648 section 4. */
static void respell(struct segment *segment)
{
    if (pick(3) == 0) {
        segment->text[segment->size++] = '=';
        return;
    }
    if (pick(2) == 0) {
        for (size_t i = 0; i < segment->size; i++) {
            char c = segment->text[i];
            segment->text[i] = (char)(c == '-' ? '+' : c == '_' ? '/' : c);
        }
        return;
    }
    segment->text[segment->size - 1] = alphabet[pick(64)];
}

/* The signature as other formats write it: DER of two integers, hexadecimal. */
static void reformat(struct segment *segment)
{
    static unsigned char bytes[ROOM], made[ROOM];
    size_t size = fb__base64url_decoded_size(segment->size), half = size / 2, at = 0;
    CHECK(fb__base64url_decode(segment->text, segment->size, bytes));
    if (pick(2) == 0) {
        for (size_t i = 0; i < size; i++) {
            at += (size_t)snprintf((char *)made + at, 3, "%02x", bytes[i]);
        }
    } else {
        made[at++] = 0x30;
        made[at++] = (unsigned char)(size + 4);
        for (size_t i = 0; i < 2; i++) {
            made[at++] = 0x02;
            made[at++] = (unsigned char)half;
            memcpy(made + at, bytes + i * half, half);
            at += half;
        }
    }
    encode(segment, made, at);
}

static size_t change_segments(const struct subject *s, char *token)
{
    static struct segment segments[4], theirs[3];
    split(s, segments);
    size_t which = pick(3), other = (which + 1 + pick(2)) % 3;
    switch (pick(7)) {
    case 0: /* a segment of another algorithm's token */
        split(&subjects[pick(FB__ALG_COUNT)], theirs);
        segments[which] = theirs[which];
        break;
    case 1: /* two exchanged, or one twice */
        theirs[0] = segments[which];
        segments[which] = segments[other];
        if (pick(2) == 0) {
            segments[other] = theirs[0];
        }
        break;
    case 2: /* one fewer, one more, one empty */
        if (pick(3) == 0) {
            return join(segments + pick(2), 2, token);
        }
        if (pick(2) == 0) {
            segments[which].size = 0;
            break;
        }
        segments[3] = segments[which];
        return join(segments, 4, token);
    case 3:
        change_members(&segments[pick(2)]);
        break;
    case 4:
        respell(&segments[which]);
        break;
    case 5:
        reformat(&segments[2]);
        break;
    default:
        change_bytes(&segments[which]);
        break;
    }
    return join(segments, 3, token);
}

/* One change of a random kind; returns the new size. */
static size_t mutate(const struct subject *s, char *token)
{
    if (pick(2) == 0) {
        return change_segments(s, token);
    }
    memcpy(token, s->token, s->size);
    return change_text(token, s->size);
}

static long rounds(void)
{
    const char *text = getenv("FB_TEST_ROUNDS");
    return text == NULL ? ROUNDS : strtol(text, NULL, 10);
}

TEST(nothing_but_the_token_itself)
{
    static char token[4 * ROOM];
    unsigned accepted = 0, same = 0;
    for (long round = 0; round < rounds(); round++) {
        /* Most rounds go to what verifies quickly: the form is the same for all. */
        struct subject *s = &subjects[round % 3 == 0 ? pick(FB__ALG_COUNT) : 13 + pick(3)];
        size_t size = mutate(s, token);
        bool identity = size == s->size && memcmp(token, s->token, size) == 0;
        fb_result *result = NULL;
        fb_error error = FB_ERROR_INIT;
        fb_status status = fb_verify(s->verifier, token, size, (fb_clock){NOW + 1, 0}, &result, &error);
        if ((status == FB_OK) != identity || status == FB_INTERNAL_ERROR || status == FB_OUT_OF_MEMORY) {
            FAIL("%s, round %ld: %s", s->alg->name, round, fb_status_name(status));
        }
        test_checks++;
        accepted += status == FB_OK;
        same += identity;
        fb_result_free(result);
    }
    CHECK(accepted == same && accepted > 0);
}

int main(void)
{
    for (size_t i = 0; i < FB__ALG_COUNT; i++) {
        make(&subjects[i], &fb__algs[i]);
    }
    CHECK(subjects[13].alg->kty == FB__KTY_OCT && subjects[15].alg->kty == FB__KTY_OCT);
    RUN(nothing_but_the_token_itself);
    for (size_t i = 0; i < FB__ALG_COUNT; i++) {
        fb_verifier_free(subjects[i].verifier);
        fb_keypair_free(subjects[i].pair);
    }
    return TEST_RESULT();
}
