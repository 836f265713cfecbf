"""One Python contender, in a process of its own: contender.py NAME TOKENS.json SECONDS [ALG first|repeat|start]

Prints one JSON line: CPU microseconds per verification for each algorithm, on tokens seen for the first time and on one
that is seen again, and how much two threads get done beside one; also on large tokens (RS256), and with a set of 100
keys (ES256). Every contender is set up as its users would for speed
(the key parsed once where that is possible) and to check signature, exp, iss and aud; `accepts` names the bad tokens
that it takes all the same. All give the claims as a dict but FastMCP 2.6, whose result has none. With ALG it says what
one verification costs, then goes on and on, for perf; with "start", what the first token of a process does.
"""

import base64
import importlib.metadata
import itertools
import json
import sys
import threading
import time

ISSUER, AUDIENCE = "https://issuer.example", "https://api.example/mcp"
ALGORITHMS = ("RS256", "ES256", "EdDSA", "HS256")


class Unsupported(Exception):
    """This contender does not have this algorithm."""


def cache_for(sight):
    """First sight is measured with a cache of one entry: tokens are looked for and kept, and never found."""
    return 1 if sight == "first" else 1024


def fastbearer(alg, key, sight):
    import fastbearer

    source = {"secret" if alg.startswith("HS") else "jwks" if isinstance(key, dict) else "public_key": key}
    verifier = fastbearer.Verifier(
        **source, algorithms=[alg], issuer=ISSUER, audience=AUDIENCE, cache_size=cache_for(sight)
    )
    return lambda token: verifier.verify(token).claims


def pyjwt(alg, key, sight):
    import jwt

    if not alg.startswith("HS"):
        key = jwt.get_algorithm_by_name(alg).prepare_key(key)
    return lambda token: jwt.decode(
        token, key, algorithms=[alg], audience=AUDIENCE, issuer=ISSUER, options={"require": ["exp"]}
    )


def pyjwt_rs(alg, key, sight):
    import jwt_rs  # keeps what it made of a PEM; a prepared key is turned into a PEM again on every call

    return lambda token: jwt_rs.decode(
        token, key, algorithms=[alg], audience=AUDIENCE, issuer=ISSUER, options={"require": ["exp"]}
    )


def oxyjwt(alg, key, sight):
    import oxyjwt

    make = {"RS": "from_rsa_pem", "ES": "from_ec_pem", "Ed": "from_ed_pem", "HS": "from_secret"}[alg[:2]]
    key = getattr(oxyjwt.DecodingKey, make)(key.encode())
    return lambda token: oxyjwt.decode(
        token, key, algorithms=[alg], audience=AUDIENCE, issuer=ISSUER, options={"require": ["exp"]}
    )


def webtoken(alg, key, sight):
    import webtoken

    if not alg.startswith("HS"):
        key = webtoken.get_default_algorithms()[alg].prepare_key(key)
    return lambda token: webtoken.decode(
        token, key, algorithms=[alg], audience=AUDIENCE, issuer=ISSUER, options={"require": ["exp"]}
    )


def ryjwt(alg, key, sight):
    import ryjwt

    kind = ryjwt.SecretKey if alg.startswith("HS") else ryjwt.PublicKey
    return kind(key, algorithms=[alg], audience=AUDIENCE, issuer=ISSUER).decode


def joserfc(alg, key, sight):
    from joserfc import jwk, jwt

    kty = {"RS": "RSA", "ES": "EC", "Ed": "OKP", "HS": "oct"}[alg[:2]]
    key = jwk.KeySet.import_key_set(key) if isinstance(key, dict) else jwk.import_key(key, kty)
    claims = jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": ISSUER}, aud={"essential": True, "value": AUDIENCE}, exp={"essential": True}
    )

    def verify(token):
        decoded = jwt.decode(token, key, algorithms=[alg]).claims
        claims.validate(decoded)
        return decoded

    return verify


def authlib(alg, key, sight):
    import warnings

    warnings.simplefilter("ignore")
    from authlib.jose import JsonWebKey, JsonWebToken

    if isinstance(key, dict):
        key = JsonWebKey.import_key_set(key)
    elif not alg.startswith("HS"):
        key = JsonWebKey.import_key(key)
    codec = JsonWebToken([alg])
    options = {
        "iss": {"essential": True, "value": ISSUER},
        "aud": {"essential": True, "value": AUDIENCE},
        "exp": {"essential": True},
    }

    def verify(token):
        claims = codec.decode(token, key, claims_options=options)
        claims.validate()
        return claims

    return verify


def python_jose(alg, key, sight):
    from jose import jwk, jwt

    if not alg.startswith("HS"):
        key = jwk.construct(key, alg)
    options = {"require_exp": True, "require_aud": True, "require_iss": True}
    return lambda token: jwt.decode(token, key, algorithms=[alg], audience=AUDIENCE, issuer=ISSUER, options=options)


def jwcrypto(alg, key, sight):
    from jwcrypto import jwk, jwt

    if alg.startswith("HS"):
        held = jwk.JWK(kty="oct", k=base64.urlsafe_b64encode(key.encode()).rstrip(b"=").decode())
    elif isinstance(key, dict):
        held = jwk.JWKSet.from_json(json.dumps(key))
    else:
        held = jwk.JWK.from_pem(key.encode())

    def verify(token):
        decoded = jwt.JWT(jwt=token, key=held, algs=[alg], check_claims={"iss": ISSUER, "aud": AUDIENCE, "exp": None})
        return json.loads(decoded.claims)

    return verify


def fastmcp(alg, key, sight):
    """FastMCP's own verifier, whichever version this environment has."""
    try:
        from fastmcp.server.auth.providers.jwt import JWTVerifier
    except ImportError:
        from fastmcp.server.auth.providers.bearer import BearerAuthProvider

        if alg != "RS256":
            raise Unsupported("RS256 is its only algorithm") from None
        return without_loop(BearerAuthProvider(public_key=key, issuer=ISSUER, audience=AUDIENCE).load_access_token)
    return without_loop(JWTVerifier(public_key=key, issuer=ISSUER, audience=AUDIENCE, algorithm=alg).load_access_token)


def fastbearer_fastmcp(alg, key, sight):
    from fastbearer.fastmcp import JWTVerifier

    options = {"issuer": ISSUER, "audience": AUDIENCE, "algorithm": alg, "cache_size": cache_for(sight)}
    return without_loop(JWTVerifier(public_key=key, **options).verify_token)


def without_loop(method):
    """Calls a coroutine that never waits without the loop: what the method costs, not what asyncio does."""

    def verify(token):
        try:
            method(token).send(None)
        except StopIteration as done:
            result = done.value
        else:
            raise AssertionError("waited")
        assert result is not None
        return getattr(result, "claims", result)

    return verify


CONTENDERS = {  # name: (make, distribution)
    "fastbearer": (fastbearer, "fastbearer"),
    "fastbearer in FastMCP": (fastbearer_fastmcp, "fastbearer"),
    "FastMCP": (fastmcp, "fastmcp"),
    "ryjwt": (ryjwt, "ryjwt"),
    "oxyjwt": (oxyjwt, "oxyjwt"),
    "webtoken": (webtoken, "webtoken"),
    "pyjwt-rs": (pyjwt_rs, "pyjwt-rs"),
    "PyJWT": (pyjwt, "PyJWT"),
    "joserfc": (joserfc, "joserfc"),
    "Authlib": (authlib, "Authlib"),
    "python-jose": (python_jose, "python-jose"),
    "jwcrypto": (jwcrypto, "jwcrypto"),
}
OF_SETS = (fastbearer, joserfc, authlib, jwcrypto)  # these take a JWKS
WITHOUT_SETS = (fastmcp, fastbearer_fastmcp)  # these take one that is fetched, and no other


def by_kid(make, alg, pems, sight):
    """What a user writes where the library takes one key: one verifier a key, and the header read to find it."""
    verifiers = {kid: make(alg, pem, sight) for kid, pem in pems.items()}

    def verify(token):
        header = token.partition(".")[0]
        return verifiers[json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"]](token)

    return verify


def with_set(make, alg, given, sight):
    if make in WITHOUT_SETS:
        raise Unsupported("it takes a set from a URL alone")
    return make(alg, given["jwks"], sight) if make in OF_SETS else by_kid(make, alg, given["pems"], sight)


def measure(verify, tokens, seconds):
    """CPU microseconds of this thread per call, over at least `seconds`."""
    count, start = 0, time.thread_time()
    while True:
        for token in tokens:
            verify(token)
        count += len(tokens)
        spent = time.thread_time() - start
        if spent >= seconds:
            return spent / count * 1e6


def throughput(verify, tokens, seconds, threads):
    """Verifications per second of wall time, of all threads together."""
    counts, gate = [0] * threads, threading.Barrier(threads + 1)

    def work(index):
        gate.wait()
        stop = time.perf_counter() + seconds
        while time.perf_counter() < stop:
            for token in tokens[:8]:
                verify(token)
            counts[index] += 8

    workers = [threading.Thread(target=work, args=(index,)) for index in range(threads)]
    for worker in workers:
        worker.start()
    gate.wait()
    start = time.perf_counter()
    for worker in workers:
        worker.join()
    return sum(counts) / (time.perf_counter() - start)


def accepted(verify, probes):
    """The names of the bad tokens that are taken."""
    names = []
    for name, token in probes.items():
        try:
            verify(token)
        except Exception:  # each peer has exceptions of its own
            continue
        names.append(name)
    return names


def measure_all(make, alg, given, seconds):
    cells = {}
    for sight, tokens in (("first", given["tokens"]), ("repeat", given["tokens"][:1] * 16)):
        verify = make(alg, given["key"], sight)
        for token in tokens:
            assert verify(token)
        cells[sight] = measure(verify, tokens, seconds)
        if sight == "first":
            one = throughput(verify, tokens, seconds, 1)
            cells["two threads"] = throughput(verify, tokens, seconds, 2) / one
    return cells, accepted(verify, given["probes"])


def measure_more(make, alg, given, seconds, absent):
    """Large tokens and key sets, of the algorithms that have them."""
    cells = {}
    cases = {
        size: (tokens, lambda: make(alg, given["key"], "first")) for size, tokens in given.get("large", {}).items()
    }
    if "set" in given:
        cases["100 keys"] = given["set"]["tokens"], lambda: with_set(make, alg, given["set"], "first")
    for name, (tokens, made) in cases.items():
        try:
            verify = made()
            for token in tokens * (24 if name == "100 keys" else 1):  # by then our keys have what tables they get
                assert verify(token)
            cells[name] = measure(verify, tokens, seconds)
        except Exception as error:  # one that takes no such token, or no set
            absent[f"{alg}, {name}"] = f"{type(error).__name__}: {error}"[:120]
    return cells


def start(make, alg, given):
    """Milliseconds of CPU time of this process: what it takes until there is a verifier, imports included; and
    microseconds of the first token and of the second."""
    times = [time.process_time()]
    verify = make(alg, given["key"], "repeat")
    times.append(time.process_time())
    for token in given["tokens"][:2]:
        assert verify(token)
        times.append(time.process_time())
    ready, first, second = (after - before for before, after in itertools.pairwise(times))
    print(json.dumps({"ready_ms": ready * 1e3, "first_us": first * 1e6, "second_us": second * 1e6}))


def loop(make, given, alg, sight, seconds):
    tokens = given["tokens"] if sight == "first" else given["tokens"][:1] * 16
    verify = make(alg, given["key"], sight)
    measure(verify, tokens, seconds)
    print(measure(verify, tokens, seconds), flush=True)
    while True:
        for token in tokens:
            verify(token)


def main():
    name, path, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    with open(path) as file:
        tokens = json.load(file)
    make, distribution = CONTENDERS[name]
    if len(sys.argv) == 6 and sys.argv[5] == "start":
        return start(make, sys.argv[4], tokens[sys.argv[4]])
    if len(sys.argv) == 6:
        loop(make, tokens[sys.argv[4]], *sys.argv[4:], seconds)
    cells, absent, accepts = {}, {}, []
    for alg in ALGORITHMS:
        try:
            cells[alg], accepts = measure_all(make, alg, tokens[alg], seconds)
        except Exception as error:  # a peer without this algorithm
            absent[alg] = f"{type(error).__name__}: {error}"[:120]
        else:
            cells[alg].update(measure_more(make, alg, tokens[alg], seconds, absent))
    version = importlib.metadata.version(distribution)
    print(json.dumps({"version": version, "accepts": accepts, "cells": cells, "absent": absent}))
    return None


main()
