/* htu: what is one URI and what is another, what is none, and that the work stays linear. */
#include "proof/proof.h"
#include "test.h"

static fb__uri first, second;

static void normal(const char *uri, const char *expected)
{
    if (!fb__uri_normalise(fb_text(uri), &first)) {
        FAIL("%s was refused", uri);
    } else if (first.size != strlen(expected) || memcmp(first.text, expected, first.size) != 0) {
        FAIL("%s became %.*s, not %s", uri, (int)first.size, first.text, expected);
    }
    test_checks++;
}

static void same(const char *a, const char *b)
{
    const bool read = fb__uri_normalise(fb_text(a), &first) && fb__uri_normalise(fb_text(b), &second);
    if (!read || !fb__uri_equal(&first, &second)) {
        FAIL("%s is %s", a, b);
    }
    test_checks++;
}

static void different(const char *a, const char *b)
{
    const bool read = fb__uri_normalise(fb_text(a), &first) && fb__uri_normalise(fb_text(b), &second);
    if (!read || fb__uri_equal(&first, &second)) {
        FAIL("%s is not %s", a, b);
    }
    test_checks++;
}

static void refused(const char *uri)
{
    if (fb__uri_normalise(fb_text(uri), &first)) {
        FAIL("%s was accepted as %.*s", uri, (int)first.size, first.text);
    }
    test_checks++;
}

TEST(by_syntax)
{
    normal("https://api.example/mcp", "https://api.example/mcp");
    normal("HTTPS://API.Example/MCP", "https://api.example/MCP"); /* RFC 3986 section 6.2.2.1 */
    normal("https://h/%7euser/%41%2d%5f%2E", "https://h/~user/A-_.");
    normal("https://h/a%2fb%3a%c3%a9", "https://h/a%2Fb%3A%C3%A9"); /* what is reserved stays escaped */
    normal("https://%41pi.ex%61mple/", "https://api.example/");
    normal("https://a%2db%c3%a9/", "https://a-b%C3%A9/");
    normal("https://h/a:b@c;d=e,f!$&'()*+~", "https://h/a:b@c;d=e,f!$&'()*+~");
    normal("https://[2001:DB8::1]/", "https://[2001:db8::1]/");
    normal("https://[::ffff:1.2.3.4]:8443/", "https://[::ffff:1.2.3.4]:8443/");
    normal("https://h_1.x-y~/", "https://h_1.x-y~/");
    different("https://h/A", "https://h/a");
    different("https://h/a%2Fb", "https://h/a/b");
    different("https://h/a", "https://h/a/");
    different("https://h./a", "https://h/a");
    different("https://h/a//b", "https://h/a/b");
    different("http://h/a", "https://h/a");
    different("https://h/a", "https://g/a");
    different("https://h/%2525", "https://h/%25"); /* an escape is undone once */
    same("https://h/%2541", "https://h/%2541");
    different("https://h/%2541", "https://h/%41");
}

TEST(dot_segments)
{
    normal("https://h/a/./b", "https://h/a/b"); /* RFC 3986 sections 5.2.4 and 6.2.2.3 */
    normal("https://h/a/b/c/./../../g", "https://h/a/g");
    normal("https://h/a/..", "https://h/");
    normal("https://h/a/.", "https://h/a/");
    normal("https://h/a/b/..", "https://h/a/");
    normal("https://h/..", "https://h/");
    normal("https://h/../../..", "https://h/");
    normal("https://h/../a", "https://h/a");
    normal("https://h/.", "https://h/");
    normal("https://h/a//..", "https://h/a/");
    normal("https://h/a//../b", "https://h/a/b");
    normal("https://h//", "https://h//");
    normal("https://h/...", "https://h/...");
    normal("https://h/a/.../b/..c/.d", "https://h/a/.../b/..c/.d");
    normal("https://h/a/%2e%2E/b", "https://h/b"); /* a dot needs no escape */
    normal("https://h/a/%2e/b", "https://h/a/b");
    normal("https://h/a/.%2e", "https://h/");
    normal("https://h/a/..?q", "https://h/");
    different("https://h/a/%252e%252e/b", "https://h/b");
}

TEST(by_scheme)
{
    normal("https://h", "https://h/"); /* RFC 3986 section 6.2.3 */
    normal("https://h:443", "https://h/");
    normal("https://h:/a", "https://h/a");
    normal("http://h:80/", "http://h/");
    normal("http://[::1]:80", "http://[::1]/");
    normal("https://h:80/", "https://h:80/");
    normal("http://h:443/", "http://h:443/");
    different("https://h:0443/", "https://h/"); /* another text, and nothing says that it is the same */
    different("https://h:8443/", "https://h/");
}

TEST(query_and_fragment_do_not_count)
{
    same("https://h/a?b=c#d", "https://h/a");
    same("https://h?", "https://h/");
    same("https://h#a?b", "https://h/");
    same("https://h/a?\xff%zz \\", "https://h/a");
    same("https://h?/..", "https://h/");
    different("https://h/a%3fb", "https://h/a");
    different("https://h/a%23", "https://h/a");
}

TEST(what_is_no_uri)
{
    static const char *const all[] = {"",
                                      "/",
                                      "/mcp",
                                      "//h/a",
                                      "h/a",
                                      "https",
                                      "https:",
                                      "https:/h/a",
                                      "https:h",
                                      "https:///a",
                                      "https://",
                                      "https://:443/",
                                      "https://?q",
                                      "https://#",
                                      " https://h/",
                                      "https://h/ ",
                                      "https ://h/",
                                      "ftp://h/",
                                      "wss://h/",
                                      "httpss://h/",
                                      "http\xc5\xbf://h/",
                                      "javascript:alert(1)",
                                      "urn:a:b",
                                      "https://user@h/",
                                      "https://user:pw@h/",
                                      "https://@h/",
                                      "https://h@g/",
                                      "https://%40h@/",
                                      "https://h:x/",
                                      "https://h:-1/",
                                      "https://h:4 43/",
                                      "https://h:443:443/",
                                      "https://h:%34/",
                                      "https://[::1/",
                                      "https://::1]/",
                                      "https://[::1]a/",
                                      "https://[]/",
                                      "https://[::g]/",
                                      "https://[fe80::1%25a]/",
                                      "https://[v1.a]/",
                                      "https://h[/",
                                      "https://h]/",
                                      "https://h/%",
                                      "https://h/%4",
                                      "https://h/%4g",
                                      "https://h/%g4",
                                      "https://h/%%41",
                                      "https://h/a%",
                                      "https://%/",
                                      "https://h%zz/",
                                      "https://h/\xc3\xa9",
                                      "https://h\xc3\xa9/",
                                      "https://h/a b",
                                      "https://h/a\tb",
                                      "https://h/\x7f",
                                      "https://h/a\\b",
                                      "https://h\\/a",
                                      "https://h/\"",
                                      "https://h/<",
                                      "https://h/>",
                                      "https://h/^",
                                      "https://h/`",
                                      "https://h/{a}",
                                      "https://h/a|b",
                                      "https://h/[a]",
                                      "https://h,\xff/",
                                      "https://h\n/",
                                      "https://h/\r\n"};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        refused(all[i]);
    }
    CHECK(!fb__uri_normalise((fb_slice){"https://h/\0a", 12}, &first));
    CHECK(!fb__uri_normalise((fb_slice){"https://h\0/a", 12}, &first));
    CHECK(!fb__uri_normalise((fb_slice){NULL, 0}, &first));
}

/* The longest that is read, of what takes most work, and what is longer. */
TEST(bounds)
{
    static char text[FB__MAX_URI + 16];
    static const char *const pieces[] = {"/..", "/a/..", "/%2e%2e", "%41", "/.", "/"};
    for (size_t p = 0; p < sizeof(pieces) / sizeof(pieces[0]); p++) {
        size_t size = (size_t)snprintf(text, sizeof(text), "https://h/");
        const size_t piece = strlen(pieces[p]);
        for (; size + piece < FB__MAX_URI; size += piece) {
            memcpy(text + size, pieces[p], piece);
        }
        CHECK(fb__uri_normalise((fb_slice){text, size}, &first) && first.size <= size + 1);
        memset(text + size, 'a', sizeof(text) - size);
        CHECK(fb__uri_normalise((fb_slice){text, FB__MAX_URI - 1}, &first) || pieces[p][0] == '%');
        CHECK(!fb__uri_normalise((fb_slice){text, FB__MAX_URI}, &first));
        text[FB__MAX_URI - 1] = '?';
        CHECK(fb__uri_normalise((fb_slice){text, sizeof(text)}, &first)); /* the query may be as long as it likes */
    }
    memset(text, 'h', sizeof(text));
    memcpy(text, "https://", 8);
    CHECK(fb__uri_normalise((fb_slice){text, FB__MAX_URI - 1}, &first) && first.size == FB__MAX_URI);
}

int main(void)
{
    RUN(by_syntax);
    RUN(dot_segments);
    RUN(by_scheme);
    RUN(query_and_fragment_do_not_count);
    RUN(what_is_no_uri);
    RUN(bounds);
    return TEST_RESULT();
}
