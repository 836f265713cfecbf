/*
 * Keeps threads out of OpenSSL while the process forks or, when the host asks for it, ends. A child inherits OpenSSL's
 * locks as they were, and a lock that another thread held at the fork stays locked for ever; OpenSSL's exit handler
 * frees what another thread is working with. So every stretch of code that works with OpenSSL is counted; a fork, and
 * the end of the process or of the host, wait until no thread is inside, and let none in meanwhile. Whoever is inside
 * must not wait for the network, the host, or a lock that may be held during a fork.
 *
 * What other code of the process does with OpenSSL is not counted, nor can it be.
 */
#include "base/base.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum { SLOTS = 16, CACHE_LINE = 64 };

/*
 * Seconds that a fork or an exit waits for those who are inside. They only compute: by then each has had as much of a
 * processor, or the machine is busy, and they are waited for until they have had it, or for the longer time. Generating
 * an RSA key of 8192 bits can take a minute, which neither a fork nor an exit is made to wait for.
 */
static const double patience = 3, longest_patience = 30;

/* Threads count themselves in different cache lines, or they would slow each other down. */
static struct {
    _Alignas(CACHE_LINE) atomic_uint inside;
} slots[SLOTS];
static atomic_uint next_slot;
static atomic_uint closed; /* how many forks and exits keep it closed */
static atomic_bool exit_guarded;
enum { RUNNING, HOST_ENDS, PROCESS_ENDS };
static atomic_int ending;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT, exit_once = PTHREAD_ONCE_INIT;

static _Thread_local struct {
    unsigned depth; /* of nested stretches; raised in a thread that closed the gate, which may pass */
    bool counted;   /* the outermost stretch is in the slot's count */
    bool known;     /* has a slot */
    bool ended;     /* the host, which this thread closed the gate for */
    unsigned slot;
} self;

static void pause_briefly(void)
{
    const struct timespec moment = {0, 200000};
    (void)nanosleep(&moment, NULL);
}

static unsigned count_inside(void)
{
    unsigned count = 0;
    for (size_t i = 0; i < SLOTS; i++) {
        count += atomic_load(&slots[i].inside);
    }
    return count;
}

static bool is_patience_over(double began, clock_t used, unsigned inside)
{
    const double waited = fb_clock_now().monotonic_seconds - began;
    const double computed = (double)(clock() - used) / (double)CLOCKS_PER_SEC; /* all threads together */
    return waited >= longest_patience || (waited >= patience && computed >= patience * inside);
}

/* Returns when nobody else is inside any more, or when it took too long. */
static void close_gate(void)
{
    atomic_fetch_add(&closed, 1);
    const unsigned own = self.counted ? 1 : 0;
    const double began = fb_clock_now().monotonic_seconds;
    const clock_t used = clock();
    for (unsigned inside = count_inside() - own; inside > 0 && !is_patience_over(began, used, inside);
         inside = count_inside() - own) {
        pause_briefly();
    }
    self.depth++;
}

static void before_fork(void)
{
    close_gate();
}

static void after_fork_in_parent(void)
{
    self.depth--;
    atomic_fetch_sub(&closed, 1);
}

/* The other threads are not there, whether they were inside, waiting for a fork of their own, or ending the process. */
static void after_fork_in_child(void)
{
    self.depth--;
    for (size_t i = 0; i < SLOTS; i++) {
        atomic_store(&slots[i].inside, 0);
    }
    if (self.counted) {
        atomic_store(&slots[self.slot].inside, 1);
    }
    atomic_store(&ending, RUNNING);
    atomic_store(&closed, 0);
}

static void watch_forks(void)
{
    fb__at_fork(before_fork, after_fork_in_parent, after_fork_in_child);
}

static void at_exit(void)
{
    if (atomic_exchange(&ending, PROCESS_ENDS) == RUNNING) {
        close_gate();
    }
}

void fb_begin_exit(void)
{
    int running = RUNNING;
    if (atomic_compare_exchange_strong(&ending, &running, HOST_ENDS)) {
        close_gate();
        self.ended = true;
    }
}

static void begin_anew(void)
{
    int host_ends = HOST_ENDS;
    if (atomic_compare_exchange_strong(&ending, &host_ends, RUNNING)) {
        atomic_fetch_sub(&closed, 1);
        self.depth -= self.ended ? 1 : 0;
        self.ended = false;
    }
}

/* Exit handlers run in reverse order, so OpenSSL must have registered its own before. */
bool fb__before_openssl_exits(void (*handler)(void))
{
    (void)OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL); /* with 0 it may register nothing */
    return atexit(handler) == 0;
}

static void guard_exit(void)
{
    atomic_store(&exit_guarded, fb__before_openssl_exits(at_exit));
}

void fb_guard_exit(void)
{
    (void)pthread_once(&exit_once, guard_exit);
    begin_anew();
}

void fb__openssl_thread_stop(void)
{
    fb__gate_enter();
    OPENSSL_thread_stop();
    fb__gate_leave();
}

/*
 * A thread that ends frees its part of OpenSSL, which must not happen while the rest is being freed. OpenSSL does it in
 * a destructor of its own; one of glibc's runs before that, and leaves it nothing to do.
 */
#ifdef __linux__
extern int __cxa_thread_atexit_impl(void (*function)(void *), void *argument, void *library) __attribute__((weak));
extern void *__dso_handle;

static void at_thread_exit(void *unused)
{
    (void)unused;
    fb__openssl_thread_stop();
}

static void watch_thread_exit(void)
{
    if (atomic_load(&exit_guarded) && __cxa_thread_atexit_impl != NULL) {
        (void)__cxa_thread_atexit_impl(at_thread_exit, NULL, &__dso_handle);
    }
}
#else
static void watch_thread_exit(void)
{
}
#endif

static void introduce_thread(void)
{
    (void)pthread_once(&fork_once, watch_forks);
    self.slot = atomic_fetch_add(&next_slot, 1) % SLOTS;
    self.known = true;
    watch_thread_exit();
}

bool fb__gate_closed_for_good(void)
{
    return atomic_load(&ending) != RUNNING;
}

/* Counts this thread, or returns false while the gate is closed. */
static bool try_enter(void)
{
    atomic_fetch_add(&slots[self.slot].inside, 1);
    if (atomic_load(&closed) == 0) {
        return true;
    }
    atomic_fetch_sub(&slots[self.slot].inside, 1);
    return false;
}

/* For ever, though the host may begin anew: what this thread would do next, ending included, may need OpenSSL, or what
 * the host has freed. */
static _Noreturn void stop_here(void)
{
    for (;;) {
        pause_briefly();
    }
}

void fb__gate_enter(void)
{
    if (self.depth++ > 0) {
        return;
    }
    if (!self.known) {
        introduce_thread();
    }
    while (!try_enter()) {
        if (fb__gate_closed_for_good()) {
            stop_here();
        }
        pause_briefly();
    }
    self.counted = true;
}

void fb__gate_leave(void)
{
    if (--self.depth > 0 || !self.counted) {
        return;
    }
    self.counted = false;
    atomic_fetch_sub(&slots[self.slot].inside, 1);
    if (fb__gate_closed_for_good()) {
        stop_here();
    }
}
