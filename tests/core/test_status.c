/* The table of outcomes, against the list that both bindings and their users rely on. */
#include "test.h"
#include "verify/verify.h"

static const struct {
    int number, http;
    const char *name, *oauth;
} expected[] = {
    {0, 200, "ok", ""},
    {11, 401, "token_missing", ""},
    {12, 400, "request_malformed", "invalid_request"},
    {13, 413, "request_too_large", "invalid_request"},
    {14, 415, "request_unsupported", "invalid_request"},
    {101, 401, "token_too_large", "invalid_token"},
    {102, 401, "token_malformed", "invalid_token"},
    {103, 401, "header_invalid", "invalid_token"},
    {104, 401, "payload_invalid", "invalid_token"},
    {201, 401, "algorithm_not_allowed", "invalid_token"},
    {202, 401, "critical_header_unsupported", "invalid_token"},
    {203, 401, "header_unsupported", "invalid_token"},
    {204, 401, "token_type_not_allowed", "invalid_token"},
    {301, 401, "key_not_found", "invalid_token"},
    {302, 401, "key_ambiguous", "invalid_token"},
    {303, 401, "key_unsuitable", "invalid_token"},
    {304, 503, "keys_unavailable", "temporarily_unavailable"},
    {305, 503, "keys_needed", "temporarily_unavailable"},
    {306, 503, "issuer_needed", "temporarily_unavailable"},
    {307, 503, "introspection_needed", "temporarily_unavailable"},
    {401, 401, "signature_invalid", "invalid_token"},
    {501, 401, "exp_missing", "invalid_token"},
    {502, 401, "exp_invalid", "invalid_token"},
    {503, 401, "token_expired", "invalid_token"},
    {504, 401, "nbf_invalid", "invalid_token"},
    {505, 401, "token_not_yet_valid", "invalid_token"},
    {506, 401, "iat_invalid", "invalid_token"},
    {507, 401, "token_issued_in_future", "invalid_token"},
    {601, 401, "iss_missing", "invalid_token"},
    {602, 401, "iss_invalid", "invalid_token"},
    {603, 401, "issuer_mismatch", "invalid_token"},
    {604, 401, "aud_missing", "invalid_token"},
    {605, 401, "aud_invalid", "invalid_token"},
    {606, 401, "audience_mismatch", "invalid_token"},
    {607, 401, "sub_invalid", "invalid_token"},
    {608, 401, "client_id_invalid", "invalid_token"},
    {609, 401, "jti_invalid", "invalid_token"},
    {701, 401, "scope_invalid", "invalid_token"},
    {702, 403, "insufficient_scope", "insufficient_scope"},
    {801, 401, "claim_missing", "invalid_token"},
    {802, 401, "claim_mismatch", "invalid_token"},
    {851, 401, "confirmation_invalid", "invalid_token"},
    {852, 401, "proof_missing", "invalid_dpop_proof"},
    {853, 401, "proof_invalid", "invalid_dpop_proof"},
    {854, 401, "proof_expired", "invalid_dpop_proof"},
    {855, 401, "proof_mismatch", "invalid_dpop_proof"},
    {856, 401, "proof_replayed", "invalid_dpop_proof"},
    {857, 401, "proof_nonce_required", "use_dpop_nonce"},
    {871, 401, "token_inactive", "invalid_token"},
    {872, 401, "token_revoked", "invalid_token"},
    {873, 503, "status_unavailable", "temporarily_unavailable"},
    {901, 500, "configuration_invalid", "server_error"},
    {1001, 500, "out_of_memory", "server_error"},
    {1002, 500, "internal_error", "server_error"},
};
static const size_t count = sizeof(expected) / sizeof(expected[0]);

TEST(every_status_has_its_name_and_meaning)
{
    CHECK(count == FB__STATUS_COUNT);
    for (size_t i = 0; i < count; i++) {
        fb_status status = (fb_status)expected[i].number;
        CHECK(strcmp(fb_status_name(status), expected[i].name) == 0);
        CHECK(fb_status_http(status) == expected[i].http);
        CHECK(strcmp(fb_status_oauth(status), expected[i].oauth) == 0);
        CHECK(strlen(fb_status_text(status)) > 10);
        CHECK(strlen(fb_status_text(status)) < sizeof(((fb_error *)NULL)->text));
        CHECK(fb__status_index(status) == i);
        CHECK(fb__status_at(i) == status);
    }
    CHECK(FB__STATUS_COUNT <= FB_STATS_REASONS);
}

TEST(an_unknown_number_is_an_internal_error)
{
    CHECK(strcmp(fb_status_name((fb_status)7), "internal_error") == 0);
    CHECK(fb_status_http((fb_status)7) == 500);
}

TEST(an_error_is_written_whole)
{
    fb_error error;
    memset(&error, 0x55, sizeof(error));
    error.size = sizeof(error);
    CHECK(fb__reject(&error, FB_TOKEN_EXPIRED, fb_text("exp")) == FB_TOKEN_EXPIRED);
    CHECK(error.status == FB_TOKEN_EXPIRED && strcmp(error.text, "the token has expired") == 0);
    CHECK(error.kid[0] == '\0' && error.claim.size == 3 && error.missing_scopes == 0 && error.key_request == 0);
    CHECK(!(error.retry_after > 0.0 || error.retry_after < 0.0));
    CHECK(error.expected[0] == '\0' && error.actual[0] == '\0' && error.size == sizeof(error));
    memset(&error, 0x55, sizeof(error));
    error.size = sizeof(error);
    CHECK(fb__fail(&error, FB_CONFIGURATION_INVALID, "%s is %d", "leeway", 7) == FB_CONFIGURATION_INVALID);
    CHECK(strcmp(error.text, "leeway is 7") == 0 && error.claim.data == NULL && error.kid[0] == '\0');
    CHECK(fb__fail(NULL, FB_OUT_OF_MEMORY, "nobody listens") == FB_OUT_OF_MEMORY);
    CHECK(fb__reject(NULL, FB_OUT_OF_MEMORY, fb_text(NULL)) == FB_OUT_OF_MEMORY);
}

/* Programs that were compiled against an older header own fewer bytes, those of a newer one more. */
TEST(an_error_is_written_within_its_size)
{
    fb_error error, untouched;
    memset(&untouched, 0x55, sizeof(untouched));
    for (size_t size = 0; size <= sizeof(error); size++) {
        memset(&error, 0x55, sizeof(error));
        error.size = size;
        const bool whole = size >= offsetof(fb_error, expected);
        CHECK(fb__fail(&error, FB_CONFIGURATION_INVALID, "%0500d", 1) == FB_CONFIGURATION_INVALID);
        CHECK(error.size == size && (error.status == FB_CONFIGURATION_INVALID) == whole);
        CHECK(fb__reject(&error, FB_TOKEN_EXPIRED, fb_text("exp")) == FB_TOKEN_EXPIRED);
        CHECK((error.status == FB_TOKEN_EXPIRED) == whole);
        CHECK(fb__succeed(&error) == FB_OK && (error.status == FB_OK) == whole);
        const size_t written = whole ? size : sizeof(error.size);
        CHECK(memcmp((char *)&error + written, (char *)&untouched + written, sizeof(error) - written) == 0);
    }
    struct {
        fb_error error;
        char more[16];
    } newer;
    memset(&newer, 0x55, sizeof(newer));
    newer.error.size = sizeof(newer);
    CHECK(fb__reject(&newer.error, FB_TOKEN_EXPIRED, fb_text("exp")) == FB_TOKEN_EXPIRED);
    CHECK(newer.error.status == FB_TOKEN_EXPIRED && newer.error.actual[0] == '\0' && newer.more[0] == 0x55);
}

TEST(text_is_made_printable)
{
    char out[5];
    fb__printable(out, sizeof(out), (fb_slice){"a\n\x7f\xc3\xa9", 5});
    CHECK(strcmp(out, "a???") == 0);
    fb__printable(out, sizeof(out), (fb_slice){"~ ", 2});
    CHECK(strcmp(out, "~ ") == 0);
    fb__printable(out, sizeof(out), (fb_slice){NULL, 0});
    CHECK(out[0] == '\0');
}

TEST(versions_and_clocks)
{
    char version[32];
    (void)snprintf(version, sizeof(version), "%d.%d.%d", FB_VERSION_MAJOR, FB_VERSION_MINOR, FB_VERSION_PATCH);
    CHECK(strcmp(version, FB_VERSION) == 0);
    CHECK(FB_VERSION_NUMBER == FB_VERSION_MAJOR * 1000000 + FB_VERSION_MINOR * 1000 + FB_VERSION_PATCH);
    CHECK(strcmp(fb_version(), FB_VERSION) == 0);
    CHECK(fb_openssl_version()[0] >= '3');
    CHECK(fb_jansson_version()[0] == '2');
    fb_version_info info = FB_VERSION_INFO_INIT, older = {0};
    CHECK(fb_versions(&info) && info.size == sizeof(info) && !info.built_in);
    CHECK(strcmp(info.fastbearer, FB_VERSION) == 0 && strcmp(info.openssl, fb_openssl_version()) == 0);
    CHECK(strcmp(info.jansson, fb_jansson_version()) == 0 && (info.curl == NULL || info.curl[0] >= '7'));
    older.size = sizeof(older) - 1;
    CHECK(!fb_versions(&older) && older.fastbearer == NULL);
    fb_clock first = fb_clock_now(), second = fb_clock_now();
    CHECK(first.unix_seconds > 1.6e9);
    CHECK(second.monotonic_seconds >= first.monotonic_seconds);
    CHECK(fb_text(NULL).data == NULL && fb_text("").data != NULL && fb_text("ab").size == 2);
}

int main(void)
{
    RUN(every_status_has_its_name_and_meaning);
    RUN(an_unknown_number_is_an_internal_error);
    RUN(an_error_is_written_whole);
    RUN(an_error_is_written_within_its_size);
    RUN(text_is_made_printable);
    RUN(versions_and_clocks);
    return TEST_RESULT();
}
