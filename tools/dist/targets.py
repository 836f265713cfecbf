"""The systems that a published version runs on. One row each; every other module reads this table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    name: str  # <npm's process.platform, with "musl">-<process.arch>
    triple: str  # zig's
    openssl: str  # the name of OpenSSL's Configure
    system: str  # linux, darwin, win32
    cpu: str  # x86_64, aarch64
    libc: str  # glibc, musl, or nothing
    wheel: str  # platform tag

    @property
    def npm(self) -> dict[str, list[str]]:
        fields = {"os": [self.system], "cpu": ["x64" if self.cpu == "x86_64" else "arm64"]}
        return {**fields, "libc": [self.libc]} if self.libc else fields


TARGETS = {
    target.name: target
    for target in (
        Target(
            "linux-x64",
            "x86_64-linux-gnu.2.17",
            "linux-x86_64",
            "linux",
            "x86_64",
            "glibc",
            "manylinux_2_17_x86_64.manylinux2014_x86_64",
        ),
        Target(
            "linux-arm64",
            "aarch64-linux-gnu.2.17",
            "linux-aarch64",
            "linux",
            "aarch64",
            "glibc",
            "manylinux_2_17_aarch64.manylinux2014_aarch64",
        ),
        Target("linuxmusl-x64", "x86_64-linux-musl", "linux-x86_64", "linux", "x86_64", "musl", "musllinux_1_2_x86_64"),
        Target(
            "linuxmusl-arm64",
            "aarch64-linux-musl",
            "linux-aarch64",
            "linux",
            "aarch64",
            "musl",
            "musllinux_1_2_aarch64",
        ),
        Target("darwin-arm64", "aarch64-macos.11.0", "darwin64-arm64-cc", "darwin", "aarch64", "", "macosx_11_0_arm64"),
        Target("darwin-x64", "x86_64-macos.11.0", "darwin64-x86_64-cc", "darwin", "x86_64", "", "macosx_11_0_x86_64"),
        Target("win32-x64", "x86_64-windows-gnu", "mingw64", "win32", "x86_64", "", "win_amd64"),
    )
}


def named(names: str | None) -> list[Target]:
    """All, or those of a list with commas."""
    if not names:
        return list(TARGETS.values())
    unknown = [name for name in names.split(",") if name not in TARGETS]
    if unknown:
        raise SystemExit(f"unknown target {unknown[0]}; known are {', '.join(TARGETS)}")
    return [TARGETS[name] for name in names.split(",")]
