"""The targets of the design, judged by one run's results. What was not measured is not judged."""


class Results:
    def __init__(self, results):
        self.rows = {(row["language"], row["name"]): row.get("cells", {}) for row in results["rows"]}

    def __call__(self, language, name, algorithm, kind="first"):
        found = self.rows.get((language, name), {}).get(algorithm, {}).get(kind)
        return None if found is None else found["median"]


def above_the_primitive(get):
    for algorithm in ("RS256", "ES256", "EdDSA", "HS256"):
        whole, step = get("C", "fastbearer, cache off", algorithm), get("C", "fastbearer, signature step", algorithm)
        if whole is not None:
            yield f"C {algorithm}, above the signature step in use", 1.2, whole - step, "us"


def several_issuers(get):
    for kind, what in (("first", ""), ("repeat", ", token from the cache")):
        one = get("C", "fastbearer, 1 issuer", "HS256", kind)
        for issuers in ("10 issuers", "1000 issuers", "1000 added issuers"):
            several = get("C", f"fastbearer, {issuers}", "HS256", kind)
            if None not in (one, several):
                yield f"C HS256, {issuers} above one{what}", 0.4, several - one, "us"


def proofs(get):
    held, new = (get("C", f"fastbearer, DPoP, {key}", "ES256") for key in ("a key that is held", "a new key"))
    for what, ours, beside, allowed in (
        ("a key that is held, beside one verification of ours", held, "fastbearer, cache off", 1.5),
        ("a new key, beside OpenSSL's import and primitive", new, "OpenSSL, a new key", 1.1),
    ):
        base = get("C", beside, "ES256")
        if None not in (ours, base):
            yield f"C ES256, request with a DPoP proof of {what}", allowed, ours / base, "x"


def bindings(get):
    for algorithm in ("RS256", "ES256", "EdDSA"):
        base = get("C", "fastbearer", algorithm)
        for language, allowed in (("Python", 1.5), ("Node", 2.5)):
            value = get(language, "fastbearer", algorithm)
            if None not in (base, value):
                yield f"{language} {algorithm}, claims included, above C", allowed, value - base, "us"
    value = get("Python", "fastbearer", "HS256")
    if value is not None:
        yield "Python HS256, whole", 2.3, value, "us"


def hits(get):
    for language, allowed in (("C", 0.5), ("Python", 1.5), ("Node", 1.2)):
        value = get(language, "fastbearer", "RS256", "repeat")
        if value is not None:
            yield f"{language}, token from the cache", allowed, value, "us"
    ours, theirs = get("Node", "fastbearer", "RS256", "repeat"), get("Node", "fast-jwt, cache", "RS256", "repeat")
    if None not in (ours, theirs):
        yield "Node, cache hit beside fast-jwt's", 0.5, ours / theirs, "x"


def hosts(get):
    for kind in ("first", "repeat"):
        inside, alone = get("Python", "FastMCP, fastbearer", "RS256", kind), get("Python", "fastbearer", "RS256", kind)
        if None not in (inside, alone):
            yield f"FastMCP verify_token above Verifier.verify, {kind}", 5.0, inside - alone, "us"


def minting(get):
    bare, ours = get("C", "OpenSSL signature", "RS256"), get("C", "fastbearer, create_token", "RS256")
    if None not in (bare, ours):
        yield "create_token beside the bare RSA signature", 1.05, ours / bare, "x"


def arithmetic(get):
    for algorithm, allowed in (("RS256", 0.45), ("ES256", 0.35), ("EdDSA", 0.25)):
        ours, bare = get("C", "fastbearer, signature step", algorithm), get("C", "OpenSSL primitive", algorithm)
        if None not in (ours, bare):
            yield f"C {algorithm}, signature step beside OpenSSL's primitive", allowed, ours / bare, "x"


def judge(results):
    """(what, target, measured, reached) for each."""
    get = Results(results)
    lines = []
    for group in (above_the_primitive, several_issuers, proofs, bindings, hits, hosts, minting, arithmetic):
        for what, allowed, measured, unit in group(get):
            lines.append((what, f"<= {allowed:g} {unit}", f"{measured:.2f} {unit}", measured <= allowed))
    kind, how = (
        ("two threads", "wall time")
        if results["load"] < 0.3
        else ("two threads, CPU", "CPU time; the machine was busy")
    )
    for algorithm in ("RS256", "ES256", "EdDSA", "HS256"):
        times = get("C", "fastbearer", algorithm, kind)
        if times is not None:
            lines.append(
                (f"C {algorithm}, two threads beside one ({how})", ">= 1.85 x", f"{times:.2f} x", times >= 1.85)
            )
    if "hostile" in results:
        worst = max(results["hostile"].values())
        lines.append(("64 KiB of garbage refused, the worst shape", "< 50 us", f"{worst:.1f} us", worst < 50))
    for name, row in results.get("imports", {}).items():
        if name == "fastbearer":
            lines.append(
                ("import fastbearer, above an empty interpreter", "<= 15 ms", f"{row['ms']:.1f} ms", row["ms"] <= 15)
            )
    return lines
