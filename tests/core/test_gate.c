/* Threads that work with OpenSSL while the process forks, or ends. */
#include "base/base.h"
#include "child.h"
#include "setup.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 4, FORKS = 200, EXITS = 10 };

static atomic_bool stop;
static atomic_ulong constructed;

static fb_status construct(void)
{
    fb_keypair *pair = NULL;
    fb_verifier *verifier = NULL;
    fb_error error;
    fb_status status = fb_keypair_generate(&pair, fb_text("ES256"), 0, NULL, &error);
    if (status == FB_OK) {
        struct setup options = SETUP_INIT;
        options.issuer.public_key = fb_keypair_public_pem(pair);
        options.issuer.algorithms = FB_LIST(fb_text("ES256"));
        status = setup_verifier(&verifier, &options, &error);
    }
    fb_verifier_free(verifier);
    fb_keypair_free(pair);
    return status;
}

static void *construct_on(void *unused)
{
    while (!atomic_load(&stop)) {
        CHECK(construct() == FB_OK);
        atomic_fetch_add(&constructed, 1);
    }
    return unused;
}

static void *construct_once(void *unused)
{
    CHECK(construct() == FB_OK);
    return unused;
}

static void start(pthread_t threads[THREADS])
{
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, construct_on, NULL) == 0);
    }
}

/* Without the gate one child in a hundred waits for ever for a lock of OpenSSL's. */
TEST(child_constructs)
{
    pthread_t threads[THREADS];
    start(threads);
    for (int i = 0; i < FORKS; i++) {
        pid_t child = child_start();
        if (child == 0) {
            child_end(construct() == FB_OK ? 0 : 1);
        }
        CHECK(child_wait(child) == 0);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
}

/* Whoever is inside must not wait for itself, and is inside once more in the child. */
TEST(fork_inside)
{
    {
        FB__INSIDE_GATE;
        fb__gate_enter();
        pid_t child = child_start();
        if (child == 0) {
            fb__gate_leave();
            fb__gate_leave();
            fb__gate_enter();
            fb__gate_leave();
            child_end(0);
        }
        CHECK(child_wait(child) == 0);
        fb__gate_leave();
    }
    CHECK(construct() == FB_OK);
}

/* Without the guard most of these end in a segmentation fault. */
TEST(exit_while_threads_work)
{
    for (int i = 0; i < EXITS; i++) {
        (void)fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            pthread_t threads[THREADS];
            (void)alarm(120);
            fb_guard_exit();
            fb_guard_exit();
            start(threads);
            (void)usleep(20000);
            exit(construct() == FB_OK ? 0 : 1);
        }
        int status = -1;
        CHECK(waitpid(child, &status, 0) == child && status == 0);
    }
}

static atomic_bool inside, left;

static void *stay_inside(void *unused)
{
    FB__INSIDE_GATE;
    atomic_store(&inside, true);
    (void)usleep(6000000);
    atomic_store(&left, true);
    return unused;
}

static void say_whether_it_left(void)
{
    *child_verdict = atomic_load(&left) ? 0 : 1;
}

/* On a busy machine a thread may be inside for long and have computed for a moment. */
TEST(exit_waits_for_a_thread_that_gets_no_processor)
{
    pid_t child = child_start();
    if (child == 0) {
        pthread_t thread;
        (void)alarm(120);
        CHECK(atexit(say_whether_it_left) == 0); /* after ours, which are registered later */
        fb_guard_exit();
        CHECK(pthread_create(&thread, NULL, stay_inside, NULL) == 0);
        while (!atomic_load(&inside)) {
            (void)usleep(1000);
        }
        exit(0);
    }
    CHECK(child_wait(child) == 0);
}

static bool another_thread_constructs(void)
{
    pthread_t thread;
    return pthread_create(&thread, NULL, construct_once, NULL) == 0 && pthread_join(thread, NULL) == 0;
}

static bool child_is_not_ending(void)
{
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        (void)alarm(10);
        _exit(another_thread_constructs() ? 0 : 1);
    }
    return waitpid(child, &status, 0) == child && status == 0;
}

static bool end_and_start_again(void)
{
    pthread_t threads[THREADS];
    start(threads);
    (void)usleep(20000);
    fb_begin_exit();
    fb_begin_exit();
    unsigned long before = atomic_load(&constructed);
    (void)usleep(200000);
    bool stopped = atomic_load(&constructed) <= before + THREADS; /* each may have been about to count one */
    bool child = construct() == FB_OK && child_is_not_ending();
    fb_guard_exit();
    return stopped && child && another_thread_constructs() && atomic_load(&constructed) <= before + THREADS;
}

/* An interpreter that is embedded may end and be made anew; its threads do not come back. */
TEST(a_host_ends_and_starts_again)
{
    pid_t child = child_start();
    if (child == 0) {
        (void)alarm(120);
        fb_guard_exit();
        bool well = end_and_start_again();
        fb_begin_exit();
        *child_verdict = well ? 0 : 1;
        exit(0);
    }
    CHECK(child_wait(child) == 0);
}

int main(void)
{
    RUN(exit_while_threads_work); /* first: a sanitizer wants forks of one thread */
    RUN(exit_waits_for_a_thread_that_gets_no_processor);
    RUN(a_host_ends_and_starts_again);
    RUN(fork_inside);
    RUN(child_constructs);
    return TEST_RESULT();
}
