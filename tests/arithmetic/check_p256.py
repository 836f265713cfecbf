"""Checks our arithmetic for ES256 against Python's integers: check_p256.py PROGRAM [ROUNDS]

Random values, and values at which limbs carry: around every multiple of 2^32, around p and n, and their sums.
"""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator

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
        yield "steps_p", (p,), steps_of(p, P, R * R % P)
    if m:
        yield "sc_invert", (m,), is_number(inverse(m, N) * R % N)
        yield "steps_n", (m,), steps_of(m, N, R % N)
    yield from apply_cases(m, n)
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


def wide(words: list[int]) -> int:
    return sum(word << 62 * i for i, word in enumerate(words))


def apply_cases(a: int, b: int) -> Iterator[Case]:
    """Matrices at the border of what they may be, on numbers that are, too."""
    d, e = a - 2 * b, b - 2 * a
    for _ in range(2):
        u, q = (random.choice([0, 1, 2**61, 2**62 - 1, 2**62, random.randrange(2**62)]) for _ in range(2))
        v, r = ((2**62 - first) * random.choice([-1, 1]) for first in (u, q))
        u, q = u * random.choice([-1, 1]), q * random.choice([-1, 1])

        def check(answer: list[str], u: int = u, v: int = v, q: int = q, r: int = r) -> bool:
            words = [int(word) for word in answer]
            new_d, new_e = wide(words[:5]), wide(words[5:])
            return (
                (u * d + v * e - (new_d << 62)) % N == 0
                and (q * d + r * e - (new_e << 62)) % N == 0
                and all(-2 * N < value < N for value in (new_d, new_e))
                and all(0 <= word < 2**62 for part in (words[:4], words[5:9]) for word in part)
            )

        yield "apply", (a, b, u % 2**64, v % 2**64, q % 2**64, r % 2**64), check


def steps_of(x: int, modulus: int, factor: int) -> Callable[[list[str]], bool]:
    """Every matrix is one of 62 divsteps, applied without a rest, and all bounds that the source gives are kept."""

    def check(answer: list[str]) -> bool:
        words = [int(word) for word in answer]
        f, g, d, e, delta = modulus, x, 0, factor, 1
        for at in range(0, len(words), 24):
            u, v, q, r = words[at : at + 4]
            parts = [words[at + k : at + k + 5] for k in range(4, 24, 5)]
            new_f, new_g, new_d, new_e = map(wide, parts)
            if max(abs(u) + abs(v), abs(q) + abs(r)) > 2**62:
                return False
            if any(not 0 <= limb < 2**62 for part in parts for limb in part[:4]):
                return False
            if (u * f + v * g, q * f + r * g) != (new_f << 62, new_g << 62):
                return False
            if (u * d + v * e - (new_d << 62)) % modulus or (q * d + r * e - (new_e << 62)) % modulus:
                return False
            if not (-2 * modulus < new_d < modulus and -2 * modulus < new_e < modulus):
                return False
            for _ in range(62):
                if delta > 0 and g & 1:
                    delta, f, g = 1 - delta, g, (g - f) // 2
                else:
                    delta, g = 1 + delta, (g + (g & 1) * f) // 2
            if (f, g) != (new_f, new_g):
                return False
            d, e = new_d, new_e
        return g == 0 and abs(f) == 1 and (d * f * x - factor) % modulus == 0

    return check


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


# ---- vectors ---------------------------------------------------------------------------------------------------------


def limbs(answer: list[str]) -> tuple[list[int], list[int]]:
    values = numbers(answer)
    return values[:5], values[5:]


def is_lane(residue: int, other: int, least: int, most: int) -> Callable[[list[str]], bool]:
    """The lane asked for and its neighbour are right modulo p, limbs are below 2^52, and the bounds are kept."""

    def check(answer: list[str]) -> bool:
        for expected, lane in zip((residue, other), limbs(answer), strict=True):
            value = sum(limb << 52 * i for i, limb in enumerate(lane))
            if value % P != expected % P or max(lane) >= 2**52 or not least <= value < most:
                return False
        return True

    return check


def lane_cases(a: int, b: int) -> Iterator[Case]:
    """a, b: below 16 * p."""
    split = lambda first, second: (first % R, second % R, first // R, second // R, random.randrange(8))
    half = inverse(2**260, P)
    c, d, small = a % (2 * P), b % (2 * P), b % (16 * P // 10)
    yield "lanes_mul", split(a, small), is_lane(a * small * half, 2 * half, 0, a * small // 2**260 + P + 1)
    yield "lanes_mul", split(c, d), is_lane(c * d * half, 2 * half, 0, 5 * P // 4 + 1)
    yield "lanes_first", split(a, d), is_number(a % P)
    yield "lanes_sub", split(a, d), is_lane(a - d, -1, R - 2**230, 2 * R + 2**230)
    yield "lanes_sub", split(d, a), is_lane(d - a, -1, R - 2**230, 2 * R + 2**230)
    yield "lanes_fold", split(c, d), is_lane(c - 3 * d, -5, R - 2**230, 2 * R + 2**230)


# ---- the run ---------------------------------------------------------------------------------------------------------


def cases(rounds: int, vectors: bool) -> Iterator[Case]:
    values = edges(R)
    for a in values:
        for b in (a, random.choice(values), random.choice(values), some(R)):
            yield from field_cases(a, b)
    for _ in range(rounds):
        yield from field_cases(some(R), some(R))
    for _ in range(rounds // 20):
        yield from point_cases()
    yield from table_cases()
    if vectors:
        values = [value + multiple * P for value in edges(P) for multiple in (0, 1, 2, 7, 15)]
        for a in values:
            for b in (a, random.choice(values), some(16 * P)):
                yield from lane_cases(a, b)
        for _ in range(rounds):
            yield from lane_cases(some(16 * P), some(16 * P))


def ask(program: str, lines: str) -> list[str]:
    return subprocess.run([program], input=lines, capture_output=True, text=True, check=True).stdout.splitlines()


def main(arguments: list[str]) -> int:
    random.seed(256)
    found = ask(arguments[0], "vectors\n")
    if found == ["unsupported"]:
        print("skipped: the path needs integers of 128 bits")
        return 0
    vectors = found == ["1 "]
    asked = list(cases(int(arguments[1]) if len(arguments) > 1 else 3000, vectors))
    lines = "".join(" ".join([name, *(f"{value:064x}" for value in values)]) + "\n" for name, values, _ in asked)
    answers = ask(arguments[0], lines)
    wrong = 0
    for (name, values, right), answer in zip(asked, answers, strict=True):
        if not right(answer.split()):
            wrong += 1
            if wrong <= 10:
                print(f"{name} {' '.join(f'{value:#x}' for value in values)}: {answer}")
    said = "included" if vectors else "not for this processor, or left out"
    print(f"{len(asked)} operations, {wrong} wrong; vector code {said}")
    return wrong != 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
