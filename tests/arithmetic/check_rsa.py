"""Our arithmetic for RSA beside Python's integers: check_rsa.py PROGRAM

Every operation with random numbers, with limbs of all ones and zeros, and with what carries at each border of a limb.
"""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator

LIMB = 1 << 52
K = 1 << 416
LIMBS = 80
SIZES = {2048: 5, 3072: 8, 4096: 10}
ROUNDS = 60

rng = random.Random(20261126)
questions: list[str] = []
checks: list[tuple[str, list[str], object]] = []


def number(value: int) -> str:
    assert 0 <= value < LIMB**LIMBS
    return f"{value:0{13 * LIMBS}x}"


def ask(question: str, expected: object, lines: int = 1) -> None:
    """expected: the lines of the answer, or a function that takes them and says whether they are right."""
    questions.append(question)
    checks.append((question, [""] * lines, expected))


def special(limbs: int) -> Iterator[int]:
    """What carries and borrows run through: one limb differs from all ones or all zeros, at each place."""
    ones = LIMB**limbs - 1
    yield from (0, 1, ones)
    for place in range(limbs):
        unit = LIMB**place
        yield from (unit - 1, unit, unit + 1, ones - unit, ones - unit * (LIMB - 1), ones // unit * unit)


def patterned(limbs: int) -> int:
    value = 0
    for _ in range(limbs):
        value = value * LIMB + rng.choice((0, 1, LIMB - 2, LIMB - 1, LIMB - 1, rng.randrange(LIMB)))
    return value


def moduli(bits: int) -> list[int]:
    top = 1 << bits
    found = [top - 1, top // 2 + 1, top - LIMB + 1, top - K + 1, top - K - 1, top // 2 + K - 1, top // 2 + K + 1]
    found += [top // 2 | rng.getrandbits(bits - 1) | 1 for _ in range(8)]
    found += [(top // 2 | patterned(LIMBS) % (top // 2)) | 1 for _ in range(8)]
    return found


def ask_scalar() -> None:
    for bits in SIZES:
        for _ in range(ROUNDS):
            value = rng.choice((rng.getrandbits(bits), patterned(LIMBS) % (1 << bits)))
            ask(f"bytes {bits // 8} {value:0{bits // 4}x}", ["same " + number(value)])
        for value in special(bits // 52):
            ask(f"bytes {bits // 8} {value:0{bits // 4}x}", ["same " + number(value)])
        for n in moduli(bits):
            inverse = -pow(n, -1, K) % K
            expected = [n, pow(K, -1, n), inverse, pow(K, 2 * SIZES[bits], n)]
            ask(f"constants {n:x}", [number(value) for value in expected], 4)
    values = [*special(LIMBS), *(patterned(LIMBS) for _ in range(ROUNDS))]
    for a in values:
        b = rng.choice(values)
        ask(f"compare {number(a)} {number(b)}", ["less " + number(a) if a < b else "not " + number(a - b)])


def lanes(text: str) -> list[int]:
    return [int(text[i : i + 16], 16) for i in range(0, len(text), 16)][::-1]


def total(values: list[int]) -> int:
    return sum(value * LIMB**place for place, value in enumerate(values))


def ask_normalise(vectors: int, values: list[int]) -> None:
    def right(answer: list[str]) -> bool:
        text, carry = answer[0].split()
        limbs = lanes(text)
        return max(limbs) < LIMB and total(limbs) + int(carry, 16) * LIMB ** len(values) == total(values)

    ask(f"normalise {vectors:x} " + "".join(f"{value:016x}" for value in reversed(values)), right)


def ask_normalises() -> None:
    for vectors in (1, 5, 8, 10):
        count = 8 * vectors
        for start in range(count):  # a carry that begins at each lane and runs through one, some or all that follow
            for length in {0, 1, 7, 8, 9, count}:
                run = [LIMB - 1 if start < place <= start + length else rng.randrange(LIMB) for place in range(count)]
                run[start] = LIMB + rng.randrange(2)
                ask_normalise(vectors, list(run))
                run[start] = LIMB - 1
                if start > 0:
                    run[start - 1] |= LIMB  # two carries meet
                ask_normalise(vectors, list(run))
        for _ in range(ROUNDS):
            ask_normalise(
                vectors, [rng.choice((rng.getrandbits(64), 2**64 - 1, LIMB - 1, LIMB, 0)) for _ in range(count)]
            )


def ask_product(vectors: int, block: int, b: int) -> None:
    def right(answer: list[str]) -> bool:
        low, high = answer[0].split()
        return total(lanes(low)) + LIMB * total(lanes(high)) == block * b

    ask(f"product {vectors:x} {number(block)} {number(b)}", right)


def ask_montgomery(bits: int, n: int, a: int, b: int) -> None:
    vectors = SIZES[bits]

    def right(answer: list[str]) -> bool:
        result = int(answer[0], 16)
        return result < 3 * n and (result * K**vectors - a * b) % n == 0

    ask(f"montgomery {n:x} {number(a)} {number(b)}", right)


def ask_vectors() -> None:
    ask_normalises()
    for bits, vectors in SIZES.items():
        limbs = 8 * vectors
        for place in range(limbs):
            ask_product(vectors, LIMB ** (place % 8) * (LIMB - 1), LIMB**place * (LIMB - 1))
            ask_product(vectors, K - 1, LIMB**limbs - 1 - LIMB**place)
        for _ in range(ROUNDS):
            ask_product(vectors, patterned(8), patterned(limbs))
        for n in moduli(bits):
            inverse = -pow(n, -1, K) % K
            for block in (0, 1, K - 1, rng.randrange(K), patterned(8), n % K, -n % K):
                ask(f"quotient {number(block)} {number(inverse)}", [number(block * inverse % K)])
            for _ in range(ROUNDS // 4):
                ask_montgomery(bits, n, rng.randrange(3 * n), rng.randrange(3 * n))
                ask_montgomery(bits, n, patterned(limbs) % (3 * n), patterned(limbs) % (3 * n))
            for value in (0, 1, n - 1, n, n + 1, 2 * n, 3 * n - 1):
                ask_montgomery(bits, n, value, 3 * n - 1)
                ask_montgomery(bits, n, value, value)
            for s in (0, 1, 2, n - 1, n // 2, rng.randrange(n), patterned(limbs) % n):
                ask(f"power {n:x} {number(s)}", [number(pow(s, 65537, n))])
        n = moduli(bits)[-1]
        for value in special(limbs):
            if value < 3 * n:
                ask_montgomery(bits, n, value, value)
            if value < n:
                ask(f"power {n:x} {number(value)}", [number(pow(value, 65537, n))])


def main(arguments: list[str]) -> int:
    first = subprocess.run([arguments[0]], input="", capture_output=True, text=True, check=True).stdout.strip()
    ask_scalar()
    if first == "vectors":
        ask_vectors()
    run = subprocess.run([arguments[0]], input="\n".join(questions), capture_output=True, text=True, check=True)
    answers = iter(run.stdout.splitlines()[1:])
    wrong = 0
    for question, lines, expected in checks:
        answer = [next(answers, "no answer") for _ in lines]
        right = answer == expected if isinstance(expected, list) else "no answer" not in answer and expected(answer)
        if not right:
            wrong += 1
            print(f"wrong: {question[:200]}\n       {answer[0][:200]}", file=sys.stderr)
    print(f"{len(checks)} operations, {first}, {wrong} wrong")
    return 1 if wrong or next(answers, None) is not None else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
