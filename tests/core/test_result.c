/* What a result keeps of a payload's text, within the memory that it set aside for it. */
#include "test.h"
#include "verify/verify.h"

static fb_result *result_of(const char *payload)
{
    char segment[4096];
    fb_result *result = NULL;
    size_t size = fb__base64url_encode(payload, strlen(payload), segment);
    CHECK(fb__result_new(&result, &fb__mem_default, (fb_slice){segment, size}) == FB_OK);
    return result;
}

TEST(text_without_escapes_is_the_payload)
{
    fb_result *result = result_of("{\"sub\":\"alice\"}");
    fb_slice text;
    CHECK(fb__result_text(result, &result->nodes[2], &text) && fb__slice_equal(text, fb_text("alice")));
    CHECK(text.data > result->payload.data && text.data < result->payload.data + result->payload.size);
    CHECK(result->unescaped == NULL);
    fb_result_free(result);
}

/* However often one long string is asked for: beyond what was set aside the answer is no, and nothing is written. */
TEST(escaped_text_is_written_as_far_as_there_is_room)
{
    char payload[2048] = "{\"sub\":\"\\u0041";
    memset(payload + strlen(payload), 'x', 1000);
    strcpy(payload + strlen(payload), "\"}");
    fb_result *result = result_of(payload);
    int written = 0;
    fb_slice text;
    while (written < 100 && fb__result_text(result, &result->nodes[2], &text)) {
        CHECK(text.size == 1001 && text.data[0] == 'A' && text.data[1000] == 'x');
        CHECK(text.data + text.size <= result->unescaped + result->unescaped_capacity);
        written++;
    }
    CHECK(written == 2);
    CHECK(result->unescaped_size <= result->unescaped_capacity && result->bytes >= result->unescaped_capacity);
    fb_result_free(result);
}

int main(void)
{
    RUN(text_without_escapes_is_the_payload);
    RUN(escaped_text_is_written_as_far_as_there_is_room);
    return TEST_RESULT();
}
