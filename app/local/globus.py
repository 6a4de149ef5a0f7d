"""A stand-in for Globus Auth on this machine: an OpenID provider with keys of its own, at the paths of the real one.

Code flow with PKCE, client secret and single-use codes are checked as a provider must, so that the portal's real login code
runs. Anybody may sign in as anybody, therefore it listens on loopback only. Two query parameters of the authorize address
are for tests: `as` (an e-mail address) signs in without asking, and `wrong` issues a token that must not be believed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import secrets
import time
import uuid
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import jinja2
import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa

PAGES = jinja2.Environment(loader=jinja2.PackageLoader("app.local"), autoescape=True)
CODE_SECONDS = 60
TOKEN_SECONDS = 3600

WRONG: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "issuer": lambda claims: claims | {"iss": "https://auth.example.org"},
    "audience": lambda claims: claims | {"aud": str(uuid.uuid4())},
    "nonce": lambda claims: claims | {"nonce": "another login's"},
    "no_nonce": lambda claims: {name: value for name, value in claims.items() if name != "nonce"},
    "expired": lambda claims: claims | {"iat": claims["iat"] - 9000, "exp": claims["iat"] - 5400},
    "azp": lambda claims: claims | {"azp": str(uuid.uuid4())},
    "audiences": lambda claims: claims | {"aud": [claims["aud"], str(uuid.uuid4())]},
    "subject": lambda claims: claims | {"sub": "../PROFILE"},
}
"""Claims that a client must refuse. `key` (signed by an unpublished one) and `unsigned` are made in `_sign`."""


@dataclass
class Grant:
    """What one authorization code stands for, until it is redeemed."""

    query: dict[str, str]
    person: dict[str, str]
    made: float = field(default_factory=time.monotonic)


@dataclass
class Provider:
    """The identity provider and all that it remembers."""

    issuer: str
    client_id: str
    client_secret: str
    key_id: dict[str, str] = field(default_factory=dict)  # Globus names no key; a set of several would: {"kid": …}
    grants: dict[str, Grant] = field(default_factory=dict)
    people: dict[str, dict[str, str]] = field(default_factory=dict)  # by access token
    key: rsa.RSAPrivateKey = field(default_factory=lambda: _new_key())
    stray_key: rsa.RSAPrivateKey = field(default_factory=lambda: _new_key())

    async def configuration(self, request: web.Request) -> web.Response:
        """Where everything is (OpenID Connect Discovery)."""
        return web.json_response(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/v2/oauth2/authorize",
                "token_endpoint": f"{self.issuer}/v2/oauth2/token",
                "userinfo_endpoint": f"{self.issuer}/v2/oauth2/userinfo",
                "jwks_uri": f"{self.issuer}/jwk.json",
                "response_types_supported": ["code"],
                "code_challenge_methods_supported": ["S256"],
                "id_token_signing_alg_values_supported": ["RS512"],
                "subject_types_supported": ["public"],
                "scopes_supported": ["openid", "profile", "email"],
            }
        )

    async def keys(self, request: web.Request) -> web.Response:
        """The public keys, as a JSON Web Key Set."""
        public = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return web.json_response({"keys": [public | self.key_id | {"alg": "RS512", "use": "sig"}]})

    async def authorize(self, request: web.Request) -> web.Response:
        """The sign-in page."""
        query = dict(request.query)
        if problem := self._request_problem(query):
            return web.Response(text=problem, status=400)
        if email := query.get("as"):
            return self._redirect(query, {"email": email, "name": email.partition("@")[0]})
        return web.Response(text=PAGES.get_template("globus.html").render(query=query), content_type="text/html")

    async def sign_in(self, request: web.Request) -> web.Response:
        """Takes the sign-in page's form, and leads back with a code."""
        form = {name: str(value) for name, value in (await request.post()).items()}
        person = {name: form.pop(name, "").strip() for name in ("name", "email", "organization")}
        if problem := self._request_problem(form) or ("" if "@" in person["email"] else "An e-mail address is needed."):
            return web.Response(text=problem, status=400)
        return self._redirect(form, person)

    async def token(self, request: web.Request) -> web.Response:
        """Gives an id token for a code, once, to the client that it was made for."""
        form = await request.post()
        grant = self.grants.pop(str(form.get("code")), None)
        if not self._is_client(request):
            return web.json_response({"error": "invalid_client"}, status=401)
        if not grant or time.monotonic() - grant.made > CODE_SECONDS or not _redeems(form, grant.query):
            return web.json_response({"error": "invalid_grant"}, status=400)
        access_token = secrets.token_urlsafe()
        self.people[access_token] = grant.person
        return web.json_response(
            {
                "access_token": access_token,
                "id_token": self._sign(grant),
                "resource_server": "auth.globus.org",
                "scope": grant.query["scope"],
                "expires_in": TOKEN_SECONDS,
                "token_type": "Bearer",
                "other_tokens": [],
            }
        )

    async def userinfo(self, request: web.Request) -> web.Response:
        """Who the bearer of an access token is."""
        person = self.people.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
        return web.json_response(_claims_of(person)) if person else web.json_response({"error": "invalid_token"}, status=401)

    def _request_problem(self, query: dict[str, str]) -> str:
        if query.get("client_id") != self.client_id:
            return "This client is not known here."
        needed = ("redirect_uri", "scope", "state", "response_type", "code_challenge")
        missing = [name for name in needed if not query.get(name)]
        return f"The request has no {', '.join(missing)}." if missing else ""

    def _redirect(self, query: dict[str, str], person: dict[str, str]) -> web.Response:
        code = secrets.token_urlsafe()
        self.grants[code] = Grant(query, person)
        answer = urlencode({"code": code, "state": query["state"]})
        return web.Response(status=303, headers={"Location": f"{query['redirect_uri']}?{answer}"})

    def _is_client(self, request: web.Request) -> bool:
        scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
        expected = f"{self.client_id}:{self.client_secret}".encode()
        return scheme == "Basic" and secrets.compare_digest(b64decode(credentials), expected)

    def _sign(self, grant: Grant) -> str:
        now, wrong = int(time.time()), grant.query.get("wrong", "")
        claims = _claims_of(grant.person) | {
            "iss": self.issuer,
            "aud": self.client_id,
            "iat": now,
            "exp": now + TOKEN_SECONDS,
            "nonce": grant.query.get("nonce", ""),
        }
        claims = WRONG.get(wrong, lambda claims: claims)(claims)
        if wrong == "unsigned":
            return jwt.encode(claims, "", algorithm="none", headers=self.key_id)
        key = self.stray_key if wrong == "key" else self.key
        return jwt.encode(claims, key, algorithm="RS512", headers=self.key_id)


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _claims_of(person: dict[str, str]) -> dict[str, Any]:
    email = person["email"].lower()
    given = {"name": person.get("name") or email, "organization": person.get("organization", "")}
    return {"sub": subject(email), "email": email, "preferred_username": email, **given}


def subject(email: str) -> str:
    """The user id that an e-mail address has for ever."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"mailto:{email.lower()}"))


def _redeems(form: Any, query: dict[str, str]) -> bool:
    digest = hashlib.sha256(str(form.get("code_verifier", "")).encode()).digest()
    return (
        form.get("grant_type") == "authorization_code"
        and form.get("redirect_uri") == query["redirect_uri"]
        and query.get("code_challenge_method") == "S256"
        and secrets.compare_digest(urlsafe_b64encode(digest).rstrip(b"=").decode(), query["code_challenge"])
    )


def create_app(provider: Provider) -> web.Application:
    """The provider as an application."""
    app = web.Application()
    app.add_routes(
        [
            web.get("/.well-known/openid-configuration", provider.configuration),
            web.get("/jwk.json", provider.keys),
            web.get("/v2/oauth2/authorize", provider.authorize),
            web.post("/v2/oauth2/authorize", provider.sign_in),
            web.post("/v2/oauth2/token", provider.token),
            web.get("/v2/oauth2/userinfo", provider.userinfo),
        ]
    )
    return app


def main() -> None:
    """Runs the provider until it is stopped."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--client-id", required=True, help="the secret comes from GAS_GLOBUS_CLIENT_SECRET")
    chosen = parser.parse_args()
    issuer = f"http://127.0.0.1:{chosen.port}"
    provider = Provider(issuer, chosen.client_id, os.environ["GAS_GLOBUS_CLIENT_SECRET"])
    web.run_app(create_app(provider), host="127.0.0.1", port=chosen.port, print=None)


if __name__ == "__main__":
    main()
