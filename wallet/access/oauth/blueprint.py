"""The authorisation server over HTTP: `/oauth/*`, by its RFCs rather than by the rest of the API."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidRequestError
from flask import Blueprint, Response, current_app, jsonify, request
from redis.exceptions import RedisError
from werkzeug.utils import redirect
from werkzeug.wrappers import Response as AnyResponse

from wallet.access.errors import AccessRefused
from wallet.access.guard import open_to_all
from wallet.access.keys import AccessKeys
from wallet.access.mitid.broker import CALLBACK_PATH, Broker
from wallet.access.mitid.identity import SignInFailed
from wallet.access.oauth import codes, device_page, oauth_request, sign_in
from wallet.access.oauth.metadata import metadata
from wallet.access.oauth.oauth_request import OAuthRequest
from wallet.access.oauth.server import Server
from wallet.access.rate_limits import limited
from wallet.access.step_up import token_in
from wallet.services import services

EXTENSION: Final = "tegnebog_oauth"
PUBLIC: Final = frozenset({"oauth.jwks", "oauth.metadata"})
PUBLIC_FOR: Final = timedelta(minutes=5)

oauth = Blueprint("oauth", __name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the endpoints work with."""

    server: Server
    broker: Broker
    keys: AccessKeys


def _parts() -> Parts:
    parts: Parts = current_app.extensions[EXTENSION]
    return parts


@oauth.get("/oauth/authorize")
@open_to_all
@limited("sign_in_per_address")
def authorize() -> AnyResponse:
    """Check what the app asks for, then let MitID ask the person."""
    asked = _asked(oauth_request.from_query())
    _parts().server.get_consent_grant(asked)
    try:
        begun = sign_in.begin(_parts().broker, asked)
    except SignInFailed as failed:
        raise sign_in.as_oauth(failed, asked.parameters) from failed
    response = redirect(begun.url, 302)
    response.set_cookie(
        _cookie(), begun.secret, max_age=sign_in.LIFETIME, secure=_is_https(), httponly=True, samesite="Lax"
    )
    return response


@oauth.get(CALLBACK_PATH)
@open_to_all
@limited("sign_in_per_address")
def callback() -> AnyResponse:
    """The browser comes back from MitID: the app gets a code, or hears why not."""
    answer = oauth_request.checked(request.args)
    secret = request.cookies.get(_cookie(), "")
    waiting = sign_in.resume(answer.get("state", ""), secret)
    if waiting is None:
        raise InvalidRequestError("this sign-in is unknown, finished or too old, or was begun in another browser")
    asked = OAuthRequest("GET", "/oauth/authorize", waiting.parameters)
    grant = _parts().server.get_consent_grant(asked)
    try:
        signed_in = sign_in.finish(_parts().broker, answer, secret, waiting, asked.consent)
    except SignInFailed as failed:
        raise sign_in.as_oauth(failed, waiting.parameters) from failed
    response = _parts().server.create_authorization_response(asked, grant_user=signed_in, grant=grant)
    response.delete_cookie(_cookie(), secure=_is_https(), httponly=True, samesite="Lax")
    return response


@oauth.post("/oauth/par")
@open_to_all
@limited("sign_in_per_address")
def par() -> AnyResponse:
    """RFC 9126."""
    return _endpoint("par", oauth_request.with_proof())


@oauth.post("/oauth/token")
@open_to_all
@limited("token_per_address")
def token() -> AnyResponse:
    """RFC 6749 section 3.2."""
    asked = oauth_request.with_proof()
    if "grant_type" not in asked.parameters:
        raise InvalidRequestError("grant_type is missing")
    return _parts().server.create_token_response(asked)


@oauth.post("/oauth/device_authorization")
@open_to_all
@limited("pairing_per_address")
def device_authorization() -> AnyResponse:
    """RFC 8628 section 3.1."""
    return _endpoint("device_authorization", oauth_request.from_form())


@oauth.get("/oauth/device")
@open_to_all
def device() -> AnyResponse:
    """Where a user code goes (RFC 8628 section 3.3): no page takes it, the parent's app does."""
    return Response(device_page.PAGE, headers={"Content-Security-Policy": device_page.POLICY})


@oauth.post("/oauth/revoke")
@open_to_all
@limited("token_per_address")
def revoke() -> AnyResponse:
    """RFC 7009. A proof is neither asked for nor looked at: so it works while Redis is away."""
    return _endpoint("revocation", oauth_request.from_form())


@oauth.get("/oauth/jwks")
@open_to_all
def jwks() -> AnyResponse:
    """The key of access tokens (`sig`), and the one that card data is encrypted to (`enc`)."""
    return jsonify(_parts().keys.published)


@oauth.get("/.well-known/oauth-authorization-server", endpoint="metadata")
@open_to_all
def server_metadata() -> AnyResponse:
    """RFC 8414."""
    settings = services().settings
    return jsonify(metadata(settings.public_url, par_required=settings.par_required))


@oauth.errorhandler(OAuth2Error)
def refused(error: OAuth2Error) -> AnyResponse:
    """Back to the app where its address is known to be right, else JSON (RFC 6749 sections 4.1.2.1 and 5.2)."""
    return _parts().server.handle_error_response(None, error)


@oauth.errorhandler(AccessRefused)
def too_many(error: AccessRefused) -> AnyResponse:
    """Who knocks too often: a browser gets this answer too, as nothing of its request has been looked at."""
    response = jsonify(error="temporarily_unavailable", error_description=error.detail)
    response.status_code = error.status
    response.headers["Retry-After"] = str(error.retry_after or 1)
    return response


@oauth.errorhandler(RedisError)
def unavailable(error: RedisError) -> AnyResponse:
    """Codes, device codes and proofs need Redis: without it nobody is let in."""
    response = jsonify(error="temporarily_unavailable", error_description="a part that signing in needs is away")
    response.status_code = 503
    response.headers["Retry-After"] = "1"
    return response


@oauth.after_request
def guard_answer(response: Response) -> Response:
    """Codes and tokens stay in no cache and leave in no Referer (RFC 9700 section 4.2.4)."""
    if request.endpoint in PUBLIC and response.status_code == 200:
        response.cache_control.max_age = int(PUBLIC_FOR.total_seconds())
    else:
        response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _endpoint(name: str, asked: OAuthRequest) -> AnyResponse:
    return _parts().server.create_endpoint_response(name, asked)


def _asked(sent: OAuthRequest) -> OAuthRequest:
    """The request itself, or the one that was pushed: then nothing in the browser's counts (RFC 9126 section 4)."""
    request_uri = sent.parameters.get("request_uri")
    if request_uri is None:
        if services().settings.par_required:
            raise InvalidRequestError("this bank takes pushed requests only: request_uri is missing")
        if token_in(sent.parameters.get("purpose")):
            raise InvalidRequestError("this purpose is taken in pushed requests only: request_uri is missing")
        return sent
    pushed = codes.pull(services().redis, request_uri, services().clock.now())
    if pushed is None or pushed["client_id"] != sent.parameters.get("client_id"):
        raise InvalidRequestError("request_uri is unknown, used, too old, or of another client")
    return OAuthRequest("GET", request.path, pushed)


def _cookie() -> str:
    """`__Host-`: from this host, over TLS, for all paths, or the browser drops it."""
    return "__Host-sign-in" if _is_https() else "sign-in"


def _is_https() -> bool:
    return services().settings.public_url.startswith("https:")
