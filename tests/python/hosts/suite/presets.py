"""Every auth class of the installed FastMCP, configured, with the tokens that it takes; keys come from loopback.

FastMCP writes the addresses of real providers into its presets. They stay, but for the key set's, so that what a
preset makes of them is what is tested.
"""

from __future__ import annotations

import hashlib
import hmac
import importlib
import inspect
import json
import pkgutil
import time
from collections.abc import Callable, Iterator
from typing import Any

from support import b64, nested_header

import fastbearer
from fastbearer.fastmcp import _installed as host

BASE = "https://mcp.example.com"
IDP = "https://idp.example.com"
SECRET = "a-client-secret-that-is-long-enough"
PAIRS = {name: fastbearer.KeyPair.generate(name) for name in ("RS256", "ES256")}
OTHERS = {name: fastbearer.KeyPair.generate(name) for name in PAIRS}

DISCOVERED = {
    "issuer": IDP,
    "authorization_endpoint": f"{IDP}/authorize",
    "token_endpoint": f"{IDP}/token",
    "jwks_uri": f"{IDP}/jwks",
    "response_types_supported": ["code"],
    "subject_types_supported": ["public"],
    "id_token_signing_alg_values_supported": ["RS256"],
}


def classes() -> dict[str, type]:
    """All auth classes of the installed FastMCP, by their names."""
    import fastmcp.server.auth.providers as presets

    names = ["auth", "oauth_proxy", "oidc_proxy"]
    names += [f"providers.{module.name}" for module in pkgutil.iter_modules(presets.__path__)]
    found: dict[str, type] = {}
    for name in (f"fastmcp.server.auth.{name}" for name in names):
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, host.AUTH_PROVIDER):
                found[kind.__name__] = kind
    return found


#: From 2.14.2 on, where FastMCP tells its auth objects their path.
CLASSES = classes() if hasattr(host.AUTH_PROVIDER, "set_mcp_path") else {}


def storage() -> dict[str, Any]:
    from key_value.aio.stores.memory import MemoryStore

    return {"client_storage": MemoryStore(), "jwt_signing_key": "a-signing-key-that-is-long-enough"}


def proxied(**more: Any) -> dict[str, Any]:
    return {"client_id": "app", "client_secret": SECRET, "base_url": BASE, **storage(), **more}


def a_verifier(**more: Any) -> Any:
    return CLASSES["JWTVerifier"](
        jwks_uri=f"{IDP}/jwks", issuer=IDP, audience=["other", f"{BASE}/mcp"], required_scopes=["read"], **more
    )


def a_proxy(**more: Any) -> Any:
    return CLASSES["OAuthProxy"](
        upstream_authorization_endpoint=f"{IDP}/authorize", upstream_token_endpoint=f"{IDP}/token",
        upstream_client_id="app", upstream_client_secret=SECRET, token_verifier=a_verifier(), base_url=BASE,
        **storage(), **more,
    )  # fmt: skip


def remote(**more: Any) -> Any:
    from pydantic import AnyHttpUrl

    return CLASSES["RemoteAuthProvider"](
        token_verifier=a_verifier(), authorization_servers=[AnyHttpUrl(IDP)], base_url=BASE, **more
    )


def opaque(name: str, **more: Any) -> Callable[[], Any]:
    """A proxy before a provider whose tokens say nothing; whom it asks about them is replaced by a list."""

    def make() -> Any:
        kind = CLASSES[name]
        known = inspect.signature(kind.__init__).parameters
        options = {key: value for key, value in proxied(**more).items() if key in known}
        provider = kind(**options)
        tokens = {"opaque": {"client_id": "alice", "sub": "alice", "scopes": list(provider.required_scopes)}}
        provider._token_validator = CLASSES["StaticTokenVerifier"](tokens)
        return provider

    return make


#: By class: how one is made. Those that are bases only, or verify nothing that is a JWT, are named below.
PRESETS: dict[str, Callable[[], Any]] = {
    "JWTVerifier": lambda: a_verifier(base_url=BASE),
    "Auth0JWTVerifier": lambda: CLASSES["Auth0JWTVerifier"](
        jwks_uri=f"{IDP}/jwks", issuer=IDP, audience="api", required_scopes=["read"]
    ),
    "AWSCognitoTokenVerifier": lambda: CLASSES["AWSCognitoTokenVerifier"](
        jwks_uri=f"{IDP}/jwks", issuer=IDP, audience=["app", "app2"], required_scopes=["read"]
    ),
    "AzureJWTVerifier": lambda: CLASSES["AzureJWTVerifier"](client_id="app", tenant_id="t", required_scopes=["read"]),
    "_DescopeJWTVerifier": lambda: CLASSES["_DescopeJWTVerifier"](
        descope_base_url="https://api.descope.com", project_id="P1", jwks_uri=f"{IDP}/jwks", audience="P1",
        issuer="https://api.descope.com/v1/apps/P1",
    ),
    "RemoteAuthProvider": remote,
    "MultiAuth": lambda: CLASSES["MultiAuth"](
        server=a_proxy(),
        verifiers=[
            CLASSES["JWTVerifier"](
                jwks_uri=f"{IDP}/jwks2", issuer=IDP + "/2", audience="api", required_scopes=["read"]
            )
        ],
    ),
    "OAuthProxy": a_proxy,
    "OIDCProxy": lambda: CLASSES["OIDCProxy"](
        config_url=f"{IDP}/.well-known/openid-configuration", audience="api", required_scopes=["read"], **proxied()
    ),
    "Auth0Provider": lambda: CLASSES["Auth0Provider"](config_url=f"{IDP}/c", audience="api", **proxied()),
    "Auth0MCPProvider": lambda: CLASSES["Auth0MCPProvider"](
        config_url=f"{IDP}/c", base_url=BASE, required_scopes=["read"]
    ),
    "AWSCognitoProvider": lambda: CLASSES["AWSCognitoProvider"](user_pool_id="pool", **proxied()),
    "AzureProvider": lambda: CLASSES["AzureProvider"](tenant_id="t", required_scopes=["read"], **proxied()),
    "OCIProvider": lambda: CLASSES["OCIProvider"](config_url=f"{IDP}/c", **proxied()),
    "AuthKitProvider": lambda: CLASSES["AuthKitProvider"](authkit_domain="https://kit.example.com", base_url=BASE),
    "DescopeProvider": lambda: CLASSES["DescopeProvider"](
        config_url="https://api.descope.com/v1/apps/agentic/P1/M1/.well-known/openid-configuration", base_url=BASE,
        required_scopes=["read"],
    ),
    "KeycloakAuthProvider": lambda: CLASSES["KeycloakAuthProvider"](
        realm_url="https://keycloak.example.com/realms/r", base_url=BASE, audience="api"
    ),
    "ScalekitProvider": lambda: CLASSES["ScalekitProvider"](
        environment_url="https://env.scalekit.com", resource_id="res_1", base_url=BASE, required_scopes=["read"]
    ),
    "SupabaseProvider": lambda: CLASSES["SupabaseProvider"](
        project_url="https://abc.supabase.co", base_url=BASE, algorithm="ES256"
    ),
    "ClerkProvider": opaque("ClerkProvider", domain="x.clerk.accounts.dev"),
    "DiscordProvider": opaque("DiscordProvider"),
    "GitHubProvider": opaque("GitHubProvider"),
    "GoogleProvider": opaque("GoogleProvider"),
    "HuggingFaceProvider": opaque("HuggingFaceProvider"),
    "WorkOSProvider": opaque("WorkOSProvider", authkit_domain="kit.example.com"),
}  # fmt: skip

BASES = {"AuthProvider", "TokenVerifier", "OAuthProvider"}
#: What verifies no JWTs by itself, and how one is made.
WITHOUT_JWTS: dict[str, Callable[[], Any]] = {
    "InMemoryOAuthProvider": lambda: CLASSES["InMemoryOAuthProvider"](base_url=BASE),
    "DebugTokenVerifier": lambda: CLASSES["DebugTokenVerifier"](),
    "StaticTokenVerifier": lambda: CLASSES["StaticTokenVerifier"]({}),
    "IntrospectionTokenVerifier": lambda: CLASSES["IntrospectionTokenVerifier"](
        introspection_url=f"{IDP}/introspect", client_id="app", client_secret=SECRET
    ),
    "PropelAuthProvider": lambda: CLASSES["PropelAuthProvider"](
        auth_url=IDP, introspection_client_id="app", introspection_client_secret=SECRET, base_url=BASE
    ),
    "ClerkTokenVerifier": lambda: CLASSES["ClerkTokenVerifier"](domain="x.clerk.accounts.dev"),
    "DiscordTokenVerifier": lambda: CLASSES["DiscordTokenVerifier"](
        **({"expected_client_id": "app"} if "expected_client_id" in parameters("DiscordTokenVerifier") else {})
    ),
    "GitHubTokenVerifier": lambda: CLASSES["GitHubTokenVerifier"](),
    "GoogleTokenVerifier": lambda: CLASSES["GoogleTokenVerifier"](),
    "HuggingFaceTokenVerifier": lambda: CLASSES["HuggingFaceTokenVerifier"](),
    "WorkOSTokenVerifier": lambda: CLASSES["WorkOSTokenVerifier"](authkit_domain="https://kit.example.com"),
}


def parameters(name: str) -> Any:
    return inspect.signature(CLASSES[name].__init__).parameters


# ---- tokens


def verifiers(auth: Any) -> Iterator[Any]:
    """The JWT verifiers in it, outermost first."""
    if isinstance(auth, host.UPSTREAM):
        yield auth
    held = [getattr(auth, name, None) for name in ("server", "token_verifier", "_token_validator")]
    for one in (*held, *getattr(auth, "verifiers", ())):
        if one is not None:
            yield from verifiers(one)


def first(value: Any) -> Any:
    return value[-1] if isinstance(value, list) else value


def jws(header: dict[str, Any], claims: dict[str, Any], sign: Callable[[bytes], bytes]) -> str:
    text = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"
    return f"{text}.{b64(sign(text.encode()))}"


def hs256(key: bytes, claims: dict[str, Any], **header: Any) -> str:
    return jws({"alg": "HS256", "typ": "JWT", **header}, claims, lambda text: hmac.digest(key, text, hashlib.sha256))


def tokens_for(verifier: Any) -> dict[str, str]:
    """Tokens by what is the matter with them, for the policy of this verifier."""
    algorithm = verifier.algorithm
    pair, other, wrong = PAIRS[algorithm], OTHERS[algorithm], "ES256" if algorithm == "RS256" else "RS256"
    now, audience = int(time.time()), first(verifier.audience)
    expected_client = getattr(verifier, "_expected_client_id", None)
    base: dict[str, Any] = {
        "iss": first(verifier.issuer), "sub": "alice", "iat": now, "exp": now + 3600, "email": "a@example.com",
        "aud": audience or "whatever", "scope": " ".join([*verifier.required_scopes, "more"]),
        "client_id": first(expected_client),
    }  # fmt: skip
    base = {name: value for name, value in base.items() if value is not None}

    def token(header: dict[str, Any] = {}, without: str = "", by: Any = pair, **claims: Any) -> str:
        head = {"alg": by.algorithm, "typ": "JWT", "kid": "k1", **header}
        head, kept = ({k: v for k, v in members.items() if k != without} for members in (head, {**base, **claims}))
        return by.sign(json.dumps(head), json.dumps(kept))

    good = token()
    return {
        "good": good,
        "good, no exp": token(without="exp"),
        "good, audiences": token(aud=["x", base["aud"]]),
        "good, scp": token(without="scope", scp=[*verifier.required_scopes]),
        "good, azp": token(**({} if expected_client else {"azp": "someone", "client_id": ""})),
        "good, its clock ahead": token(iat=now + 3000),
        "good, nbf a little ahead": token(nbf=now + 20),
        "good, another typ": token({"typ": "at+jwt"}),
        "good, no access token": token({"typ": "logout+jwt"}),
        "good, bound to a key": token(cnf={"jkt": "x" * 43}),
        "good, many claims": token(groups=["g" * 50] * 100, nested={"a": [1, 2.5, None, {"b": True}]}),
        "good, kid of one without": token({"kid": "k1", "jku": "https://evil.example.com", "x5t": "abc"}),
        "good, minus the email": token(without="email"),
        "expired": token(exp=now - 5),
        "expired long ago": token(exp=5),
        "no iss": token(without="iss"),
        "wrong iss": token(iss="https://evil.example.com"),
        "iss and a slash": token(iss=base["iss"] + "/"),
        "iss of a tenant": token(iss=base["iss"] + "/tenant"),
        "no aud": token(without="aud"),
        "wrong aud": token(aud="https://other.example.com"),
        "wrong auds": token(aud=["https://other.example.com", "x"]),
        "no scope": token(without="scope"),
        "other scopes": token(scope="write more"),
        "permissions": token(scope="more", permissions=[*verifier.required_scopes]),
        "other client": token(client_id="eve"),
        "not yet valid": token(nbf=now + 3600),
        "other key": token(by=other),
        "other algorithm": token(by=PAIRS[wrong]),
        "other kid": token({"kid": "k2"}),
        "no kid": token(without="kid"),
        "unsigned": jws({"alg": "none", "kid": "k1"}, base, lambda text: b""),
        "HMAC with the public key": hs256(str(pair.public_key).encode(), base, kid="k1"),
        "another signature": good.rsplit(".", 1)[0] + "." + b64(b"\1" * 256),
        "no signature": good.rsplit(".", 1)[0] + ".",
        "other claims": token(sub="eve").rsplit(".", 1)[0] + "." + good.rsplit(".", 1)[1],
        "unknown critical header": token({"crit": ["x"], "x": 1}),
        "garbage": "not-a-token",
        "nothing but dots": "..",
        "deep header": nested_header(),
    }  # fmt: skip


def own_tokens_for(proxy: Any, jti: str) -> dict[str, str]:
    """Tokens of the proxy's own kind, by what is the matter with them; jti is one that it knows."""
    key, now = proxy.jwt_issuer._signing_key, int(time.time())
    scopes = " ".join(proxy.required_scopes)
    base = {
        "iss": proxy.jwt_issuer.issuer, "aud": proxy.jwt_issuer.audience, "client_id": "client", "scope": scopes,
        "exp": now + 3600, "iat": now, "jti": jti,
    }  # fmt: skip

    def token(**claims: Any) -> str:
        return hs256(key, {name: value for name, value in {**base, **claims}.items() if value is not None})

    return {
        "good": proxy.jwt_issuer.issue_access_token("client", scopes.split(), jti),
        "good, by hand": token(),
        "good, more claims": token(upstream_claims={"name": "Alice"}),
        "good, no exp": token(exp=None),
        "good, another clock": token(iat=now + 60),
        "expired": token(exp=now - 5),
        "wrong iss": token(iss="https://evil.example.com/"),
        "iss without the slash": token(iss=base["iss"].rstrip("/")),
        "no iss": token(iss=None),
        "wrong aud": token(aud="https://other.example.com/mcp"),
        "aud and a slash": token(aud=base["aud"] + "/"),
        "aud in capitals": token(aud=base["aud"].replace("mcp.example", "MCP.example")),
        "aud in a list": token(aud=[base["aud"]]),
        "no aud": token(aud=None),
        "a refresh token": proxy.jwt_issuer.issue_refresh_token("client", scopes.split(), jti, 3600),
        "another use": token(token_use="other"),
        "unknown jti": token(jti="unknown"),
        "no jti": token(jti=None),
        "other key": hs256(b"x" * 32, base),
        "other hash": jws({"alg": "HS512"}, base, lambda text: hmac.digest(key, text, hashlib.sha512)),
        "unsigned": jws({"alg": "none"}, base, lambda text: b""),
        "RS256": PAIRS["RS256"].sign(json.dumps({"alg": "RS256"}), json.dumps(base)),
        "garbage": "not-a-token",
        "deep header": nested_header(),
    }  # fmt: skip
