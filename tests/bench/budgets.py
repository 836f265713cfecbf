"""The budgets (what each piece of work may cost), judged by one run's results.

A budget is a ratio or a difference within one run: to OpenSSL's bare primitive, to C, or to a peer. A row that was not
measured is named, with the reason where there is one.
"""

from dataclasses import dataclass

ALGORITHMS = ("RS256", "ES256", "EdDSA", "HS256")
QUIET = 0.3  # processors' worth of other people's work up to which wall time means something
IFMA, WITHOUT = (
    {"RS256": 0.30, "ES256": 0.10, "EdDSA": 0.10},
    {"ES256": 0.35, "EdDSA": 0.20},  # RSA is OpenSSL's then
)

DIGITS = {"x": 3, "us": 2, "ms": 1, "KiB": 0}


@dataclass(frozen=True)
class Row:
    what: str
    allowed: float
    unit: str
    measured: float | None = None
    least: bool = False  # allowed is what it has to reach, not what it may cost
    why: str = "not measured in this run"

    @property
    def kept(self):
        """None: nobody knows."""
        if self.measured is None:
            return None
        return self.measured >= self.allowed if self.least else self.measured <= self.allowed

    @property
    def budget(self):
        return f"{'>=' if self.least else '<='} {self.allowed:g} {self.unit}"

    @property
    def measurement(self):
        if self.measured is None:
            return self.why
        return f"{self.measured:.{DIGITS[self.unit]}f} {self.unit}"

    @property
    def verdict(self):
        return {True: "kept", False: "**missed**", None: "-"}[self.kept]


class Results:
    """Medians by language, name, algorithm and kind; None for what was not measured."""

    def __init__(self, results):
        self.rows = {(row["language"], row["name"]): row.get("cells", {}) for row in results["rows"]}

    def __call__(self, language, name, algorithm, kind="first"):
        found = self.rows.get((language, name), {}).get(algorithm, {}).get(kind)
        return None if found is None else found["median"]


def ratio(value, base):
    return None if None in (value, base) else value / base


def difference(value, base):
    return None if None in (value, base) else value - base


def signature_step(get, results):
    for kind, how, limits in (
        ("first", "", IFMA if results["ifma"] else WITHOUT),
        ("without IFMA", ", without AVX-512 IFMA", WITHOUT),
    ):
        for algorithm, allowed in limits.items():
            ours = get("C", "fastbearer, signature step", algorithm, kind)
            bare = get("C", "OpenSSL primitive", algorithm, kind)
            yield Row(f"C {algorithm}, signature step beside OpenSSL's primitive{how}", allowed, "x", ratio(ours, bare))


def above_the_step(get, _results):
    for algorithm in ALGORITHMS:
        whole, step = get("C", "fastbearer", algorithm), get("C", "fastbearer, signature step", algorithm)
        yield Row(
            f"C {algorithm}, above the signature step, cache insertion included", 0.6, "us", difference(whole, step)
        )


def bindings(get, _results):
    for language, verify, allowed in (("Python", "verify()", 0.8), ("Node", "verifySync()", 1.5)):
        for algorithm in ALGORITHMS:
            above = difference(get(language, "fastbearer", algorithm), get("C", "fastbearer", algorithm))
            yield Row(f"{language} {algorithm}, {verify} with claims, above C", allowed, "us", above)
    beside = ratio(get("Python", "fastbearer", "HS256"), get("Python", "ryjwt", "HS256"))
    yield Row("Python HS256, whole, beside ryjwt", 1.0, "x", beside)


def hits(get, _results):
    for language, name, allowed in (
        ("C", "fastbearer", 0.2),
        ("Python", "fastbearer", 0.7),
        ("Node", "fastbearer", 0.7),
        ("Python", "FastMCP, fastbearer", 2.5),
    ):
        what = language if name == "fastbearer" else "FastMCP's own model included"
        yield Row(f"token from the cache, {what}", allowed, "us", get(language, name, "RS256", "repeat"))


def several_issuers(get, _results):
    for kind, what in (("first", ""), ("repeat", ", token from the cache")):
        one = get("C", "fastbearer, 1 issuer", "HS256", kind)
        for issuers in ("10 issuers", "1000 issuers", "1000 added issuers"):
            several = get("C", f"fastbearer, {issuers}", "HS256", kind)
            yield Row(f"C HS256, {issuers} above one{what}", 0.4, "us", difference(several, one))


def proofs(get, _results):
    for key, what, beside, allowed in (
        ("a key that is held", "a known key, beside one ES256 verification of ours", "fastbearer, cache off", 1.5),
        ("a new key", "a new key, beside OpenSSL's import and primitive", "OpenSSL, a new key", 1.1),
    ):
        ours = get("C", f"fastbearer, DPoP, {key}", "ES256")
        yield Row(f"request with a DPoP proof of {what}", allowed, "x", ratio(ours, get("C", beside, "ES256")))


def minting(get, _results):
    bare, ours = get("C", "OpenSSL signature", "RS256"), get("C", "fastbearer, create_token", "RS256")
    yield Row("create_token with a loaded key, beside the bare RSA signature", 1.02, "x", ratio(ours, bare))


def two_threads(get, results):
    """C by CPU time on a busy machine: it shows what threads cost each other, if not what they get done."""
    quiet = results["load"] < QUIET
    kind, how = ("two threads", "") if quiet else ("two threads, CPU", ", by CPU time: the machine was busy")
    for algorithm in ALGORITHMS:
        times = get("C", "fastbearer", algorithm, kind)
        yield Row(f"two threads beside one, C {algorithm}{how}", 1.85, "x", times, least=True)
    for what, language, name, why in (
        ("Node workers", "Node", "fastbearer", "not measured in this run"),
        ("free-threaded Python", "Python", "fastbearer, free-threaded", "there was no free-threaded Python"),
    ):
        times = get(language, name, "RS256", "two threads") if quiet else None
        reason = why if quiet else "needs a quiet machine"
        yield Row(f"two threads beside one, {what} RS256", 1.85, "x", times, least=True, why=reason)


def memory(_get, results):
    found = results.get("memory", {})
    yield Row(
        f"memory after {found.get('millions', 10)} million verifications, above that after the first million",
        64,  # what an allocator may settle in; a byte a verification would be 8 MiB
        "KiB",
        found.get("grown_kib"),
    )
    yield Row("bytes in the cache beside its bound", 1.0, "x", ratio(found.get("cache_bytes"), found.get("bound")))
    yield Row("the other caches within their bounds", 1.0, "x", why="tests/core holds them to it: proof_keys, replay")


def hostile(_get, results):
    found = results.get("hostile", {})
    for size, what in (("64 KiB", "64 KiB of garbage"), ("16 KiB", "16 KiB made to be slow")):
        shapes = [cost for shape, cost in found.items() if shape.startswith(size)]
        yield Row(f"{what} refused, the worst shape", 50, "us", max(shapes, default=None))


def imports(_get, results):
    yield Row("import, above an empty interpreter", 8, "ms", results.get("imports", {}).get("fastbearer", {}).get("ms"))


GROUPS = (
    signature_step,
    above_the_step,
    bindings,
    hits,
    several_issuers,
    proofs,
    minting,
    two_threads,
    memory,
    hostile,
    imports,
)


def judge(results):
    get = Results(results)
    return [row for group in GROUPS for row in group(get, results)]
