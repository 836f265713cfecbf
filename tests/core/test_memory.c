/* Sizes that do not fit into a size_t are never allocated, wherever in the core they are worked out. */
#include "setup.h"
#include "test.h"
#include "verify/verify.h"

TEST(sums_and_products_say_when_they_do_not_fit)
{
    CHECK(fb__size_add(3, 4) == 7 && fb__size_multiply(3, 4) == 12);
    CHECK(fb__size_add(SIZE_MAX - 4, 4) == SIZE_MAX && fb__size_add(SIZE_MAX - 4, 5) == FB__NO_SIZE);
    CHECK(fb__size_add(FB__NO_SIZE, 0) == FB__NO_SIZE && fb__size_add(1, FB__NO_SIZE) == FB__NO_SIZE);
    CHECK(fb__size_multiply(SIZE_MAX / 2, 2) == SIZE_MAX - 1 && fb__size_multiply(SIZE_MAX / 2 + 1, 2) == FB__NO_SIZE);
    CHECK(fb__size_multiply(FB__NO_SIZE, 1) == FB__NO_SIZE && fb__size_multiply(FB__NO_SIZE, 3) == FB__NO_SIZE);
    CHECK(fb__size_multiply(0, FB__NO_SIZE) == 0 && fb__size_multiply(FB__NO_SIZE, 0) == 0);
}

static size_t asked;

static void *allocate(void *context, size_t size)
{
    (void)context;
    asked = size;
    return malloc(size);
}

static void release(void *context, void *memory)
{
    (void)context;
    free(memory);
}

static const fb_mem mem = {allocate, release, NULL};

TEST(what_does_not_fit_is_not_asked_for)
{
    CHECK(fb__alloc(&mem, FB__NO_SIZE) == NULL && fb__zalloc(&mem, FB__NO_SIZE) == NULL && asked == 0);
    void *one = fb__alloc(&mem, 0);
    CHECK(one != NULL && asked == 1);
    fb__free(&mem, one);
}

/* Lists of a caller who counts wrong: what is copied must not be larger than what was allocated for it. */
TEST(options_whose_sum_wraps_are_out_of_memory)
{
    static const fb_slice huge = {"x", SIZE_MAX / 2 + 1};
    const fb_slice twice[] = {huge, huge};
    struct setup options = SETUP_INIT;
    fb_verifier *verifier = NULL;
    options.policy.mem = &mem;
    options.issuer.secret = fb_text("0123456789abcdef0123456789abcdef");
    options.policy.audiences = (fb_list){twice, 2};
    CHECK(setup_verifier(&verifier, &options, NULL) == FB_OUT_OF_MEMORY && verifier == NULL);
}

int main(void)
{
    RUN(sums_and_products_say_when_they_do_not_fit);
    RUN(what_does_not_fit_is_not_asked_for);
    RUN(options_whose_sum_wraps_are_out_of_memory);
    return TEST_RESULT();
}
