/*
 * Tells whether bytes that shall serve as an HMAC secret are key material of another kind. Public material as a secret
 * lets everybody sign (CVE-2017-11424, CVE-2022-29217, CVE-2026-34950, CVE-2026-48526), and it reaches configurations
 * in many forms. So what counts is what the bytes are, not how they begin: they are read as they stand, without byte
 * order marks and wide characters, with escapes undone, and from base64 and hex. Private keys are found the same way.
 *
 * Only structure that no random secret has is matched. A key without structure, the 32 bytes of Ed25519 for one, cannot
 * be told apart from a secret.
 */
#include "keys/keys.h"

#include <openssl/crypto.h>

/* How many layers may lie around a key: base64 of escaped text in UTF-16 is three. How often what was decoded once is
 * decoded again from a later word on: the work stays within bounds whatever the text. */
enum { MAX_LAYERS = 6, MAX_DER_DEPTH = 16, MAX_SECOND_LOOKS = 64 };

/* The least content that a key has in DER: the 32 bytes of Ed25519. Any RSA modulus has twice that. The least base64
 * that is worth decoding, and the longest name of a type of SSH keys. */
enum { LEAST_KEY = 32, LEAST_MODULUS = 64, LEAST_WORD = 12, LONGEST_TYPE = 64 };

static const char pem_or_ssh[] =
    "holds a PEM or SSH key; such keys verify public-key algorithms and go into public_key";
static const char der[] =
    "holds a DER key or certificate; such keys verify public-key algorithms and go into public_key";
static const char jwk[] = "holds a JWK or key set; give it as jwks";

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Of both alphabets of RFC 4648; -1 for what is in neither. */
static int sextet(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+' || c == '-' ? 62
           : c == '/' || c == '_' ? 63
                                  : -1;
}

/* ---- DER ------------------------------------------------------------------------------------ */

enum { INTEGER = 0x02, BIT_STRING = 0x03, OCTET_STRING = 0x04, OBJECT_IDENTIFIER = 0x06, SEQUENCE = 0x30 };

struct element {
    unsigned char tag;
    fb_slice content;
};

/* Takes the next element off rest; of indefinite length, all that is left (X.690 section 8.1). */
static bool next_element(fb_slice *rest, struct element *out)
{
    const unsigned char *bytes = (const unsigned char *)rest->data;
    if (rest->size < 2 || (bytes[0] & 0x1f) == 0x1f) {
        return false;
    }
    size_t at = 2, length = bytes[1];
    if (length == 0x80) {
        length = rest->size - at;
    } else if (length > 0x80) {
        const size_t octets = length & 0x7f;
        if (octets > 4 || octets > rest->size - at) {
            return false;
        }
        length = 0;
        for (; at < 2 + octets; at++) {
            length = length << 8 | bytes[at];
        }
    }
    if (length > rest->size - at) {
        return false;
    }
    *out = (struct element){bytes[0], {rest->data + at, length}};
    *rest = (fb_slice){rest->data + at + length, rest->size - at - length};
    return true;
}

static bool is_algorithm(const struct element *element)
{
    fb_slice rest = element->content;
    struct element first;
    return element->tag == SEQUENCE && next_element(&rest, &first) && first.tag == OBJECT_IDENTIFIER;
}

/*
 * Whether two neighbours in a sequence are a key: algorithm and key bits (SubjectPublicKeyInfo and so certificates and
 * requests, PKCS#8), modulus and exponent (PKCS#1), version and private key (SEC 1).
 */
static bool are_key(const struct element *a, const struct element *b)
{
    return (is_algorithm(a) && (b->tag == BIT_STRING || b->tag == OCTET_STRING) && b->content.size > LEAST_KEY) ||
           (a->tag == INTEGER && a->content.size >= LEAST_MODULUS && b->tag == INTEGER) ||
           (a->tag == INTEGER && a->content.size == 1 && a->content.data[0] == 1 && b->tag == OCTET_STRING &&
            b->content.size >= LEAST_KEY - 4);
}

static bool sequence_holds_key(fb_slice content, int depth)
{
    struct element previous = {0, {NULL, 0}}, element;
    while (next_element(&content, &element)) {
        const bool constructed = (element.tag & 0x20) != 0;
        if (are_key(&previous, &element) ||
            (constructed && depth < MAX_DER_DEPTH && sequence_holds_key(element.content, depth + 1))) {
            return true;
        }
        previous = element;
    }
    return false;
}

/* DER or BER; what follows the outermost sequence, a line end for one, does not matter. */
static bool is_der_key(fb_slice bytes)
{
    struct element outermost;
    return next_element(&bytes, &outermost) && outermost.tag == SEQUENCE && sequence_holds_key(outermost.content, 1);
}

/* ---- SSH, PEM, JWK -------------------------------------------------------------------------- */

/* RFC 4253 section 6.6: a length, the name of the key's type, the key; some of it may have been lost in copying. */
static bool is_ssh_key(fb_slice bytes)
{
    static const char *const families[] = {"ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-", "rsa-sha2-", "x509v3-"};
    if (bytes.size < 4 || memcmp(bytes.data, "\0\0\0", 3) != 0 || (unsigned char)bytes.data[3] > LONGEST_TYPE) {
        return false;
    }
    const size_t length = (unsigned char)bytes.data[3], left = bytes.size - 4;
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        const size_t size = strlen(families[i]);
        if (length > size && left > size && memcmp(bytes.data + 4, families[i], size) == 0) {
            return true;
        }
    }
    return false;
}

static const char *find(fb_slice text, const char *word)
{
    return fb__find(text, fb_text(word));
}

static bool holds_mark(fb_slice text)
{
    static const char *const marks[] = {"-----BEGIN ", "---- BEGIN ",    "ssh-rsa ",    "ssh-ed25519 ", "ssh-dss ",
                                        "ecdsa-sha2-", "openssh-key-v1", "PuTTY-User-", "<RSAKeyValue"};
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        if (find(text, marks[i]) != NULL) {
            return true;
        }
    }
    return false;
}

static bool is_text(fb_slice bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        const unsigned char c = (unsigned char)bytes.data[i];
        if (!is_space(bytes.data[i]) && (c < 0x20 || c == 0x7f)) {
            return false;
        }
    }
    return true;
}

/*
 * The member kty, in quotes of either kind; in text, without any too: every JWK has it (RFC 7517 section 4.1), in JSON,
 * in a Python repr, in YAML.
 */
static bool holds_jwk(fb_slice text)
{
    const char *const end = text.data + text.size;
    const bool plain = is_text(text);
    for (const char *at = find(text, "kty"); at != NULL; at = find((fb_slice){at, (size_t)(end - at)}, "kty")) {
        const char before = at == text.data ? ' ' : at[-1];
        at += 3;
        const bool quoted = at < end && (before == '"' || before == '\'') && *at == before;
        const char *next = at + quoted;
        while (next < end && is_space(*next)) {
            next++;
        }
        const bool assigned = next < end && (*next == ':' || *next == '=');
        if (quoted || (plain && assigned && sextet(before) < 0)) {
            return true;
        }
    }
    return false;
}

static const char *what_it_is(fb_slice bytes)
{
    while (bytes.size > 0 && is_space(bytes.data[0])) {
        bytes = (fb_slice){bytes.data + 1, bytes.size - 1};
    }
    return is_der_key(bytes)                        ? der
           : is_ssh_key(bytes) || holds_mark(bytes) ? pem_or_ssh
           : holds_jwk(bytes)                       ? jwk
                                                    : NULL;
}

/* ---- layers -------------------------------------------------------------------------------- */

/* Each writes what it makes of bytes to out, which has as much room, and returns how much that is; 0: nothing. */

/* UTF-16 and UTF-32 of ASCII text, with or without a byte order mark, and a UTF-8 one. */
static size_t without_wide_characters(fb_slice bytes, char *out)
{
    static const char *const marks[] = {"\xef\xbb\xbf", "\xff\xfe", "\xfe\xff"};
    size_t size = 0, first = 0;
    for (size_t i = 0; i < 3; i++) {
        if (bytes.size > 3 && memcmp(bytes.data, marks[i], strlen(marks[i])) == 0) {
            first = strlen(marks[i]);
        }
    }
    /* What follows a UTF-8 mark may be binary, whose zeros count. */
    const bool zeros_count = first == 3;
    for (size_t i = first; i < bytes.size; i++) {
        if (zeros_count || bytes.data[i] != '\0') {
            out[size++] = bytes.data[i];
        }
    }
    return size;
}

static int digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The number that count hex digits at the start of text are, or -1. */
static int hex(fb_slice text, size_t count)
{
    int value = 0;
    for (size_t i = 0; i < count; i++) {
        const int next = i < text.size ? digit(text.data[i]) : -1;
        if (next < 0) {
            return -1;
        }
        value = value * 16 + next;
    }
    return value;
}

/* JSON, C, Python and URLs: \n, \", \u006b, \x6b, %6b. */
static size_t without_escapes(fb_slice bytes, char *out)
{
    size_t size = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        const char c = bytes.data[i], next = i + 1 < bytes.size ? bytes.data[i + 1] : '\0';
        const size_t prefix = c == '%' ? 1 : 2, digits = c == '\\' && next == 'u' ? 4 : 2;
        const bool number = c == '%' || (c == '\\' && (next == 'u' || next == 'x'));
        const fb_slice rest = {bytes.data + i, bytes.size - i};
        const int value =
            number && rest.size > prefix ? hex((fb_slice){rest.data + prefix, rest.size - prefix}, digits) : -1;
        if (value >= 0) {
            out[size++] = value < 0x100 ? (char)value : '?';
            i += prefix + digits - 1;
        } else if (c == '\\' && next != '\0') {
            out[size++] = (char)(next == 'n' || next == 'r' ? '\n' : next == 't' ? '\t' : next);
            i++;
        } else {
            out[size++] = c;
        }
    }
    return size;
}

/* Decodes base64 up to what is neither of its alphabet nor white space nor a quote, which *end becomes. */
static size_t decode_base64(fb_slice text, char *out, size_t *end)
{
    uint32_t bits = 0;
    size_t size = 0, count = 0, i = 0;
    for (; i < text.size; i++) {
        const int value = sextet(text.data[i]);
        if (value < 0 && !is_space(text.data[i]) && text.data[i] != '"' && text.data[i] != '\'') {
            break;
        }
        if (value >= 0) {
            bits = bits << 6 | (uint32_t)value;
            if (++count % 4 != 1) {
                out[size++] = (char)(bits >> (count % 4 == 0 ? 0 : count % 4 == 3 ? 2 : 4));
            }
        }
    }
    *end = i;
    return size;
}

/* Decodes hex, "30820122" or "30:82:01:22", up to what is none, which *end becomes. */
static size_t decode_hex(fb_slice text, char *out, size_t *end)
{
    size_t size = 0, i = 0;
    while (i < text.size) {
        const int value = hex((fb_slice){text.data + i, text.size - i}, 2);
        if (value >= 0) {
            out[size++] = (char)value;
            i += 2;
        } else if (is_space(text.data[i]) || text.data[i] == ':') {
            i++;
        } else {
            break;
        }
    }
    *end = i;
    return size;
}

/* The longest piece of hex that there is; a key in hex is longer than the names around it. */
static size_t from_hex(fb_slice bytes, char *out)
{
    size_t longest = 0, start = 0;
    for (size_t i = 0, end; i < bytes.size; i += end + 1) {
        const size_t size = decode_hex((fb_slice){bytes.data + i, bytes.size - i}, out, &end);
        if (size > longest) {
            longest = size;
            start = i;
        }
    }
    size_t end;
    return longest == 0 ? 0 : decode_hex((fb_slice){bytes.data + start, bytes.size - start}, out, &end);
}

static bool search(const fb_mem *mem, fb_slice bytes, int layers, const char **found);

/*
 * What base64 says that stands inside of other text: "KEY=MIIB...", a value in JSON, a line of authorized_keys. It may
 * be broken into lines, so each word starts a run that white space does not end, but the words after its first are only
 * read on their own if that could be a key: a DER sequence begins with M in base64, an SSH key with AAAA.
 */
static bool search_words(const fb_mem *mem, fb_slice bytes, char *room, int layers, const char **found)
{
    size_t run_end = 0, second_looks = 0;
    for (size_t i = 0; i < bytes.size && *found == NULL; i++) {
        const fb_slice rest = {bytes.data + i, bytes.size - i};
        const bool word = sextet(bytes.data[i]) >= 0 && (i == 0 || sextet(bytes.data[i - 1]) < 0);
        const bool likely = bytes.data[i] == 'M' || (rest.size > 4 && memcmp(rest.data, "AAAA", 4) == 0);
        if (!word || (i < run_end && (!likely || ++second_looks > MAX_SECOND_LOOKS))) {
            continue;
        }
        size_t end;
        const fb_slice decoded = {room, decode_base64(rest, room, &end)};
        run_end = i + end;
        if (decoded.size >= LEAST_WORD && !search(mem, decoded, layers + 1, found)) {
            return false;
        }
    }
    return true;
}

/* The same bytes without one more layer. False: out of memory. */
static bool unwrap(const fb_mem *mem, fb_slice bytes, char *room, int layers, const char **found)
{
    static size_t (*const ways[])(fb_slice, char *) = {without_wide_characters, without_escapes, from_hex};
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]) && *found == NULL; i++) {
        const fb_slice unwrapped = {room, ways[i](bytes, room)};
        if (unwrapped.size > 0 && !fb__slice_equal(unwrapped, bytes) && !search(mem, unwrapped, layers + 1, found)) {
            return false;
        }
    }
    return search_words(mem, bytes, room, layers, found);
}

static bool search(const fb_mem *mem, fb_slice bytes, int layers, const char **found)
{
    *found = what_it_is(bytes);
    if (*found != NULL || layers == MAX_LAYERS) {
        return true;
    }
    char *room = fb__alloc(mem, bytes.size);
    if (room == NULL) {
        return false;
    }
    const bool done = unwrap(mem, bytes, room, layers, found);
    OPENSSL_cleanse(room, bytes.size); /* it may be a secret after all */
    fb__free(mem, room);
    return done;
}

bool fb__find_public_material(const fb_mem *mem, fb_slice bytes, const char **found)
{
    return search(mem, bytes, 0, found);
}
