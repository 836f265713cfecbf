/* dpop_client FOLDER: makes the client's key, FOLDER/client.pem, and prints its thumbprint, which the issuer puts into
 * the client's tokens as cnf.jkt.
 * dpop_client FOLDER METHOD URL TOKEN [NONCE]: prints the two headers that prove possession of that key (RFC 9449).
 * NONCE is what the server's last response said in DPoP-Nonce. */
#include <fastbearer.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

static void check(fb_status status, const fb_error *error)
{
    if (status != FB_OK) {
        fprintf(stderr, "%s\n", error->text);
        exit(1);
    }
}

/* Nobody else may read the key. */
static FILE *key_file(const char *folder, int flags)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/client.pem", folder);
    int descriptor = open(path, flags, 0600);
    FILE *file = descriptor < 0 ? NULL : fdopen(descriptor, flags == O_RDONLY ? "rb" : "wb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    return file;
}

static void make_key(const char *folder)
{
    fb_error error = FB_ERROR_INIT;
    fb_keypair *pair = NULL;
    fb_string *thumbprint = NULL;
    check(fb_keypair_generate(&pair, fb_text("ES256"), 0, NULL, &error), &error);
    check(fb_keypair_thumbprint(pair, &thumbprint, &error), &error);
    fb_slice pem = fb_keypair_private_pem(pair);
    FILE *file = key_file(folder, O_WRONLY | O_CREAT | O_TRUNC);
    size_t written = fwrite(pem.data, 1, pem.size, file);
    if (fclose(file) != 0 || written != pem.size) {
        fprintf(stderr, "the key could not be written\n");
        exit(1);
    }
    puts(fb_string_text(thumbprint).data);
    fb_string_free(thumbprint);
    fb_keypair_free(pair);
}

static void print_headers(const char *folder, const char *method, const char *url, const char *token, const char *nonce)
{
    char pem[4096];
    FILE *file = key_file(folder, O_RDONLY);
    size_t size = fread(pem, 1, sizeof(pem), file);
    fclose(file);
    fb_error error = FB_ERROR_INIT;
    fb_keypair *pair = NULL;
    fb_string *proof = NULL;
    check(fb_keypair_load(&pair, fb_text("ES256"), (fb_slice){pem, size}, NULL, &error), &error);
    fb_proof_options options = FB_PROOF_OPTIONS_INIT;
    options.method = fb_text(method);
    options.url = fb_text(url);
    options.access_token = fb_text(token);
    options.nonce = fb_text(nonce);
    options.now = fb_clock_now().unix_seconds;
    check(fb_keypair_dpop_proof(pair, &options, &proof, &error), &error);
    printf("Authorization: DPoP %s\nDPoP: %s\n", token, fb_string_text(proof).data);
    fb_string_free(proof);
    fb_keypair_free(pair);
}

int main(int argc, char **argv)
{
    if (argc == 2) {
        make_key(argv[1]);
    } else if (argc == 5 || argc == 6) {
        print_headers(argv[1], argv[2], argv[3], argv[4], argc == 6 ? argv[5] : NULL);
    } else {
        fprintf(stderr, "usage: dpop_client FOLDER [METHOD URL TOKEN [NONCE]]\n");
        return 2;
    }
    return 0;
}
