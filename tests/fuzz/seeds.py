"""Writes the seed corpora of the fuzz targets from the cases of tests/vectors: seeds.py FOLDER

One folder a target, one file an input, named by its hash. Needs nothing but Python.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
# As in fuzz_token.c: which verifier an algorithm's tokens go to; the last one holds all keys.
VERIFIERS = ["RS256", "RS512", "PS256", "PS384", "ES256", "ES384", "ES512", "ES256K", "EdDSA", "Ed448", "HS256"]
LARGEST = 4096


def segment(text: str) -> bytes | None:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None


def of_case(case: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    config = case["config"]
    for issuer in config.get("issuers") or []:
        yield from of_keys(issuer)
    yield from of_keys(config)
    for step in case.get("steps", [case]):
        yield from of_token(step["token"], config)
        if "request" in step:
            yield from of_request(step["request"])


def of_request(request: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """As fuzz_proof.c reads them: the part that is hostile, then that part."""
    for name, value in request["headers"]:
        if name.lower() == "authorization":
            yield "proof", f"\x00{request['url']}\n{value}\n".encode()
        if name.lower() == "dpop":
            yield "proof", b"\x01" + value.encode()
            for part, text in enumerate(value.split(".")[:2], 2):
                yield "proof", bytes([part]) + (segment(text) or b"")
    yield "proof", b"\x04" + request["url"].encode()
    if request.get("client_certificate"):
        yield "proof", b"\x05" + request["client_certificate"].encode()


def of_token(token: str, config: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    raw = token.encode("utf-8", "surrogatepass")
    algorithms = config.get("algorithms", ["RS256"])
    first = algorithms if isinstance(algorithms, str) else (algorithms or ["RS256"])[0]
    yield "token", bytes([VERIFIERS.index(first) if first in VERIFIERS else len(VERIFIERS)]) + raw
    yield "base64url", raw
    parts = [segment(part) for part in token.split(".")]
    if len(parts) == 3:
        header, payload = parts[:2]
        if payload and b'"cnf":' in payload:
            yield "proof", b"\x06" + payload.split(b'"cnf":', 1)[1][:-1]
        if header:
            yield "header", header
            yield "json", header
        if payload:
            yield "json", payload
            yield "claims", bytes([len(payload) % 256]) + payload
            yield "mint", b"\x00alice\nhttps://issuer.example\naudience\nread\nkid\n" + payload


def of_keys(config: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    for name, letter in (("public_key", b"p"), ("secret", b"s")):
        if isinstance(config.get(name), str):
            yield "pem", letter + config[name].encode()
    if isinstance(config.get("jwks_raw"), str):
        yield "jwks", b"d" + config["jwks_raw"].encode()
        yield "json", config["jwks_raw"].encode()
        yield "http", b'200\nmax-age=600\n\n"x"\n\n\n\nhttps://a.example/\n' + config["jwks_raw"].encode()
    if isinstance(config.get("jwks"), dict):
        yield "jwks", b"d" + json.dumps(config["jwks"]).encode()
        for key in config["jwks"].get("keys", [])[:2]:
            yield "jwks", b"k" + json.dumps(key).encode()


def of_ed25519() -> Iterator[tuple[str, bytes]]:
    """As fuzz_ed25519.c reads them: good signatures, changed ones, and keys with y around 0, 1, p and 2^255."""
    for index in range(2):
        for size in (0, 1, 47, 48, 900):
            yield "ed25519", bytes([index]) + bytes(64) + b"m" * size
        for position in (0, 31, 32, 63):
            yield "ed25519", bytes([index]) + bytes(position) + b"\x80" + bytes(63 - position) + b"m"
    for y in (0, 1, 2, 2**255 - 20, 2**255 - 19, 2**255 - 18, 2**255 - 16, 2**255 - 1):
        for sign in (0, 2**255):
            for s in (0, 1, 2**252, 2**252 + 27742317777372353535851937790883648493):
                yield (
                    "ed25519",
                    b"\x02\x01" + bytes(31) + s.to_bytes(32, "little") + (y | sign).to_bytes(32, "little") + b"m",
                )


def others() -> Iterator[tuple[str, bytes]]:
    for line in (
        "max-age=3600",
        "no-store",
        "max-age=99999999999999999999, public",
        'private, x="a,b", MAX-AGE="120"',
        "max-age=-1",
        ",",
    ):
        for status in ("200", "304", "500"):
            yield "http", f'{status}\n{line}\n30\n"etag"\n\n\n\nhttps://issuer.example:8443/jwks?x=1\n='.encode()
    for url in (
        "http://127.0.0.1:80/",
        "https://user@a/",
        "https://[::1]/x",
        "http://localhost/",
        "https://a b/",
        "file:///etc/passwd",
    ):
        yield "http", f"200\n\n\n\ngzip\n\n\n{url}\n=".encode()
    for length, coding in (
        ("1", ""),
        ("1, 1", ""),
        ("1, 2", ""),
        ("1,,1", ""),
        ("x", ""),
        ("", "chunked"),
        ("1", "chunked"),
        ("", "gzip, chunked"),
    ):
        yield "http", f"200\n\n\n\n\n{length}\n{coding}\nhttps://a.example/\n=".encode()
    for index in range(4):
        yield "mint", bytes([index]) + b"alice\n\n\n\n\n"
        yield (
            "mint",
            bytes([index])
            + b'al"ice\nhttps://i\xc3\xa4.example\na\nread write\nk\n{"sub":"x","exp":NaN,"a":[1,{"b":null}]}',
        )
    for policy in (128, 129, 132, 136, 192, 255):  # as in fuzz_claims.c: what its richest policies accept
        for changes in ("", ',"scp":["\\u0061dmin"]', ',"r":{"roles":["read","x y"]}', ',"nbf":1750000030'):
            payload = (
                '{"iss":"https:\\/\\/login.example\\/one","tid":"one","exp":1750000001,"aud":["HTTPS://API.example/mcp"],'
                f'"scope":"admin read","use":[["id",1.0e0,"access"]],"jti":"x"{changes}}}'
            )
            yield "claims", bytes([policy]) + payload.encode()
    for path in sorted((VECTORS / "keys").glob("*.pem")):
        pem = path.read_bytes()
        for letter in (b"p", b"s", b"r", b"e", b"d"):
            yield "pem", letter + pem
    yield from of_ed25519()
    for number in range(32):
        yield "cache", hashlib.shake_256(bytes([number])).digest(64 + 8 * number)
    yield from of_p256()
    yield from of_metadata()
    yield from of_rpc()


def of_rpc() -> Iterator[tuple[str, bytes]]:
    """As fuzz_rpc.c reads them: bodies, values of Content-Type, patterns and names."""
    calls = [
        {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        for method, params in (
            ("tools/list", {}),
            ("tools/call", {"name": "x", "arguments": {"a": [1, None, "\u00e9"]}}),
            ("prompts/get", {"name": "ab"}),
            ("resources/read", {"uri": "file:///secret/x"}),
            ("completion/complete", {"ref": {"type": "ref/resource", "uri": "file:///secret/{x}"}}),
            ("subscriptions/listen", {"notifications": {"resourceSubscriptions": ["file:///secret/x", "a:b"]}}),
            ("ping", None),
        )
    ]
    for body in (*calls, calls):
        text = json.dumps(body)
        yield "rpc", b"\0" + text.encode()
        for old, new in (("{", "{'x':1,"), ("}", ",}"), (":", "/**/:"), ('"method"', '"Method"'), ('"2.0"', "NaN")):
            yield "rpc", b"\0" + text.replace(old, new, 1).encode()
        yield "rpc", b"\0" + text.encode("utf-8-sig")
        yield "rpc", b"\0" + text.encode("utf-16")
        yield "rpc", b"\0" + text[:-1].encode()
    for value in (
        "application/json", 'text/plain; a="b;c"; CharSet = "utf-8"', "text/json;charset=utf-16;charset=utf-8", ";=;",
        "application/vnd.api+json", "a/b, c+json", "application/x-www-form-urlencoded",
    ):  # fmt: skip
        yield "rpc", b"\1" + value.encode()
    for pattern, name in (("a*b*c", "a_b_b_c"), ("*", ""), ("*x", "xx"), ("file:///a/*", "file:///a/../b?c#d")):
        yield "rpc", f"\2{pattern}\n{name}".encode()
    for uri in ("http://h.example:8080/a%20b", "note://Home/x", "a:b/./c", "http://[::1]/", "file:////x", "x://u@h:0"):
        yield "rpc", f"\2{uri}\n{uri}".encode()


def of_metadata() -> Iterator[tuple[str, bytes]]:
    """As fuzz_metadata.c reads them: identifier, status, document."""
    right = '{"issuer":"@","authorization_endpoint":"https://a/","jwks_uri":"https://keys.example/a?b"}'
    documents = (
        right,
        '{"jwks_uri":"https:\\/\\/k\\u0065ys.example\\/","issuer":"@","x":[1,{"y":null}]}',
        '{"issuer":"https://elsewhere.example","jwks_uri":"https://keys.example/"}',
        '{"issuer":"\\u0000\\n","jwks_uri":7}',
        '{"issuer":"@","jwks_uri":"http://127.0.0.1/"}',
        '{"issuer":"@","jwks_uri":"https://user@a/"}',
        '{"issuer":"@","issuer":"@","jwks_uri":"https://a/"}',
        '{"issuer":["@"],"jwks_uri":"https://a/"}',
        '{"issuer":"@"}',
        "[]",
        "",
    )
    for document in documents:
        yield "metadata", f"\n200\n{document}".encode()
        yield "json", document.encode()
    for identifier in (
        "https://issuer.example",
        "https://issuer.example/",
        "HTTPS://Issuer.example:443/a//",
        "https://[2001:db8::1]:8443/t",
        "http://127.0.0.1:80/realm",
        "https://issuer.example/{tid}",
        "https://issuer.example?a",
    ):
        for status in ("200", "404", "302", "429", "500"):
            yield "metadata", f"{identifier}\n{status}\n{right}".encode()


def of_p256() -> Iterator[tuple[str, bytes]]:
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    numbers = [1, 2, 127, 128, 129, 256, 2**128, 2**255, (order - 1) // 2, (order + 1) // 2, order - 2, order - 1]
    for choice in range(12):
        for first in numbers:
            for second in (1, 128, first, order - first, order - 1):
                pair = first.to_bytes(32, "big") + second.to_bytes(32, "big")
                yield "p256", bytes([choice]) + pair
                yield "p256", bytes([choice]) + pair + bytes(64) + bytes([first % 256]) * 40


def of_rsa() -> Iterator[tuple[str, bytes]]:
    """Signatures, blocks, and good blocks with a change; see fuzz_rsa.c."""
    for key in range(3):
        for alg in range(6):
            for rest in (b"", b"\x01", b"\x00\x01" + b"\xff" * 600, b"\x7f" * 600, b"\xff" * 600):
                yield "rsa", bytes([key, alg]) + b"message\n" + rest
                yield "rsa", bytes([key, alg + 8]) + b"message\n" + rest
            for fault in range(10):
                yield "rsa", bytes([key, alg + 16 + 24 * fault]) + b"message\n"
            for change in (b"\x00\x00\x80", b"\x00\x01\x01", b"\x00\xff\x01", b"\x01\xff\xbc"):
                yield "rsa", bytes([key, alg + 16]) + b"message\n" + change


def main(arguments: list[str]) -> int:
    folder = Path(arguments[0])
    shutil.rmtree(folder, ignore_errors=True)
    count = 0
    found = [*others(), *of_rsa()]
    for path in sorted(VECTORS.glob("*/*.json")):
        for case in json.loads(path.read_text()):
            found.extend(of_case(case))
    for target, data in found:
        if len(data) <= LARGEST:
            file = folder / f"fuzz_{target}" / hashlib.sha256(data).hexdigest()[:16]
            file.parent.mkdir(parents=True, exist_ok=True)
            count += not file.exists()
            file.write_bytes(data)
    print(f"{count} seeds")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
