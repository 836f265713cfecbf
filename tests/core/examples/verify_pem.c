/* verify_pem KEY.pem TOKEN: verifies a token with one public key and prints what it says, or why not. */
#include <fastbearer.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    static char pem[16384];
    FILE *file = argc == 3 ? fopen(argv[1], "rb") : NULL;
    if (file == NULL) {
        fprintf(stderr, "usage: verify_pem KEY.pem TOKEN\n");
        return 2;
    }
    fb_options options = FB_OPTIONS_INIT;
    options.public_key = (fb_slice){pem, fread(pem, 1, sizeof(pem), file)};
    fclose(file);

    fb_error error = FB_ERROR_INIT;
    fb_verifier *verifier;
    if (fb_verifier_new(&verifier, &options, &error) != FB_OK) {
        fprintf(stderr, "%s\n", error.text);
        return 2;
    }
    fb_result *result;
    fb_status status = fb_verify(verifier, argv[2], strlen(argv[2]), fb_clock_now(), &result, &error);
    if (status == FB_OK) {
        fb_slice client = fb_result_client_id(result), payload = fb_result_payload(result);
        printf("client %.*s\n%.*s\n", (int)client.size, client.data, (int)payload.size, payload.data);
        fb_result_free(result);
    } else {
        printf("refused: %s: %s\n", fb_status_name(status), error.text);
    }
    fb_verifier_free(verifier);
    return status == FB_OK ? 0 : 1;
}
