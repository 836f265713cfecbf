"""``doctor``: what it says of providers and tokens, and that the configuration which it prints is right."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

import fastbearer
from fastbearer.cli import main
from fastbearer.cli._advice import Line, in_c, in_node, in_python
from fastbearer.cli._arguments import make_parser
from fastbearer.cli._terminal import Terminal, document, printable
from tests.idp import Behaviour, IdentityProvider, Metadata, SigningKey

pytest.importorskip("cryptography")
ROOT = Path(__file__).resolve().parents[2]
AUDIENCE = "https://api.example/mcp"
Out = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def secure() -> Iterator[IdentityProvider]:
    with IdentityProvider(tls=True, algorithms=("ES256",)) as idp:
        yield idp


class Doctor:
    """The command, on a provider whose authority it is told."""

    def __init__(self, capsys: Out, monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        self._monkeypatch = monkeypatch
        self.error = ""

    def __call__(self, *arguments: str, token: str | None = None) -> tuple[int, str]:
        if token is not None:
            self._monkeypatch.setattr(sys, "stdin", io.StringIO(token))
        code = main(["doctor", *arguments])
        out, self.error = self._capsys.readouterr()
        assert all(line.isprintable() for line in out.split("\n"))
        return code, out

    def json(self, *arguments: str, token: str | None = None) -> tuple[int, Any]:
        code, out = self(*arguments, "--json", token=token)
        return code, json.loads(out)


@pytest.fixture
def doctor(capsys: Out, monkeypatch: pytest.MonkeyPatch) -> Doctor:
    return Doctor(capsys, monkeypatch)


def found(findings: list[dict[str, Any]], name: str) -> list[tuple[str, str]]:
    return [(finding["state"], finding["text"]) for finding in findings if finding["name"] == name]


def run_python_advice(text: str) -> fastbearer.Verifier:
    space: dict[str, Any] = {}
    exec(text, space)
    made: fastbearer.Verifier = space["verifier"]
    return made


# ---- providers


def test_a_good_issuer(doctor: Doctor, secure: IdentityProvider) -> None:
    code, report = doctor.json(secure.issuer, "--ca-file", secure.ca_file)
    assert code == report["exit_code"] == 0 and doctor.error == ""
    provider = report["provider"]
    assert (provider["issuer"], provider["jwks_uri"]) == (secure.issuer, secure.jwks_uri)
    assert abs(provider["clock_seconds_ahead"]) < 2 and provider["error"] is None
    assert [(key["name"], key["usable"]) for key in provider["keys"]] == [(secure.keys[0].kid, True)]
    (certificate,) = found(provider["findings"], "certificate")
    assert "identity provider" in certificate[1] and "test authority" in certificate[1]
    assert [state for state, _ in found(provider["findings"], "request")] == ["ok", "ok"]


def test_the_url_of_a_key_set_or_of_the_metadata(doctor: Doctor, secure: IdentityProvider) -> None:
    code, report = doctor.json(secure.jwks_uri, "--ca-file", secure.ca_file)
    assert code == 0 and report["provider"]["jwks_uri"] == secure.jwks_uri and report["provider"]["issuer"] is None
    metadata = secure.issuer + "/.well-known/openid-configuration"
    code, report = doctor.json(metadata, "--ca-file", secure.ca_file)
    assert code == 0 and report["provider"]["issuer"] == secure.issuer


def test_keys_that_cannot_be_used(doctor: Doctor, secure: IdentityProvider) -> None:
    secure.misbehave("broken_keys")
    try:
        code, report = doctor.json(secure.jwks_uri, "--ca-file", secure.ca_file)
    finally:
        secure.behave()
    keys = {key["name"]: key for key in report["provider"]["keys"]}
    assert code == 0 and keys[secure.keys[0].kid]["usable"] is True
    assert keys["broken-2"]["usable"] is False and "fewer than 2048 bits" in keys["broken-2"]["problem"]


@pytest.mark.parametrize(
    "fault, name, text",
    [("expired", "certificate", "expired 24 hours ago"), ("wrong_host", "certificate", "for elsewhere.example"),
     ("unknown_ca", "authorities", "--ca-file"), ("not_found", "request", "HTTP status 404"),
     ("redirect", "request", "which is not followed"), ("html", "target", "taken for an issuer")],
)  # fmt: skip
def test_why_keys_cannot_be_had(doctor: Doctor, secure: IdentityProvider, fault: str, name: str, text: str) -> None:
    secure.misbehave(fault)
    try:
        code, report = doctor.json(secure.jwks_uri, "--ca-file", secure.ca_file, token=None)
    finally:
        secure.behave()
    assert code == 3
    assert any(text in said for _, said in found(report["provider"]["findings"], name)), report["provider"]["findings"]


def test_the_identifier_must_be_exact(doctor: Doctor, secure: IdentityProvider) -> None:
    code, report = doctor.json(secure.issuer + "/", "--ca-file", secure.ca_file)
    assert code == 3
    (finding,) = [item for item in report["provider"]["findings"] if item["name"] == "issuer"]
    assert (finding["expected"], finding["actual"]) == (secure.issuer + "/", secure.issuer)


@pytest.mark.parametrize("skew, text", [(130.0, "2 min ahead"), (-3600 * 5.0, "5 hours behind")])
def test_the_clock(doctor: Doctor, secure: IdentityProvider, skew: float, text: str) -> None:
    secure.behave(Behaviour(date_skew=skew))
    try:
        code, report = doctor.json(secure.jwks_uri, "--ca-file", secure.ca_file)
    finally:
        secure.behave()
    ((state, said),) = found(report["provider"]["findings"], "clock")
    assert code == 0 and state == "warning" and text in said
    assert abs(report["provider"]["clock_seconds_ahead"] - skew) < 3


def test_nobody_there(doctor: Doctor) -> None:
    code, report = doctor.json("https://127.0.0.1:9", "--timeout", "2")
    assert code == 3 and "refused" in report["provider"]["error"].lower()
    code, report = doctor.json("http://issuer.invalid")
    assert code == 2 and "allow_http" in report["provider"]["error"]


def test_by_a_proxy(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one of the environment is used when it is asked for, and named without its password."""
    asked = []

    class Proxy(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            asked.append((self.path, self.headers.get("Proxy-Authorization")))
            self.send_error(403)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Proxy) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        monkeypatch.setenv("https_proxy", f"http://user:secret@127.0.0.1:{server.server_address[1]}")
        code, report = doctor.json("https://issuer.invalid", "--trust-env")
        server.shutdown()
    assert code == 3 and asked[0] == ("issuer.invalid:443", "Basic dXNlcjpzZWNyZXQ=")
    (proxy,) = found(report["provider"]["findings"], "proxy")
    assert "127.0.0.1" in proxy[1] and "secret" not in json.dumps(report)


# ---- hostile providers


@pytest.mark.parametrize(
    "fault",
    ["hang", "slow_header", "slow_body", "trickle", "endless_body", "endless_header", "large_body", "bomb",
     "transfer_bomb", "not_http", "http09", "reset_body", "two_lengths_in_one", "length_and_chunks"],
)  # fmt: skip
def test_no_response_keeps_it_waiting(doctor: Doctor, secure: IdentityProvider, fault: str) -> None:
    secure.misbehave(fault)
    started = time.monotonic()
    try:
        code, out = doctor(secure.jwks_uri, "--ca-file", secure.ca_file, "--timeout", "0.5")
    finally:
        secure.behave()
    assert code == 3 and "FAIL" in out and len(out) < 5000
    assert time.monotonic() - started < 10


def test_a_header_that_trickles(doctor: Doctor) -> None:
    """Each byte comes in time, and the header never ends."""

    def trickle(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            for _ in range(200):
                connection.sendall(b"a")
                time.sleep(0.1)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=trickle, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        started = time.monotonic()
        code, report = doctor.json(f"http://127.0.0.1:{listener.getsockname()[1]}/", "--timeout", "0.5")
        listener.shutdown(socket.SHUT_RDWR)
    assert code == 3 and time.monotonic() - started < 10
    assert "no complete response within 0.5 s" in json.dumps(report["provider"]["findings"])


@pytest.mark.parametrize("name", ["hang", "large_body", "bomb", "cut_json", "array", "jwks_uri_number", "redirect"])
def test_hostile_metadata(doctor: Doctor, secure: IdentityProvider, name: str) -> None:
    secure.misbehave_metadata(name)
    try:
        code, out = doctor(secure.issuer, "--ca-file", secure.ca_file, "--timeout", "0.5")
    finally:
        secure.behave_metadata()
    assert code == 3 and "FAIL" in out and len(out) < 5000


def test_what_a_provider_says_commands_no_terminal(doctor: Doctor, secure: IdentityProvider) -> None:
    """Nor does it fill the screen. ``doctor`` itself asserts that all lines are printable."""
    hostile = "\x1b]0;owned\x07\x9b2J\u202e"
    secure.behave_metadata(Metadata(members={"issuer": f"https://{hostile}{'x' * 30000}"}))
    secure.behave(Behaviour(cache_control="max-age=300, \x1b[2J", headers=(("X-\x1b[2J", "\x1b[2J"),)))
    secure.keys.append(SigningKey("ES256", kid=hostile))
    try:
        code, out = doctor(secure.issuer, "--ca-file", secure.ca_file)
        assert code == 3 and len(out) < 8000 and "\\u001b]0;owned" in out
        code, report = doctor.json(secure.issuer, "--ca-file", secure.ca_file)
        (finding,) = [item for item in report["provider"]["findings"] if item["name"] == "issuer"]
        assert code == 3 and finding["actual"].startswith(f"https://{hostile}") and len(finding["actual"]) > 30000
        code, out = doctor(secure.jwks_uri, "--ca-file", secure.ca_file)
        assert "\\u001b[2J" in out and "owned" in out
    finally:
        secure.keys.pop()
        secure.behave()
        secure.behave_metadata()


def test_passwords_are_not_printed(doctor: Doctor, secure: IdentityProvider) -> None:
    """Those of a target are refused; what its query holds is for the server alone."""
    for change in (("https://", "https://user:hidden@"), ("/jwks", "/jwks?key=hidden")):
        code, out = doctor(secure.jwks_uri.replace(*change), "--ca-file", secure.ca_file)
        assert code == (2 if "@" in change[1] else 0) and "hidden" not in out + doctor.error
    secure.misbehave_metadata("jwks_uri_password")
    try:
        code, report = doctor.json(secure.issuer, "--ca-file", secure.ca_file)
    finally:
        secure.behave_metadata()
    assert code == 3 and report["provider"]["jwks_uri"] == "https://issuer.example/jwks"
    assert "password@" not in json.dumps(report)


# ---- tokens


def test_a_token_and_its_configuration(doctor: Doctor, secure: IdentityProvider) -> None:
    token = secure.mint(aud=[AUDIENCE, "other"], scope="a b")
    code, report = doctor.json("--ca-file", secure.ca_file, "--algorithm", "ES256", token=f"Bearer {token}\n")
    assert code == 0 and report["target"] == secure.issuer and report["token"]["code"] == "ok"
    assert {step["name"] for step in report["token"]["steps"]} >= {"form", "key", "signature", "times", "audience"}
    configuration = report["configuration"]
    assert configuration["accepts_the_token"] is True and all(option["reason"] for option in configuration["options"])
    made = run_python_advice(configuration["python"])
    assert made.verify(token).token == token and made.audience == AUDIENCE
    with pytest.raises(fastbearer.InvalidAudienceError):
        made.verify(secure.mint(aud="elsewhere"))


def test_the_steps_say_what_was_expected(doctor: Doctor, secure: IdentityProvider) -> None:
    """All that is wrong, not only the first."""
    token = secure.mint(aud="other", exp=int(time.time()) - 3600, iat=int(time.time()) - 7200, scope="a")
    code, report = doctor.json(
        secure.issuer, "--ca-file", secure.ca_file, "--audience", AUDIENCE, "--scope", "b", "--token", "-", token=token
    )
    assert code == 1 and report["token"]["code"] == "algorithm_not_allowed"
    failed = {step["code"]: step for step in report["token"]["steps"] if step["state"] == "failed"}
    assert set(failed) == {"algorithm_not_allowed", "token_expired", "audience_mismatch", "insufficient_scope"}
    assert AUDIENCE in failed["audience_mismatch"]["expected"] and "other" in failed["audience_mismatch"]["actual"]
    assert "ES256" in failed["algorithm_not_allowed"]["text"] and report["token"]["signature_verified"] is True
    made = run_python_advice(report["configuration"]["python"].replace("(\n", "(\n    leeway=86400,\n"))
    with pytest.raises(fastbearer.InsufficientScopeError):  # it was asked for, so the advice does not give it up
        made.verify(token)


def test_forged_claims_make_no_configuration(doctor: Doctor, secure: IdentityProvider) -> None:
    forged = fastbearer.KeyPair.generate("ES256").create_token(
        issuer=secure.issuer, audience="evil\x1b[2J\u202e", kid=secure.keys[0].kid
    )
    arguments = (secure.issuer, "--ca-file", secure.ca_file, "--algorithm", "ES256", "--token", "-")
    code, report = doctor.json(*arguments, token=forged)
    assert code == 1 and report["token"]["code"] == "signature_invalid"
    assert report["token"]["signature_verified"] is False and report["configuration"]["options"] == []
    code, out = doctor(*arguments, token=forged)
    assert code == 1 and "evil" not in out and "anybody can have written" in " ".join(out.split())
    assert "(signature_invalid, see docs/reasons.md#signature_invalid)" in " ".join(out.split())


def test_no_terminal_is_commanded(doctor: Doctor, secure: IdentityProvider) -> None:
    hostile = 'x\x1b]0;owned\x07\u202e\n"\\'
    token = secure.mint(aud=hostile, scope=hostile)
    code, out = doctor(secure.issuer, "--ca-file", secure.ca_file, "--algorithm", "ES256", "--token", "-", token=token)
    assert code == 0 and "\\u001b" in out
    _, report = doctor.json(
        secure.issuer, "--ca-file", secure.ca_file, "--algorithm", "ES256", "--token", "-", token=token
    )
    assert run_python_advice(report["configuration"]["python"]).audience == hostile


def test_what_is_no_jwt(doctor: Doctor) -> None:
    code, report = doctor.json(token="opaque")
    assert code == 1 and report["target"] is None and report["token"]["code"] == "token_malformed"
    assert "introspected" in json.dumps(report["token"]["steps"])


def test_a_token_where_others_see_it(doctor: Doctor, secure: IdentityProvider, tmp_path: Path) -> None:
    token = secure.mint(aud=AUDIENCE)
    file = tmp_path / "token"
    file.write_text(token + "\n")
    arguments = (secure.issuer, "--ca-file", secure.ca_file, "--algorithm", "ES256", "--token")
    assert doctor(*arguments, token)[0] == 0 and "can be seen" in doctor.error
    assert doctor(*arguments, str(file))[0] == 0 and doctor.error == ""
    assert main(["doctor", *arguments, str(tmp_path / "missing")]) == 2


@pytest.mark.parametrize(
    "claims, option, value",
    [({"aud": None, "client_id": "c"}, "required_claims", {"client_id": "c"}),
     ({"realm_access": {"roles": ["x"]}}, "scope_claims", "/realm_access/roles"),
     ({"appid": "a"}, "client_id_claims", "appid"), ({"exp": None}, "require_exp", False)],
)  # fmt: skip
def test_what_providers_do_otherwise(
    doctor: Doctor, secure: IdentityProvider, claims: dict[str, Any], option: str, value: Any
) -> None:
    given = {"iss": secure.issuer, "exp": int(time.time()) + 60, "sub": "s", "aud": AUDIENCE, **claims}
    token = secure.keys[0].token({name: content for name, content in given.items() if content is not None})
    _, report = doctor.json(secure.issuer, "--ca-file", secure.ca_file, "--token", "-", token=token)
    assert {item["name"]: item["value"] for item in report["configuration"]["options"]}[option] == value
    assert report["configuration"]["accepts_the_token"] is True
    assert run_python_advice(report["configuration"]["python"]).verify(token)


def test_bound_tokens(doctor: Doctor, secure: IdentityProvider) -> None:
    token = secure.mint(aud=AUDIENCE, cnf={"jkt": "0" * 43})
    code, report = doctor.json(
        secure.issuer, "--ca-file", secure.ca_file, "--algorithm", "ES256", "--token", "-", token=token
    )
    assert code == 1 and report["token"]["code"] == "proof_missing"
    assert "dpop=DPoP()" in report["configuration"]["python"] and report["configuration"]["accepts_the_token"] is True
    assert run_python_advice(report["configuration"]["python"]).dpop == fastbearer.DPoP()


@pytest.mark.parametrize(
    "arguments, text",
    [(("ftp://issuer.example",), "the URL must begin with https://"), (("",), "the URL must be"),
     (("https://issuer.invalid", "--timeout", "0"), "timeout"),
     (("https://issuer.invalid", "--timeout", "nan"), "timeout"),
     (("https://issuer.invalid", "--ca-file", "/missing"), "ca_file")],
)  # fmt: skip
def test_wrong_usage_is_no_outage(doctor: Doctor, arguments: tuple[str, ...], text: str) -> None:
    code, report = doctor.json(*arguments)
    assert code == 2 and text in report["provider"]["error"]
    token = fastbearer.RSAKeyPair.generate().create_token(audience=AUDIENCE)
    code, report = doctor.json(*arguments, "--token", "-", token=token)
    assert code == 2 and report["token"]["code"] == "configuration_invalid"


def test_an_algorithm_that_does_not_exist(doctor: Doctor, secure: IdentityProvider) -> None:
    arguments = (secure.issuer, "--ca-file", secure.ca_file, "--algorithm", "RS1", "--token", "-")
    code, report = doctor.json(*arguments, token=secure.mint(aud=AUDIENCE))
    assert code == 2 and report["token"]["code"] == "configuration_invalid"


# ---- three languages

LINES = [
    Line("issuer", "https://i.example/\u00e9\U0001f600\"??/\\", "r"), Line("jwks_uri", "https://i.example/jwks", "r"),
    Line("algorithms", "ES256", "r"), Line("audience", "a", "r"), Line("required_claims", {"a": "b\""}, "r"),
    Line("token_type", "at+jwt", "r"), Line("scope_claims", "/a/b", "r"), Line("client_id_claims", "appid", "r"),
    Line("required_scopes", ["a", "b"], "r"), Line("require_exp", False, "r"), Line("dpop", {}, "r"),
    Line("allow_http", True, "r"), Line("trust_env", True, "r"), Line("ca_file", "/etc/passwd", "r"),
]  # fmt: skip


def test_every_option_in_python() -> None:
    made = run_python_advice(in_python(LINES))
    assert made.issuer == LINES[0].value and made.issuers[0].allow_http is True


def test_every_option_in_c(tmp_path: Path) -> None:
    compiler = shutil.which("cc") or pytest.skip("no C compiler")
    source = tmp_path / "advice.c"
    source.write_text(
        "#include <fastbearer.h>\nfb_status make(fb_verifier *verifier);\nfb_status make(fb_verifier *verifier)\n{\n"
        f"fb_error error = FB_ERROR_INIT;\n{in_c(LINES).replace('fb_verifier_new', 'return fb_verifier_new')}\n}}\n"
    )
    command = [compiler, "-std=c11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-I{ROOT}/core/include"]
    subprocess.run([*command, str(source)], check=True)


def test_every_option_in_node(tmp_path: Path) -> None:
    node = shutil.which("node") or pytest.skip("no Node")
    taken = tmp_path / "options.cjs"
    stand_in = "{ Verifier: class { constructor(options) { console.log(JSON.stringify(options)) } } }"
    taken.write_text(in_node(LINES).replace("require('fastbearer')", stand_in))
    done = subprocess.run([node, str(taken)], check=True, capture_output=True, text=True)
    options = json.loads(done.stdout)
    table = (ROOT / "node/lib/option-table.cjs").read_text()
    assert options["issuer"] == LINES[0].value and options["requiredClaims"] == {"a": 'b"'}
    assert all(f"'{name}'" in table for name in options)


# ---- how it looks


def test_eighty_columns(doctor: Doctor, secure: IdentityProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    token = secure.mint(aud=AUDIENCE, scope=" ".join(f"scope-{number}" for number in range(50)))
    arguments = ("--ca-file", secure.ca_file, "--audience", "x", "--token", "-")
    _, out = doctor(secure.issuer, *arguments, token=token)
    assert [line for line in out.split("\n") if len(line) > 80 and "http" not in line and "/" not in line] == []
    monkeypatch.setenv("COLUMNS", "80")
    for action in make_parser("x")._actions:
        for parser in (action.choices or {}).values() if isinstance(action, argparse._SubParsersAction) else ():
            assert max(map(len, parser.format_help().split("\n"))) <= 80


@pytest.mark.parametrize(
    "environment, terminal, coloured",
    [({}, True, True), ({}, False, False), ({"NO_COLOR": "1"}, True, False), ({"TERM": "dumb"}, True, False)],
)
def test_colour(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], terminal: bool, coloured: bool) -> None:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: terminal)
    Terminal(stream).finding("FAIL", "name", "text \x1b[0m")
    assert ("\033[31m" in stream.getvalue()) is coloured and "\\u001b[0m" in stream.getvalue()


def test_what_is_printable() -> None:
    value = {"a\u202e": "\x1b[2J\x9b\u200b\U000e0001 \u00e9 \x7f\n"}
    assert json.loads(document(value)) == value and document(value).replace("\n", "").isprintable()
    assert printable("\u00e9 \u65e5") == "\u00e9 \u65e5"


def test_the_other_commands(secure: IdentityProvider, capsys: Out, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(secure.mint(aud="\x1b[2J"))
    network = ["--ca-file", secure.ca_file]
    assert main(["inspect", "--token-file", str(file), "--issuer", secure.issuer, *network]) == 0
    out, err = capsys.readouterr()
    assert "\x1b" not in out + err and "fastbearer: signature: ok: holds" in err
    assert main(["verify", "--token-file", str(file), "--issuer", secure.issuer, "--algorithm", "ES256", *network]) == 0
    assert "\x1b" not in capsys.readouterr().out
    assert main(["keygen", "--algorithm", "rs256"]) == 2
    assert "ES256, ES384" in capsys.readouterr().err


def test_output_that_cannot_be_written(secure: IdentityProvider) -> None:
    """A terminal of another encoding gets escapes."""
    command = [sys.executable, "-m", "fastbearer", "doctor", "https://\u00e9.invalid"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode in (2, 3) and "Traceback" not in done.stderr
