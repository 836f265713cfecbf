/*
 * The C runner of tests/vectors: runs files or folders of cases through the public API and prints one JSON line a case
 * (tests/vectors/README.md has the format). A child process runs the cases and reports each through a pipe, so that a
 * crash or a hang costs one case: the parent notes it and starts a new child after it.
 */
#include "vector_case.h"
#include "vector_json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CASE_SECONDS = 10 };

static size_t total, different;

/* ---- one file's cases, in children ---------------------------------------------------------------------------------
 */

struct child {
    pid_t pid;
    int reports; /* the pipe's read end */
    size_t held;
    char *line; /* what has been read of the next report */
    size_t room;
};

/* Each report is one line whose first character says whether the case came out as expected. */
static void run_cases(const json_t *cases, size_t first, int reports)
{
    FILE *out = fdopen(reports, "w");
    for (size_t i = first; out != NULL && i < json_array_size(cases); i++) {
        bool same = false;
        char *line = vector_run(json_array_get(cases, i), &same);
        if (line == NULL || fprintf(out, "%c%s\n", same ? '=' : '!', line) < 0 || fflush(out) != 0) {
            _exit(3);
        }
        free(line);
    }
    _exit(0);
}

static bool start_child(struct child *child, const json_t *cases, size_t first)
{
    int ends[2];
    if (pipe(ends) != 0) {
        return false;
    }
    fflush(stdout);
    fflush(stderr);
    child->pid = fork();
    if (child->pid == 0) {
        close(ends[0]);
        run_cases(cases, first, ends[1]);
    }
    close(ends[1]);
    child->reports = ends[0];
    child->held = 0;
    return child->pid > 0;
}

/* The next report, without its newline, valid until the next call; NULL: the child has ended or hangs. */
static char *next_report(struct child *child, bool *hangs)
{
    for (;;) {
        char *end = child->held == 0 ? NULL : memchr(child->line, '\n', child->held);
        if (end != NULL) {
            *end = '\0';
            return child->line;
        }
        if (child->room - child->held < 4096) {
            child->room = child->room * 2 + 65536;
            child->line = realloc(child->line, child->room);
            if (child->line == NULL) {
                abort();
            }
        }
        struct pollfd ready = {child->reports, POLLIN, 0};
        int events = poll(&ready, 1, CASE_SECONDS * 1000);
        if (events == 0) {
            *hangs = true;
            return NULL;
        }
        ssize_t got = read(child->reports, child->line + child->held, child->room - child->held);
        if (got > 0) {
            child->held += (size_t)got;
        } else if (got == 0 || errno != EINTR) {
            return NULL;
        }
    }
}

static void drop_report(struct child *child)
{
    size_t size = strlen(child->line) + 1;
    child->held -= size;
    memmove(child->line, child->line + size, child->held);
}

static void say_different(const char *line, const json_t *test)
{
    different++;
    char *expected = vector_expectation(test);
    fprintf(stderr, "DIFFERENT %.300s expected %s\n", line, expected == NULL ? "?" : expected);
    free(expected);
}

/* Ends the child; when cases are left, the one that it was at gets the blame. */
static void end_child(struct child *child, bool hangs, const json_t *test)
{
    int status = 0;
    if (hangs) {
        kill(child->pid, SIGKILL);
    }
    waitpid(child->pid, &status, 0);
    close(child->reports);
    if (test == NULL) {
        return;
    }
    char what[64];
    if (hangs) {
        snprintf(what, sizeof(what), "no answer in %d seconds", CASE_SECONDS);
    } else if (WIFSIGNALED(status)) {
        snprintf(what, sizeof(what), "signal %d", WTERMSIG(status));
    } else {
        snprintf(what, sizeof(what), "exit status %d", WEXITSTATUS(status));
    }
    char *line = vector_line(test, hangs ? "hang" : "crash", what);
    puts(line);
    say_different(line, test);
    free(line);
}

static void run_array(const json_t *cases)
{
    struct child child = {0};
    size_t count = json_array_size(cases), next = 0;
    total += count;
    while (next < count) {
        if (!start_child(&child, cases, next)) {
            perror("fork");
            exit(2);
        }
        bool hangs = false;
        char *report;
        while (next < count && (report = next_report(&child, &hangs)) != NULL) {
            puts(report + 1);
            if (report[0] != '=') {
                say_different(report + 1, json_array_get(cases, next));
            }
            drop_report(&child);
            next++;
        }
        end_child(&child, hangs, next < count ? json_array_get(cases, next) : NULL);
        next += next < count;
    }
    free(child.line);
}

/* ---- files and folders ----------------------------------------------------------------------------------------------
 */

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

static void bad_file(const char *path, const char *why)
{
    json_t *test = json_pack("{s:s}", "id", path);
    char *line = vector_line(test, "error", why);
    total++;
    puts(line);
    say_different(line, test);
    free(line);
    json_decref(test);
}

static void run_file(const char *path)
{
    char why[200];
    json_t *cases = vector_load(path, ends_with(path, ".jsonl"), why, sizeof(why));
    if (cases == NULL) {
        bad_file(path, why);
        return;
    }
    run_array(cases);
    json_decref(cases);
}

static bool is_folder(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

static void run_path(const char *path)
{
    struct dirent **names = NULL;
    if (!is_folder(path)) {
        run_file(path);
        return;
    }
    int count = scandir(path, &names, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char below[4096];
        int size = snprintf(below, sizeof(below), "%s/%s", path, names[i]->d_name);
        bool fits = size > 0 && (size_t)size < sizeof(below);
        if (fits && names[i]->d_name[0] != '.' &&
            (is_folder(below) || ends_with(below, ".json") || ends_with(below, ".jsonl"))) {
            run_path(below);
        }
        free(names[i]);
    }
    free(names);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: fb_vectors PATH...\n");
        return 2;
    }
    for (int i = 1; i < argc; i++) {
        run_path(argv[i]);
    }
    fprintf(stderr, "%zu cases, %zu different\n", total, different);
    return total == 0 || different != 0 ? 1 : 0;
}
