"""One contender of the Python comparison, in a process of its own: contender.py NAME ALG FIRST|REPEAT THREADS INPUT.json

Prints one JSON line: CPU microseconds per verification. Every contender is set up as its users would for speed (key parsed once where
that is possible), checks signature, exp, iss and aud unless `unchecked` says otherwise, and gives the claims as a dict.
"""

import importlib.metadata
import json
import sys
import threading
import time

ISSUER, AUDIENCE = "https://issuer.example", "https://api.example/mcp"


def fastbearer(alg, key, cache=0):
    import fastbearer

    source = {"secret": key} if alg.startswith("HS") else {"public_key": key}
    verifier = fastbearer.Verifier(**source, algorithms=[alg], issuer=ISSUER, audience=AUDIENCE, cache_size=cache)

    def verify(token):
        return verifier.verify(token).claims

    return verify


def fastbearer_cached(alg, key):
    return fastbearer(alg, key, cache=1024)


def pyjwt(alg, key):
    import jwt

    if not alg.startswith("HS"):
        key = jwt.get_algorithm_by_name(alg).prepare_key(key)
    return lambda token: jwt.decode(token, key, algorithms=[alg], audience=AUDIENCE, issuer=ISSUER, options={"require": ["exp"]})


def pyjwt_rs(alg, key):
    import jwt_rs

    if not alg.startswith("HS"):
        key = jwt_rs.get_algorithm_by_name(alg).prepare_key(key)
    return lambda token: jwt_rs.decode(token, key, algorithms=[alg], audience=AUDIENCE, issuer=ISSUER, options={"require": ["exp"]})


def oxyjwt(alg, key):
    import oxyjwt

    make = {"RS": "from_rsa_pem", "ES": "from_ec_pem", "Ed": "from_ed_pem", "HS": "from_secret"}[alg[:2]]
    key = getattr(oxyjwt.DecodingKey, make)(key.encode())
    return lambda token: oxyjwt.decode(token, key, algorithms=[alg], audience=AUDIENCE, issuer=ISSUER)


def webtoken(alg, key):
    import webtoken

    if not alg.startswith("HS"):
        key = webtoken.get_default_algorithms()[alg].prepare_key(key)
    return lambda token: webtoken.decode(token, key, algorithms=[alg], audience=AUDIENCE, issuer=ISSUER)


def ryjwt(alg, key):
    import ryjwt

    if alg.startswith("HS"):
        held = ryjwt.SecretKey(key.encode(), algorithm=alg)
    else:
        held = ryjwt.PublicKey.from_pem(key, algorithm=alg)
    return lambda token: held.decode(token, audience=AUDIENCE, issuer=ISSUER)


def joserfc(alg, key):
    from joserfc import jwk, jwt

    kty = {"RS": "RSA", "ES": "EC", "Ed": "OKP", "HS": "oct"}[alg[:2]]
    key = jwk.import_key(key, kty)
    claims = jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": ISSUER}, aud={"essential": True, "value": AUDIENCE}, exp={"essential": True}
    )

    def verify(token):
        decoded = jwt.decode(token, key, algorithms=[alg]).claims
        claims.validate(decoded)
        return decoded

    return verify


def authlib(alg, key):
    import warnings

    warnings.simplefilter("ignore")
    from authlib.jose import JsonWebKey, JsonWebToken

    if not alg.startswith("HS"):
        key = JsonWebKey.import_key(key)
    codec = JsonWebToken([alg])
    options = {"iss": {"essential": True, "value": ISSUER}, "aud": {"essential": True, "value": AUDIENCE}, "exp": {"essential": True}}

    def verify(token):
        claims = codec.decode(token, key, claims_options=options)
        claims.validate()
        return claims

    return verify


def python_jose(alg, key):
    from jose import jwk, jwt

    if not alg.startswith("HS"):
        key = jwk.construct(key, alg)
    return lambda token: jwt.decode(token, key, algorithms=[alg], audience=AUDIENCE, issuer=ISSUER)


def jwcrypto(alg, key):
    from jwcrypto import jwk, jwt

    if alg.startswith("HS"):
        import base64

        held = jwk.JWK(kty="oct", k=base64.urlsafe_b64encode(key.encode()).rstrip(b"=").decode())
    else:
        held = jwk.JWK.from_pem(key.encode())

    def verify(token):
        decoded = jwt.JWT(jwt=token, key=held, algs=[alg], check_claims={"iss": ISSUER, "aud": AUDIENCE, "exp": None})
        return json.loads(decoded.claims)

    return verify


def fastmcp(alg, key):
    """FastMCP's own verifier, whichever version this environment has."""
    import asyncio

    try:
        from fastmcp.server.auth.providers.jwt import JWTVerifier
    except ImportError:
        from fastmcp.server.auth.providers.bearer import BearerAuthProvider

        provider = BearerAuthProvider(public_key=key, issuer=ISSUER, audience=AUDIENCE)
    else:
        provider = JWTVerifier(public_key=key, issuer=ISSUER, audience=AUDIENCE, algorithm=alg)
    return _run_async(provider.load_access_token, asyncio)


def fastbearer_fastmcp(alg, key):
    import asyncio

    from fastbearer.fastmcp import JWTVerifier

    return _run_async(JWTVerifier(public_key=key, issuer=ISSUER, audience=AUDIENCE, algorithm=alg, cache_size=0).verify_token, asyncio)


def _run_async(method, asyncio):
    """Calls a coroutine that never waits without a trip through the loop: what the method costs, not what asyncio does."""

    def verify(token):
        coroutine = method(token)
        try:
            coroutine.send(None)
        except StopIteration as done:
            assert done.value is not None
            return done.value
        raise AssertionError("waited")

    return verify


CONTENDERS = {
    # name: (make, distribution, what it does not check)
    "fastbearer": (fastbearer, "fastbearer", ""),
    "fastbearer, cache": (fastbearer_cached, "fastbearer", ""),
    "fastbearer in FastMCP": (fastbearer_fastmcp, "fastbearer", ""),
    "FastMCP": (fastmcp, "fastmcp", "nbf, iat; a token without exp"),
    "ryjwt": (ryjwt, "ryjwt", "iat"),
    "oxyjwt": (oxyjwt, "oxyjwt", ""),
    "webtoken": (webtoken, "webtoken", "a token without exp"),
    "pyjwt-rs": (pyjwt_rs, "pyjwt-rs", ""),
    "PyJWT": (pyjwt, "PyJWT", ""),
    "joserfc": (joserfc, "joserfc", ""),
    "Authlib": (authlib, "Authlib", ""),
    "python-jose": (python_jose, "python-jose", "a token without exp"),
    "jwcrypto": (jwcrypto, "jwcrypto", ""),
}


def measure(verify, tokens, seconds):
    """CPU time of this thread per call, over at least `seconds`."""
    count, start = 0, time.thread_time()
    while True:
        for token in tokens:
            verify(token)
        count += len(tokens)
        spent = time.thread_time() - start
        if spent >= seconds:
            return spent / count * 1e6


def measure_threads(verify, tokens, seconds, threads):
    """Wall time per call of all threads together: what a second thread brings."""
    stop, counts = time.perf_counter() + seconds, [0] * threads

    def work(index):
        while time.perf_counter() < stop:
            for token in tokens:
                verify(token)
            counts[index] += len(tokens)

    workers = [threading.Thread(target=work, args=(index,)) for index in range(threads)]
    start = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return (time.perf_counter() - start) / sum(counts) * 1e6


def main():
    name, alg, sight, threads, path = sys.argv[1:6]
    with open(path) as file:
        given = json.load(file)[alg]
    make, distribution, unchecked = CONTENDERS[name]
    verify = make(alg, given["key"])
    tokens = given["tokens"] if sight == "first" else given["tokens"][:1]
    for token in tokens:
        assert verify(token)
    if sight == "first" and name == "fastbearer, cache":
        raise SystemExit("a cache is measured on repeated tokens")
    measure(verify, tokens, 0.1)
    if int(threads) == 1:
        value = measure(verify, tokens, 0.3)
    else:
        value = measure_threads(verify, tokens, 0.5, int(threads))
    print(json.dumps({"name": name, "version": importlib.metadata.version(distribution), "us": value, "unchecked": unchecked}))


main()
