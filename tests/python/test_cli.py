"""The command: what it prints, where, and with which exit code."""

from __future__ import annotations

import io
import json
import os
import re
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

import fastbearer
from fastbearer.cli import main
from fastbearer.testing import JWKSServer
from helpers import run_python
from tests.idp import METADATA_FAULTS, IdentityProvider

Out = pytest.CaptureFixture[str]


@pytest.fixture
def key(tmp_path: Path, capsys: Out) -> Path:
    assert main(["keygen", "--algorithm", "ES256", "--out", str(tmp_path / "k")]) == 0
    capsys.readouterr()
    return tmp_path / "k.private.pem"


def test_keygen(tmp_path: Path, capsys: Out) -> None:
    prefix = str(tmp_path / "key")
    assert main(["keygen", "--algorithm", "EdDSA", "--out", prefix]) == 0
    out = capsys.readouterr().out
    assert out.splitlines() == [prefix + ".private.pem", prefix + ".public.pem"]
    private = Path(prefix + ".private.pem")
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    before = private.read_bytes()
    assert main(["keygen", "--algorithm", "EdDSA", "--out", prefix]) == 2  # nothing is overwritten unasked
    assert "--force" in capsys.readouterr().err
    assert private.read_bytes() == before
    private.chmod(0o644)
    assert main(["keygen", "--algorithm", "EdDSA", "--out", prefix, "--force"]) == 0
    assert private.read_bytes() != before and stat.S_IMODE(private.stat().st_mode) == 0o600
    assert main(["keygen", "--algorithm", "HS256", "--out", prefix]) == 0
    assert len(Path(prefix + ".secret").read_bytes()) == 32
    capsys.readouterr()
    assert main(["keygen", "--algorithm", "ES256", "--print"]) == 0
    assert "BEGIN PRIVATE KEY" in capsys.readouterr().out


def test_mint_verify_inspect(key: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch) -> None:
    public = str(key).replace("private", "public")
    mint = ["mint", "--key", str(key), "--algorithm", "ES256", "--issuer", "i", "--audience", "a", "--scope", "x y"]
    assert main([*mint, "--claim", "n=5", "--claim", "t=text", "--kid", "k"]) == 0
    token = capsys.readouterr().out.strip()
    verify = ["verify", "--public-key", public, "--algorithm", "ES256"]
    assert main([*verify, token, "--issuer", "i", "--audience", "a", "--scope", "x"]) == 0
    claims = json.loads(capsys.readouterr().out)
    assert (claims["n"], claims["t"], claims["aud"], claims["scope"]) == (5, "text", "a", "x y")
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"Bearer {token}\n"))
    assert main(verify) == 0
    assert "audience was not checked" in capsys.readouterr().err
    assert main([*verify, token, "--audience", "other"]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("fastbearer: audience_mismatch: ") and token not in err
    assert "expected" in err and "other" in err and "the token has" in err
    assert err.endswith(
        "\nfastbearer: see docs/reasons.md#audience_mismatch, or: fastbearer explain audience_mismatch\n"
    )
    assert main([*verify, token, "--now", "99999999999"]) == 1
    assert "token_expired" in capsys.readouterr().err
    assert main(["inspect", token]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["header"] == {"typ": "JWT", "alg": "ES256", "kid": "k"} and "not verified" in err
    assert main(["inspect", "nonsense"]) == 1


def test_inspect_says_times_for_people(key: Path, capsys: Out) -> None:
    mint = ["mint", "--key", str(key), "--algorithm", "ES256", "--expires-in", "-60", "--claim", "iat=1e300"]
    assert main([*mint, "--claim", "nbf=later"]) == 0
    assert main(["inspect", capsys.readouterr().out.strip()]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["claims"]["iat"] == 1e300
    assert err.splitlines()[1:3] == ["fastbearer: iat: beyond the calendar", "fastbearer: nbf: not a number of seconds"]
    assert re.fullmatch(r"fastbearer: exp: 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC \(0:01:\d\d ago\)", err.splitlines()[3])


def test_proxies_of_the_environment_are_asked_for(key: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch) -> None:
    """Port 9 of this machine has no proxy; that it is tried shows in the error."""
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    uri = "https://issuer.invalid/jwks"
    for command in (["jwks", "--uri", uri], ["verify", "--jwks-uri", uri, "--algorithm", "ES256"]):
        assert main(["mint", "--key", str(key), "--algorithm", "ES256"]) == 0
        token = capsys.readouterr().out.strip()
        more = [token] if command[0] == "verify" else []
        assert main([*command, "--trust-env", *more]) == 3
        assert "127.0.0.1 port 9" in capsys.readouterr().err
        assert main([*command, *more]) == 3
        assert "127.0.0.1 port 9" not in capsys.readouterr().err


def test_key_sets(key: Path, capsys: Out, jwks_server: JWKSServer, tmp_path: Path) -> None:
    assert main(["jwks", "--key", str(key), "--algorithm", "ES256", "--kid", "k"]) == 0
    text = capsys.readouterr().out
    assert json.loads(text)["keys"][0]["kid"] == "k" and '"d"' not in text
    file = tmp_path / "jwks.json"
    file.write_text(text)
    assert main(["jwks", "--file", str(file)]) == 0
    assert capsys.readouterr().out.startswith("k: EC P-256 256 ES256: usable")
    assert main(["jwks", "--uri", jwks_server.jwks_uri]) == 0
    assert capsys.readouterr().out.startswith("key-1: RSA 2048 RS256: usable")
    assert main(["verify", "--jwks-uri", jwks_server.jwks_uri, jwks_server.mint()]) == 0
    jwks_server.fail()
    assert main(["verify", "--jwks-uri", jwks_server.jwks_uri, jwks_server.mint()]) == 3
    assert main(["jwks", "--uri", jwks_server.jwks_uri]) == 3


@pytest.mark.parametrize(
    "arguments", [["verify", "--public-key", "/nowhere", "x"], ["mint", "--key", "/nowhere"],
                  ["keygen", "--algorithm", "none"], ["mint", "--key", "/dev/null"]],
)  # fmt: skip
def test_wrong_usage(arguments: list[str], capsys: Out) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith("fastbearer: ")


def test_help_and_version(capsys: Out) -> None:
    for arguments in (["--help"], ["mint", "--help"], ["--version"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 0
    assert "OpenSSL 3" in capsys.readouterr().out
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2


def test_an_issuer_is_enough(capsys: Out) -> None:
    """Its keys are found by discovery."""
    with IdentityProvider(algorithms=["ES256"]) as idp:
        verify = ["verify", "--issuer", idp.issuer, "--algorithm", "ES256"]
        assert main([*verify, "--audience", "a", idp.mint(aud="a")]) == 0
        assert json.loads(capsys.readouterr().out)["iss"] == idp.issuer
        assert main(["jwks", "--issuer", idp.issuer]) == 0
        assert capsys.readouterr().out == f"{idp.keys[0].kid}: EC P-256 256 ES256: usable\n"
        idp.behave_metadata(METADATA_FAULTS["wrong_issuer"])
        assert main([*verify, idp.mint()]) == 3
        assert "issuer" in capsys.readouterr().err
        assert main(["jwks", "--issuer", idp.issuer]) == 3
    assert main(["verify", "a.b.c"]) == 2
    assert "discovery" in capsys.readouterr().err


def test_values_of_claims_and_clocks(key: Path, capsys: Out) -> None:
    public = str(key).replace("private", "public")
    assert main(["mint", "--key", str(key), "--algorithm", "ES256", "--claim", 'a={"b":[5]}', "--claim", "c=x"]) == 0
    token = capsys.readouterr().out.strip()
    verify = ["verify", "--public-key", public, "--algorithm", "ES256", token]
    assert main([*verify, "--require", "c=y", "--require", "c=x", "--require", "/a/b=5"]) == 0
    assert capsys.readouterr().err == ""  # it says who the token is for, so nothing needs to be said
    assert main([*verify, "--require", "c=y"]) == 1
    assert "claim_mismatch" in capsys.readouterr().err
    assert main([*verify, "--require", "c"]) == 2
    assert main([*verify, "--now", str(time.time() - 60)]) == 1
    assert "token_issued_in_future" in capsys.readouterr().err
    assert main([*verify, "--now", str(time.time() - 60), "--clock-skew", "90"]) == 0
    assert capsys.readouterr().err == "fastbearer: the audience was not checked (--audience)\n"


def test_plain_http_is_asked_for(capsys: Out) -> None:
    """192.0.2.1 is nobody's address (RFC 5737), so the fetch fails; but it is tried."""
    uri = "http://192.0.2.1/jwks"
    for command in (["jwks", "--uri", uri], ["verify", "--jwks-uri", uri, "a.b.c"]):
        assert main(command) == 2
        assert "allow_http" in capsys.readouterr().err
    assert main(["verify", "--jwks-uri", uri, "--allow-http", "nonsense"]) == 1


def test_a_reader_that_has_seen_enough(key: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-c", "from fastbearer.cli import main; raise SystemExit(main())"]
    environment = {**os.environ, "PYTHONPATH": str(Path(fastbearer.__file__).parent.parent)}
    done = subprocess.run(
        [*command, "jwks", "--key", str(key), "--algorithm", "ES256"],
        stdout=write, stderr=subprocess.PIPE, env=environment, text=True,
    )  # fmt: skip
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


def test_bench(capsys: Out) -> None:
    assert main(["bench", "--algorithm", "HS256", "--rounds", "1"]) == 0
    assert "HS256" in capsys.readouterr().out


def test_module_is_the_command() -> None:
    done = run_python(
        "import runpy, sys; sys.argv = ['fastbearer', '--version']; runpy.run_module('fastbearer', run_name='__main__')"
    )
    assert done.returncode == 0 and done.stdout.startswith("fastbearer ")


def test_a_python_without_ssl_runs_what_needs_none() -> None:
    program = "import sys; sys.modules.update(ssl=None); from fastbearer.cli import main; main()"
    for command, returncode in (["mint", "--help"], 0), (["explain", "expired"], 0), (["doctor", "https://a"], 1):
        done = subprocess.run([sys.executable, "-c", program, *command], capture_output=True, text=True)
        assert done.returncode == returncode, done.stderr


def test_reasons_are_explained(capsys: Out) -> None:
    """Every reason that the library can give, within 80 columns, and without marks of the page."""
    assert main(["explain"]) == 0
    listed = re.findall(r"^(\w+) ", capsys.readouterr().out, re.MULTILINE)
    assert {code for _, code, *_ in fastbearer._native.outcomes()} - {"ok"} <= set(listed)
    for code in listed:
        assert main(["explain", code]) == 0
        out = capsys.readouterr().out
        assert out.startswith(f"{code}\n") and "Causes: " in out and "Fix: " in out
        assert not re.search(r"[`*]\*|`|\]\(", out) and max(map(len, out.splitlines())) <= 80
    assert main(["explain", "audience_mismach"]) == 2
    assert "did you mean audience_mismatch?" in capsys.readouterr().err
    assert main(["explain", "nosuch"]) == 2
    assert "'nosuch' is no reason; \"fastbearer explain\" lists them" in capsys.readouterr().err
