/*
 * Valid tokens of every algorithm with one thing changed: bits, characters, whole segments, their encoding. With a
 * fixed seed. Nothing but the token itself is accepted. FB_TEST_ROUNDS: how many mutations in all.
 */
#include "internal.h"
#include "test.h"

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
    fb_options options = FB_OPTIONS_INIT;
    fb_token_options minting = FB_TOKEN_OPTIONS_INIT;
    fb_string *token = NULL;
    fb_error error;
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
        options.secret = fb_keypair_private_pem(s->pair);
    } else {
        options.public_key = fb_keypair_public_pem(s->pair);
    }
    options.algorithms = FB_LIST({alg->name, alg->name_size});
    CHECK(fb_verifier_new(&s->verifier, &options, &error) == FB_OK);
}

/* One change of a random kind; returns the new size. */
static size_t mutate(const struct subject *s, char *token)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n";
    size_t size = s->size, at = pick(size), length = 1 + pick(8);
    memcpy(token, s->token, size);
    switch (pick(9)) {
    case 0: /* a bit */
        token[at] = (char)(token[at] ^ (1 << pick(8)));
        break;
    case 1: /* a character */
        token[at] = alphabet[pick(sizeof(alphabet) - 1)];
        break;
    case 2: /* one more */
        memmove(token + at + 1, token + at, size - at);
        token[at] = alphabet[pick(sizeof(alphabet) - 1)];
        return size + 1;
    case 3: /* some fewer */
        length = length < size - at ? length : size - at;
        memmove(token + at, token + at + length, size - at - length);
        return size - length;
    case 4: /* a piece twice */
        length = length < size - at ? length : size - at;
        memmove(token + at + length, token + at, size - at);
        return size + length;
    case 5: /* cut */
        return at;
    case 6: { /* two characters exchanged */
        size_t other = pick(size);
        char kept = token[at];
        token[at] = token[other];
        token[other] = kept;
        break;
    }
    case 7: { /* the signature of another algorithm's token */
        const struct subject *other = &subjects[pick(FB__ALG_COUNT)];
        const char *theirs = memrchr(other->token, '.', other->size), *ours = memrchr(token, '.', size);
        size_t start = (size_t)(ours - token), tail = other->size - (size_t)(theirs - other->token);
        memcpy(token + start, theirs, tail);
        return start + tail;
    }
    default: /* another spelling: padding, the standard alphabet, the bits that no byte uses */
        if (pick(3) == 0) {
            token[size] = '=';
            return size + 1;
        }
        token[size - 1] = alphabet[pick(64)];
        break;
    }
    return size;
}

static long rounds(void)
{
    const char *text = getenv("FB_TEST_ROUNDS");
    return text == NULL ? ROUNDS : strtol(text, NULL, 10);
}

TEST(nothing_but_the_token_itself)
{
    static char token[2 * ROOM];
    unsigned accepted = 0, same = 0;
    for (long round = 0; round < rounds(); round++) {
        /* Most rounds go to what verifies quickly: the form is the same for all. */
        struct subject *s = &subjects[round % 8 == 0 ? pick(FB__ALG_COUNT) : 13 + pick(3)];
        size_t size = mutate(s, token);
        bool identity = size == s->size && memcmp(token, s->token, size) == 0;
        fb_result *result = NULL;
        fb_error error;
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
