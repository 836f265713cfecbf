/*
 * What everything else stands on: outcomes and error texts, memory, what a child of a fork must not inherit, and the
 * gate before OpenSSL.
 */
#ifndef FB_BASE_H
#define FB_BASE_H

#include "text.h"

#include <openssl/err.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

/* Fills an output of a caller who may know a shorter struct than this library; both begin with their size, which the
 * caller set. False: the output has no size. */
static inline bool fb__fill(void *out, const void *full, size_t full_size)
{
    size_t size;
    memcpy(&size, out, sizeof(size));
    if (size <= sizeof(size)) {
        return false;
    }
    memcpy((char *)out + sizeof(size), (const char *)full + sizeof(size),
           (size < full_size ? size : full_size) - sizeof(size));
    return true;
}

/* ---- status.c: outcomes and error texts */

/* Whether error is given and has this member: it may come from a program that was compiled against an older header. */
#define FB__HAS(error, member) \
    ((error) != NULL && (error)->size >= offsetof(fb_error, member) + sizeof((error)->member))

/* Sets the status, if error is given, and returns FB_OK. */
fb_status fb__succeed(fb_error *error);

/* Fills error (may be NULL) and returns status, so that a caller can write `return fb__fail(...)`. */
fb_status fb__fail(fb_error *error, fb_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same with fb_status_text as the text; claim may be absent. Cheap: for rejected tokens. */
fb_status fb__reject(fb_error *error, fb_status status, fb_slice claim);

static inline fb_status fb__out_of_memory(fb_error *error)
{
    return fb__reject(error, FB_OUT_OF_MEMORY, (fb_slice){NULL, 0});
}

/* What a verified claim should have been and what it is, after fb__reject or fb__fail: made printable, and cut at 120
 * characters. error may be NULL. */
void fb__set_expected(fb_error *error, fb_slice value);
void fb__set_actual(fb_error *error, fb_slice value);
/* The same of several values. */
void fb__set_expected_list(fb_error *error, const fb_list *values, const char *separator);
void fb__set_actual_list(fb_error *error, const fb_list *values, const char *separator);

/* Writes text to out, NUL-terminated and cut to fit, with '?' for every byte that is not printable ASCII and so could
 * forge a line of a log. */
void fb__printable(char *out, size_t room, fb_slice text);

/* Dense index of a status, 0 .. FB__STATUS_COUNT - 1, for counters; and back. */
enum { FB__STATUS_COUNT = 54 };
size_t fb__status_index(fb_status status);
fb_status fb__status_at(size_t index);

/* ---- openssl_errors.c: OpenSSL's error queue belongs to whoever called us */

enum { FB__MAX_OPENSSL_ERRORS = 16 };
typedef struct fb__openssl_errors {
    size_t count;
    unsigned marks;
    unsigned long codes[FB__MAX_OPENSSL_ERRORS];
    struct fb__error_text *texts;
} fb__openssl_errors;

/* Around everything that may call OpenSSL: the queue is empty after begin, and after end as it was before begin. May be
 * nested. */
void fb__openssl_hide(fb__openssl_errors *host);
void fb__openssl_show(fb__openssl_errors *host);
static inline void fb__openssl_begin(fb__openssl_errors *host)
{
    host->count = host->marks = 0;
    host->texts = NULL;
    if (ERR_peek_error() != 0) {
        fb__openssl_hide(host);
    }
}
static inline void fb__openssl_end(fb__openssl_errors *host)
{
    if (host->count > 0 || ERR_peek_error() != 0) {
        fb__openssl_show(host);
    }
}

/*
 * Between the two, after something that failed: whether OpenSSL has reported that it ran out of memory, since begin or
 * since this was asked last, or cannot allocate now. It does not report every single allocation that failed.
 */
bool fb__openssl_out_of_memory(void);

/* ---- random.c */

/* From OpenSSL's generator. False: there are none. */
bool fb__random(void *out, size_t size);

/* ---- siphash.c */

/* A keyed hash of 128 bits. seed comes from fb__random. */
void fb__siphash(const uint64_t seed[2], const char *data, size_t size, uint64_t out[2]);

/* The same for text of some hundred bytes and more, which costs a fifth so. All of the seed comes from fb__random. */
typedef struct fb__long_seed {
    uint64_t words[32], sip[2];
} fb__long_seed;
void fb__long_hash(const fb__long_seed *seed, const char *data, size_t size, uint64_t out[2]);

/* ---- memory.c: allocation through the fb_mem of an object */

/* Sizes that are worked out for an allocation. What does not fit into a size_t is FB__NO_SIZE, which stays that
 * whatever is added or multiplied, and which fb__alloc refuses. */
#define FB__NO_SIZE SIZE_MAX
static inline size_t fb__size_add(size_t a, size_t b)
{
    return a > FB__NO_SIZE - b ? FB__NO_SIZE : a + b;
}
static inline size_t fb__size_multiply(size_t a, size_t b)
{
    return b != 0 && a > FB__NO_SIZE / b ? FB__NO_SIZE : a * b;
}

extern const fb_mem fb__mem_default;
void *fb__alloc(const fb_mem *mem, size_t size);  /* uninitialised; NULL when there is none, or for FB__NO_SIZE */
void *fb__zalloc(const fb_mem *mem, size_t size); /* zeroed */
void fb__free(const fb_mem *mem, void *memory);

/* Blocks that are freed together, and not before. Zeroed it is empty; mem is set by whoever makes it. */
typedef struct fb__arena {
    fb_mem mem;
    struct fb__chunk *chunks;
} fb__arena;
void *fb__arena_take(fb__arena *arena, size_t size); /* zeroed; NULL when there is none, or for FB__NO_SIZE */
bool fb__arena_copy(fb__arena *arena, fb_slice text, fb_slice *out); /* an absent slice stays absent */
void fb__arena_clear(fb__arena *arena);

/* ---- cpu.c: vector instructions, of this processor and system, in this build */
bool fb__cpu_has_avx2(void);
bool fb__cpu_has_ifma(void); /* AVX-512 F, DQ, VL and IFMA */

/* ---- what differs between systems: NAME.c, or NAME_darwin.c and NAME_win32.c in its place */

/* A number of JSON's grammar, whatever the process's locale is. False: out of memory. */
bool fb__decimal(const char *text, double *out);

/* Conditions that are waited for by the monotonic clock, since somebody sets the other one. */
bool fb__condition_init(pthread_cond_t *condition);
/* Until it is signalled, or for no reason; false: the time `until` of fb_clock's monotonic_seconds has come. */
bool fb__condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, double until);

/* A detached thread without signals. False: there is none. */
bool fb__thread_start(void *(*run)(void *), void *argument);

/* What a fork calls: in the parent before it, and after it in both. NULL: nothing. Once registered, for ever. */
void fb__at_fork(void (*before)(void), void (*in_parent)(void), void (*in_child)(void));

/* Whether the system has a store of trusted certificates that libcurl reads. */
bool fb__ca_store(void);

/* ---- fork.c: what a child must not inherit */

/* Changes in every child of a fork. */
unsigned fb__fork_generation(void);

/* What an object that holds locks or handles remembers of the process that it works in. */
typedef struct fb__process {
    atomic_uint seen, claim;
} fb__process;

typedef enum fb__process_state {
    FB__PROCESS_SAME,
    FB__PROCESS_NEW, /* the object was inherited: this caller, and no other, starts it afresh and calls the third */
    FB__PROCESS_BUSY /* another thread does that now */
} fb__process_state;

void fb__process_init(fb__process *process);
fb__process_state fb__process_check(fb__process *process);
void fb__process_done(fb__process *process);

/* ---- gate.c: nobody is inside OpenSSL while the process forks or ends */

/* Around every stretch of code that works with OpenSSL. Stretches may be nested. Waits while the process forks. */
void fb__gate_enter(void);
void fb__gate_leave(void);
/* Whether the process or its host is ending: a thread that is not inside now will never be. */
bool fb__gate_closed_for_good(void);
/* Registers what exit() calls before OpenSSL's own handler. False: it will not be called. */
bool fb__before_openssl_exits(void (*handler)(void));
/* Frees the calling thread's part of OpenSSL, inside the gate. */
void fb__openssl_thread_stop(void);

static inline void fb__gate_leave_block(const bool *unused)
{
    (void)unused;
    fb__gate_leave();
}

/* A declaration: inside the gate from here to the end of the block, whichever way the block is left. */
#define FB__INSIDE_GATE \
    __attribute__((cleanup(fb__gate_leave_block), unused)) const bool inside_gate = (fb__gate_enter(), true)

#endif
