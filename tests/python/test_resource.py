"""audience="resource" under WSGI, and as the word that it is for a Verifier alone."""

import io

import pytest

import fastbearer
from fastbearer.wsgi import BearerAuthMiddleware

KEYS = fastbearer.RSAKeyPair.generate()
URL = "https://api.example.com/v1"


def verifier():
    return fastbearer.Verifier(public_key=KEYS.public_key, audience="resource")


def status(app, audience):
    statuses = []
    environ = {
        "REQUEST_METHOD": "GET", "PATH_INFO": "/", "SCRIPT_NAME": "", "QUERY_STRING": "", "SERVER_NAME": "localhost",
        "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(),
        "HTTP_AUTHORIZATION": f"Bearer {KEYS.create_token(audience=audience)}",
    }  # fmt: skip
    list(app(environ, lambda line, headers, *_: statuses.append(int(line.split()[0]))))
    return statuses[0]


def application(environ, start_response):
    start_response("200 OK", [])
    return [b"hello"]


@pytest.mark.parametrize(
    "options",
    [{"base_url": URL}, {"resource_metadata": {"resource": URL, "authorization_servers": ["https://issuer.example"]}}],
    ids=repr,
)
def test_under_wsgi(options):
    app = BearerAuthMiddleware(application, verifier=verifier(), **options)
    assert [status(app, audience) for audience in (URL, f"{URL}/", [URL, "x"])] == [200] * 3
    assert [status(app, audience) for audience in ("https://api.example.com", "resource", None)] == [401] * 3


def test_a_wsgi_middleware_that_has_no_url_is_not_made():
    with pytest.raises(fastbearer.ConfigurationError, match='audience="resource" needs'):
        BearerAuthMiddleware(application, verifier=verifier())


def test_a_verifier_alone_takes_the_word_literally():
    assert verifier().verify(KEYS.create_token(audience="resource"))
    with pytest.raises(fastbearer.InvalidAudienceError):
        verifier().verify(KEYS.create_token(audience=URL))
