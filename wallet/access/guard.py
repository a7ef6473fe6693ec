"""Who may do what: each route says which scopes it is for and which step-up it needs; all others are shut out."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar, cast
from urllib.parse import unquote
from uuid import UUID

from flask import current_app, g, request
from redis.exceptions import RedisError

from tokenization import ids, numbers
from wallet.access import dpop, refusals, sessions, step_up
from wallet.access.access_tokens import AccessToken, AccessTokens, Grant, InvalidToken
from wallet.access.errors import AccessRefused
from wallet.access.sessions import Standing
from wallet.services import services

P = ParamSpec("P")
R = TypeVar("R")

EXTENSION: Final = "tegnebog_access_tokens"
ACTOR_CHARACTERS_MAX: Final = 100
_ALGS: Final = f'algs="{dpop.ALGORITHM}"'


@dataclass(frozen=True, slots=True)
class Access:
    """What a route declares. `without_redis`: it works while Redis is away, by a proof's `iat` alone (R-11.4).

    `in_groups`: how a machine stands is asked by who decides, with what is asked (docs/adr/032), and demanded then.
    """

    scopes: frozenset[str]
    step_up: str | None = None
    without_redis: bool = False
    in_groups: bool = False


OPEN: Final = Access(frozenset())


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. For scope `child`, `holder_id` is the grantor's: what the child may see follows from `right_id`.

    `expires_at` is when the access token ends; `staff` the bank's member of staff, from `X-Actor`; `stands` whether
    its standing was asked, which else has to be demanded.
    """

    client_id: str
    scope: str
    expires_at: datetime
    requestor_id: UUID | None = None
    holder_id: UUID | None = None
    card_id: UUID | None = None
    right_id: UUID | None = None
    pairing_id: UUID | None = None
    thumbprint: str | None = None
    session_id: UUID | None = None
    acr: str | None = None
    auth_time: datetime | None = None
    purpose: str | None = None
    staff: str | None = None
    stands: bool = True

    @property
    def actor(self) -> str:
        """In the journal: `cardholder:holder_…`, `delegate:right_…`, `issuer:<client>:<staff>`, `network:<client>`."""
        if self.scope == "wallet" and self.holder_id:
            return f"cardholder:{ids.to_text('holder', self.holder_id)}"
        if self.scope == "child" and self.right_id:
            return f"delegate:{ids.to_text('right', self.right_id)}"
        return f"{self.scope}:{self.client_id}" + (f":{self.staff}" if self.staff else "")


def requires(
    *scopes: str, step_up: str | None = None, without_redis: bool = False, in_groups: bool = False
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Shut a view to all but these scopes. The outermost decorator: who may not come in learns nothing of the body.

    `step_up` is a purpose, asked of scope `wallet` only; `view.access` is for the tests that read the route table.
    """
    access = Access(frozenset(scopes), step_up, without_redis, in_groups)

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                g.caller = _admitted(access)
                with _standing_first():
                    return view(*args, **kwargs)
            except AccessRefused as refused:
                _note(refused)
                raise

        guarded.access = access  # type: ignore[attr-defined]  # a mark on a function
        return guarded

    return decorate


def open_to_all(view: Callable[P, R]) -> Callable[P, R]:
    """Say that a view asks for no access token, so that a test can tell it from one that forgot to."""
    view.access = OPEN  # type: ignore[attr-defined]  # a mark on a function
    return view


def caller() -> Caller:
    """Who calls the route that is running. A route without `requires` has no caller: AttributeError."""
    return cast(Caller, g.caller)


def demand_step_up(purpose: str) -> None:
    """Refuse unless the caller has just signed in for this. Scope `child` never needs it (3-api.md)."""
    _check_step_up(caller(), purpose)


def refusal(now: Standing) -> AccessRefused:
    """What a machine is told that may not call: it is not registered any more, or the bank has suspended it."""
    if not now.client_active:
        return _invalid_token("this client is not registered any more", _credentials()[0])
    return AccessRefused(403, "requestor-suspended", "the bank has suspended this requestor")


@contextmanager
def _standing_first() -> Iterator[None]:
    """Whoever does not stand is told that, and not what was wrong with what it sent."""
    try:
        yield
    except AccessRefused:
        raise
    except Exception:
        if not caller().stands:
            _standing(g.access_token.grant)
        raise


def _note(refused: AccessRefused) -> None:
    """In the access journal, if the token was one of ours. By now no transaction is open."""
    if (token := g.get("access_token")) is not None:
        refusals.of_call(token.grant, refused)


def _check_step_up(who: Caller, purpose: str) -> None:
    now = services().clock.now()
    if who.scope == "wallet" and not step_up.is_met(who.acr, who.auth_time, who.purpose, wanted=purpose, now=now):
        raise AccessRefused(
            401,
            "insufficient-user-authentication",
            f"sign in with MitID again, for the purpose {purpose}",
            challenges=(step_up.challenge(purpose),),
        )


def _admitted(access: Access) -> Caller:
    """First who it is (401), then whether that one may be here (403), then step-up (401) or who of the staff (422)."""
    scheme, text = _credentials()
    g.access_token = token = _read(text, scheme)
    _check_proof(scheme, text, token.grant, access)
    if access.in_groups and _is_asked_later(token.grant, access):
        return _machine(token, stands=False)
    who = _in_standing(token, scheme)
    if who.scope not in access.scopes:
        challenges = (f'{scheme} error="insufficient_scope"',)
        raise AccessRefused(403, "insufficient-scope", "this call is not for your scope", challenges=challenges)
    if access.step_up:
        _check_step_up(who, access.step_up)
    return replace(who, staff=_staff()) if who.scope == "issuer" else who


def _credentials() -> tuple[str, str]:
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() in ("dpop", "bearer") and text:
        return ("DPoP" if scheme.lower() == "dpop" else "Bearer"), text.strip()
    raise AccessRefused(401, "unauthenticated", "an access token is needed", challenges=(f"DPoP {_ALGS}", "Bearer"))


def _read(text: str, scheme: str) -> AccessToken:
    tokens: AccessTokens = current_app.extensions[EXTENSION]
    try:
        return tokens.read(text)
    except InvalidToken as error:
        raise _invalid_token(str(error), scheme) from error


def _check_proof(scheme: str, text: str, grant: Grant, access: Access) -> None:
    """A bound token comes with its key's proof, never as Bearer; an unbound one as Bearer, never as DPoP."""
    if (scheme == "DPoP") != (grant.thumbprint is not None):
        raise _invalid_token(f"this token cannot be sent as {scheme}", scheme)
    if grant.thumbprint is None:
        return
    try:
        _spend(_proof(text, grant.thumbprint), access)
    except dpop.InvalidProof as error:
        challenge = f'DPoP error="{error.error}", {_ALGS}'
        raise AccessRefused(401, error.error.replace("_", "-"), str(error), challenges=(challenge,)) from error


def _proof(access_token: str, thumbprint: str) -> dpop.Proof:
    proof = dpop.of_request(access_token)
    if proof is None:
        raise dpop.InvalidProof("a DPoP proof is needed")
    if proof.thumbprint != thumbprint:
        raise dpop.InvalidProof("the DPoP proof is of another key than the access token")
    return proof


def _spend(proof: dpop.Proof, access: Access) -> None:
    try:
        is_first = dpop.spend(services().redis, proof)
    except RedisError as error:
        if access.without_redis:
            return
        raise AccessRefused(503, "unavailable", "a part that this call needs is away", retry_after=1) from error
    if not is_first:
        raise dpop.InvalidProof("this DPoP proof was used before")


def _is_asked_later(grant: Grant, access: Access) -> bool:
    """Whether a machine's call can wait for a group. One with a key of its own, which names the requestor, cannot."""
    has_key = "Idempotency-Key" in request.headers
    return grant.scope in access.scopes and grant.session_id is None and not has_key


def _machine(token: AccessToken, **known: Any) -> Caller:
    grant = token.grant
    return Caller(grant.client_id, grant.scope, token.expires_at, thumbprint=grant.thumbprint, **known)


def _standing(grant: Grant) -> Standing:
    """How client, requestor and session stand. Raises AccessRefused where client or requestor does not."""
    with services().database.reading() as session:
        now = sessions.standing(session, grant.client_id, grant.session_id)
    if not now.may_call:
        raise refusal(now)
    return now


def _in_standing(token: AccessToken, scheme: str) -> Caller:
    """The caller, if client, requestor and session stand as they did when the token was issued."""
    grant, now = token.grant, _standing(token.grant)
    machine = _machine(token, requestor_id=now.requestor_id)
    if grant.session_id is None:
        return machine
    found = now.session
    if found is None or found.ended_at or (found.thumbprint, found.scope) != (grant.thumbprint, grant.scope):
        raise _invalid_token("this session has ended", scheme)
    return replace(
        machine,
        holder_id=found.holder_id,
        card_id=found.card_id,
        right_id=found.right_id,
        pairing_id=found.pairing_id,
        session_id=found.session_id,
        acr=grant.acr,
        auth_time=grant.auth_time,
        purpose=grant.purpose,
    )


def _staff() -> str:
    """Who of the bank's staff. Beyond ASCII a name is percent-encoded: of other bytes the server gives us none."""
    raw = request.headers.get("X-Actor", "").strip()
    try:
        name = unquote(raw.encode("latin-1").decode(), errors="strict")
    except UnicodeError:
        name = ""
    is_number = numbers.stands_in(name, services().settings.bins)
    if not 1 <= len(name) <= ACTOR_CHARACTERS_MAX or not name.isprintable() or is_number:
        how = f"in 1 to {ACTOR_CHARACTERS_MAX} printable characters, those beyond ASCII as percent-encoded UTF-8"
        raise AccessRefused(422, "invalid", f"X-Actor names the member of staff, {how}", field="X-Actor")
    return name


def _invalid_token(detail: str, scheme: str) -> AccessRefused:
    """The scheme that was used says what is wrong; a Bearer hears of DPoP too (RFC 9449 section 7.2)."""
    if scheme == "DPoP":
        challenges: tuple[str, ...] = (f'DPoP error="invalid_token", {_ALGS}',)
    else:
        challenges = ('Bearer error="invalid_token"', f"DPoP {_ALGS}")
    return AccessRefused(401, "invalid-token", detail, challenges=challenges)
