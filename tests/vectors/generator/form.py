"""Three segments of canonical base64url, and how long they may be (RFC 7515 sections 2 and 7.1; RFC 4648 section 5)."""

from __future__ import annotations

from .base import ED, HS, NOW, RS, Issuer, Suite, claims, dump
from .keys import SECRET32, b64u, unb64u

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
BAD = "token_malformed"


def sized(issuer: Issuer, size: int) -> str:
    """A valid token of exactly this size."""
    for fill in range(size, 0, -1):
        token = issuer.token(claims(fill="x" * fill)) if fill <= size * 3 // 4 else ""
        if len(token) == size:
            return token
        if token and len(token) < size:
            break
    # Base64url text never has 1 mod 4 characters: the kid shifts the header by what is missing.
    for kid in range(1, 8):
        for fill in range(size * 3 // 4 - 500, size * 3 // 4):
            token = issuer.token(claims(fill="x" * fill), kid="k" * kid)
            if len(token) == size:
                return token
    raise ValueError(size)


def segments() -> Suite:
    suite = Suite("form/segments")
    good, config = RS.token(), RS.config
    header, payload, signature = good.split(".")
    suite.add("three", "a well-formed token", good, config)
    for name, description, token in [
        ("empty", "no token at all", ""),
        ("one-dot", "a dot alone", "."),
        ("two-dots", "three empty segments", ".."),
        ("many-dots", "a thousand dots", "." * 1000),
        ("one-segment", "a header alone", header),
        ("two-segments", "no signature segment", f"{header}.{payload}"),
        ("four-segments", "a segment behind the signature", f"{good}.AAAA"),
        ("trailing-dot", "an empty fourth segment", f"{good}."),
        ("leading-dot", "an empty first segment", f".{good}"),
        ("double-dot", "an empty segment in the middle", f"{header}..{payload}.{signature}"),
        ("five-segments", "the shape of JWE", f"{header}.AAAA.BBBB.CCCC.DDDD"),
        ("empty-header", "the header is empty", f".{payload}.{signature}"),
        ("empty-payload", "the payload is empty", f"{header}..{signature}"),
        ("empty-signature", "the signature is empty", f"{header}.{payload}."),
        ("bearer-prefix", "the scheme of the Authorization header came along", f"Bearer {good}"),
        ("quoted", "in quotation marks", f'"{good}"'),
        ("json-flattened", "JWS flattened JSON serialisation",
         dump({"protected": header, "payload": payload, "signature": signature})),
        ("json-general", "JWS general JSON serialisation",
         dump({"payload": payload, "signatures": [{"protected": header, "signature": signature}]})),
        ("json-in-header-segment", "compact text inside a JSON member", dump({"jws": good})),
        ("two-tokens", "two tokens, a comma between", f"{good}, {good}"),
        ("two-tokens-space", "two tokens, a space between", f"{good} {good}"),
        ("swapped-dots", "colons for dots", good.replace(".", ":")),
        ("url-encoded-dots", "percent-encoded dots", good.replace(".", "%2E")),
        ("full-width-dots", "U+FF0E for dots", good.replace(".", "\uff0e")),
    ]:
        suite.add(name, description, token, config, BAD)
    for name, character in [("space", " "), ("tab", "\t"), ("lf", "\n"), ("crlf", "\r\n"), ("nul", "\0"), ("nbsp", "\u00a0"),
                            ("bom", "\ufeff")]:
        suite.add(f"trailing-{name}", f"{name} behind the token", good + character, config, BAD)
        suite.add(f"leading-{name}", f"{name} before the token", character + good, config, BAD)
        suite.add(f"inner-{name}", f"{name} before the payload", f"{header}.{character}{payload}.{signature}", config, BAD)
    suite.add("nul-and-more", "a valid token, NUL, and more text: a NUL is data, not an end", good + "\0garbage", config, BAD)
    return suite


def alphabet() -> Suite:
    suite = Suite("form/alphabet")
    header, payload, signature = HS.token().split(".")
    parts = {"header": 0, "payload": 1, "signature": 2}
    for part, index in parts.items():
        for name, text in [("plus", "+"), ("slash", "/"), ("equals", "="), ("question", "?"), ("tilde", "~"), ("comma", ","),
                           ("percent", "%2D"), ("umlaut", "\u00e4"), ("del", "\x7f"), ("at", "@"), ("bracket", "["),
                           ("backtick", "`"), ("brace", "{"), ("colon", ":")]:
            pieces = [header, payload, signature]
            old = pieces[index]
            pieces[index] = old[:8] + text + old[8 + len(text):]
            suite.add(f"{part}-{name}", f"{text!r} stands in the {part}", ".".join(pieces), HS.config, BAD)
        pieces = [header, payload, signature]
        pieces[index] += "=" * (-len(pieces[index]) % 4 or 4)
        suite.add(f"{part}-padded", f"the {part} is padded", ".".join(pieces), HS.config, BAD)
    # Standard base64 of the same bytes: a token whose base64url text holds - and _ in every segment.
    token = next(t for t in (HS.token(claims(jti="?>" * 3 + str(i)), kid="?>\u00ff" * 2) for i in range(1000))
                 if all(set("-_") & set(piece) for piece in t.split(".")))
    suite.add("url-alphabet", "- and _ in the text", token, HS.config)
    suite.add("standard-alphabet", "the same bytes in the alphabet of RFC 4648 section 4",
              token.replace("-", "+").replace("_", "/"), HS.config, BAD)
    seen = "".join(sorted(set("".join(HS.token(claims(jti=str(i))) for i in range(3)))))
    suite.add("all-characters", "every character of the alphabet stands in the payload",
              HS.token(claims(every=unb64u(ALPHABET).hex(), jti=seen)), HS.config)
    return suite


def trailing_bits(text: str) -> list[str]:
    """All other spellings of the last character that decode to the same bytes."""
    free = {2: 16, 3: 4}.get(len(text) % 4, 1)
    value = ALPHABET.index(text[-1])
    return [text[:-1] + ALPHABET[value + extra] for extra in range(1, free)]


def canonical() -> Suite:
    suite = Suite("form/canonical")
    for part, index in {"header": 0, "payload": 1, "signature": 2}.items():
        for remainder in (2, 3):
            for size in range(12):
                if part == "signature":
                    issuer = {2: ED, 3: HS}[remainder]
                    token = issuer.token()
                else:
                    issuer = HS
                    token = HS.token(claims(fill="x" * size)) if part == "payload" else HS.token(kid="k" * size)
                pieces = token.split(".")
                if len(pieces[index]) % 4 == remainder:
                    break
            suite.add(f"{part}-{remainder}", f"the {part} has {remainder} characters beyond whole groups", token,
                      issuer.config)
            spellings = trailing_bits(pieces[index])
            for number in sorted({0, 1, len(spellings) // 2, len(spellings) - 1} & set(range(len(spellings)))):
                other = [*pieces]
                other[index] = spellings[number]
                suite.add(f"{part}-{remainder}-bits-{number}", f"unused bits at the end of the {part} are not zero",
                          ".".join(other), issuer.config, BAD)
            other = [*pieces]
            other[index] += "A" * ((1 - remainder) % 4)
            suite.add(f"{part}-{remainder}-plus-one", f"the {part} has one character beyond whole groups", ".".join(other),
                      issuer.config, BAD)
    # Bits that are unused in no place: signed so, still not canonical.
    header = b64u(b'{"alg":"HS256"}')
    payload = trailing_bits(b64u(dump(claims()).encode() + b" " * (-len(dump(claims())) % 3 + 1)))[0]
    from .sign import sign

    signature = b64u(sign("HS256", SECRET32, f"{header}.{payload}".encode()))
    suite.add("signed-as-it-is", "the signature covers the text that is not canonical", f"{header}.{payload}.{signature}",
              HS.config, BAD)
    return suite


def size() -> Suite:
    suite = Suite("form/size")
    token = HS.token()
    n = len(token)
    big = "token_too_large"
    suite.add("exact", "as long as max_token_bytes", token, HS.with_config(max_token_bytes=n))
    suite.add("one-more", "one byte longer than max_token_bytes", token, HS.with_config(max_token_bytes=n - 1), big)
    suite.add("first", "size is checked before form", "." * (n + 1), HS.with_config(max_token_bytes=n), big)
    suite.add("first-neighbour", "the same, not too long", "." * n, HS.with_config(max_token_bytes=n), BAD)
    suite.add("default-exact", "16384 bytes, the default limit", sized(HS, 16384), HS.config)
    suite.add("default-more", "16385 bytes, beyond the default limit", sized(HS, 16385), HS.config, big)
    suite.add("hard-exact", "65536 bytes with the largest limit", sized(HS, 65536), HS.with_config(max_token_bytes=65536))
    suite.add("hard-more", "65537 bytes with the largest limit", "A" * 65537, HS.with_config(max_token_bytes=65536), big)
    suite.add("dots", "65536 dots", "." * 65536, HS.with_config(max_token_bytes=65536), BAD)
    suite.add("one", "the smallest limit", "A", HS.with_config(max_token_bytes=1), BAD)
    suite.add("one-more-than-one", "two bytes with the smallest limit", "AA", HS.with_config(max_token_bytes=1), big)
    suite.add("bytes-not-characters", "size counts bytes of UTF-8: 40 characters of two bytes", "\u00e4" * 40,
              HS.with_config(max_token_bytes=79), [big, BAD])
    suite.add("no-now", "now null is the present: this one expired in 2025", token, HS.config, "token_expired", now=None)
    suite.add("no-now-later", "now null is the present: this one expires in 2286", HS.token(claims(exp=NOW * 100)), HS.config,
              now=None)
    return suite


SUITES = [segments, alphabet, canonical, size]
