"""Key sets over TLS, and a provider that does everything wrong: what Verifier makes of it."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastbearer import Issuer, KeyPair, KeysUnavailableError, Verifier
from helpers import run_python

pytest.importorskip("cryptography")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.idp import FAULTS, IdentityProvider

#: Faults with which the keys can be had all the same.
HARMLESS = {"late_header", "same_lengths", "changed", "broken_keys", "text_type", "skewed_date", "repeated_field"}
TLS_ONLY = {"expired", "not_yet_valid", "wrong_host", "unknown_ca", "self_signed", "changed", "old_tls"}


@pytest.fixture(scope="module")
def secure() -> Iterator[IdentityProvider]:
    with IdentityProvider(tls=True, algorithms=("ES256",)) as idp:
        yield idp


@pytest.fixture(scope="module")
def plain() -> Iterator[IdentityProvider]:
    with IdentityProvider(algorithms=("ES256",)) as idp:
        yield idp


def refresh(verifier: Verifier) -> None:
    """Again when the time-out was too short for a busy machine; any other failure is one."""
    for left in reversed(range(20)):
        try:
            verifier.refresh()
            return
        except KeysUnavailableError as error:
            if not left or "timed out" not in str(error):
                raise


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("fault", FAULTS)
def test_faults(secure: IdentityProvider, plain: IdentityProvider, fault: str) -> None:
    """A fault costs at most the time-out, never gives keys that were not there, and ends with the trouble."""
    for idp in (secure,) if fault in TLS_ONLY else (plain, secure):
        idp.misbehave(fault)
        with Verifier(jwks_uri=idp.jwks_uri, algorithms="ES256", ca_file=idp.ca_file, fetch_timeout=0.6) as verifier:
            start = time.monotonic()
            if fault in HARMLESS:
                refresh(verifier)
            else:
                with pytest.raises(KeysUnavailableError) as caught:
                    verifier.refresh()
                assert len(str(caught.value)) < 250 and verifier.keys() == []
                last = verifier.stats()[
                    "last_error"
                ]  # of limited length; what OpenSSL has to say grows with its versions
                assert len(last) > 20 and str(caught.value).startswith(last)
            assert time.monotonic() - start < 20  # a hang would not end at all; a busy machine may be slow
            idp.behave()
            refresh(verifier)
            assert verifier.verify(idp.mint()).claims["iss"] == idp.issuer
            idp.misbehave(fault)
            with contextlib.suppress(KeysUnavailableError):  # the provider may still find time for a 304
                verifier.refresh()
            assert verifier.verify(idp.mint())  # held keys stay
            idp.behave()


def test_which_certificates_are_trusted(secure: IdentityProvider) -> None:
    """Option before environment before the system's."""
    code = """
import sys
from fastbearer import KeysUnavailableError, Verifier
url, ca_file = sys.argv[1:]
try:
    Verifier(jwks_uri=url, algorithms="ES256", ca_file=ca_file or None).refresh()
    print("trusted")
except KeysUnavailableError as error:
    print("refused", error)
"""
    ca_file, url = str(secure.ca_file), secure.jwks_uri
    assert run_python(code, url, ca_file).stdout == "trusted\n"
    assert run_python(code, url, "", SSL_CERT_FILE=ca_file).stdout == "trusted\n"
    assert run_python(code, url, ca_file, SSL_CERT_FILE="/nowhere").stdout == "trusted\n"
    assert run_python(code, url, "", SSL_CERT_FILE="/nowhere", SSL_CERT_DIR="").stdout.startswith("refused")
    assert run_python(code, url, "", SSL_CERT_FILE="", SSL_CERT_DIR="").stdout.startswith("refused")
    for missing in ("/nowhere", "/"):
        assert f"ConfigurationError: ca_file: {missing} is not" in run_python(code, url, missing).stderr


def test_certifi_when_the_system_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    certifi = pytest.importorskip("certifi")
    from fastbearer import _native, _options

    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(variable, raising=False)
    given = Issuer(jwks_uri="https://issuer.example/jwks")
    monkeypatch.setattr(_options._native, "ca_bundle", lambda: "/etc/ssl/some.pem")
    assert _options.certificate_authorities(given) == {}
    monkeypatch.setattr(_native, "ca_bundle", lambda: None)
    assert _options.certificate_authorities(given) == {"ca_file": certifi.where()}
    monkeypatch.setitem(sys.modules, "certifi", None)
    assert _options.certificate_authorities(given) == {}
    monkeypatch.setenv("SSL_CERT_DIR", "/certs")
    assert _options.certificate_authorities(given) == {"ca_path": "/certs"}


def test_ssrf_safe_refuses_loopback(secure: IdentityProvider) -> None:
    secure.behave()
    before = secure.connections
    verifier = Verifier(jwks_uri=secure.jwks_uri, algorithms="ES256", ca_file=secure.ca_file, ssrf_safe=True)
    with pytest.raises(KeysUnavailableError):
        verifier.refresh()
    assert secure.connections == before


def test_proxy_variables_only_with_trust_env(plain: IdentityProvider) -> None:
    plain.behave()
    code = """
import sys
from fastbearer import KeysUnavailableError, Verifier
url, trust = sys.argv[1:]
try:
    Verifier(jwks_uri=url, algorithms="ES256", trust_env=trust == "1", allow_http=True, fetch_timeout=3).refresh()
    print("fetched")
except KeysUnavailableError:
    print("failed")
"""
    proxy = {"http_proxy": f"http://127.0.0.1:{plain.port}", "no_proxy": "", "NO_PROXY": ""}
    elsewhere = "http://issuer.invalid/jwks"
    for trust, expected in (("0", 0), ("1", 1)):
        plain.forget()
        assert run_python(code, elsewhere, trust, **proxy).stdout == "failed\n"
        assert plain.connections == expected
    wrong = {**proxy, "http_proxy": "http://127.0.0.1:1"}
    assert run_python(code, plain.jwks_uri, "1", **wrong).stdout == "fetched\n"  # loopback is never behind a proxy


def test_two_openssl_users_in_one_process(secure: IdentityProvider) -> None:
    """Python's ssl, our libcurl and key generation at the same time."""
    import ssl
    import threading
    import urllib.request

    secure.behave()
    context = ssl.create_default_context(cafile=secure.ca_file)
    problems: list[BaseException] = []

    def guarded(work: object) -> None:
        try:
            for _ in range(5):
                work()  # type: ignore[operator]
        except BaseException as error:
            problems.append(error)

    def fetch() -> None:
        with Verifier(jwks_uri=secure.jwks_uri, algorithms="ES256", ca_file=secure.ca_file) as verifier:
            verifier.refresh()

    def read() -> None:
        with urllib.request.urlopen(secure.jwks_uri, context=context) as response:
            response.read()

    threads = [
        threading.Thread(target=guarded, args=(work,))
        for work in (fetch, read, lambda: KeyPair.generate("ES384"), fetch, read)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
