/* dpop_server KEY.pem BASE_URL: the gate of a server that accepts only tokens which are bound to a DPoP key (RFC 9449).
 * It reads the heads of requests from standard input, each with an empty line at its end, and prints the heads of the
 * responses. BASE_URL is scheme and host as clients see them, "https://api.example": behind a proxy the server sees
 * others, and what stands in Host anybody can write. */
#include <fastbearer.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 20000, HEADERS = 32 };

static fb_verifier *make_verifier(const char *path)
{
    static char pem[16384];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(2);
    }
    fb_dpop dpop = FB_DPOP_INIT;
    dpop.required = true;
    dpop.algorithms = FB_LIST(fb_text("ES256"), fb_text("EdDSA"));
    /* Proofs must carry a nonce of this server's. All servers of a fleet share the secret. */
    const char *secret = getenv("NONCE_SECRET");
    dpop.nonce_secret = fb_text(secret != NULL ? secret : "for trying, at least 32 bytes long");
    fb_issuer issuer = FB_ISSUER_INIT;
    issuer.identifiers = FB_LIST(fb_text("https://issuer.example"));
    issuer.public_key = (fb_slice){pem, fread(pem, 1, sizeof(pem), file)};
    fclose(file);
    fb_options options = FB_OPTIONS_INIT;
    options.issuers = &issuer;
    options.issuer_count = 1;
    options.audiences = FB_LIST(fb_text("https://api.example"));
    options.dpop = &dpop;
    fb_error error = FB_ERROR_INIT;
    fb_verifier *verifier;
    if (fb_verifier_new(&verifier, &options, &error) != FB_OK) {
        fprintf(stderr, "%s\n", error.text);
        exit(2);
    }
    return verifier;
}

/* Without its end of line. False: there is no more, or no room for it. */
static bool read_line(char line[LINE])
{
    if (fgets(line, LINE, stdin) == NULL || strchr(line, '\n') == NULL) {
        return false;
    }
    line[strcspn(line, "\r\n")] = '\0';
    return true;
}

/* The head of one request. What it holds points into lines. */
static bool read_request(char lines[HEADERS + 1][LINE], char *url, size_t room, const char *base, fb_header *headers,
                         fb_request *out)
{
    char *target = read_line(lines[0]) ? strchr(lines[0], ' ') : NULL;
    char *version = target == NULL ? NULL : strchr(target + 1, ' ');
    if (version == NULL) {
        return false;
    }
    *target++ = *version = '\0';
    if (snprintf(url, room, "%s%s", base, target) >= (int)room) {
        return false;
    }
    size_t count = 0;
    while (count < HEADERS && read_line(lines[count + 1]) && lines[count + 1][0] != '\0') {
        char *line = lines[count + 1], *colon = strchr(line, ':');
        if (colon == NULL) {
            return false;
        }
        *colon = '\0';
        headers[count].name = fb_text(line);
        headers[count++].value = fb_text(colon + 1 + strspn(colon + 1, " \t"));
    }
    *out = (fb_request)FB_REQUEST_INIT;
    out->method = fb_text(lines[0]);
    out->url = fb_text(url);
    out->headers = headers;
    out->header_count = count;
    return count < HEADERS && lines[count + 1][0] == '\0';
}

static void answer(const fb_verifier *verifier, const fb_request *request)
{
    fb_result *result = NULL;
    fb_error error = FB_ERROR_INIT;
    fb_clock clock = fb_clock_now();
    fb_status status = fb_verify_request(verifier, request, clock, &result, NULL, &error);
    printf("%d\n", fb_status_http(status));
    const char *oauth = fb_status_oauth(status);
    if (fb_status_http(status) < 500 && status != FB_OK) {
        printf("WWW-Authenticate: DPoP algs=\"ES256 EdDSA\"%s%s%s\n", *oauth == '\0' ? "" : ", error=\"", oauth,
               *oauth == '\0' ? "" : "\"");
    }
    char nonce[FB_NONCE_ROOM];
    if (fb_verifier_nonce(verifier, clock.unix_seconds, nonce)) {
        printf("DPoP-Nonce: %s\n", nonce);
    }
    puts("");
    fflush(stdout);
    if (status != FB_OK) {
        fprintf(stderr, "refused: %s\n", fb_status_name(status)); /* the reason is for the log, not for the client */
    }
    fb_result_free(result);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: dpop_server KEY.pem BASE_URL\n");
        return 2;
    }
    static char lines[HEADERS + 1][LINE], url[LINE];
    fb_verifier *verifier = make_verifier(argv[1]);
    fb_header headers[HEADERS];
    fb_request request;
    while (read_request(lines, url, sizeof(url), argv[2], headers, &request)) {
        answer(verifier, &request);
    }
    fb_verifier_free(verifier);
    return 0;
}
