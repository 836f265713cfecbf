/* Conditions of the pthread library that comes with the compiler, which is as that of macOS here. */
#include "condition_darwin.c"
