"""tools/dist/release refuses whatever would make a release wrong, each time with the reason and without a tag."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VERSION = "1.2.3"
CHANGELOG = f"# Changelog\n\n## {VERSION} (2026-11-28)\n\n* All of it.\n"
HEADER = f"""#define FB_VERSION "{VERSION}"
#define FB_VERSION_MAJOR 1
#define FB_VERSION_MINOR 2
#define FB_VERSION_PATCH 3
"""
# FAILS names the step that does; VARIES makes each build another one.
MAKEFILE = """
test dist-test:
\t@echo $@ >>"$$STEPS"
\t@test "$$FAILS" != $@
dist:
\t@echo $@ >>"$$STEPS"
\t@test "$$FAILS" != $@
\t@mkdir -p dist && echo "$$VARIES$${VARIES:+$$$$}" >dist/fastbearer.whl
.PHONY: test dist dist-test
"""
# Signs as gpg does, as far as git can see.
SIGNER = """#!/bin/sh
cat >/dev/null
echo "[GNUPG:] SIG_CREATED D 1 8 00 1700000000 0123456789ABCDEF" >&2
printf -- '-----BEGIN PGP SIGNATURE-----\\n\\nnone\\n-----END PGP SIGNATURE-----\\n'
"""


class Checkout:
    """A clone of a bare repository, with the release command and stand-ins for what takes an hour."""

    def __init__(self, place: Path) -> None:
        self.folder, self.origin, self.steps = place / "clone", place / "origin.git", place / "steps"
        self.environment = {
            **os.environ,
            "STEPS": str(self.steps),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "TMPDIR": str(place),
        }
        signer = place / "signer"
        signer.write_text(SIGNER)
        signer.chmod(0o755)
        subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", self.origin], check=True)
        subprocess.run(["git", "init", "--quiet", "--initial-branch=main", self.folder], check=True)
        settings = {"user.name": "A", "user.email": "a@a.example", "gpg.program": str(signer), "user.signingkey": "A"}
        for name, value in settings.items():
            self.git("config", name, value)
        self.git("remote", "add", "origin", str(self.origin))
        for name in ("tools/dist/release", "tools/dist/versions.sh"):
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.folder / name)
        self.write("tools/__init__.py", "")
        self.write("tools/dist/__init__.py", "")
        self.write("tools/dist/outdated.py", "import os, sys\nsys.exit('OUTDATED' in os.environ)\n")
        self.write("Makefile", MAKEFILE)
        self.write(".gitignore", "/dist/\n__pycache__/\n")
        self.write("core/include/fastbearer.h", HEADER)
        self.write("package.json", f'{{"version": "{VERSION}"}}')
        self.write("package-lock.json", f'{{"version": "{VERSION}"}}')
        self.write("CHANGELOG.md", CHANGELOG)
        self.commit()

    def git(self, *words: str) -> str:
        done = subprocess.run(
            ["git", *words], cwd=self.folder, env=self.environment, check=True, capture_output=True, text=True
        )
        return done.stdout

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def commit(self, push: bool = True) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "A change", "--allow-empty")
        if push:
            self.git("push", "--quiet", "origin", "main")

    def release(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["tools/dist/release", *words],
            cwd=self.folder,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
        )

    def done(self) -> list[str]:
        return self.steps.read_text().split() if self.steps.exists() else []

    def tags(self) -> list[str]:
        there = subprocess.run(["git", "tag"], cwd=self.origin, capture_output=True, text=True, check=True)
        return [*self.git("tag").split(), *there.stdout.split()]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_releases(checkout: Checkout) -> None:
    steps = ["test", "dist", "dist", "dist-test"]
    tried = checkout.release(VERSION, "--dry-run")
    assert tried.returncode == 0 and tried.stdout.endswith("v1.2.3 can be released\n"), tried.stderr
    assert checkout.done() == steps and checkout.tags() == []
    made = checkout.release(VERSION)
    assert made.returncode == 0, made.stderr
    assert checkout.done() == steps * 2 and checkout.tags() == ["v1.2.3", "v1.2.3"]
    assert "-----BEGIN PGP SIGNATURE-----" in checkout.git("cat-file", "tag", "v1.2.3")
    assert not list(checkout.folder.parent.glob("tmp.*")), "what was built for comparison is left"


def refused(checkout: Checkout, reason: str, *words: str, **environment: str) -> None:
    before = checkout.tags()
    made = checkout.release(*(words or (VERSION,)), **environment)
    assert made.returncode == 1 and made.stderr.splitlines()[-1] == f"no release: {reason}", made.stderr
    assert checkout.tags() == before


@pytest.mark.parametrize("version", ["1.2", "v1.2.3", "1.2.3-rc1", "1.2.3; true"])
def test_refuses_what_is_no_version(checkout: Checkout, version: str) -> None:
    refused(checkout, f"{version} is no version MAJOR.MINOR.PATCH", version)


def test_refuses_an_unknown_word(checkout: Checkout) -> None:
    refused(checkout, "--dry is neither --dry-run nor nothing", VERSION, "--dry")


def test_refuses_another_branch(checkout: Checkout) -> None:
    checkout.git("checkout", "--quiet", "-b", "side")
    refused(checkout, "this is not main")


def test_refuses_changes(checkout: Checkout) -> None:
    checkout.write("new", "")
    refused(checkout, "there are changes that are not committed")


def test_refuses_what_is_not_pushed(checkout: Checkout) -> None:
    checkout.commit(push=False)
    refused(checkout, "main and origin/main differ")


def test_refuses_a_tag_that_is_there(checkout: Checkout) -> None:
    checkout.git("tag", "v1.2.3")
    refused(checkout, "there is a tag v1.2.3")


@pytest.mark.parametrize(
    "file", ["core/include/fastbearer.h", "package.json", "package-lock.json"], ids=lambda name: Path(name).name
)
def test_refuses_another_version(checkout: Checkout, file: str) -> None:
    text = (checkout.folder / file).read_text()
    checkout.write(file, text.replace("1.2.3", "1.2.4"))
    checkout.commit()
    refused(checkout, "see above")
    assert f"{file} does not say" in checkout.release(VERSION).stderr


@pytest.mark.parametrize("number", ["MAJOR 1", "MINOR 2", "PATCH 3"])
def test_refuses_another_number(checkout: Checkout, number: str) -> None:
    checkout.write("core/include/fastbearer.h", HEADER.replace(number, number[:-1] + "10"))
    checkout.commit()
    refused(checkout, "see above")


@pytest.mark.parametrize(
    "heading", ["## 1.2.3 (unreleased)", "## 1.2.3", "## 1.2.30 (2026-11-28)", "## 1x2.3 (2026-11-28)"]
)
def test_refuses_without_a_section(checkout: Checkout, heading: str) -> None:
    checkout.write("CHANGELOG.md", f"# Changelog\n\n{heading}\n")
    checkout.commit()
    refused(checkout, 'CHANGELOG.md has no section "## 1.2.3 (YYYY-MM-DD)"')


def test_refuses_an_old_library(checkout: Checkout) -> None:
    reason = "a library that is bundled has a newer release; update tools/dist/sources.lock"
    refused(checkout, reason, VERSION, OUTDATED="1")


@pytest.mark.parametrize("step", ["test", "dist", "dist-test"])
def test_refuses_when_a_step_fails(checkout: Checkout, step: str) -> None:
    refused(checkout, f"make {step} fails", VERSION, FAILS=step)
    assert checkout.done()[-1] == step


def test_refuses_other_bytes(checkout: Checkout) -> None:
    refused(checkout, "two builds differ", VERSION, VARIES="1")
    assert "dist-test" not in checkout.done()
