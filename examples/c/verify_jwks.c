/* verify_jwks JWKS.json TOKEN: verifies with a key set, demanding issuer, audience and scope. */
#include <fastbearer.h>

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    static char document[65536];
    FILE *file = argc == 3 ? fopen(argv[1], "rb") : NULL;
    if (file == NULL) {
        fprintf(stderr, "usage: verify_jwks JWKS.json TOKEN\n");
        return 2;
    }
    fb_issuer issuer = FB_ISSUER_INIT;
    fb_options options = FB_OPTIONS_INIT;
    options.issuers = &issuer;
    options.issuer_count = 1;
    issuer.jwks = (fb_slice){document, fread(document, 1, sizeof(document), file)};
    fclose(file);
    issuer.algorithms = FB_LIST(fb_text("RS256"), fb_text("ES256"));
    issuer.identifiers = FB_LIST(fb_text("https://issuer.example"));
    options.audiences = FB_LIST(fb_text("https://api.example"));
    options.required_scopes = FB_LIST(fb_text("read"));

    fb_error error = FB_ERROR_INIT;
    fb_verifier *verifier;
    if (fb_verifier_new(&verifier, &options, &error) != FB_OK) {
        fprintf(stderr, "%s\n", error.text);
        return 2;
    }
    fb_result *result;
    fb_status status = fb_verify(verifier, argv[2], strlen(argv[2]), fb_clock_now(), &result, &error);
    printf("%d %s\n", fb_status_http(status), fb_status_name(status));
    fb_result_free(result);
    fb_verifier_free(verifier);
    return status == FB_OK ? 0 : 1;
}
