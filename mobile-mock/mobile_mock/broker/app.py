"""The broker over HTTP: the endpoints of an OpenID provider, and the page where a person approves."""

import time
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, current_app, jsonify, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from mobile_mock.broker.provider import FAILURES, MEANS, SIGNING_ALGORITHM, Broker
from mobile_mock.broker.registry import SCOPES, BrokerConfig, Person
from mobile_mock.broker.requests import LEVELS, NSIS, Refused, SignInRequest, read

COOKIE = "mock_mitid_session"
UNKNOWN_PERSON = Refused("access_denied", "mitid_identity_not_found")
LOGIN_REQUIRED = Refused("login_required", "login_required")
# No form-action: browsers apply it to the whole chain of redirects after the form, which ends at the app's own address.
CONTENT_SECURITY_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'"


def create_broker(config: BrokerConfig, now: Callable[[], float] = time.time) -> Flask:
    """A broker as a Flask app; `broker_of(app)` adds people and clients later. `now`: seconds since 1970."""
    app = Flask(__name__, template_folder=".")
    app.extensions["broker"] = Broker(config, now)
    app.add_url_rule("/.well-known/openid-configuration", view_func=discovery)
    app.add_url_rule("/.well-known/openid-configuration/jwks", view_func=jwks)
    app.add_url_rule("/connect/authorize", view_func=authorize, methods=["GET", "POST"])
    app.add_url_rule("/connect/approve", view_func=approve, methods=["POST"])
    app.add_url_rule("/connect/token", view_func=token, methods=["POST"])
    app.add_url_rule("/connect/userinfo", view_func=userinfo, methods=["GET", "POST"])
    app.after_request(_guard)
    return app


def broker_of(app: Flask) -> Broker:
    """The broker behind an app."""
    broker: Broker = app.extensions["broker"]
    return broker


def discovery() -> Response:
    """OpenID Connect Discovery 1.0."""
    issuer = broker_of(current_app).issuer
    return jsonify(
        issuer=issuer,
        jwks_uri=f"{issuer}/.well-known/openid-configuration/jwks",
        authorization_endpoint=f"{issuer}/connect/authorize",
        token_endpoint=f"{issuer}/connect/token",
        userinfo_endpoint=f"{issuer}/connect/userinfo",
        scopes_supported=sorted(SCOPES),
        response_types_supported=["code"],
        response_modes_supported=["query"],
        grant_types_supported=["authorization_code"],
        subject_types_supported=["pairwise"],
        acr_values_supported=[NSIS + level for level in LEVELS],
        id_token_signing_alg_values_supported=[SIGNING_ALGORITHM],
        code_challenge_methods_supported=["S256"],
        token_endpoint_auth_methods_supported=["private_key_jwt", "client_secret_basic", "client_secret_post"],
        token_endpoint_auth_signing_alg_values_supported=["ES256", "PS256", "RS256"],
        authorization_response_iss_parameter_supported=True,
    )


def jwks() -> Response:
    """The keys that ID tokens are signed with."""
    return jsonify(broker_of(current_app).jwks())


def authorize() -> AnyResponse:
    """Sign somebody in: by the session of this browser, by the hint, or by asking."""
    broker = broker_of(current_app)
    if any(len(values) > 1 for _, values in request.values.lists()):
        return _refused_page(Refused("invalid_request", "a parameter stands there twice"))
    asked = read(request.values, broker.clients)
    if isinstance(asked, Refused):
        return _refused_page(asked)
    session = broker.sessions.look(request.cookies.get(COOKIE))
    if session is not None and broker.reusable(asked, session):
        return redirect(broker.answer(asked, session), 303)
    if "none" in asked.prompts:
        return redirect(broker.refuse(asked, LOGIN_REQUIRED), 303)
    if asked.hint is not None:
        return _sign_in(asked, broker.people.get(asked.hint), "Substantial")
    choices: dict[str, Any] = {"people": broker.people.values(), "means": MEANS, "failures": FAILURES[1:]}
    return _page("sign_in.html", asked=asked, key=broker.waiting.put(asked), **choices)


def approve() -> AnyResponse:
    """What the person chose on the page: who, how well, yes or no, or what went wrong."""
    broker = broker_of(current_app)
    asked = broker.waiting.take(request.form.get("key"))
    if asked is None:
        return _refused_page(Refused("invalid_request", "this sign-in is unknown, answered or too old"))
    decision = request.form.get("decision", "")
    if decision != "approve":
        why = decision if decision in FAILURES else FAILURES[0]
        return redirect(broker.refuse(asked, Refused("access_denied", why)), 303)
    level = request.form.get("level", "")
    if level not in LEVELS:
        return _refused_page(Refused("invalid_request", "level is not one of Low, Substantial, High"))
    return _sign_in(asked, broker.people.get(request.form.get("person", "")), level)


def token() -> Response:
    """Codes become tokens (RFC 6749 section 4.1.3)."""
    broker = broker_of(current_app)
    client = broker.client_check.authenticate(request.form, request.headers.get("Authorization"))
    answer = client if isinstance(client, Refused) else broker.redeem(client, request.form)
    if not isinstance(answer, Refused):
        return jsonify(answer)
    response = jsonify(error=answer.error, error_description=answer.description)
    response.status_code = 401 if answer.error == "invalid_client" else 400
    if response.status_code == 401:
        response.headers["WWW-Authenticate"] = 'Basic realm="broker"'
    return response


def userinfo() -> Response:
    """The claims of the person who signed in (OpenID Connect Core 1.0 section 5.3)."""
    scheme, _, access_token = request.headers.get("Authorization", "").partition(" ")
    claims = broker_of(current_app).userinfo(access_token) if scheme.lower() == "bearer" else None
    if claims is not None:
        return jsonify(claims)
    challenge = 'Bearer error="invalid_token"' if scheme else "Bearer"
    return Response(status=401, headers={"WWW-Authenticate": challenge})


def _sign_in(asked: SignInRequest, person: Person | None, level: str) -> AnyResponse:
    broker = broker_of(current_app)
    if person is None:
        return redirect(broker.refuse(asked, UNKNOWN_PERSON), 303)
    cookie, session = broker.sign_in(asked, person, level)
    response = redirect(broker.answer(asked, session), 303)
    # Loopback speaks plain HTTP, so the cookie is not `Secure`.
    response.set_cookie(COOKIE, cookie, httponly=True, samesite="Lax")
    return response


def _refused_page(refused: Refused) -> Response:
    return _page("refused.html", 400, refused=refused)


def _page(template: str, status: int = 200, **values: Any) -> Response:
    return Response(render_template(template, levels=LEVELS, **values), status, mimetype="text/html")


def _guard(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response
