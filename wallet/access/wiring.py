"""Where sign-in and access are put together, once per app."""

import logging

import httpx
from flask import Flask

from notifications.deadline import TimedTransport
from wallet.access import dpop, guard
from wallet.access.access_tokens import AccessTokens
from wallet.access.mitid.broker import Broker
from wallet.access.oauth import blueprint
from wallet.access.oauth.server import Server
from wallet.services import Services


def init(app: Flask) -> Broker:
    """Add `/oauth/*` and the guard to an app whose `extensions["tegnebog"]` is set. The answer can be closed."""
    # Authlib writes tokens, httpx and flask-limiter addresses to their logs below these levels (R-S1).
    logging.getLogger("authlib").setLevel(logging.INFO)
    logging.getLogger("flask-limiter").setLevel(logging.WARNING)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("httpcore").setLevel(logging.WARNING)
    parts: Services = app.extensions["tegnebog"]
    keys = parts.keys
    tokens = AccessTokens(keys, parts.settings.public_url, parts.clock)
    http = httpx.Client(transport=TimedTransport(parts.settings.broker.timeout_seconds))
    broker = Broker(parts.settings, lambda: keys.broker_client, http)
    app.extensions[guard.EXTENSION] = tokens
    app.extensions[blueprint.EXTENSION] = blueprint.Parts(Server(tokens), broker, keys)
    app.register_blueprint(blueprint.oauth)
    app.after_request(dpop.tell_nonce)
    return broker
