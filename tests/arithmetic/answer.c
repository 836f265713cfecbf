/* Asks the program that this is linked to, and says "unsupported" where a build has no such arithmetic. */
#include "answer.h"

#ifdef __SIZEOF_INT128__

int main(void)
{
    char name[32];
    if (!begin()) {
        return 1;
    }
    while (scanf("%31s", name) == 1) {
        if (!answer(name)) {
            fprintf(stderr, "what is %s?\n", name);
            return 2;
        }
    }
    return 0;
}

#else

int main(void)
{
    puts("unsupported");
    return 0;
}

#endif
