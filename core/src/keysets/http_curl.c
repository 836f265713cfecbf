/*
 * One limited GET with libcurl, the only file that knows it. Given a URL that fb__url_check passed and the limits of
 * the fetch; brings back a status, the header values that matter and the body, or a sentence. It never follows a
 * redirect, decodes a body, reads .netrc, keeps a cookie, or connects without verifying the certificate; there is no
 * option for any of these. Whether the response is any good is response.c's to say.
 *
 * Each request has a connection of its own: one that idles between two refreshes is closed by most servers before it is
 * of use, and would have to be kept from children, from the end of the process and from whoever frees a verifier.
 */
#include "http.h"
#include "keysets/keysets.h"
#include "sockets.h"

#include "public_address.h"
#include "url.h"

#include <curl/curl.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_HEADER_BYTES = 65536, MAX_VALUE = 512, CONNECT_MS = 3000, POLL_MS = 50 };

struct value {
    bool given;
    size_t size;
    char text[MAX_VALUE];
};

/* The header fields that matter, in the order of fields[]. */
enum field { CACHE_CONTROL, AGE, ETAG, CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING, FIELDS };
static const char *const fields[FIELDS] = {"cache-control",    "age", "etag", "content-encoding", "content-length",
                                           "transfer-encoding"};

struct fb__http {
    fb_mem mem;
    fb__http_options options; /* its text is in text */
    bool (*stopped)(void *context);
    void *stopped_context;
    struct curl_slist *request_headers;
    CURLM *multi;
    CURL *easy;
    char *body;
    size_t body_size, body_capacity, header_bytes;
    struct value values[FIELDS];
    const char *problem; /* found by a callback, which can only say "stop" */
    char curl_text[CURL_ERROR_SIZE];
    char failure[CURL_ERROR_SIZE + 64];
    char text[];
};

/* ---- libcurl as a whole ------------------------------------------------------------------------------------------ */

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static bool curl_ready, curl_has_our_openssl;

/* Counted inside libcurl, so a host that uses it too does not notice; never undone, since that could not be known. */
static void init_curl(void)
{
    FB__INSIDE_GATE;
    curl_ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    const char *theirs = curl_ready ? curl_version_info(CURLVERSION_NOW)->ssl_version : NULL;
    char ours[64];
    (void)snprintf(ours, sizeof(ours), "OpenSSL/%s", OpenSSL_version(OPENSSL_VERSION_STRING));
    curl_has_our_openssl = theirs != NULL && strcmp(theirs, ours) == 0;
}

/* ---- callbacks --------------------------------------------------------------------------------------------------- */

static const char given_up[] = "the fetch was given up";

static size_t stop(fb__http *http, const char *problem)
{
    http->problem = problem;
    return 0;
}

static size_t on_body(char *data, size_t unit, size_t count, void *context)
{
    fb__http *http = context;
    size_t size = unit * count;
    if (size > http->options.max_bytes - http->body_size) {
        return stop(http, "the response is larger than max_jwks_bytes");
    }
    if (http->body_size + size > http->body_capacity) {
        size_t capacity = http->body_capacity == 0 ? 8192 : http->body_capacity;
        while (capacity < http->body_size + size) {
            capacity *= 2;
        }
        char *larger = fb__alloc(&http->mem, capacity);
        if (larger == NULL) {
            return stop(http, "out of memory");
        }
        if (http->body_size > 0) {
            memcpy(larger, http->body, http->body_size);
        }
        fb__free(&http->mem, http->body);
        http->body = larger;
        http->body_capacity = capacity;
    }
    memcpy(http->body + http->body_size, data, size);
    http->body_size += size;
    return size;
}

/* Repeated fields are one list (RFC 9110 section 5.3). False: it does not fit; no good value is that long. */
static bool add_value(struct value *value, fb_slice text)
{
    const size_t separator = value->given ? 2 : 0;
    if (text.size + separator > sizeof(value->text) - value->size) {
        return false;
    }
    memcpy(value->text + value->size, ", ", separator);
    memcpy(value->text + value->size + separator, text.data, text.size);
    value->size += separator + text.size;
    value->given = true;
    return true;
}

static void forget_response(fb__http *http)
{
    for (size_t i = 0; i < FIELDS; i++) {
        http->values[i].given = false;
        http->values[i].size = 0;
    }
}

static size_t on_header(char *data, size_t unit, size_t count, void *context)
{
    fb__http *http = context;
    size_t size = unit * count;
    if (size > MAX_HEADER_BYTES - http->header_bytes) {
        return stop(http, "the header of the response is too large");
    }
    http->header_bytes += size;
    const char *colon = memchr(data, ':', size);
    if (size >= 5 && memcmp(data, "HTTP/", 5) == 0) {
        forget_response(http); /* an informational one came before */
    } else if (colon != NULL) {
        const fb_slice name = {data, (size_t)(colon - data)};
        const fb_slice text = fb__trim((fb_slice){colon + 1, size - name.size - 1});
        for (size_t i = 0; i < FIELDS; i++) {
            if (fb__is_word(name, fields[i]) && !add_value(&http->values[i], text)) {
                return stop(http, "a header field of the response is too large");
            }
        }
    }
    return size;
}

/* The address is the one of the connection itself: between this check and its use there is no second look at a name. */
static bool is_public(const struct curl_sockaddr *address)
{
    const char *bytes =
        (const char *)address + offsetof(struct curl_sockaddr, addr); /* longer than its declared type */
    if (address->family == AF_INET && address->addrlen >= sizeof(struct sockaddr_in)) {
        struct sockaddr_in ipv4;
        memcpy(&ipv4, bytes, sizeof(ipv4));
        return fb__address_public_ipv4((const unsigned char *)&ipv4.sin_addr);
    }
    if (address->family == AF_INET6 && address->addrlen >= sizeof(struct sockaddr_in6)) {
        struct sockaddr_in6 ipv6;
        memcpy(&ipv6, bytes, sizeof(ipv6));
        return fb__address_public_ipv6((const unsigned char *)&ipv6.sin6_addr);
    }
    return false;
}

/* Also the last look before TLS begins: a resolver that hung may end when the process does. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    fb__http *http = context;
    if (http->stopped(http->stopped_context)) {
        http->problem = given_up;
        return CURL_SOCKET_BAD;
    }
    if (http->options.ssrf_safe && (purpose != CURLSOCKTYPE_IPCXN || !is_public(address))) {
        http->problem = "ssrf_safe: the host has an address that is not public";
        return CURL_SOCKET_BAD;
    }
    return fb__socket_open(address->family, address->socktype, address->protocol);
}

/* libcurl has set one that writes the keys of the connection to the file that SSLKEYLOGFILE names. */
static CURLcode forbid_key_log(CURL *easy, void *context, void *unused)
{
    (void)easy;
    (void)unused;
    SSL_CTX_set_keylog_callback(context, NULL);
    return CURLE_OK;
}

/* ---- a handle ---------------------------------------------------------------------------------------------------- */

/* Both are always set: a path that was compiled into libcurl belongs to another machine. */
static bool set_certificates(fb__http *http, bool https)
{
    const fb__http_options *options = &http->options;
    bool chosen = options->ca_file.size > 0 || options->ca_path.size > 0;
    const char *file = options->ca_file.size > 0 ? options->ca_file.data : chosen ? NULL : fb_ca_bundle();
    const char *path = options->ca_path.size > 0 ? options->ca_path.data : NULL;
    if (!chosen && fb__ca_store()) {
        return curl_easy_setopt(http->easy, CURLOPT_SSL_OPTIONS, (long)CURLSSLOPT_NATIVE_CA) == CURLE_OK;
    }
    if (https && file == NULL && path == NULL) {
        http->problem = "no CA certificates: neither ca_file nor ca_path is set, and of /etc/ssl/certs/"
                        "ca-certificates.crt, /etc/pki/tls/certs/ca-bundle.crt, /etc/ssl/cert.pem and others none "
                        "exists";
        return false;
    }
    return curl_easy_setopt(http->easy, CURLOPT_CAINFO, file) == CURLE_OK &&
           curl_easy_setopt(http->easy, CURLOPT_CAPATH, path) == CURLE_OK;
}

#define SET(option, value) (curl_easy_setopt(http->easy, option, value) == CURLE_OK)

/* Another TLS library than ours cannot be told not to write keys. */
static bool set_tls(fb__http *http)
{
    bool set = SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) && SET(CURLOPT_SSL_VERIFYPEER, 1L) &&
               SET(CURLOPT_SSL_VERIFYHOST, 2L);
    if (set && curl_has_our_openssl) {
        return SET(CURLOPT_SSL_CTX_FUNCTION, forbid_key_log);
    }
    if (set && getenv("SSLKEYLOGFILE") != NULL) {
        http->problem = "SSLKEYLOGFILE is set, and libcurl's TLS library would write the keys of the connection there";
        return false;
    }
    return set;
}

/* With the last one, cleaning up does not wait for a resolver that hangs: its thread frees what is its own. */
static bool set_limits(fb__http *http)
{
    const double milliseconds = http->options.timeout * 1000.0;
    return SET(CURLOPT_TIMEOUT_MS, milliseconds < 1.0 ? 1L : (long)milliseconds) &&
           SET(CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS) &&
           SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)http->options.max_bytes) && SET(CURLOPT_FORBID_REUSE, 1L) &&
           SET(CURLOPT_FOLLOWLOCATION, 0L) && SET(CURLOPT_NOSIGNAL, 1L) && SET(CURLOPT_NOPROGRESS, 1L) &&
           SET(CURLOPT_QUICK_EXIT, 1L);
}

/* A libcurl that was built without .netrc does not know the option. */
static bool ignore_netrc(fb__http *http)
{
    const CURLcode code = curl_easy_setopt(http->easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    return code == CURLE_OK || code == CURLE_UNKNOWN_OPTION;
}

static bool set_network(fb__http *http)
{
    const fb_slice url = http->options.url;
    const bool https = url.data[4] == 's' || url.data[4] == 'S';
    bool set = SET(CURLOPT_PROTOCOLS_STR, https ? "https" : "http") && SET(CURLOPT_URL, url.data) &&
               SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L) && ignore_netrc(http) &&
               SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) && SET(CURLOPT_HTTP09_ALLOWED, 0L) &&
               SET(CURLOPT_OPENSOCKETFUNCTION, open_socket) && SET(CURLOPT_OPENSOCKETDATA, http);
    if (set && (!http->options.trust_env || fb__url_loopback(url))) {
        set = SET(CURLOPT_PROXY, "");
    }
    return set && (!https || set_tls(http)) && set_certificates(http, https);
}

static bool set_transfer(fb__http *http)
{
    return SET(CURLOPT_HTTPHEADER, http->request_headers) && SET(CURLOPT_USERAGENT, "fastbearer/" FB_VERSION) &&
           SET(CURLOPT_ACCEPT_ENCODING, NULL) && SET(CURLOPT_HTTP_CONTENT_DECODING, 0L) &&
           SET(CURLOPT_WRITEFUNCTION, on_body) && SET(CURLOPT_WRITEDATA, http) &&
           SET(CURLOPT_HEADERFUNCTION, on_header) && SET(CURLOPT_HEADERDATA, http) &&
           SET(CURLOPT_ERRORBUFFER, http->curl_text);
}

/* In small steps, so that a fetch that nobody wants any more ends soon. While it waits for the network it is not inside
 * the gate. */
static CURLcode perform(fb__http *http)
{
    int transfers = 1, messages = 0;
    CURLMcode code = curl_multi_add_handle(http->multi, http->easy);
    while (code == CURLM_OK && transfers > 0) {
        fb__gate_enter();
        code = curl_multi_perform(http->multi, &transfers);
        fb__gate_leave();
        if (code == CURLM_OK && transfers > 0) {
            if (http->stopped(http->stopped_context)) {
                http->problem = given_up;
                return CURLE_ABORTED_BY_CALLBACK;
            }
            code = curl_multi_poll(http->multi, NULL, 0, POLL_MS, NULL);
        }
    }
    const CURLMsg *message = code == CURLM_OK ? curl_multi_info_read(http->multi, &messages) : NULL;
    return message == NULL ? CURLE_FAILED_INIT : message->data.result;
}

/* ---- the interface ----------------------------------------------------------------------------------------------- */

const char *fb__http_version(void)
{
    return curl_version_info(CURLVERSION_NOW)->version;
}

/* False: out of memory. */
static bool add_request_header(fb__http *http, const char *line)
{
    struct curl_slist *longer = curl_slist_append(http->request_headers, line);
    if (longer != NULL) {
        http->request_headers = longer;
    }
    return longer != NULL;
}

static bool add_headers(fb__http *http, fb_list headers)
{
    bool added = true;
    for (size_t i = 0; added && i < headers.count; i++) {
        added = add_request_header(http, headers.items[i].data);
    }
    return added;
}

/* They may hold secrets. */
static void free_request_headers(fb__http *http)
{
    for (struct curl_slist *header = http->request_headers; header != NULL; header = header->next) {
        OPENSSL_cleanse(header->data, strlen(header->data));
    }
    curl_slist_free_all(http->request_headers);
}

fb__http *fb__http_new(const fb_mem *mem, const fb__http_options *options, const char *etag)
{
    char condition[MAX_VALUE];
    fb__http *http =
        fb__zalloc(mem, sizeof(*http) + 3 + options->url.size + options->ca_file.size + options->ca_path.size);
    if (http == NULL) {
        return NULL;
    }
    char *at = http->text;
    http->mem = *mem;
    http->options = *options;
    http->options.url = fb__keep_text(&at, options->url);
    http->options.ca_file = fb__keep_text(&at, options->ca_file);
    http->options.ca_path = fb__keep_text(&at, options->ca_path);
    http->options.headers = (fb_list){NULL, 0};
    (void)snprintf(condition, sizeof(condition), "If-None-Match: %s", etag);
    if (!add_request_header(http, "Accept: application/json, application/jwk-set+json") ||
        (etag[0] != '\0' && !add_request_header(http, condition)) || !add_headers(http, options->headers)) {
        fb__http_free(http);
        return NULL;
    }
    return http;
}

void fb__http_free(fb__http *http)
{
    if (http == NULL) {
        return;
    }
    FB__INSIDE_GATE;
    if (http->multi != NULL && http->easy != NULL) {
        (void)curl_multi_remove_handle(http->multi, http->easy);
    }
    curl_easy_cleanup(http->easy);
    (void)curl_multi_cleanup(http->multi);
    free_request_headers(http);
    fb_mem mem = http->mem;
    fb__free(&mem, http->body);
    fb__free(&mem, http);
}

static bool prepare(fb__http *http)
{
    (void)pthread_once(&curl_once, init_curl);
    FB__INSIDE_GATE;
    if (curl_ready) {
        http->easy = curl_easy_init();
        http->multi = curl_multi_init();
    }
    return http->easy != NULL && http->multi != NULL && set_transfer(http) && set_limits(http) && set_network(http);
}

static void fail(fb__http *http, CURLcode code, fb_fetched *fetched)
{
    const char *text = http->problem != NULL        ? http->problem
                       : http->curl_text[0] != '\0' ? http->curl_text
                       : code != CURLE_OK           ? curl_easy_strerror(code)
                                                    : "libcurl could not be set up";
    (void)snprintf(http->failure, sizeof(http->failure), "%s", text);
    fetched->failure = fb_text(http->failure);
}

static fb_slice value_of(const fb__http *http, enum field field)
{
    const struct value *value = &http->values[field];
    return value->given ? (fb_slice){value->text, value->size} : (fb_slice){NULL, 0};
}

void fb__http_get(fb__http *http, bool (*stopped)(void *context), void *context, fb_fetched *fetched)
{
    CURLcode code = CURLE_OK;
    long status = 0;
    http->stopped = stopped;
    http->stopped_context = context;
    *fetched = (fb_fetched)FB_FETCHED_INIT;
    bool done = prepare(http);
    if (done) {
        code = perform(http);
        done = code == CURLE_OK && http->problem == NULL &&
               curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK;
    }
    if (!done) {
        fail(http, code, fetched);
        return;
    }
    fetched->http_status = (int)status;
    fetched->body = (fb_slice){http->body == NULL ? "" : http->body, http->body_size};
    fetched->cache_control = value_of(http, CACHE_CONTROL);
    fetched->age = value_of(http, AGE);
    fetched->etag = value_of(http, ETAG);
    fetched->content_encoding = value_of(http, CONTENT_ENCODING);
    fetched->content_length = value_of(http, CONTENT_LENGTH);
    fetched->transfer_encoding = value_of(http, TRANSFER_ENCODING);
}
