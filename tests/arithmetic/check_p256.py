"""Checks the arithmetic of the path for ES256 against Python's integers: check_p256.py PROGRAM [ROUNDS]

Random values, and values at which limbs carry: around every multiple of 2^32, around p and n, and their sums.
"""

from __future__ import annotations

import random
import subprocess
import sys
from typing import Callable, Iterator

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
R = 2**256
Point = "tuple[int, int] | None"
Case = "tuple[str, tuple[int, ...], Callable[[list[str]], bool]]"


def inverse(a: int, modulus: int) -> int:
    return pow(a, -1, modulus)


def edges(limit: int) -> list[int]:
    found = {0, 1, 2, 3, limit - 1, limit - 2, limit // 2, limit // 2 + 1}
    for bit in range(0, 257, 32):
        for base in (2**bit, R - 2**bit, P - 2**bit, N - 2**bit, 2**bit + 2**96, 2**256 - 2**224 + 2**bit):
            found.update(base + offset for offset in (-2, -1, 0, 1, 2))
    for bits in range(16):  # limbs that are all ones or all zeros
        found.add(sum((2**64 - 1) << 64 * i for i in range(4) if bits >> i & 1))
    return sorted(value for value in found if 0 <= value < limit)


def some(limit: int) -> int:
    """Random, often with long runs of ones or zeros, so that carries travel far."""
    if random.random() < 0.5:
        return random.randrange(limit)
    value = 0
    for _ in range(random.randrange(1, 6)):
        value ^= (1 << random.randrange(257)) - 1
    return value % limit


def numbers(answer: list[str]) -> list[int]:
    return [int(word, 16) for word in answer]


def is_number(value: int) -> Callable[[list[str]], bool]:
    return lambda answer: numbers(answer) == [value]


def field_cases(a: int, b: int) -> Iterator[Case]:
    """a, b: any 256 bits."""
    p, q, m, n = a % P, b % P, a % N, b % N
    yield "fe_mul", (a, q), is_number(a * q * inverse(R, P) % P)
    yield "fe_sqr", (p,), is_number(p * p * inverse(R, P) % P)
    yield "fe_add", (p, q), is_number((p + q) % P)
    yield "fe_sub", (p, q), is_number((p - q) % P)
    yield "fe_enter", (a,), is_number(a * R % P)
    yield "sc_mul", (a, n), is_number(a * n * inverse(R, N) % N)
    if p:
        yield "fe_invert", (p,), is_number(inverse(p, P) * R * R % P)
    if m:
        yield "sc_invert", (m,), is_number(inverse(m, N) * R % N)
    yield "add", (a, b), lambda answer: numbers(answer) == [(a + b) % R, (a + b) // R]
    yield "sub", (a, b), lambda answer: numbers(answer) == [(a - b) % R, int(a < b)]
    yield "compare", (a, b), lambda answer: numbers(answer) == [int(a < b), int(a == b), int(a == 0)]
    yield "compare", (a, a), lambda answer: numbers(answer) == [0, 1, int(a == 0)]
    yield "echo", (a,), is_number(a)
    yield "terms", (m,), lambda answer: are_terms(answer, m)


def are_terms(answer: list[str], scalar: int) -> bool:
    total, seen = 0, set()
    for word in answer:
        window, multiple, sign = word.split(":")
        seen.add(window)
        total += (-1 if sign == "-" else 1) * int(multiple) * 256 ** int(window)
        if not (0 <= int(window) < 32 and 1 <= int(multiple) <= 128):
            return False
    return total % N == scalar and len(seen) == len(answer)


# ---- points ----------------------------------------------------------------------------------------------------------


def add(a: Point, b: Point) -> Point:
    if a is None or b is None:
        return b if a is None else a
    if a[0] == b[0] and (a[1] + b[1]) % P == 0:
        return None
    if a == b:
        slope = 3 * (a[0] * a[0] - 1) * inverse(2 * a[1], P) % P
    else:
        slope = (b[1] - a[1]) * inverse(b[0] - a[0], P) % P
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def times(scalar: int, point: Point) -> Point:
    total = None
    for bit in bin(scalar)[2:]:
        total = add(total, total)
        if bit == "1":
            total = add(total, point)
    return total


def is_point(expected: Point) -> Callable[[list[str]], bool]:
    def check(answer: list[str]) -> bool:
        x, y, zz, zzz = (value * inverse(R, P) % P for value in numbers(answer))
        if expected is None or zz == 0:
            return expected is None and zz == 0
        return zz**3 % P == zzz**2 % P and (x * inverse(zz, P) % P, y * inverse(zzz, P) % P) == expected

    return check


def point_cases() -> Iterator[Case]:
    a, z = times(random.randrange(1, N), G), random.randrange(1, P)
    other = times(random.randrange(1, N), G)
    scaled = tuple(value * R % P for value in (a[0] * z * z, a[1] * z**3, z * z, z**3))
    infinity = (scaled[0], scaled[1], 0, scaled[3])
    for b in (other, a, (a[0], P - a[1])):
        plain = tuple(value * R % P for value in b)
        yield "point_add", scaled + plain, is_point(add(a, b))
        yield "point_add", infinity + plain, is_point(b)
    yield "point_double", scaled, is_point(add(a, a))


def table_cases() -> Iterator[Case]:
    base = G
    for window in range(32):
        point = None
        for index in range(128):
            point = add(point, base)
            expected = [value * R % P for value in point]
            yield "entry", (window, index), lambda answer, expected=expected: numbers(answer) == expected
        base = add(point, point)


# ---- the run ---------------------------------------------------------------------------------------------------------


def cases(rounds: int) -> Iterator[Case]:
    values = edges(R)
    for a in values:
        for b in (a, random.choice(values), random.choice(values), some(R)):
            yield from field_cases(a, b)
    for _ in range(rounds):
        yield from field_cases(some(R), some(R))
    for _ in range(rounds // 20):
        yield from point_cases()
    yield from table_cases()


def main(arguments: list[str]) -> int:
    random.seed(256)
    asked = list(cases(int(arguments[1]) if len(arguments) > 1 else 3000))
    lines = "".join(" ".join([name, *(f"{value:064x}" for value in values)]) + "\n" for name, values, _ in asked)
    ran = subprocess.run([arguments[0]], input=lines, capture_output=True, text=True, check=True)
    answers = ran.stdout.splitlines()
    wrong = 0
    for (name, values, right), answer in zip(asked, answers, strict=True):
        if not right(answer.split()):
            wrong += 1
            if wrong <= 10:
                print(f"{name} {' '.join(f'{value:#x}' for value in values)}: {answer}")
    print(f"{len(asked)} operations, {wrong} wrong")
    return wrong != 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
