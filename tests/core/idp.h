/*
 * tests/idp from C: starts `python -m tests.idp`, which ends with this process, and asks its remote control over plain
 * HTTP. Python and its cryptography package are looked for in FB_PYTHON, the project's .venv and the PATH.
 */
#ifndef FB_TEST_IDP_H
#define FB_TEST_IDP_H

#include "test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <jansson.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct idp {
    pid_t pid;
    int input; /* its end is the provider's */
    unsigned short control;
    json_t *state; /* as of the last answer */
};

static inline const char *idp_python(void)
{
    static const char venv[] = FB_SOURCE_DIR "/.venv/bin/python", *python;
    const char *candidates[] = {getenv("FB_PYTHON"), venv, "python3"};
    for (size_t i = 0; i < 3 && python == NULL; i++) {
        char command[1024];
        snprintf(command, sizeof(command), "'%s' -c 'import cryptography' >/dev/null 2>&1",
                 candidates[i] == NULL ? "" : candidates[i]);
        if (candidates[i] != NULL && system(command) == 0) {
            python = candidates[i];
        }
    }
    return python;
}

#define IDP_MISSING "no Python with the cryptography package was found to run tests/idp"

static inline void idp_note(struct idp *idp, json_t *state)
{
    json_decref(idp->state);
    idp->state = state;
}

/* option may be NULL. False: no Python that could run it. */
static inline bool idp_start(struct idp *idp, const char *option, const char *value)
{
    int to[2], from[2];
    const char *python = idp_python();
    memset(idp, 0, sizeof(*idp));
    if (python == NULL || pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) {
        return false;
    }
    idp->pid = fork();
    if (idp->pid == 0) {
        dup2(to[0], 0);
        dup2(from[1], 1);
        close(to[1]);
        close(from[0]);
        if (chdir(FB_SOURCE_DIR) == 0) {
            execlp(python, python, "-m", "tests.idp", "--algorithms", "ES256", option, value, (char *)NULL);
        }
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    idp->input = to[1];
    FILE *lines = fdopen(from[0], "r");
    static char line[65536];
    bool started = lines != NULL && fgets(line, sizeof(line), lines) != NULL;
    if (lines != NULL) {
        fclose(lines);
    }
    idp_note(idp, started ? json_loads(line, 0, NULL) : NULL);
    const char *control = json_string_value(json_object_get(idp->state, "control"));
    idp->control = control == NULL ? 0 : (unsigned short)strtoul(strrchr(control, ':') + 1, NULL, 10);
    return idp->control != 0;
}

/* One request to the remote control; the answer becomes the state. */
static inline void idp_ask(struct idp *idp, const char *path)
{
    static char answer[262144];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(idp->control)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char request[1024];
    int size = snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\n\r\n", path);
    size_t used = 0;
    if (connect(connection, (struct sockaddr *)&address, sizeof(address)) == 0 &&
        write(connection, request, (size_t)size) == size) {
        ssize_t got;
        while (used < sizeof(answer) - 1 && (got = read(connection, answer + used, sizeof(answer) - 1 - used)) > 0) {
            used += (size_t)got;
        }
    }
    close(connection);
    answer[used] = '\0';
    const char *body = strstr(answer, "\r\n\r\n");
    json_t *state = strncmp(answer, "HTTP/1.0 200", 12) == 0 && body != NULL ? json_loads(body + 4, 0, NULL) : NULL;
    if (state == NULL) {
        FAIL("the provider's control did not do %s: %.300s", path, body == NULL ? "no answer" : body + 4);
        exit(1);
    }
    idp_note(idp, state);
}

static inline const char *idp_text(struct idp *idp, const char *name)
{
    return json_string_value(json_object_get(idp->state, name));
}

/* As of now. */
static inline unsigned idp_number(struct idp *idp, const char *name)
{
    idp_ask(idp, "/state");
    return (unsigned)json_integer_value(json_object_get(idp->state, name));
}

static inline void idp_fault(struct idp *idp, const char *fault)
{
    char path[128];
    snprintf(path, sizeof(path), fault == NULL ? "/good" : "/fault?name=%s", fault);
    idp_ask(idp, path);
}

/* A token of the provider's newest key, with this key id in its header if kid is not NULL. */
static inline const char *idp_token(struct idp *idp, const char *arguments)
{
    char path[512];
    snprintf(path, sizeof(path), "/mint?%s", arguments);
    idp_ask(idp, path);
    return idp_text(idp, "token");
}

static inline void idp_stop(struct idp *idp)
{
    close(idp->input);
    kill(idp->pid, SIGTERM);
    waitpid(idp->pid, NULL, 0);
    json_decref(idp->state);
}

/* Both that a test needs, one with TLS. False: it cannot run, which has been said. */
static inline bool idp_start_both(const char *file, struct idp *plain, struct idp *secure)
{
    if (idp_python() == NULL) {
        test_skip(file, "all", IDP_MISSING);
        return false;
    }
    bool started = idp_start(plain, NULL, NULL) && idp_start(secure, "--tls", NULL);
    CHECK(started);
    return started;
}

#endif
