/*
 * Linked with -Wl,--wrap=_exit into the tests that coverage.sh builds: what a child of a fork has covered is written
 * down as well, though it ends without exit.
 */
void __gcov_dump(void);
_Noreturn void __real__exit(int status);
_Noreturn void __wrap__exit(int status);

_Noreturn void __wrap__exit(int status)
{
    __gcov_dump();
    __real__exit(status);
}
