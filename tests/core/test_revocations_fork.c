/* Revocations in a child of a fork: what was revoked is revoked there, and a child that cannot know says so. */
#include "child.h"
#include "revoking.h"

#include <pthread.h>

/* A host whose allocator hangs while a revocation is added, for longer than a fork waits. */
static atomic_bool hanging, let_go;

static void *hanging_allocate(void *context, size_t size)
{
    (void)context;
    while (hanging && !let_go) {
    }
    return malloc(size);
}

static void plain_release(void *context, void *memory)
{
    (void)context;
    free(memory);
}

static void *add_and_hang(void *context)
{
    hanging = true;
    CHECK(add(context, ISS, "t2", NOW + 60.0) == FB_OK);
    return NULL;
}

static int child_asks(fb_revocations *set)
{
    fb_result *result = result_of(T1);
    fb_error error = FB_ERROR_INIT;
    hanging = false;
    int wrong = fb_revocations_check(set, result, NOW, &error) != FB_STATUS_UNAVAILABLE;
    wrong += error.status != FB_STATUS_UNAVAILABLE;
    wrong += add(set, ISS, "t1", NOW + 60.0) != FB_OK; /* known again, but not all */
    wrong += fb_revocations_check(set, result, NOW, NULL) != FB_STATUS_UNAVAILABLE;
    fb_revocations_refill_begin(set);
    wrong += add(set, ISS, "t1", NOW + 60.0) != FB_OK;
    fb_revocations_refill_end(set);
    wrong += fb_revocations_check(set, result, NOW, NULL) != FB_TOKEN_REVOKED;
    fb_revocations_clear(set);
    wrong += fb_revocations_check(set, result, NOW, NULL) != FB_OK;
    fb_result_free(result);
    return wrong;
}

TEST(a_child_that_cannot_know_says_so)
{
    const fb_mem mem = {hanging_allocate, plain_release, NULL};
    fb_revocations *set = NULL;
    pthread_t thread;
    CHECK(fb_revocations_new(&set, 100, &mem, NULL) == FB_OK);
    CHECK(pthread_create(&thread, NULL, add_and_hang, set) == 0);
    while (!hanging) {
    }
    pid_t child = child_start();
    if (child == 0) {
        child_end(child_asks(set));
    }
    CHECK(child_wait(child) == 0);
    let_go = true;
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(ask_at(set, T2, NOW, "jti") == FB_TOKEN_REVOKED); /* the parent goes on */
    fb_revocations_free(set);
}

TEST(a_child_inherits_what_is_revoked)
{
    fb_revocations *set = make(100);
    CHECK(add(set, ISS, "t1", NOW + 60.0) == FB_OK);
    pid_t child = child_start();
    if (child == 0) {
        int wrong = ask_at(set, T1, NOW, "jti") != FB_TOKEN_REVOKED;
        wrong += ask_at(set, T2, NOW, NULL) != FB_OK;
        wrong += add(set, ISS, "t2", NOW + 60.0) != FB_OK;
        child_end(wrong + (ask_at(set, T2, NOW, "jti") != FB_TOKEN_REVOKED));
    }
    CHECK(child_wait(child) == 0);
    CHECK(ask_at(set, T2, NOW, NULL) == FB_OK);
    fb_revocations_free(set);
}

int main(void)
{
    revoking_start();
    RUN(a_child_that_cannot_know_says_so);
    RUN(a_child_inherits_what_is_revoked);
    fb_keypair_free(authority);
    return TEST_RESULT();
}
