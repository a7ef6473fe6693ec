"""`oidc-provider` as the MitID broker: Tegnebog is pointed at it by settings alone, as README says, and people sign in.

It names its claims and levels otherwise than any broker that we know. The middle of the way is our client alone, since
that can be told what time it is.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from joserfc.jwk import ECKey, KeySet

from mobile_mock.oauth import SignInFailed
from mobile_mock.phone import Phone
from tests.integration.access.lying import OUR_KEY, client
from tests.integration.test_demo import ENVIRONMENT, SECONDS, free_port, run
from tokenization.clock import SystemClock
from wallet import app, embedded, people
from wallet.access.mitid.broker import CALLBACK_PATH, Broker
from wallet.access.mitid.identity import Identity
from wallet.access.mitid.identity import SignInFailed as NotLetIn
from wallet.access.mitid.reference_texts import of_purpose
from wallet.access.step_up import NSIS
from wallet.processes import Processes
from wallet.settings import Settings

HERE = Path(__file__).parent
CLIENT_ID = "our-bank"
PERSON = {"person": "person-1", "means": "eid", "national_number": people.ANNA["cpr"]}
NAMES = {
    "scope": "openid eid number",
    "parameters": {"acr_values": "level-3"},
    "claims": {"uuid": "person", "cpr": "national_number"},
    "levels": {"level-2": "Low", "level-3": "Substantial"},
    "required": {"means": ["eid"]},
    "algorithms": ["ES256"],
}
# The same as a bank writes it.
VARIABLES = {
    "TEGNEBOG_BROKER_KIND": "oidc",
    "TEGNEBOG_BROKER_CLIENT_ID": CLIENT_ID,
    "TEGNEBOG_BROKER__SCOPE": "openid eid number",
    "TEGNEBOG_BROKER__PARAMETERS": '{"acr_values": "level-3"}',
    "TEGNEBOG_BROKER__CLAIMS__UUID": "person",
    "TEGNEBOG_BROKER__CLAIMS__CPR": "national_number",
    "TEGNEBOG_BROKER__LEVELS": '{"level-2": "Low", "level-3": "Substantial"}',
    "TEGNEBOG_BROKER__REQUIRED": '{"means": ["eid"]}',
    "TEGNEBOG_BROKER__ALGORITHMS": '["ES256"]',
}


@contextmanager
def provider(folder: Path, port: int, us: dict[str, Any], key: ECKey | None = None) -> Iterator[str]:
    """A provider that knows us; its issuer."""
    signing = KeySet([key or ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)])
    config = folder / "provider.json"
    config.write_text(json.dumps({"port": port, "person": PERSON, "jwks": signing.as_dict(private=True), "client": us}))
    command = ["node", "provider.mjs", str(config)]
    with (folder / "provider.log").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=HERE, env={"PATH": os.environ["PATH"]}, stdout=subprocess.PIPE, stderr=log
        )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n", (folder / "provider.log").read_text()
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


@dataclass(frozen=True)
class Bank:
    """A running Tegnebog."""

    url: str
    access: dict[str, Any]

    def phone(self) -> Phone:
        """Anybody's phone."""
        app = self.access["wallet_app"]
        return Phone(self.url, app["client_id"], app["redirect_uri"])


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    """Installed by the commands of README, with Anna as a customer whose MitID nobody has seen."""
    folder, port = tmp_path_factory.mktemp("bank"), free_port()
    with embedded.running(folder, fast=True) as servers:
        places = {
            "DATABASE_URL": servers.database_url,
            "REDIS_URL": servers.redis_url,
            "KEY_RING": str(folder / "keys"),
        }
        url, issuer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}"
        variables = {f"TEGNEBOG_{name}": value for name, value in places.items()} | VARIABLES
        variables |= {"TEGNEBOG_PUBLIC_URL": url, "TEGNEBOG_BROKER_URL": issuer}
        wallet(variables, "keys", "create")
        wallet(variables, "db", "upgrade")
        us = {"client_id": CLIENT_ID, "redirect_uri": url + CALLBACK_PATH}
        us["jwks"] = json.loads(wallet(variables, "keys", "broker"))
        settings: dict[str, Any] = {name.lower(): value for name, value in places.items()}
        parts = app.wire(Settings(**settings, public_url=url))
        access = people.fill_in(parts)
        parts.database.close()
        with provider(folder, port + 1, us), Processes(folder, ENVIRONMENT | variables) as processes:
            processes.start("service", "wallet", "serve", "--port", str(port), "--workers", "1")
            processes.wait_for(f"{url}/readyz", SECONDS)
            yield Bank(url, access)


def wallet(variables: dict[str, str], *arguments: str) -> str:
    """A command of ours; what it says."""
    finished = run(*arguments, **variables)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_somebody_signs_in_and_is_the_banks_customer(bank: Bank) -> None:
    with bank.phone() as phone:
        phone.sign_in("somebody")
        me = phone.request("GET", "/v1/me").json()
        assert (me["name"], me["assurance"]) == (people.ANNA["name"], f"{NSIS}Substantial")


def test_a_step_up_is_a_sign_in_of_its_own(bank: Bank) -> None:
    with bank.phone() as phone:
        phone.sign_in("somebody")
        phone.step_up("pin")
        assert phone.request("GET", "/v1/me").status_code == 200


@pytest.mark.parametrize("hint", ["low", "abort"])
def test_a_level_too_low_and_a_no_are_denied(bank: Bank, hint: str) -> None:
    with bank.phone() as phone, pytest.raises(SignInFailed, match="access_denied"):
        phone.sign_in(hint)


def sign_in(broker: Broker, now: datetime, hint: str | None = None) -> Identity:
    """The way of the browser, and back."""
    url = broker.authorization_url(state="s", secret="secret", shown=of_purpose("pin"), hint=hint, now=now)
    with httpx.Client() as browser:
        while not url.startswith(broker.redirect_uri):
            url = str(browser.get(url).next_request.url)  # type: ignore[union-attr]  # it redirects, or the test fails
    code = broker.code_in(dict(parse_qsl(urlsplit(url).query)), now)
    return broker.identity(code, "secret", begun_at=now, now=now)


def us_with(**proof: Any) -> dict[str, Any]:
    return {"client_id": CLIENT_ID, "redirect_uri": f"http://127.0.0.1:8080{CALLBACK_PATH}", **proof}


def test_a_provider_may_turn_its_key(tmp_path: Path) -> None:
    port, now = free_port(), SystemClock().now()
    us = us_with(jwks={"keys": [OUR_KEY.as_dict(private=False)]})
    with provider(tmp_path, port, us) as issuer:
        broker = client(
            httpx.HTTPTransport(), broker_url=issuer, broker_client_id=CLIENT_ID, broker_kind="oidc", broker=NAMES
        )
        assert sign_in(broker, now).mitid_uuid == "person-1"
    with provider(tmp_path, port, us):
        with pytest.raises(NotLetIn, match="not signed by the broker"):
            sign_in(broker, now)
        assert sign_in(broker, now + timedelta(seconds=30)).mitid_uuid == "person-1"
    broker.close()


def test_a_provider_may_know_us_by_a_secret(tmp_path: Path) -> None:
    secret = "a secret: with signs + 100 %"
    with provider(tmp_path, free_port(), us_with(secret=secret)) as issuer:
        broker = client(
            httpx.HTTPTransport(),
            broker_url=issuer,
            broker_client_id=CLIENT_ID,
            broker_kind="oidc",
            broker=NAMES | {"client_authentication": "client_secret_basic"},
            broker_client_secret=secret,
        )
        assert sign_in(broker, SystemClock().now()).mitid_uuid == "person-1"
        broker.close()
