"""The claims dict: everything that JSON can say, as Python's own json reads it."""

from __future__ import annotations

import json
import math
import random
from typing import Any

import pytest

from fastbearer import KeyPair, Verifier

PAIR = KeyPair.generate("HS256")
VERIFIER = Verifier(secret=PAIR.secret, require_exp=False, max_token_bytes=65536, cache_size=0)


def read(text: str) -> dict[str, Any]:
    return VERIFIER.verify(PAIR.sign('{"alg":"HS256"}', text.encode())).claims


@pytest.mark.parametrize(
    "number",
    ["0", "-0", "1", "-1", "9" * 18, "-" + "9" * 18, "9" * 19, "-" + "9" * 19, str(2**63), str(-(2**63)), str(2**64),
     "1" * 256, "-" + "1" * 255, "0.0", "-0.0", "1.5", "0.1", "1e2", "1E+2", "1e-400", "5e-324",
     "1.7976931348623157e308",
     "123456789.123456789", "1.0", "-1.0"],
)  # fmt: skip
def test_numbers(number: str) -> None:
    value, expected = read('{"n":%s}' % number)["n"], json.loads(number)
    assert type(value) is type(expected) and value == expected
    assert math.copysign(1, value) == math.copysign(1, expected) if isinstance(value, float) else True


def test_order_and_kinds() -> None:
    text = '{"z":1,"a":[true,false,null,[],{}],"m":{"z":{"y":[1,2.5,"x"]},"a":""},"":"empty name"}'
    claims = read(text)
    assert claims == json.loads(text)
    assert list(claims) == ["z", "a", "m", ""]
    assert list(claims["m"]) == ["z", "a"]
    assert claims["a"][0] is True and claims["a"][2] is None


@pytest.mark.parametrize(
    "text", [r'"\"\\\/\b\f\n\r\t"', r'"\u00e9\ud83d\ude00"', '"é😀"', r'"\u20ac x €"', '"' + "x" * 5000 + '"',
             '"' + r"\n" * 3000 + '"', '"\u2028\x7f"'],
)  # fmt: skip
def test_strings(text: str) -> None:
    assert read('{"s":%s,%s:1}' % (text, text)) == json.loads('{"s":%s,%s:1}' % (text, text))


def test_names_that_look_alike() -> None:
    """More names than the binding keeps, with equal first, middle and last letters."""
    names = [f"a{i:04d}b{i:04d}a" for i in range(2000)] + ["aa", "aaa", "a"]
    for _ in range(2):
        assert list(read(json.dumps(dict.fromkeys(names, 0)))) == names


def test_depth() -> None:
    text = "[" * 31 + "]" * 31
    assert read('{"d":%s}' % text)["d"] == json.loads(text)


def test_random_documents() -> None:
    rng = random.Random(7)

    def value(depth: int) -> Any:
        kind = rng.randrange(9 if depth < 6 else 6)
        if kind == 0:
            return rng.choice([None, True, False])
        if kind == 1:
            return rng.randrange(-(10 ** rng.randrange(1, 60)), 10 ** rng.randrange(1, 60))
        if kind == 2:
            return rng.uniform(-1, 1) * 10.0 ** rng.randrange(-300, 300)
        if kind < 6:
            return "".join(chr(rng.choice([*range(1, 256), 0x20AC, 0x1F600])) for _ in range(rng.randrange(12)))
        if kind < 8:
            return [value(depth + 1) for _ in range(rng.randrange(5))]
        return {f"k{i}é"[: rng.randrange(1, 5)]: value(depth + 1) for i in range(rng.randrange(5))}

    for _ in range(500):
        document = {f"name{i}": value(0) for i in range(rng.randrange(8))}
        text = json.dumps(document, ensure_ascii=rng.random() < 0.5)
        claims = read(text)
        assert claims == document
        assert json.dumps(claims) == json.dumps(document)
