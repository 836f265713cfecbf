/*
 * What a program that answers questions about one arithmetic says to answer.c: a question is a name and its operands,
 * and an answer is a line.
 */
#ifndef FB_TEST_ANSWER_H
#define FB_TEST_ANSWER_H

#include <stdbool.h>
#include <stdio.h>

/* False: not right, so that nothing can be asked. */
bool begin(void);
/* Reads the operands and writes the answer. False: nothing of that name can be asked. */
bool answer(const char *name);

#endif
