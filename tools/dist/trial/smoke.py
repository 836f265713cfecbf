"""Run by the interpreter under test, with the installed package: smoke.py '{"arithmetic": {...}, "url": ..., ...}'

Keys of every kind verify what they should and refuse what was changed; each is served by the arithmetic that is
expected, where a silent fall back to OpenSSL would show in nothing but the time; a key set comes over TLS by the trust
store that is said; and versions are those that were built in.
"""

import json
import sys

from fastbearer import DecodeError, KeyPair, KeysUnavailableError, Verifier

POLICY = {"issuer": "https://issuer.example", "audience": "a"}


def claims():
    return {"subject": "s", "scopes": ["read"], **POLICY}


def refuses(verifier, token):
    try:
        verifier.verify(token)
    except DecodeError:
        return True
    return False


def check_algorithm(algorithm, arithmetic, given):
    pair = KeyPair.generate(algorithm)
    key = {"secret": pair.secret} if algorithm.startswith("HS") else {"public_key": pair.public_key}
    verifier = Verifier(algorithms=algorithm, cache_size=0, **key, **POLICY)
    token = pair.create_token(**claims())
    rounds = given["rounds"]  # beyond what builds a table
    for _ in range(rounds):
        assert verifier.verify(token).scopes == ["read"], algorithm
    head, _, signature = token.rpartition(".")
    changed = head + "." + ("B" if signature[0] == "A" else "A") + signature[1:]
    assert refuses(verifier, changed), algorithm + " took a changed signature"
    (info,) = verifier.keys()
    found = getattr(info, "arithmetic", "")
    assert arithmetic is None or found == arithmetic, f"{algorithm} is served by {found}, not by {arithmetic}"
    stats = verifier.stats()
    assert stats["arithmetic_disagreements"] == 0 and stats["verified"] == rounds, stats
    return found


def check_key_set(given):
    trust = {"ca_file": given["ca_file"]} if given.get("ca_file") else {}
    verifier = Verifier(jwks_uri=given["url"], algorithms="ES256", **trust, **POLICY)
    assert verifier.verify(given["token"]).subject == "s"
    if given.get("untrusted_url"):
        other = Verifier(jwks_uri=given["untrusted_url"], algorithms="ES256", **trust, **POLICY)
        try:
            other.verify(given["token"])
        except KeysUnavailableError:
            return
        raise AssertionError("a certificate of an unknown authority was trusted")


def main():
    given = json.loads(sys.argv[1])
    served = {name: check_algorithm(name, expected, given) for name, expected in given["arithmetic"].items()}
    if given.get("url"):
        check_key_set(given)
    if given.get("trusted"):
        verifier = Verifier(jwks_uri=given["trusted"], algorithms="RS256", **POLICY)
        verifier.refresh()
        assert any(key.usable for key in verifier.keys()), "no usable key in " + given["trusted"]
    if given.get("versions"):
        from fastbearer import versions

        found = versions()
        # curl's says more behind a hyphen where its sources were not taken from a release tarball.
        running = {name: found[name].partition("-")[0] for name in given["versions"]}
        assert running == given["versions"], found
        assert found["built_in"] is True, found
    print("smoke ok", sys.version.split()[0], json.dumps(served))


main()
