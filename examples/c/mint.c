/* mint DIRECTORY [AUDIENCE [THUMBPRINT]]: makes a key pair, writes public.pem and jwks.json there, and prints a token
 * for tests: for that audience, bound to the DPoP key with that thumbprint. */
#include <fastbearer.h>

#include <stdio.h>

static int save(const char *directory, const char *name, fb_slice text)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        perror(path);
        return -1;
    }
    size_t written = fwrite(text.data, 1, text.size, file);
    return fclose(file) == 0 && written == text.size ? 0 : -1;
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 4) {
        fprintf(stderr, "usage: mint DIRECTORY [AUDIENCE [THUMBPRINT]]\n");
        return 2;
    }
    char claims[256];
    const char *binding = argc == 4 ? argv[3] : NULL;
    snprintf(claims, sizeof(claims), "{\"team\":\"blue\"%s%s%s}", binding != NULL ? ",\"cnf\":{\"jkt\":\"" : "",
             binding != NULL ? binding : "", binding != NULL ? "\"}" : "");
    fb_error error = FB_ERROR_INIT;
    fb_keypair *pair = NULL;
    fb_string *jwks = NULL, *token = NULL;
    fb_token_options options = FB_TOKEN_OPTIONS_INIT;
    options.subject = fb_text("alice");
    options.issuer = fb_text("https://issuer.example");
    options.audiences = FB_LIST(fb_text(argc >= 3 ? argv[2] : "https://api.example"));
    options.scopes = FB_LIST(fb_text("read"), fb_text("write"));
    options.additional_claims = fb_text(claims);
    options.kid = fb_text("k1");
    options.now = fb_clock_now().unix_seconds;
    fb_status status = fb_keypair_generate(&pair, fb_text("RS256"), 0, NULL, &error);
    if (status == FB_OK) {
        status = fb_keypair_jwks(pair, options.kid, &jwks, &error);
    }
    if (status == FB_OK) {
        status = fb_keypair_create_token(pair, &options, &token, &error);
    }
    int result = 1;
    if (status != FB_OK) {
        fprintf(stderr, "%s\n", error.text);
    } else if (save(argv[1], "public.pem", fb_keypair_public_pem(pair)) == 0 &&
               save(argv[1], "jwks.json", fb_string_text(jwks)) == 0) {
        puts(fb_string_text(token).data);
        result = 0;
    }
    fb_string_free(token);
    fb_string_free(jwks);
    fb_keypair_free(pair);
    return result;
}
