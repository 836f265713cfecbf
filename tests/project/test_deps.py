"""tools/setup/deps.sh on machines that lack things: which packages it installs or names, for each package manager."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "tools/setup/deps.sh"


class Machine:
    """A PATH with a shell, the package manager, and whatever else a test puts there."""

    def __init__(self, place: Path) -> None:
        self.path = place
        for name in ("sh", "cat", "sed", "tr", "sort", "uname"):
            found = shutil.which(name)
            assert found is not None
            (place / name).symlink_to(found)
        self.has("id", "echo 1000")

    def has(self, name: str, script: str = "exit 0") -> None:
        program = self.path / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    def has_manager(self, name: str) -> None:
        self.has(name, f"echo {name} \"$@\" >>'{self.path}/calls'")

    def is_roots(self) -> None:
        self.has("id", "echo 0")

    def calls(self) -> list[str]:
        calls = self.path / "calls"
        return calls.read_text().splitlines() if calls.exists() else []

    def deps(self, *parts: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([SCRIPT, *parts], env={"PATH": str(self.path)}, capture_output=True, text=True)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


WHOLE = {
    "apt-get": "sudo apt-get install bash binutils cmake g++ gcc libc6-dev libcurl4-openssl-dev libjansson-dev"
    " libssl-dev make nodejs npm pkg-config python3 python3-dev python3-venv",
    "dnf": "sudo dnf install bash binutils cmake gcc gcc-c++ jansson-devel libcurl-devel make nodejs npm openssl-devel"
    " pkgconf-pkg-config python3 python3-devel",
    "apk": "sudo apk add bash binutils cmake curl-dev g++ gcc jansson-dev make musl-dev nodejs npm openssl-dev"
    " openssl-libs-static pkgconf python3 python3-dev",
    "pacman": "sudo pacman -S --needed bash binutils cmake curl gcc jansson make nodejs npm openssl pkgconf python",
}


@pytest.mark.parametrize("manager", WHOLE)
def test_the_line_that_is_printed_where_it_may_not_install(machine: Machine, manager: str) -> None:
    machine.has_manager(manager)
    done = machine.deps("c", "python", "node")
    assert done.returncode == 1
    assert done.stderr == f"Some packages are missing. Please run:\n    {WHOLE[manager]}\n"
    assert machine.calls() == []


@pytest.mark.parametrize("manager", [*WHOLE, "brew"])
def test_who_wants_python_gets_no_node_and_no_cmake(machine: Machine, manager: str) -> None:
    machine.is_roots()
    machine.has_manager(manager)
    assert machine.deps("python").returncode == 0
    (install,) = [call for call in machine.calls() if not call.endswith("update -qq")]
    assert "python" in install and "jansson" in install
    assert not {"node", "nodejs", "npm", "cmake", "g++", "gcc-c++", "clang"} & set(install.split())


def test_brew_installs_without_root(machine: Machine) -> None:
    machine.has_manager("brew")
    assert machine.deps("c").returncode == 0
    assert machine.calls() == ["brew install -q bash cmake curl jansson openssl@3 pkgconf"]


def test_apple_brings_the_compiler(machine: Machine) -> None:
    machine.has_manager("brew")
    for name in ("bash", "pkg-config", "cmake"):
        machine.has(name)
    done = machine.deps("c")
    assert done.returncode == 1 and done.stderr.endswith("    xcode-select --install\n")


def test_only_what_is_missing_is_installed(machine: Machine) -> None:
    machine.is_roots()
    machine.has_manager("apt-get")
    for name in ("bash", "cc", "cmake", "make", "nm"):
        machine.has(name)
    machine.has("pkg-config", 'case "$*" in *libcurl*) exit 1 ;; esac')
    assert machine.deps("c").returncode == 0
    assert machine.calls() == [
        "apt-get update -qq",
        "apt-get install -y -qq --no-install-recommends libcurl4-openssl-dev",
    ]


def test_nothing_is_missing(machine: Machine) -> None:
    for name in ("bash", "cc", "pkg-config", "cmake", "make", "nm"):
        machine.has(name)
    done = machine.deps("c")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_with_sudo_that_asks_for_nothing(machine: Machine) -> None:
    machine.has_manager("dnf")
    machine.has("sudo", 'shift; "$@"')
    assert machine.deps("valgrind").returncode == 0
    assert machine.calls() == ["dnf install -y -q valgrind"]


def test_without_a_package_manager_the_things_are_named(machine: Machine) -> None:
    done = machine.deps("c")
    assert done.returncode == 1
    assert done.stderr == "Please install what is missing: bash cc pkg-config openssl jansson curl cmake make nm\n"


@pytest.mark.parametrize("version", ["v18.20.4", "v19.9.0", "v8.1.0"])
def test_an_old_node_is_named_and_left_alone(machine: Machine, version: str) -> None:
    machine.is_roots()
    machine.has_manager("apt-get")
    machine.has("node", f"echo {version}")
    done = machine.deps("node")
    assert done.returncode == 1
    assert done.stderr.startswith(f"Node 20 or newer is needed, and {machine.path}/node is {version}.")
    assert machine.calls() == []
    assert machine.deps("c", "python").returncode == 0


@pytest.mark.parametrize(
    ("candidate", "status"), [("18.20.4+dfsg-1~deb12u1", 1), ("1:20.19.2+dfsg-1", 0), ("(none)", 0)]
)
def test_what_apt_would_install_is_asked_first(machine: Machine, candidate: str, status: int) -> None:
    machine.is_roots()
    # apt-get that leaves a new Node.
    node = machine.path / "node"
    machine.has_manager("apt-get")
    with (machine.path / "apt-get").open("a") as script:
        script.write(f"printf '#!/bin/sh\\necho v20.19.2' >'{node}'; {shutil.which('chmod')} 755 '{node}'\n")
    machine.has("apt-cache", f"printf 'nodejs:\\n  Installed: (none)\\n  Candidate: {candidate}\\n'")
    done = machine.deps("node")
    assert done.returncode == status, done.stderr
    assert (machine.calls() == []) == (status == 1)
    assert ("nodejs.org" in done.stderr) == (status == 1)


def test_an_old_python_is_named(machine: Machine) -> None:
    machine.has("python3", '[ "$1" = --version ] && echo Python 3.9.2; exit 1')
    done = machine.deps("python")
    assert done.returncode == 1 and done.stderr.startswith(
        "Python 3.10 or newer is needed, and python3 is Python 3.9.2."
    )


def test_an_unknown_part(machine: Machine) -> None:
    assert machine.deps("rust").returncode == 2
