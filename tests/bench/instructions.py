"""Instructions of one verification beside OpenSSL's, on processors that this machine is not: instructions.py [BUILD]

The same on every run, so that a regression shows where time is too noisy, and on processors whose time an emulator says
nothing about. qemu-user runs the program and a plugin (qemu_counter.c) counts; what some operations and more of them
take is subtracted, and the difference is divided, so that it is one operation with its table in place.

* x86-64 without AVX-512: this build on the processor that qemu calls "max": AVX2, BMI2 and ADX, no AVX-512 and no
  instructions for SHA. OpenSSL and ours choose what they would on such a machine.
* aarch64: the published build (tools/dist) of library, OpenSSL and this program. The libraries of `make dist-check` are
  used, or made.

With AVX-512 IFMA nothing is counted: neither qemu nor valgrind has these instructions.
"""

import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ALGORITHMS = ("RS256", "ES256", "EdDSA", "HS256")
OPERATIONS = {"primitive": "OpenSSL", "signature": "step", "plain": "whole"}
WARM, MORE = 32, 64  # by the first a key has its table
X86, ARM = "x86-64 without AVX-512", "aarch64"
INTERFACES = range(1, 9)  # versions of qemu's plugin interface


class Missing(Exception):
    """What a count needs and this machine has not."""


class Counter:
    """A program under qemu, and how many instructions it runs."""

    def __init__(self, folder, qemu, *program):
        if not shutil.which(qemu[0]):
            raise Missing(f"{qemu[0]} is not installed (Debian: qemu-user)")
        self.qemu, self.program, self.plugin = qemu, program, folder / "qemu_counter.so"
        for version in INTERFACES:
            flags = ["-shared", "-fPIC", "-O2", f"-DVERSION={version}"]
            subprocess.run(["cc", *flags, "-o", self.plugin, HERE / "qemu_counter.c"], check=True)
            if self.run("--version") is not None:
                return
        raise Missing(f"{qemu[0]} takes no plugin")

    def run(self, *words):
        """None: nothing was counted."""
        command = [*self.qemu, "-plugin", self.plugin, "-d", "plugin", *self.program, *words]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
        found = re.search(r"^instructions: (\d+)$", done.stderr, re.MULTILINE)
        return int(found[1]) if found and done.returncode == 0 else None

    def of_one(self, example, algorithm, operation):
        few, many = (self.run("--count", example, algorithm, operation, number) for number in (WARM, WARM + MORE))
        if None in (few, many):
            raise Missing(f"{algorithm} {operation} failed under {self.qemu[0]}")
        return round((many - few) / MORE)


def build_arm(folder):
    """bench_verify for aarch64, and the folder with the C library that it is run with."""
    sys.path.insert(0, str(ROOT))
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


def counter_of(processor, native, folder):
    if processor == ARM:
        root, program = build_arm(folder / "arm")
        return Counter(folder, ["qemu-aarch64", "-L", root], program)
    if platform.machine() != "x86_64":
        raise Missing("this build is for another processor")
    return Counter(folder, ["qemu-x86_64", "-cpu", "max"], native)


def measure(build, processors=(X86, ARM)):
    """({processor: {algorithm: {OpenSSL, step, whole}}}, {processor: why it was left out})"""
    found, absent = {}, {}
    native = build / "bench" / "bench_verify"
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for algorithm in ALGORITHMS:
            (folder / algorithm).write_bytes(subprocess.check_output([native, "--example", algorithm]))
        for processor in processors:
            try:
                counter = counter_of(processor, native, folder)
                found[processor] = {
                    algorithm: {
                        name: counter.of_one(folder / algorithm, algorithm, operation)
                        for operation, name in OPERATIONS.items()
                    }
                    for algorithm in ALGORITHMS
                }
            except (Missing, SystemExit, OSError, ImportError, subprocess.CalledProcessError) as error:
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
