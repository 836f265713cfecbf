/*
 * One limited GET with libcurl, the only file that knows it. Given a URL that fb__url_check passed and the limits of
 * the fetch; hands back a status, the header values that matter and the body, or a sentence. It never follows a
 * redirect, decodes a body, reads .netrc, keeps a cookie, or connects without verifying the certificate; there is no
 * option for any of these. Whether the answer is any good is answer.c's to say.
 */
#include "http.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_HEADER_BYTES = 65536, MAX_VALUE = 512, CONNECT_MS = 3000 };

struct value {
    bool given;
    size_t size;
    char text[MAX_VALUE];
};

struct fb__fetcher {
    fb_mem mem;
    fb__fetch_options options;
    CURL *handle;
    CURLM *transfers; /* holds handle, and the connection */
    unsigned fork_seen;
    char *body;
    size_t body_size, body_capacity, body_max, header_bytes;
    struct value cache_control, age, etag, content_encoding;
    const char *problem; /* found by a callback, which can only say "stop" */
    char curl_text[CURL_ERROR_SIZE];
    char failure[CURL_ERROR_SIZE + 64];
};

/* ---- libcurl as a whole
 * --------------------------------------------------------------------------------------------------------------------
 */

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static bool curl_ready;

/* Counted inside libcurl, so a host that uses it too does not notice; never undone, since that could not be known. */
static void init_curl(void)
{
    FB__INSIDE_GATE;
    curl_ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

/* ---- callbacks
 * --------------------------------------------------------------------------------------------------------------------
 */

static size_t stop(fb__fetcher *fetcher, const char *problem)
{
    fetcher->problem = problem;
    return 0;
}

static size_t on_body(char *data, size_t unit, size_t count, void *context)
{
    fb__fetcher *fetcher = context;
    size_t size = unit * count;
    if (size > fetcher->body_max - fetcher->body_size) {
        return stop(fetcher, "the answer is larger than max_jwks_bytes");
    }
    if (fetcher->body_size + size > fetcher->body_capacity) {
        size_t capacity = fetcher->body_capacity == 0 ? 8192 : fetcher->body_capacity;
        while (capacity < fetcher->body_size + size) {
            capacity *= 2;
        }
        char *larger = fb__alloc(&fetcher->mem, capacity);
        if (larger == NULL) {
            return stop(fetcher, "out of memory");
        }
        if (fetcher->body_size > 0) {
            memcpy(larger, fetcher->body, fetcher->body_size);
        }
        fb__free(&fetcher->mem, fetcher->body);
        fetcher->body = larger;
        fetcher->body_capacity = capacity;
    }
    memcpy(fetcher->body + fetcher->body_size, data, size);
    fetcher->body_size += size;
    return size;
}

static fb_slice trim(fb_slice text)
{
    while (text.size > 0 && (unsigned char)text.data[0] <= ' ') {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && (unsigned char)text.data[text.size - 1] <= ' ') {
        text.size--;
    }
    return text;
}

static bool is_name(fb_slice name, const char *expected)
{
    return name.size == strlen(expected) && strncasecmp(name.data, expected, name.size) == 0;
}

/* Repeated fields are one list (RFC 9110 section 5.3). What does not fit is cut; no good value is that long. */
static void add_value(struct value *value, fb_slice text)
{
    if (value->given && value->size + 2 <= sizeof(value->text)) {
        memcpy(value->text + value->size, ", ", 2);
        value->size += 2;
    }
    size_t room = sizeof(value->text) - value->size, size = text.size < room ? text.size : room;
    if (size > 0) {
        memcpy(value->text + value->size, text.data, size);
    }
    value->size += size;
    value->given = true;
}

static void forget_headers(fb__fetcher *fetcher)
{
    fetcher->cache_control.given = fetcher->age.given = fetcher->etag.given = fetcher->content_encoding.given = false;
    fetcher->cache_control.size = fetcher->age.size = fetcher->etag.size = fetcher->content_encoding.size = 0;
}

static size_t on_header(char *data, size_t unit, size_t count, void *context)
{
    fb__fetcher *fetcher = context;
    size_t size = unit * count;
    if (size > MAX_HEADER_BYTES - fetcher->header_bytes) {
        return stop(fetcher, "the header of the answer is too large");
    }
    fetcher->header_bytes += size;
    const char *colon = memchr(data, ':', size);
    if (size >= 5 && memcmp(data, "HTTP/", 5) == 0) {
        forget_headers(fetcher); /* an informational answer came before */
    } else if (colon != NULL) {
        fb_slice name = {data, (size_t)(colon - data)};
        fb_slice text = trim((fb_slice){colon + 1, size - name.size - 1});
        struct value *value = is_name(name, "cache-control")      ? &fetcher->cache_control
                              : is_name(name, "age")              ? &fetcher->age
                              : is_name(name, "etag")             ? &fetcher->etag
                              : is_name(name, "content-encoding") ? &fetcher->content_encoding
                                                                  : NULL;
        if (value != NULL) {
            add_value(value, text);
        }
        /* libcurl would decode other transfer codings unasked. */
        if (is_name(name, "transfer-encoding") && !is_name(text, "chunked")) {
            return stop(fetcher, "the answer has a transfer coding that was not asked for");
        }
    }
    return size;
}

/* The address is the one of the connection itself: between this check and its use there is no second look at a name. */
static curl_socket_t open_public_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    fb__fetcher *fetcher = context;
    const char *bytes =
        (const char *)address + offsetof(struct curl_sockaddr, addr); /* longer than its declared type */
    bool allowed = false;
    if (purpose == CURLSOCKTYPE_IPCXN && address->family == AF_INET && address->addrlen >= sizeof(struct sockaddr_in)) {
        struct sockaddr_in ipv4;
        memcpy(&ipv4, bytes, sizeof(ipv4));
        allowed = fb__address_public_ipv4((const unsigned char *)&ipv4.sin_addr);
    } else if (purpose == CURLSOCKTYPE_IPCXN && address->family == AF_INET6 &&
               address->addrlen >= sizeof(struct sockaddr_in6)) {
        struct sockaddr_in6 ipv6;
        memcpy(&ipv6, bytes, sizeof(ipv6));
        allowed = fb__address_public_ipv6((const unsigned char *)&ipv6.sin6_addr);
    }
    if (!allowed) {
        fetcher->problem = "ssrf_safe: the host has an address that is not public";
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* ---- a handle
 * --------------------------------------------------------------------------------------------------------------------
 */

/* Both are always set: a path that was compiled into libcurl belongs to another machine. */
static bool set_certificates(fb__fetcher *fetcher, bool https)
{
    const fb__fetch_options *options = &fetcher->options;
    bool chosen = options->ca_file.size > 0 || options->ca_path.size > 0;
    const char *file = options->ca_file.size > 0 ? options->ca_file.data : chosen ? NULL : fb_ca_bundle();
    const char *path = options->ca_path.size > 0 ? options->ca_path.data : NULL;
    if (https && file == NULL && path == NULL) {
        fetcher->problem = "no CA certificates: neither ca_file nor ca_path is set, and of /etc/ssl/certs/"
                           "ca-certificates.crt, /etc/pki/tls/certs/ca-bundle.crt, /etc/ssl/cert.pem and others none "
                           "exists";
        return false;
    }
    return curl_easy_setopt(fetcher->handle, CURLOPT_CAINFO, file) == CURLE_OK &&
           curl_easy_setopt(fetcher->handle, CURLOPT_CAPATH, path) == CURLE_OK;
}

#define SET(option, value) (curl_easy_setopt(fetcher->handle, option, value) == CURLE_OK)

static bool set_limits(fb__fetcher *fetcher, const fb_fetch *fetch)
{
    long total = fetch->timeout * 1000.0 < 1.0 ? 1L : (long)(fetch->timeout * 1000.0);
    bool set = SET(CURLOPT_TIMEOUT_MS, total) && SET(CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    set = set && SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)fetch->max_bytes);
    set = set && SET(CURLOPT_MAXCONNECTS, 1L); /* close_handle knows of one */
    return set && SET(CURLOPT_FOLLOWLOCATION, 0L) && SET(CURLOPT_NOSIGNAL, 1L) && SET(CURLOPT_NOPROGRESS, 1L);
}

static bool set_network(fb__fetcher *fetcher, fb_slice url, bool https)
{
    bool set = SET(CURLOPT_PROTOCOLS_STR, https ? "https" : "http") && SET(CURLOPT_URL, url.data) &&
               SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L) && SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) &&
               SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) && SET(CURLOPT_HTTP09_ALLOWED, 0L);
    set = set && SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) && SET(CURLOPT_SSL_VERIFYPEER, 1L) &&
          SET(CURLOPT_SSL_VERIFYHOST, 2L);
    if (set && (!fetcher->options.trust_env || fb__url_loopback(url))) {
        set = SET(CURLOPT_PROXY, "");
    }
    if (set && fetcher->options.ssrf_safe) {
        set = SET(CURLOPT_OPENSOCKETFUNCTION, open_public_socket) && SET(CURLOPT_OPENSOCKETDATA, fetcher);
    }
    return set && set_certificates(fetcher, https);
}

static bool set_transfer(fb__fetcher *fetcher, struct curl_slist *headers)
{
    return SET(CURLOPT_HTTPHEADER, headers) && SET(CURLOPT_USERAGENT, "fastbearer/" FB_VERSION) &&
           SET(CURLOPT_ACCEPT_ENCODING, NULL) && SET(CURLOPT_HTTP_CONTENT_DECODING, 0L) &&
           SET(CURLOPT_WRITEFUNCTION, on_body) && SET(CURLOPT_WRITEDATA, fetcher) &&
           SET(CURLOPT_HEADERFUNCTION, on_header) && SET(CURLOPT_HEADERDATA, fetcher) &&
           SET(CURLOPT_ERRORBUFFER, fetcher->curl_text);
}

static struct curl_slist *request_headers(fb_slice etag)
{
    struct curl_slist *list = curl_slist_append(NULL, "Accept: application/json, application/jwk-set+json");
    char line[MAX_VALUE];
    if (list != NULL && etag.size > 0 && etag.size < sizeof(line) - 32) {
        (void)snprintf(line, sizeof(line), "If-None-Match: %.*s", (int)etag.size, etag.data);
        struct curl_slist *longer = curl_slist_append(list, line);
        if (longer == NULL) {
            curl_slist_free_all(list);
        }
        list = longer;
    }
    return list;
}

/* ---- the interface
 * --------------------------------------------------------------------------------------------------------------------
 */

fb_status fb__fetcher_new(fb__fetcher **out, const fb_mem *mem, const fb__fetch_options *options)
{
    *out = NULL;
    fb__fetcher *fetcher = fb__zalloc(mem, sizeof(*fetcher));
    if (fetcher == NULL) {
        return FB_OUT_OF_MEMORY;
    }
    fetcher->mem = *mem;
    fetcher->options = *options;
    *out = fetcher;
    return FB_OK;
}

/*
 * Closing a connection of TLS says goodbye to the other side. In a child the connection is the parent's too, and such a
 * goodbye would end it there, so the child first puts something else in the place of its descriptor.
 */
static void close_handle(fb__fetcher *fetcher)
{
    FB__INSIDE_GATE;
    curl_socket_t descriptor = CURL_SOCKET_BAD;
    if (fetcher->handle == NULL) {
        return;
    }
    if (fetcher->fork_seen != fb__fork_generation() &&
        curl_easy_getinfo(fetcher->handle, CURLINFO_ACTIVESOCKET, &descriptor) == CURLE_OK &&
        descriptor != CURL_SOCKET_BAD) {
        int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (nowhere == -1 || dup3(nowhere, descriptor, O_CLOEXEC) == -1) {
            fetcher->handle = fetcher->transfers = NULL; /* rather lose its memory */
        }
        if (nowhere != -1) {
            (void)close(nowhere);
        }
    }
    if (fetcher->transfers != NULL) {
        (void)curl_multi_remove_handle(fetcher->transfers, fetcher->handle);
    }
    curl_easy_cleanup(fetcher->handle);
    (void)curl_multi_cleanup(fetcher->transfers);
    fetcher->handle = fetcher->transfers = NULL;
}

void fb__fetcher_free(fb__fetcher *fetcher)
{
    fb__openssl_errors errors;
    if (fetcher == NULL) {
        return;
    }
    fb_mem mem = fetcher->mem;
    fb__openssl_begin(&errors);
    close_handle(fetcher);
    fb__openssl_end(&errors);
    fb__free(&mem, fetcher->body);
    fb__free(&mem, fetcher);
}

static bool prepare(fb__fetcher *fetcher, const fb_fetch *fetch, struct curl_slist *headers)
{
    bool https = fetch->url.data[4] == 's' || fetch->url.data[4] == 'S';
    (void)pthread_once(&curl_once, init_curl);
    if (fetcher->fork_seen != fb__fork_generation()) {
        close_handle(fetcher);
        fetcher->fork_seen = fb__fork_generation();
    }
    FB__INSIDE_GATE;
    if (fetcher->handle == NULL && curl_ready) {
        fetcher->handle = curl_easy_init();
        fetcher->transfers = curl_multi_init();
    }
    if (fetcher->handle == NULL || fetcher->transfers == NULL || headers == NULL) {
        return false;
    }
    (void)curl_multi_remove_handle(fetcher->transfers, fetcher->handle); /* of the fetch before, if there was one */
    curl_easy_reset(fetcher->handle);                                    /* keeps the connection */
    fetcher->problem = NULL;
    fetcher->curl_text[0] = '\0';
    fetcher->body_size = fetcher->header_bytes = 0;
    fetcher->body_max = fetch->max_bytes;
    forget_headers(fetcher);
    return set_transfer(fetcher, headers) && set_limits(fetcher, fetch) && set_network(fetcher, fetch->url, https);
}

/* What curl_easy_perform does, but the gate is left while this thread waits for the network. */
static CURLcode perform(fb__fetcher *fetcher)
{
    CURLcode code = CURLE_FAILED_INIT;
    int running = 1;
    CURLMcode status = curl_multi_add_handle(fetcher->transfers, fetcher->handle);
    while (status == CURLM_OK && running > 0) {
        fb__gate_enter();
        status = curl_multi_perform(fetcher->transfers, &running);
        fb__gate_leave();
        if (status == CURLM_OK && running > 0) {
            status = curl_multi_poll(fetcher->transfers, NULL, 0, 1000, NULL);
        }
    }
    for (int left = 1; status == CURLM_OK && left > 0;) {
        const CURLMsg *message = curl_multi_info_read(fetcher->transfers, &left);
        if (message != NULL && message->msg == CURLMSG_DONE) {
            code = message->data.result;
        }
    }
    return code;
}

static void fail(fb__fetcher *fetcher, CURLcode code, fb_fetched *fetched)
{
    const char *text = fetcher->problem != NULL        ? fetcher->problem
                       : fetcher->curl_text[0] != '\0' ? fetcher->curl_text
                       : code != CURLE_OK              ? curl_easy_strerror(code)
                                                       : "libcurl could not be set up";
    (void)snprintf(fetcher->failure, sizeof(fetcher->failure), "%s", text);
    fetched->failure = fb_text(fetcher->failure);
}

static fb_slice value_of(const struct value *value)
{
    return value->given ? (fb_slice){value->text, value->size} : (fb_slice){NULL, 0};
}

void fb__fetcher_get(fb__fetcher *fetcher, const fb_fetch *fetch, fb_fetched *fetched)
{
    struct curl_slist *headers = request_headers(fetch->etag);
    CURLcode code = CURLE_OK;
    long status = 0;
    fb__openssl_errors errors;
    *fetched = (fb_fetched)FB_FETCHED_INIT;
    fb__openssl_begin(&errors);
    bool done = prepare(fetcher, fetch, headers);
    if (done) {
        code = perform(fetcher);
        done = code == CURLE_OK && fetcher->problem == NULL &&
               curl_easy_getinfo(fetcher->handle, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK;
        (void)curl_easy_setopt(fetcher->handle, CURLOPT_HTTPHEADER, NULL);
    }
    curl_slist_free_all(headers);
    fb__openssl_end(&errors);
    if (!done) {
        fail(fetcher, code, fetched);
        return;
    }
    fetched->http_status = (int)status;
    fetched->body = (fb_slice){fetcher->body == NULL ? "" : fetcher->body, fetcher->body_size};
    fetched->cache_control = value_of(&fetcher->cache_control);
    fetched->age = value_of(&fetcher->age);
    fetched->etag = value_of(&fetcher->etag);
    fetched->content_encoding = value_of(&fetcher->content_encoding);
}
