/*
 * What the files of the Node binding share: the state of one JavaScript environment, and the ways between JavaScript
 * and C values. Nothing here decides anything about tokens; that is the core's business, or node/lib's.
 *
 * FAILURE. The binding is C, so no exception can leave a callback. Every Node-API call can fail at any moment, because
 * a worker is being terminated or the heap is at its limit: then the callback frees what it holds and returns NULL.
 * An allocation of our own that fails is an outcome like any other, FB_OUT_OF_MEMORY.
 *
 * THE BOUNDARY. A call hands numbers to JavaScript beside its return value, through `signals`. They are shared: the
 * next call of the environment overwrites them. So JavaScript copies them before any code runs that is not ours (a
 * fetch function, a hook, a getter, a Proxy), all of which may verify other tokens. Everything else of a call, details
 * of a failure included, is in its return value. No callback calls into JavaScript.
 *
 * There are no mutable globals: the main thread and all workers run in this image at once.
 */
#ifndef FBNODE_BINDING_H
#define FBNODE_BINDING_H

#include "fastbearer.h"

#include <node_api.h>

/* ---- module.c: one JavaScript environment */

/* Places in `signals`; module.c exports them by name. */
enum fbnode_signal {
    FBNODE_STATUS,     /* fb_status, or FBNODE_CLOSED */
    FBNODE_DUE,        /* 1: a background refresh is due */
    FBNODE_WARNING,    /* 1: arithmeticProblem says what */
    FBNODE_ISSUER,     /* the number of the token's issuer; 0: not known */
    FBNODE_KEEP,       /* bytes to reckon for what JavaScript keeps of this token; 0: it keeps nothing */
    FBNODE_EXPIRES_AT, /* NaN: none */
    FBNODE_CLIENT_ID,  /* lengths of the pieces of the returned text; -1: absent */
    FBNODE_SUBJECT,
    FBNODE_RESOURCE,
    FBNODE_KID,
    FBNODE_PAYLOAD,
    FBNODE_ISSUER_TEXT,
    FBNODE_SCOPES, /* how many; their lengths follow */
    FBNODE_FIRST_SCOPE,
    FBNODE_SIGNALS = 128
};
#define FBNODE_CLOSED (-1.0)

/* The core's own cap of a token; what is longer only has to be seen to be longer. */
enum { FBNODE_MAX_TOKEN = 65536 };

typedef struct fbnode_environment {
    double *signals;
    napi_ref signals_reference;
    char *text; /* scratch, for the length of a callback */
    size_t text_capacity;
    char token[FBNODE_MAX_TOKEN + 8]; /* scratch, too; on the stack each of its pages would be touched each time */
} fbnode_environment;

/* What a JavaScript handle (an External) points to begins with its kind. */
typedef enum fbnode_kind {
    FBNODE_VERIFIER = 0x66625631,
    FBNODE_KEYPAIR = 0x66624b31,
    FBNODE_RESULT = 0x66625231,
    FBNODE_REVOCATIONS = 0x66625353,
    FBNODE_RPC_POLICY = 0x66625031
} fbnode_kind;

/* ---- values.c: a callback, its arguments, its result */

enum { FBNODE_ARGUMENTS = 5 };

typedef struct fbnode_call {
    napi_env env;
    fbnode_environment *environment;
    napi_value arguments[FBNODE_ARGUMENTS];
} fbnode_call;

/* False: nothing can be done, and the callback returns NULL. */
bool fbnode_begin(fbnode_call *call, napi_env env, napi_callback_info info);

/* What an External holds; NULL, with an exception pending, when it is not of this kind. */
void *fbnode_handle(const fbnode_call *call, size_t index, fbnode_kind kind);

/* A handle of a key pair, revocations or a policy, which it takes over in any case; NULL on failure. */
napi_value fbnode_own(napi_env env, fbnode_kind kind, void *value);

/* What the handle owns. NULL, with a TypeError: it is of another kind. */
void *fbnode_owned(const fbnode_call *call, size_t index, fbnode_kind kind);

/* Notes the outcome. The details of a failure, or undefined for FB_OK. */
napi_value fbnode_outcome(const fbnode_call *call, fb_status status, const fb_error *error);

/* Notes that the verifier is closed; undefined. */
napi_value fbnode_closed(const fbnode_call *call);

double fbnode_number(const fbnode_call *call, napi_value value); /* NaN when it is not a number */
uint64_t fbnode_bigint(const fbnode_call *call, napi_value value);

/* NULL on failure; undefined for an absent slice. */
napi_value fbnode_text(napi_env env, fb_slice slice);
napi_value fbnode_texts(napi_env env, fb_list list);

/* An object in the making. It remembers a failure, so that only the end needs a look. */
typedef struct fbnode_object {
    napi_env env;
    napi_value value; /* NULL: something failed */
} fbnode_object;

fbnode_object fbnode_object_new(napi_env env);
void fbnode_set(fbnode_object *object, const char *name, napi_value value);
void fbnode_set_text(fbnode_object *object, const char *name, fb_slice text); /* not at all when absent */
void fbnode_set_number(fbnode_object *object, const char *name, double value);
void fbnode_set_bigint(fbnode_object *object, const char *name, uint64_t value);

/* Owns the bytes behind slices for the length of a callback, and wipes them: secrets are among them. */
typedef struct fbnode_reader {
    napi_env env;
    struct fbnode_block *blocks;
    bool failed; /* some text could not be had: the callback must not use any */
} fbnode_reader;

/* A string or Uint8Array; absent for anything else. */
fb_slice fbnode_read_text(fbnode_reader *reader, napi_value value);
/* An array of them. */
fb_list fbnode_read_texts(fbnode_reader *reader, napi_value array);
/* Memory for as long; NULL, and the reader has failed, when there is none. */
void *fbnode_reader_allocate(fbnode_reader *reader, size_t size);
void fbnode_reader_clear(fbnode_reader *reader);

/* ---- fields.c: C structs by the names of their members */

typedef enum fbnode_type {
    FBNODE_SLICE,
    FBNODE_LIST,
    FBNODE_PAIRS, /* a pointer to pairs of a slice and a list, and their count behind it; only read */
    FBNODE_CHARS, /* char[], only written; an empty one is undefined */
    FBNODE_BOOL,
    FBNODE_DOUBLE,
    FBNODE_SIZE,
    FBNODE_INT,
    FBNODE_UINT64
} fbnode_type;

typedef struct fbnode_field {
    const char *name;
    fbnode_type type;
    size_t offset;
} fbnode_field;

#define FBNODE_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Members that JavaScript leaves undefined stay what they are. The texts are the reader's. */
void fbnode_fields_read(fbnode_reader *reader, napi_value from, const fbnode_field *fields, size_t count, void *to);

void fbnode_fields_write(fbnode_object *to, const fbnode_field *fields, size_t count, const void *from);

/* An array of the names. */
napi_value fbnode_fields_names(napi_env env, const fbnode_field *fields, size_t count);

/* ---- what JavaScript can call */

typedef struct fbnode_function {
    const char *name;
    napi_callback callback;
} fbnode_function;

extern const fbnode_function fbnode_status_functions[], fbnode_verifier_functions[], fbnode_verify_functions[],
    fbnode_request_functions[], fbnode_issuers_functions[], fbnode_keypair_functions[], fbnode_rpc_functions[],
    fbnode_files_functions[]; /* up to a NULL name */

/* The names of the options of createRpcPolicy. */
napi_value fbnode_rpc_option_names(napi_env env);

/* { policy, issuer, dpop }: the names of the options that create takes; and what the core has where one is not given:
 * { name: value, ..., dpop: { name: value, ... } }. */
napi_value fbnode_option_names(napi_env env);
napi_value fbnode_option_defaults(napi_env env);

typedef struct fbnode_verifier {
    fbnode_kind kind;
    bool fetches;
    bool implies_scopes;
    bool has_replay_store; /* JavaScript remembers proofs */
    fb_verifier *verifier; /* NULL: closed */
} fbnode_verifier;

/* What a verification was asked about and came to; result is taken over. */
typedef struct fbnode_verdict {
    const fbnode_verifier *handle;
    fb_clock clock;
    fb_status status;
    fb_result *result;
    const fb_error *error;
} fbnode_verdict;

/* The moment of argument index: the system's, where it is NaN. */
fb_clock fbnode_clock(const fbnode_call *call, size_t index);

/* What is returned for a verdict, see verify.c, with the signals that go with it. */
napi_value fbnode_present(fbnode_call *call, fbnode_verdict verdict);

/* The open verifier of argument 0, or NULL: it is closed, and the signals say so, or there is none. */
const fb_verifier *fbnode_open_verifier(fbnode_call *call, napi_env env, napi_callback_info info);

/* { name: value, ... } by the names of fbnode_option_names. */
fb_issuer fbnode_read_issuer(fbnode_reader *reader, napi_value object);

/* Arguments 3 and 4, { issuer, response, reuseFor, contentType } and, once keys were asked for, the key request: what
 * the issuer with the number that is returned has said. */
uint64_t fbnode_read_introspection(fbnode_reader *reader, const fbnode_call *call, fb_introspection *out);

/* The set of revocations of argument index; NULL, with an exception pending, when it is none. */
fb_revocations *fbnode_revocations(const fbnode_call *call, size_t index);

/* The number of an issuer; 0 for what is none. */
uint64_t fbnode_issuer_number(const fbnode_call *call, napi_value value);

#endif
