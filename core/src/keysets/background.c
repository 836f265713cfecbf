/*
 * The fetch for plain C programs: begin, fetch with libcurl on a thread of its own, complete. The thread is there for
 * three reasons: a resolver may hang longer than the caller is to wait, libcurl clears OpenSSL's error queue, which is
 * the thread's, and a token may wait less long than the fetch may take.
 *
 * The thread ends with its fetch. It does not outlive what it works for: a key source that goes tells it so and does
 * not wait for the network, so everything of the fetch lies in memory of its own; and OpenSSL's clean-up at the end of
 * the process does not begin before it has ended.
 */
#include "key_source.h"

#include <stdio.h>
#include <time.h>

struct fb__background {
    atomic_uint references; /* the key source's and the thread's */
    atomic_bool stop;
    uint64_t ticket;
    fb__http *http;

    pthread_mutex_t lock; /* for all below */
    pthread_cond_t completed;
    fb__key_source *source; /* NULL: nobody wants the outcome any more */
    bool completing;
};

/* ---- the threads of this process --------------------------------------------------------------------------------- */

enum { END_MILLISECONDS = 5000 };

/* In the upper half the fork generation, in the lower how many threads of ours run in it. */
static atomic_uint_least64_t running;
static atomic_bool ending;
static pthread_once_t watch_once = PTHREAD_ONCE_INIT;

static uint64_t running_none(void)
{
    return (uint64_t)fb__fork_generation() << 32;
}

static bool any_running(void)
{
    const uint64_t none = running_none(), now = atomic_load(&running);
    return now >> 32 == none >> 32 && now != none;
}

/* Only a resolver without a time-out keeps a thread longer, and that does not run OpenSSL's code. Once the gate is
 * closed for good nobody does. */
static void end_threads(void)
{
    const struct timespec pause = {0, 1000000};
    atomic_store(&ending, true);
    for (int i = 0; i < END_MILLISECONDS && any_running() && !fb__gate_closed_for_good(); i++) {
        (void)nanosleep(&pause, NULL);
    }
}

static void watch(void)
{
    if (!fb__before_openssl_exits(end_threads)) {
        atomic_store(&ending, true);
    }
}

void fb__background_watch_exit(void)
{
    if (fb__http_version() != NULL) {
        (void)pthread_once(&watch_once, watch);
    }
}

/* False: the process is ending. */
static bool count_thread(void)
{
    uint64_t before = atomic_load(&running), after;
    do {
        const uint64_t none = running_none();
        after = (before >> 32 == none >> 32 ? before : none) + 1; /* what a parent counted is not here */
    } while (!atomic_compare_exchange_weak(&running, &before, after));
    if (atomic_load(&ending)) {
        (void)atomic_fetch_sub(&running, 1);
        return false;
    }
    return true;
}

/* ---- one fetch --------------------------------------------------------------------------------------------------- */

static bool stopped(void *context)
{
    struct fb__background *background = context;
    return atomic_load(&background->stop) || atomic_load(&ending);
}

static void drop(struct fb__background *background)
{
    if (atomic_fetch_sub(&background->references, 1) == 1) {
        (void)pthread_cond_destroy(&background->completed);
        (void)pthread_mutex_destroy(&background->lock);
        fb__http_free(background->http);
        fb__free(&fb__mem_default, background);
    }
}

void fb__background_stop(struct fb__background *background)
{
    if (background != NULL) {
        atomic_store(&background->stop, true);
    }
}

void fb__background_release(struct fb__background *background)
{
    if (background == NULL) {
        return;
    }
    fb__background_stop(background);
    (void)pthread_mutex_lock(&background->lock);
    /* Once the gate is closed for good the thread may have stopped there. */
    while (background->completing && !fb__gate_closed_for_good()) {
        (void)pthread_cond_wait(&background->completed, &background->lock);
    }
    background->source = NULL;
    (void)pthread_mutex_unlock(&background->lock);
    drop(background);
}

static fb__http *http_for(const fb__key_source *source, const fb_fetch *fetch)
{
    fb__http_options options = source->http;
    options.url = fetch->url;
    options.headers = fetch->headers;
    options.timeout = fetch->timeout;
    return fb__http_new(&fb__mem_default, &options, fetch->etag);
}

static void fail(fb__key_source *source, uint64_t ticket, const char *problem)
{
    fb_fetched fetched = FB_FETCHED_INIT;
    fb_fetch next;
    fetched.failure = fb_text(problem);
    (void)fb__key_source_complete(source, ticket, fb_clock_now().monotonic_seconds, &fetched, &next, NULL);
}

/* The request of the next step; NULL: there is none. */
static fb__http *complete(fb__key_source *source, uint64_t ticket, const fb_fetched *fetched)
{
    fb_fetch next;
    (void)fb__key_source_complete(source, ticket, fb_clock_now().monotonic_seconds, fetched, &next, NULL);
    if (next.decision != FB_FETCH_NOW) {
        return NULL;
    }
    fb__http *http = http_for(source, &next);
    if (http == NULL) {
        fail(source, ticket, "out of memory");
    }
    return http;
}

/* The same, as long as there is a key source. It stays while it is worked with. */
static fb__http *hand_over(struct fb__background *background, const fb_fetched *fetched)
{
    (void)pthread_mutex_lock(&background->lock);
    fb__key_source *source = background->source;
    background->completing = source != NULL;
    (void)pthread_mutex_unlock(&background->lock);
    if (source == NULL) {
        return NULL;
    }
    fb__http *next = complete(source, background->ticket, fetched);
    (void)pthread_mutex_lock(&background->lock);
    background->completing = false;
    (void)pthread_cond_broadcast(&background->completed);
    (void)pthread_mutex_unlock(&background->lock);
    return next;
}

static void *run(void *argument)
{
    struct fb__background *background = argument;
    while (background->http != NULL) {
        fb_fetched fetched = FB_FETCHED_INIT;
        if (!stopped(background)) {
            fb__http_get(background->http, stopped, background, &fetched);
        }
        fetched.abandoned = stopped(background);
        fb__http *next = hand_over(background, &fetched);
        fb__http_free(background->http);
        background->http = next;
    }
    drop(background);
    /* What OpenSSL would do when the thread has ended must be done while it is still counted. */
    fb__openssl_thread_stop();
    (void)atomic_fetch_sub(&running, 1);
    return NULL;
}

static struct fb__background *background_new(fb__key_source *source, const fb_fetch *fetch)
{
    struct fb__background *background = fb__zalloc(&fb__mem_default, sizeof(*background));
    if (background == NULL) {
        return NULL;
    }
    background->http = http_for(source, fetch);
    if (background->http == NULL || pthread_mutex_init(&background->lock, NULL) != 0) {
        fb__http_free(background->http);
        fb__free(&fb__mem_default, background);
        return NULL;
    }
    (void)pthread_cond_init(&background->completed, NULL); /* cannot fail without attributes */
    atomic_init(&background->references, 1);
    background->ticket = fetch->ticket;
    background->source = source;
    return background;
}

static bool start_thread(struct fb__background *background)
{
    (void)atomic_fetch_add(&background->references, 1);
    bool started = fb__thread_start(run, background);
    if (!started) {
        (void)atomic_fetch_sub(&background->references, 1);
    }
    return started;
}

static void store(fb__key_source *source, struct fb__background *background)
{
    fb__key_source_lock(source);
    struct fb__background *before = source->background;
    source->background = background;
    fb__key_source_unlock(source);
    fb__background_release(before);
}

/* What went wrong before there was a thread; NULL: nothing. */
static const char *start(fb__key_source *source, const fb_fetch *fetch)
{
    struct fb__background *background = background_new(source, fetch);
    if (background == NULL) {
        return "out of memory";
    }
    if (!count_thread()) {
        fb__background_release(background);
        return "the process is ending";
    }
    store(source, background);
    if (!start_thread(background)) {
        (void)atomic_fetch_sub(&running, 1);
        return "no thread could be started";
    }
    return NULL;
}

/* ---- the interface ----------------------------------------------------------------------------------------------- */

/* The thread is late: the resolver hangs. Its own outcome, if there ever is one, is refused. */
static void give_up(fb__key_source *source, uint64_t ticket)
{
    char problem[64];
    (void)snprintf(problem, sizeof(problem), "no complete response within %g s", source->http.timeout);
    fail(source, ticket, problem);
}

/* How it stands after a fetch that this thread began or waited for. */
static fb_status outcome(fb__key_source *source, bool succeeded, fb_error *error)
{
    if (succeeded) {
        return fb__succeed(error);
    }
    fb__key_source_lock(source);
    const double now = fb_clock_now().monotonic_seconds;
    const bool in_flight = fb__schedule_in_flight(&source->schedule, now);
    const double retry_after = in_flight ? 1.0 : fb__schedule_retry_after(&source->schedule, now);
    const fb_status status = in_flight || source->last_status == FB_OK ? FB_KEYS_UNAVAILABLE : source->last_status;
    const char *text = in_flight                       ? "the fetch takes longer than this token may wait"
                       : source->last_error[0] == '\0' ? "the fetch was given up"
                                                       : source->last_error;
    (void)fb__fail(error, status, "%s", text);
    fb__key_source_unlock(source);
    if (FB__HAS(error, retry_after)) {
        error->retry_after = retry_after;
    }
    return status;
}

static uint64_t count_succeeded(fb__key_source *source)
{
    fb__key_source_lock(source);
    const uint64_t count = source->schedule.succeeded;
    fb__key_source_unlock(source);
    return count;
}

/* Until the fetch has ended, but no longer than the caller may. */
static void wait_for(fb__key_source *source, uint64_t ticket, bool token)
{
    /* The thread says itself that its time is over, in better words, unless it is stuck. */
    static const double patience = 0.25;
    fb__key_source_lock(source);
    const double now = fb_clock_now().monotonic_seconds;
    const bool ours = source->background != NULL && source->background->ticket == ticket;
    const double wait = fb__schedule_wait(&source->schedule, now, token);
    const double late = source->schedule.started_at + source->http.timeout + patience - now;
    fb__key_source_unlock(source);
    const bool to_the_end = ours && late <= wait;
    if (!fb__key_source_wait(source, ticket, to_the_end ? late : wait) && to_the_end) {
        give_up(source, ticket);
    }
}

fb_status fb__key_source_start(fb__key_source *source, fb_refresh_reason reason, uint64_t key_request, fb_fetch *out,
                               fb_error *error)
{
    if (fb__http_version() == NULL) {
        return fb__fail(error, FB_CONFIGURATION_INVALID,
                        "this build has no libcurl: fetch with refresh_begin and refresh_complete");
    }
    fb_status status = fb__key_source_begin(source, fb_clock_now().monotonic_seconds, reason, key_request, out, error);
    const char *problem = status == FB_OK && out->decision == FB_FETCH_NOW ? start(source, out) : NULL;
    if (problem != NULL) {
        fail(source, out->ticket, problem);
    }
    return status;
}

fb_status fb__key_source_refresh(fb__key_source *source, fb_refresh_reason reason, uint64_t key_request,
                                 fb_error *error)
{
    fb_fetch fetch;
    (void)fb__key_source_retain(source);
    const uint64_t before = count_succeeded(source);
    fb_status status = fb__key_source_start(source, reason, key_request, &fetch, error);
    if (status == FB_OK && fetch.decision != FB_FETCH_DONE) {
        if (fetch.decision != FB_FETCH_LATER) {
            wait_for(source, fetch.ticket, reason == FB_REFRESH_TOKEN);
        }
        status = outcome(source, count_succeeded(source) != before, error);
    }
    fb__key_source_release(source);
    return status;
}
