"""`wallet token`: of the demo, and of any installation; there, what a rotation does to processes that run."""

import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from joserfc.jwk import ECKey

from tests.integration.cli.commands import done, refused, wallet
from tests.integration.test_demo import ENVIRONMENT, SECONDS, WALLET, free_port
from tests.world import World


def test_a_token_wants_a_demo_that_runs(tmp_path: Path, world: World) -> None:
    assert "start the demo first" in refused(wallet({}, "token", "issuer", "--data", str(tmp_path)))
    (tmp_path / "access.json").write_text(json.dumps(world.access | {"base_url": f"http://127.0.0.1:{free_port()}"}))
    assert "did not give a token" in refused(wallet({}, "token", "issuer", "--data", str(tmp_path)))
    for broken in ("{}", "[]", '{"base_url": "http://127.0.0.1:9", "machines": {"issuer": {"client_id": "x"}}}', "{"):
        (tmp_path / "access.json").write_text(broken)
        assert "is not what the demo writes" in refused(wallet({}, "token", "issuer", "--data", str(tmp_path)))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "either one of the demo's machines"),
        (("issuer", "--url", "URL"), "either one of the demo's machines"),
        (("--url", "URL", "--client", "bank"), "either one of the demo's machines"),
        (("--url", "URL", "--client", "bank", "--key", "NOWHERE"), "cannot be read: No such file"),
        (("--url", "URL", "--client", "bank", "--key", "PUBLIC"), "holds no private P-256 key"),
        (("--url", "URL", "--client", "bank", "--key", "OTHER"), "holds no private P-256 key"),
        (("--url", "URL", "--client", "bank", "--key", "TEXT"), "holds no private P-256 key"),
        (("--url", "URL", "--client", "bank", "--key", "KEY"), "did not give a token"),
        (("--url", "wallet.example", "--client", "bank", "--key", "KEY"), "did not give a token"),
        (("--url", "http://[", "--client", "bank", "--key", "KEY"), "did not give a token"),
    ],
)
def test_a_token_that_cannot_be_fetched_says_why(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    key = ECKey.generate_key("P-256")
    written = {
        "KEY": json.dumps(key.as_dict(private=True)),
        "PUBLIC": json.dumps(key.as_dict(private=False)),
        "OTHER": json.dumps(ECKey.generate_key("P-384").as_dict(private=True)),
        "TEXT": "precious",
    }
    for name, text in written.items():
        (tmp_path / name).write_text(text)
    names = {name: str(tmp_path / name) for name in (*written, "NOWHERE")} | {"URL": f"http://127.0.0.1:{free_port()}"}
    output = refused(wallet({}, "token", *(names.get(argument, argument) for argument in arguments)))
    assert said in output
    assert str(key.as_dict(private=True)["d"]) not in output


@dataclass
class Installation:
    """A service with two workers, and the bank's client and key."""

    environment: dict[str, str]
    url: str
    client_id: str
    key: Path

    def wallet(self, *arguments: str) -> str:
        return done(wallet(self.environment, *arguments))

    def token(self, key: Path | None = None) -> str:
        who = ("--client", self.client_id, "--key", str(key or self.key))
        return self.wallet("token", "--url", f"{self.url}/", *who)

    def status(self, token: str) -> int:
        headers = {"Authorization": f"Bearer {token}", "X-Actor": "Mette"}
        return httpx.get(f"{self.url}/v1/issuer/policies", headers=headers, trust_env=False).status_code

    def becomes(self, token: str, status: int) -> bool:
        """Whether, before the deadline, it is so twenty times in a row: both workers have noticed."""
        deadline, times = time.monotonic() + SECONDS, 0
        while times < 20 and time.monotonic() < deadline:
            times = times + 1 if self.status(token) == status else 0
        return times == 20


@pytest.fixture
def installation(ready: dict[str, str], tmp_path: Path) -> Iterator[Installation]:
    """As the README has it."""
    port = free_port()
    url, key = f"http://127.0.0.1:{port}", tmp_path / "issuer-key.json"
    environment = ready | {"TEGNEBOG_PUBLIC_URL": url}
    client_id = done(wallet(environment, "client", "add", "issuer", "Our bank", "--key", str(key)))
    command = [*WALLET, "serve", "--port", str(port), "--workers", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT | environment) as serving:
        try:
            assert serving.stdout is not None
            assert any("Started worker-2" in line for line in serving.stdout)
            yield Installation(environment, url, client_id, key)
        finally:
            serving.terminate()
            serving.communicate(timeout=SECONDS)


def test_a_running_service_follows_every_rotation(installation: Installation, tmp_path: Path) -> None:
    before, new = installation.token(), tmp_path / "new.json"
    assert installation.status(before) == 200

    # ours, after a leak: a token of the new key is good at once, also where it was not noticed yet
    installation.wallet("keys", "rotate", "access_token", "--now")
    assert all(installation.status(installation.token()) == 200 for _ in range(10))
    assert installation.status(before) == 200
    installation.wallet("keys", "retire", "access_token", "1", "--yes")
    assert installation.becomes(before, 401)
    assert installation.becomes(installation.token(), 200)

    # the machine's
    installation.wallet("client", "rotate", installation.client_id, "--key", str(new))
    assert all(installation.status(installation.token(key)) == 200 for key in (installation.key, new))
    old_kid = json.loads(installation.key.read_text())["kid"]
    installation.wallet("client", "rotate", installation.client_id, "--drop", old_kid)
    who = ("--url", installation.url, "--client", installation.client_id, "--key", str(installation.key))
    assert "no token: invalid_client" in refused(wallet(installation.environment, "token", *who))

    # revoked
    last = installation.token(new)
    installation.wallet("client", "revoke", installation.client_id, "--yes")
    assert installation.status(last) == 401
