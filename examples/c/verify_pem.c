/* verify_pem KEY.pem TOKEN: verifies a token of one issuer with one public key and prints what it says, or why not. */
#include <fastbearer.h>

#include <stdio.h>
#include <string.h>

static int serve(const fb_result *result)
{
    fb_slice client = fb_result_client_id(result), claims = fb_result_payload(result);
    printf("%.*s: %.*s\n", (int)client.size, client.data, (int)claims.size, claims.data);
    return fb_status_http(FB_OK);
}

/* Expected and actual are for the log of the server's owner; the client learns the status alone. */
static int refuse(const fb_error *error)
{
    printf("%s: %s\n", fb_status_name(error->status), error->text);
    if (error->expected[0] != '\0') {
        printf("expected %s; the token has %s\n", error->expected, error->actual);
    }
    return fb_status_http(error->status);
}

static int verify(const char *pem, const char *token, size_t token_size)
{
    fb_verifier *verifier = NULL;
    fb_result *result = NULL;
    fb_error error = FB_ERROR_INIT;
    fb_issuer issuer = FB_ISSUER_INIT;
    issuer.identifiers = FB_LIST(fb_text("https://issuer.example"));
    issuer.public_key = fb_text(pem);
    fb_options options = FB_OPTIONS_INIT;
    options.issuers = &issuer;
    options.issuer_count = 1;
    options.audiences = FB_LIST(fb_text("https://api.example"));
    bool good = fb_verifier_new(&verifier, &options, &error) == FB_OK &&
                fb_verify(verifier, token, token_size, fb_clock_now(), &result, &error) == FB_OK;
    int status = good ? serve(result) : refuse(&error);
    fb_result_free(result);
    fb_verifier_free(verifier);
    return status;
}

int main(int argc, char **argv)
{
    static char pem[16384];
    FILE *file = argc == 3 ? fopen(argv[1], "rb") : NULL;
    if (file == NULL) {
        fprintf(stderr, "usage: verify_pem KEY.pem TOKEN\n");
        return 2;
    }
    pem[fread(pem, 1, sizeof(pem) - 1, file)] = '\0';
    fclose(file);
    return verify(pem, argv[2], strlen(argv[2])) == 200 ? 0 : 1;
}
