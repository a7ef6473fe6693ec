"""The broker itself, without HTTP: sign-ins, browser sessions, codes, tokens. All of it in memory."""

import base64
import hashlib
import hmac
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.jwk import RSAKey

from mobile_mock.broker.clients import ClientCheck
from mobile_mock.broker.registry import BrokerConfig, Client, Person
from mobile_mock.broker.requests import NSIS, Refused, SignInRequest
from mobile_mock.broker.shelf import Shelf

CODE_SECONDS = 60
TOKEN_SECONDS = 300
SESSION_SECONDS = 3600
WAITING_SECONDS = 600
# RS256 as at the Danish brokers, and as OpenID Connect has by default.
SIGNING_ALGORITHM = "RS256"
# Which MitID means gives which level.
MEANS = {"Low": ["password"], "Substantial": ["code_app"], "High": ["code_app_enhanced"]}
# How a sign-in may come to nothing, as Nets / Signaturgruppen name it in `error_description`.
FAILURES = (
    *("mitid_user_aborted", "mitid_core_client_error_user_abort", "mitid_timeout", "mitid_no_ctx"),
    *("mitid_cpr_match_failed", "mitid_identity_not_found"),
)


@dataclass(frozen=True)
class Session:
    """That a person signed in for a client in this browser, how well and when."""

    client_id: str
    person: Person
    level: str
    auth_time: int


@dataclass(frozen=True)
class Grant:
    """What a code or an access token stands for."""

    request: SignInRequest
    session: Session


@dataclass
class Quirks:
    """What real brokers have been seen to do, for who wants to test against it."""

    numbers_as_texts: bool = False
    takes_sessions_up_again: bool = False  # whatever `prompt` says


class Broker:
    """One broker. `now` gives seconds since 1970."""

    def __init__(self, config: BrokerConfig, now: Callable[[], float]) -> None:
        self.issuer = config.issuer
        self.people = {person.mitid_uuid: person for person in config.people}
        self.clients = {client.client_id: client for client in config.clients}
        self.waiting = Shelf[SignInRequest](WAITING_SECONDS, now)
        self.sessions = Shelf[Session](SESSION_SECONDS, now)
        self.client_check = ClientCheck(self.clients, (self.issuer, f"{self.issuer}/connect/token"), now)
        self._codes = Shelf[Grant](CODE_SECONDS, now)
        self._access = Shelf[Grant](TOKEN_SECONDS, now)
        self._spent = Shelf[str](TOKEN_SECONDS, now)
        self._now = now
        self.quirks = Quirks()
        self._keys = [_new_key()]

    def add_person(self, person: Person) -> None:
        """Give somebody a MitID, or a new name."""
        self.people[person.mitid_uuid] = person

    def add_client(self, client: Client) -> None:
        """Register a service, or register it anew."""
        self.clients[client.client_id] = client

    def rotate_key(self, *, withdraw: bool = False) -> None:
        """Sign with a new key from now on. The old ones stay published, unless they are withdrawn."""
        self._keys = [_new_key(), *([] if withdraw else self._keys)]

    def reusable(self, request: SignInRequest, session: Session | None) -> bool:
        """Whether the browser's session answers a request without asking anybody.

        As at the real brokers the level of assurance plays no part in it: who needs a level looks at the result.
        """
        return (
            session is not None
            and session.client_id == request.client_id
            and request.hint in (None, session.person.mitid_uuid)
            and (self.quirks.takes_sessions_up_again or not request.prompts & {"login", "select_account"})
            and (request.max_age_seconds is None or self._now() - session.auth_time <= request.max_age_seconds)
        )

    def sign_in(self, request: SignInRequest, person: Person, level: str) -> tuple[str, Session]:
        """Somebody approved with MitID: a new browser session and its cookie."""
        session = Session(request.client_id, person, level, int(self._now()))
        return self.sessions.put(session), session

    def answer(self, request: SignInRequest, session: Session) -> str:
        """Where the browser goes with a fresh code."""
        return self._redirect(request, {"code": self._codes.put(Grant(request, session))})

    def refuse(self, request: SignInRequest, refused: Refused) -> str:
        """Where the browser goes with an error."""
        return self._redirect(request, {"error": refused.error, "error_description": refused.description})

    def redeem(self, client: Client, form: Mapping[str, str]) -> dict[str, Any] | Refused:
        """Turn a code into tokens: once, by the client, redirect URI and PKCE verifier it was made for."""
        if form.get("grant_type") != "authorization_code":
            return Refused("unsupported_grant_type", "grant_type must be authorization_code")
        code = form.get("code")
        grant = self._codes.take(code)
        if code is None or grant is None:
            self._access.take(self._spent.take(code))  # A code that comes twice was stolen (RFC 6749 section 4.1.2).
            return Refused("invalid_grant", "code is unknown, used or too old")
        problem = _mismatch(grant.request, client, form)
        if problem:
            return Refused("invalid_grant", problem)
        access_token = self._access.put(grant)
        self._spent.claim(code, access_token)
        return {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": TOKEN_SECONDS,
            "scope": " ".join(sorted(grant.request.scopes)),
            "id_token": self._id_token(grant),
        }

    def userinfo(self, access_token: str) -> dict[str, Any] | None:
        """The claims that an access token opens; the CPR number only where `ssn` was asked for."""
        grant = self._access.look(access_token)
        if grant is None:
            return None
        cpr = {"dk.cpr": grant.session.person.cpr} if "ssn" in grant.request.scopes else {}
        return self._said({"sub": self._subject(grant), **_identity(grant.session), **cpr})

    def jwks(self) -> dict[str, Any]:
        """The public halves of the signing keys."""
        return {"keys": [key.as_dict(private=False) for key in self._keys]}

    def _said(self, claims: dict[str, Any]) -> dict[str, Any]:
        if not self.quirks.numbers_as_texts:
            return claims
        return {name: str(value) if isinstance(value, int) else value for name, value in claims.items()}

    def _id_token(self, grant: Grant) -> str:
        now, session = int(self._now()), grant.session
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": grant.request.client_id,
            "sub": self._subject(grant),
            "iat": now,
            "exp": now + TOKEN_SECONDS,
            "auth_time": session.auth_time,
            "acr": NSIS + session.level,
            "amr": MEANS[session.level],
            "session_expiry": session.auth_time + SESSION_SECONDS,
            **_identity(session),
        }
        if grant.request.nonce is not None:
            claims["nonce"] = grant.request.nonce
        key = self._keys[0]
        return jwt.encode({"alg": SIGNING_ALGORITHM, "kid": key.kid}, self._said(claims), key)

    def _subject(self, grant: Grant) -> str:
        """A pairwise subject: another one at each client, the same each time."""
        name = f"{self.issuer} {grant.request.client_id} {grant.session.person.mitid_uuid}"
        return str(uuid.uuid5(uuid.NAMESPACE_URL, name))

    def _redirect(self, request: SignInRequest, answer: dict[str, str]) -> str:
        state = {"state": request.state} if request.state is not None else {}
        separator = "&" if "?" in request.redirect_uri else "?"
        return request.redirect_uri + separator + urlencode({**answer, **state, "iss": self.issuer})


def _new_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"use": "sig", "alg": SIGNING_ALGORITHM}, auto_kid=True)


def _identity(session: Session) -> dict[str, Any]:
    return {
        "idp": "mitid",
        "identity_type": "private",
        **dict.fromkeys(("loa", "ial", "aal"), NSIS + session.level),
        "mitid.uuid": session.person.mitid_uuid,
        "mitid.identity_name": session.person.name,
        "mitid.date_of_birth": session.person.birthdate.isoformat(),
    }


def _mismatch(request: SignInRequest, client: Client, form: Mapping[str, str]) -> str | None:
    """What does not fit between a code and the client that brings it."""
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    checks = (
        (request.client_id == client.client_id, "code was made for another client"),
        (request.redirect_uri == form.get("redirect_uri"), "redirect_uri is not the one that was asked for"),
        (hmac.compare_digest(request.code_challenge, challenge), "code_verifier does not fit the code_challenge"),
    )
    return next((problem for holds, problem in checks if not holds), None)
