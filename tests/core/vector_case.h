/*
 * One case of tests/vectors: reading it, running it, saying what came out. Shared by the runner and the fuzz corpora.
 */
#ifndef VECTOR_CASE_H
#define VECTOR_CASE_H

#include <fastbearer.h>

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Runs a case. The report line without newline, to be freed; *same says whether it is what the case expects. */
char *vector_run(const json_t *test, bool *same);

/* The report line of a case that has no outcome. */
char *vector_line(const json_t *test, const char *verdict, const char *code);

/* What the case expects, for messages. */
char *vector_expectation(const json_t *test);

#endif
