/* guard KEY.pem ["Authorization header value"]: the gate of a server in twenty lines: header in, status and challenge
 * out. */
#include <fastbearer.h>

#include <stdio.h>
#include <string.h>
#include <strings.h>

static int answer(const fb_verifier *verifier, const char *authorization)
{
    if (authorization == NULL) {
        puts("401\nWWW-Authenticate: Bearer");
        return 401;
    }
    fb_result *result = NULL;
    fb_error error = FB_ERROR_INIT;
    if (strncasecmp(authorization, "Bearer ", 7) != 0) {
        puts("400\nWWW-Authenticate: Bearer error=\"invalid_request\"");
        return 400;
    }
    fb_status status =
        fb_verify(verifier, authorization + 7, strlen(authorization + 7), fb_clock_now(), &result, &error);
    printf("%d\n", fb_status_http(status));
    if (status != FB_OK) {
        printf("WWW-Authenticate: Bearer error=\"%s\"\n", fb_status_oauth(status));
        /* The reason is for the log, not for the client. */
        fprintf(stderr, "refused: %s: %s\n", fb_status_name(status), error.text);
    }
    fb_result_free(result);
    return fb_status_http(status);
}

int main(int argc, char **argv)
{
    static char pem[16384];
    FILE *file = argc >= 2 ? fopen(argv[1], "rb") : NULL;
    if (file == NULL) {
        fprintf(stderr, "usage: guard KEY.pem [AUTHORIZATION]\n");
        return 2;
    }
    fb_issuer issuer = FB_ISSUER_INIT;
    fb_options options = FB_OPTIONS_INIT;
    options.issuers = &issuer;
    options.issuer_count = 1;
    issuer.identifiers = FB_LIST(fb_text("https://issuer.example"));
    issuer.public_key = (fb_slice){pem, fread(pem, 1, sizeof(pem), file)};
    fclose(file);
    options.audiences = FB_LIST(fb_text("https://api.example"));
    fb_error error = FB_ERROR_INIT;
    fb_verifier *verifier;
    if (fb_verifier_new(&verifier, &options, &error) != FB_OK) {
        fprintf(stderr, "%s\n", error.text);
        return 2;
    }
    int status = answer(verifier, argc > 2 ? argv[2] : NULL);
    fb_verifier_free(verifier);
    return status == 200 ? 0 : 1;
}
