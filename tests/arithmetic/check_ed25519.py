"""The arithmetic of ed25519.c beside Python's integers: check_ed25519.py PROGRAM [COUNT]

PROGRAM is field_ed25519, or a command that runs it. Every question is asked with values at all borders of limbs and
words and with COUNT random ones; every entry of the table of B, and of the tables of three keys, is compared.
"""

from __future__ import annotations

import random
import shlex
import subprocess
import sys
from collections.abc import Callable

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT = pow(2, (P - 1) // 4, P)
WIDE = 2**54 - 1  # what limbs may hold when they are multiplied
REDUCED = 2**51 + 2**13  # and what a multiplication may leave
BASE_WIDTH, KEY_WIDTH = 8, 6

Point = tuple[int, int]
chance = random.Random(20261126)


# ---- the curve, by its definition ------------------------------------------------------------------------------------


def add(p: Point, q: Point) -> Point:
    product = D * p[0] * p[1] * q[0] * q[1] % P
    return (
        (p[0] * q[1] + p[1] * q[0]) * pow(1 + product, -1, P) % P,
        (p[1] * q[1] + p[0] * q[0]) * pow(1 - product, -1, P) % P,
    )


def times(n: int, p: Point) -> Point:
    """The same addition on fractions, X/Z and Y/Z, for one inversion at the end."""
    rx, ry, rz = 0, 1, 1
    px, py, pz = p[0], p[1], 1
    while n:
        if n & 1:
            rx, ry, rz = add_fractions(rx, ry, rz, px, py, pz)
        px, py, pz = add_fractions(px, py, pz, px, py, pz)
        n >>= 1
    inverse = pow(rz, -1, P)
    return rx * inverse % P, ry * inverse % P


def add_fractions(ax: int, ay: int, az: int, bx: int, by: int, bz: int) -> tuple[int, int, int]:
    z, xx, yy = az * bz % P, ax * bx % P, ay * by % P
    square, product = z * z % P, D * xx * yy % P
    plus, minus = square + product, square - product
    return z * minus * (ax * by + ay * bx) % P, z * plus * (yy + xx) % P, plus * minus % P


def decode(number: int) -> Point | None:
    y, sign = number % 2**255 % P, number >> 255
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P:
        return None
    return (x if x % 2 == sign else -x % P), y


def encode(p: Point) -> int:
    return p[1] | (p[0] & 1) << 255


def negative(p: Point) -> Point:
    return -p[0] % P, p[1]


decoded = decode(int.from_bytes(b"\x58" + b"\x66" * 31, "little"))
assert decoded is not None
B = decoded
T = next(t for y in range(2, 99) if (q := decode(y)) and times(4, t := times(L, q)) != (0, 1))  # of order 8


# ---- values at the borders -------------------------------------------------------------------------------------------


def words(number: int, count: int) -> list[int]:
    return [number >> 64 * i & 2**64 - 1 for i in range(count)]


def limbs(number: int) -> list[int]:
    return [number >> 51 * i & 2**51 - 1 for i in range(5)]


def of_words(values: list[int]) -> int:
    return sum(value << 64 * i for i, value in enumerate(values))


def of_limbs(values: list[int]) -> int:
    return sum(value << 51 * i for i, value in enumerate(values))


def borders(bits: list[int], top: int) -> list[int]:
    around = [k + d for k in [0, top, P, 2 * P, L, 2**255] + [2**b for b in bits] for d in (-2, -1, 0, 1, 2)]
    return sorted({k for k in around if 0 <= k <= top})


def some_limbs(most: int, count: int) -> list[list[int]]:
    """Canonical limbs of numbers at the borders, limbs as full as they may be one by one and all, and random ones."""
    chosen = [limbs(n) for n in borders([51 * i for i in range(1, 6)] + list(range(0, 255, 8)), 2**255 - 1)]
    edges = [
        0,
        1,
        18,
        19,
        2**51 - 20,
        2**51 - 19,
        2**51 - 1,
        2**51,
        2**51 + 1,
        REDUCED,
        2**52 - 1,
        2**53,
        most - 1,
        most,
    ]
    for edge in [e for e in edges if e <= most]:
        chosen.append([edge] * 5)
        chosen += [[edge if i == j else other for j in range(5)] for i in range(5) for other in (0, 2**51 - 1, most)]
    chosen += [[chance.choice([chance.randint(0, most), 0, most, 2**51 - 1]) for _ in range(5)] for _ in range(count)]
    return chosen


def some_scalars(count: int, top: int = L - 1) -> list[int]:
    chosen = borders(list(range(256)), top) + [
        n for k in range(1, 256, 6) for n in (2**k * 21 % L, 2**k * 31 % L) if n <= top
    ]
    chosen += [int(digit * 64, 16) & 2**252 - 1 for digit in "123456789abcdef"]
    return chosen + [chance.randint(0, top) for _ in range(count)]


# ---- questions -------------------------------------------------------------------------------------------------------

questions: list[str] = []
checks: list[Callable[[str], bool]] = []


def ask(name: str, operands: list[list[int]], check: Callable[[list[int]], bool]) -> None:
    questions.append(" ".join([name] + [",".join(f"{word:x}" for word in operand) for operand in operands]))
    checks.append(lambda line: line != "no" and check([int(word, 16) for word in line.split(",")]))


def ask_no(name: str, operands: list[list[int]]) -> None:
    ask(name, operands, lambda _: False)
    checks[-1] = lambda line: line == "no"


def reduced(value: list[int], expected: int) -> bool:
    return of_limbs(value) % P == expected % P and len(value) == 5 and max(value) <= REDUCED


def ask_field(count: int) -> None:
    small, wide = some_limbs(REDUCED, count), some_limbs(WIDE, count)
    for a in wide:
        value = of_limbs(a)
        ask("canonical", [a], lambda out, v=value: out == limbs(v % P))
        ask("square", [a], lambda out, v=value: reduced(out, v * v))
        b = chance.choice(wide)
        ask("mul", [a, b], lambda out, v=value * of_limbs(b): reduced(out, v))
    for a in chance.sample(wide, min(len(wide), 40)):
        for b in chance.sample(wide, 40):
            ask("mul", [a, b], lambda out, v=of_limbs(a) * of_limbs(b): reduced(out, v))
    for a in small:
        b = chance.choice(small)
        ask("add", [a, b], lambda out, v=of_limbs(a) + of_limbs(b): of_limbs(out) == v and max(out) < 2**53)
        ask("sub", [a, b], lambda out, v=of_limbs(a) - of_limbs(b): of_limbs(out) == v + 2 * P and max(out) < 2**53)
    for a in small:
        ask("invert", [a], lambda out, v=of_limbs(a): reduced(out, pow(v, P - 2, P)))
        ask("root", [a], lambda out, v=of_limbs(a): reduced(out, pow(v, (P - 5) // 8, P)))


def ask_bytes(count: int) -> None:
    numbers = borders(list(range(256)), 2**256 - 1) + [chance.getrandbits(256) for _ in range(count)]
    for n in numbers:
        ask("from_bytes", [words(n, 4)], lambda out, v=n: out == limbs(v % 2**255))
        ask("unpack", [words(n, 4)], lambda out, v=n: out == limbs(v % 2**255))
        ask("to_bytes", [limbs(n % P)], lambda out, v=n % P: out == words(v, 4))
        ask("pack", [limbs(n % P)], lambda out, v=n % P: out == words(v, 4))


def ask_scalars(count: int) -> None:
    for n in borders(list(range(512)), 2**512 - 1) + [chance.getrandbits(512) for _ in range(count)]:
        ask("reduce", [words(n, 8)], lambda out, v=n: out == words(v % L, 4))
    # Where the estimated quotient may be too small: just below and above multiples of L.
    for _ in range(count):
        n = chance.randint(0, (2**512 - 1) // L) * L + chance.choice([0, 1, L - 1, chance.randint(0, L - 1)])
        if n < 2**512:
            ask("reduce", [words(n, 8)], lambda out, v=n: out == words(v % L, 4))
    for n in some_scalars(count, 2**256 - 1):
        ask("below", [words(n, 4)], lambda out, v=n: out == [int(v < L)])
    for n in some_scalars(count):
        ask("plus", [words(n, 4), words(L, 4)], lambda out, v=n: out == words(v + L, 4))
        for width in range(4, 9):
            ask("digits", [words(n, 4), [width]], lambda out, v=n, w=width: digits_right(out, v, w))


def digits_right(out: list[int], number: int, width: int) -> bool:
    digits = [d - 2**64 if d >> 63 else d for d in out]
    within = all(-(2 ** (width - 1)) < d <= 2 ** (width - 1) for d in digits)
    return within and sum(d << width * i for i, d in enumerate(digits)) == number


# ---- points ----------------------------------------------------------------------------------------------------------


def projective(p: Point) -> list[list[int]]:
    z = chance.choice([1, P - 1, chance.randint(1, P - 1)])
    values = [limbs(v % P) for v in (p[0] * z, p[1] * z, z, p[0] * p[1] * z)]
    for value in values:  # the same numbers with limbs as full as they may be
        if chance.randint(0, 1) and value[1] > 0:
            value[1] -= 1
            value[0] += 2**51
            if value[0] > REDUCED:
                value[1] += 1
                value[0] -= 2**51
    return values


def is_point(out: list[int], p: Point) -> bool:
    x, y, z, t = (of_limbs(out[5 * i : 5 * i + 5]) % P for i in range(4))
    return z != 0 and x == p[0] * z % P and y == p[1] * z % P and t == p[0] * p[1] * z % P and max(out) <= REDUCED


def some_points(count: int) -> list[Point]:
    small = [times(i, T) for i in range(8)]
    return (
        small
        + [B, negative(B), add(B, T)]
        + [add(times(chance.randint(1, L - 1), B), chance.choice(small)) for _ in range(count)]
    )


def ask_points(count: int) -> None:
    points = some_points(count)
    for p in points:
        ask("double", projective(p), lambda out, r=add(p, p): is_point(out, r))
        ask("encode", projective(p), lambda out, r=p: out == words(encode(r), 4))
        for q in (p, negative(p), (0, 1), T, chance.choice(points)):
            ask("join", projective(p) + projective(q), lambda out, r=add(p, q): is_point(out, r))
        others = [p, negative(p), (0, 1), T, add(p, T), negative(add(p, p)), chance.choice(points)]
        for q in others:
            for sign in (0, 1):
                operands = [*projective(p), limbs(q[0]), limbs(q[1]), [sign]]
                ask("add_point", operands, lambda out, r=add(p, negative(q) if sign else q): is_point(out, r))
    numbers = [sign << 255 | y for sign in (0, 1) for y in list(range(40)) + list(range(P - 20, 2**255))]
    for n in numbers + [encode(p) for p in points] + [chance.getrandbits(256) for _ in range(count)]:
        r = decode(n)
        if r is None:
            ask_no("decode", [words(n, 4)])
        else:
            ask("decode", [words(n, 4)], lambda out, r=r: [of_limbs(out[:5]), of_limbs(out[5:]) % P] == list(r))


# ---- tables and multiplications --------------------------------------------------------------------------------------


def is_entry(out: list[int], p: Point) -> bool:
    expected = [(p[1] - p[0]) % P, (p[1] + p[0]) % P, 2 * D * p[0] * p[1] % P]
    return [of_words(out[4 * i : 4 * i + 4]) for i in range(3)] == expected


def ask_table(name: str, p: Point, width: int) -> None:
    for window in range(-(-254 // width)):
        multiple = p
        for index in range(2 ** (width - 1)):
            ask(name, [[window, index]], lambda out, r=multiple: is_entry(out, r))
            last, multiple = multiple, add(multiple, p)
        p = add(last, last)


def ask_vectors(count: int) -> None:
    """Eight multiplications, and two additions, at a time."""
    full, points = some_limbs(2**52 - 1, count), some_points(count)
    for a in full:
        rows = [[a] + [chance.choice(full) for _ in range(7)], [chance.choice(full) for _ in range(8)]]
        chance.shuffle(rows[0])
        expected = [of_limbs(x) * of_limbs(y) % P for x, y in zip(*rows)]
        ask("lanes_mul", [lanes(row) for row in rows], lambda out, e=expected: lanes_are(out, e))
    for p in points:
        for q in (p, negative(p), (0, 1), T, negative(add(p, p)), chance.choice(points)):
            pairs = [(p, q), (chance.choice(points), chance.choice(points))]
            chance.shuffle(pairs)
            signs = [chance.randint(0, 1), chance.randint(0, 1)]
            sums = [add(a, negative(b) if sign else b) for (a, b), sign in zip(pairs, signs)]
            values = []
            for a, _ in pairs:
                x, y, z, t = projective(a)
                values += [x, y, t, z]
            operands = [lanes(values)]
            for (_, b), sign in zip(pairs, signs):
                operands += [limbs(b[0]), limbs(b[1]), [sign]]
            ask("lanes_add", operands, lambda out, e=sums: lanes_are_points(out, e))


def lanes(values: list[list[int]]) -> list[int]:
    return [value[i] for i in range(5) for value in values]


def lanes_are(out: list[int], expected: list[int]) -> bool:
    return max(out) < 2**51 + 2**11 and [of_limbs(out[i::8]) % P for i in range(8)] == expected


def lanes_are_points(out: list[int], expected: list[Point]) -> bool:
    halves = [[out[4 * half + i :: 8] for i in (0, 1, 3, 2)] for half in range(2)]
    return all(is_point(sum(half, []), p) for half, p in zip(halves, expected)) and max(out) < 2**51 + 2**11


def ask_multiply(count: int, vectors: bool) -> None:
    if vectors:
        ask("vectors", [], lambda out: out == [1])
    else:
        ask_table("base_entry", B, BASE_WIDTH)
    few = [0, 1, 2, L - 1, L - 2, 2**252, 2**252 - 1, 2**127, L // 2, 2**7, 2**6 - 1, 2**5]
    for a in [B, negative(B), add(times(chance.randint(1, L), B), T), times(2**252 % L, B), T]:
        ask("key", [words(encode(a), 4)], lambda out: out == [1])
        if a not in (negative(B), T) and not vectors:
            ask_table("key_entry", negative(a), KEY_WIDTH)
        pairs = [(s, h) for s in few for h in few]
        scalars = chance.sample(some_scalars(count), 400)
        pairs += [(s, s) for s in scalars]  # of B: what S adds h takes away, the neutral point in between
        pairs += list(zip(scalars, reversed(scalars)))
        for s, h in pairs:
            r = add(times(s, B), times(h, negative(a)))
            ask("multiply", [words(s, 4), words(h, 4)], lambda out, r=r: out == words(encode(r), 4))
    for n in (2, P - 2, 2**255 - 1):
        if decode(n) is None:
            ask_no("key", [words(n, 4)])


def main(arguments: list[str]) -> int:
    count = int(arguments[1]) if len(arguments) > 1 else 60
    ask_field(10 * count)
    ask_bytes(count)
    ask_scalars(10 * count)
    ask_points(count)
    ask_multiply(count, False)
    if subprocess.run(shlex.split(arguments[0]), input="vectors\n", capture_output=True, text=True).stdout == "1\n":
        ask_vectors(10 * count)
        ask_multiply(count, True)
    else:
        print("vectors are not supported here")
    asked = subprocess.run(shlex.split(arguments[0]), input="\n".join(questions) + "\n", capture_output=True, text=True)
    if asked.stdout == "unsupported\n":
        print("not supported by this build")
        return 0
    answers = asked.stdout.splitlines()
    if asked.returncode != 0 or len(answers) != len(questions):
        print(f"{len(questions)} questions, {len(answers)} answers, exit code {asked.returncode}: {asked.stderr}")
        return 1
    wrong = [f"{q}\n  {a}" for q, a, check in zip(questions, answers, checks) if not check(a)]
    print("\n".join(wrong[:10]))
    names = {}
    for q in questions:
        names[q.split()[0]] = names.get(q.split()[0], 0) + 1
    print(", ".join(f"{name} {number}" for name, number in names.items()))
    print(f"{len(questions)} answers, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
