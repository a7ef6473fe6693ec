"""The gateway over HTTP: it takes texts by POST, and shows them on a page, as JSON too."""

from collections.abc import Callable
from dataclasses import asdict
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, jsonify, render_template, request

from mobile_mock.sms.screen import Screen

BODY_MAX = 64 * 1024
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def gateway(screen: Screen, now: Callable[[], float]) -> Blueprint:
    """`POST /sms`, `GET /sms` and `GET /sms.json`, newest first. `now`: seconds since 1970."""
    routes = Blueprint("sms", __name__, template_folder=".")

    @routes.before_request
    def refuse_other_names() -> None:
        # A site whose name leads to this machine all at once (DNS rebinding) would read codes in its visitor's browser.
        if not _is_loopback(request.host):
            abort(403)

    @routes.post("/sms")
    def take() -> tuple[Response, int]:
        request.max_content_length = BODY_MAX
        # A page of another site can send no JSON here: its browser would ask first, and gets no yes.
        wrong = screen.take(request.get_json(silent=True), now())
        return (jsonify(error=wrong), 400) if wrong else (jsonify(accepted=True), 202)

    @routes.get("/sms")
    def show() -> str:
        return render_template("sms.html", texts=screen.newest_first())

    @routes.get("/sms.json")
    def list_() -> Response:
        return jsonify(data=[asdict(text) for text in screen.newest_first()])

    return routes


def _is_loopback(host: str) -> bool:
    try:
        return urlsplit(f"//{host}").hostname in LOOPBACK
    except ValueError:
        return False
