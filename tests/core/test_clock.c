/* The clock of fb_clock_now goes on while the machine is suspended. */
#include "child.h"
#include "fastbearer.h"
#include "setup.h"

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <time.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

/* For children from here on, the machine has been suspended for a day. */
static bool suspend_for_a_day(void)
{
    static const char offset[] = "boottime 86400 0\n";
    if (unshare(CLONE_NEWTIME) != 0) {
        return false;
    }
    const int file = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
    const bool written = file != -1 && write(file, offset, sizeof(offset) - 1) == (ssize_t)sizeof(offset) - 1;
    return close(file) == 0 && written;
}

static double running(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Whether waiting ends, which is done by the other clock. */
static bool wait_for_nothing(void)
{
    struct setup options = SETUP_INIT;
    fb_verifier *verifier = NULL;
    fb_fetch fetch = FB_FETCH_INIT;
    fb_error error = FB_ERROR_INIT;
    options.issuer.jwks_uri = fb_text("https://issuer.example/keys");
    if (setup_verifier(&verifier, &options, &error) != FB_OK ||
        fb_verifier_refresh_begin(verifier, SOLE_ISSUER, 1.0, FB_REFRESH_EXPLICIT, 0, &fetch, &error) != FB_OK) {
        return false;
    }
    const double start = running();
    const bool ended = fb_verifier_refresh_wait(verifier, SOLE_ISSUER, fetch.ticket, 0.2);
    fb_verifier_free(verifier);
    return !ended && running() - start >= 0.2;
}

TEST(time_passes_while_the_machine_is_suspended)
{
    const double before = fb_clock_now().monotonic_seconds;
    CHECK(before <= fb_clock_now().monotonic_seconds);
    if (!suspend_for_a_day()) {
        SKIP("no time namespace can be made here");
        return;
    }
    pid_t child = child_start();
    if (child == 0) {
        child_end(fb_clock_now().monotonic_seconds - before > 86000.0 && running() - before < 86000.0 ? 0 : 1);
    }
    CHECK(child_wait(child) == 0);
    child = child_start();
    if (child == 0) {
        child_end(wait_for_nothing() ? 0 : 1);
    }
    CHECK(child_wait(child) == 0);
}

int main(void)
{
    RUN(time_passes_while_the_machine_is_suspended);
    return TEST_RESULT();
}
