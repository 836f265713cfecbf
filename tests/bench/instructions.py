"""Instructions of one verification beside OpenSSL's, on processors that this machine is not: instructions.py [BUILD]

The same on every run, so that a regression shows where time is too noisy, and on processors whose time an emulator says
nothing about. What a process runs is counted with some operations and with more of them; the difference, divided, is
one operation with its table in place.

* x86-64 without AVX-512: valgrind's callgrind, whose processor has AVX2, BMI2 and ADX and nothing of AVX-512. OpenSSL
  and ours choose what they would on such a machine.
* aarch64: the published build (tools/dist) of library, OpenSSL and this program, under qemu-user, which is told to log
  each instruction; the lines are counted. Its plugin that counts is in no package of Debian. The libraries of
  `make dist-check` are used, or made, and without them and qemu this processor is left out.

With AVX-512 IFMA nothing is counted: neither valgrind nor qemu has these instructions.
"""

import functools
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ALGORITHMS = ("RS256", "ES256", "EdDSA", "HS256")
OPERATIONS = {"primitive": "OpenSSL", "signature": "step", "plain": "whole"}
WARM = 32  # by then a key has its table
X86, ARM = "x86-64 without AVX-512", "aarch64"


class Missing(Exception):
    """What a count needs and this machine has not."""


def by_callgrind(program, *words):
    """All instructions of a run."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, *words]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not found:
        raise Missing(f"callgrind: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
    return int(found[1])


def by_qemu(root, program, *words):
    """All instructions of a run: one line of the log each, of which there are too many to keep."""
    command = ["qemu-aarch64-static", "-L", root, "-singlestep", "-d", "exec,nochain", program, *words]
    with subprocess.Popen([str(word) for word in command], stderr=subprocess.PIPE) as process:
        lines = 0
        for block in iter(functools.partial(process.stderr.read, 1 << 20), b""):
            lines += block.count(b"Trace ")
    if process.returncode != 0:
        raise Missing(f"qemu ended with {process.returncode}")
    return lines


def build_arm(folder):
    """bench_verify for aarch64, and the folder with the C library that it is run with."""
    sys.path.insert(0, str(ROOT))
    if not shutil.which("qemu-aarch64-static"):
        raise Missing("qemu-aarch64-static is not installed")
    from tools.dist.compiler import run, tools
    from tools.dist.lock import CACHE
    from tools.dist.native import CORE, SYSTEM, Build, compile_all
    from tools.dist.targets import TARGETS

    root = CACHE / "trial" / "arm64"
    if not root.exists():
        raise Missing("no C library of aarch64; tools/dist/trial/systems.sh arm64 makes one")
    build = Build(TARGETS["linux-arm64"], folder)
    includes = [*build.includes(), f"-I{ROOT / 'tests/core'}"]
    files = ["tests/bench/subject.c", "tests/bench/bench_verify.c"]
    objects = compile_all(build.target, files, folder / "bench", *CORE, *includes)
    program = folder / "bench_verify"
    parts = [*objects, *build.core(curl=False), *build.archives("crypto", "jansson"), *SYSTEM["linux"]]
    run(tools(build.target) / "cc", "-o", program, *parts)
    return root, program


def count(counter, example, algorithm, operation, more):
    few, many = (counter("--count", example, algorithm, operation, number) for number in (WARM, WARM + more))
    return round((many - few) / more)


def of_processor(counter, examples, more):
    """{algorithm: {OpenSSL, step, whole}}"""
    return {
        algorithm: {
            name: count(counter, examples[algorithm], algorithm, operation, more)
            for operation, name in OPERATIONS.items()
        }
        for algorithm in ALGORITHMS
    }


def measure(build, processors=(X86, ARM)):
    """({processor: {algorithm: {OpenSSL, step, whole}}}, {processor: why it was left out})"""
    found, absent = {}, {}
    native = build / "bench" / "bench_verify"
    with tempfile.TemporaryDirectory() as place:
        folder, examples = Path(place), {}
        for algorithm in ALGORITHMS:
            examples[algorithm] = folder / algorithm
            examples[algorithm].write_bytes(subprocess.check_output([native, "--example", algorithm]))
        for processor in processors:
            try:
                if processor == ARM:
                    counter, more = functools.partial(by_qemu, *build_arm(folder / "arm")), 8
                elif platform.machine() == "x86_64":
                    counter, more = functools.partial(by_callgrind, native), 256
                else:
                    raise Missing("this machine is another")
                found[processor] = of_processor(counter, examples, more)
            except (Missing, SystemExit, OSError, ImportError) as error:
                absent[processor] = str(error).splitlines()[0][:200]
    return found, absent


def main():
    build = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build").resolve()
    found, absent = measure(build)
    for processor, algorithms in found.items():
        for algorithm, counts in algorithms.items():
            print(
                f"{processor}, {algorithm}: OpenSSL {counts['OpenSSL']}, our signature step {counts['step']}"
                f" ({counts['step'] / counts['OpenSSL']:.2f} x), whole {counts['whole']},"
                f" {counts['whole'] - counts['step']} of it above the signature step"
            )
    for processor, why in absent.items():
        print(f"{processor}: not counted: {why}")


if __name__ == "__main__":
    main()
