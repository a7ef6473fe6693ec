"""The receiver of webhooks, called over loopback as the service would."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Timer
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from mobile_mock.webhooks import WebhookReceiver

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_SECRET = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as receiver:
        receiver.secrets.append(SECRET)
        yield receiver


def deliver(receiver: WebhookReceiver, *, message_id: str = "msg_1", secret: str = SECRET, age_seconds: int = 0) -> int:
    at = datetime.now(UTC) - timedelta(seconds=age_seconds)
    event = {"type": "credential.updated", "timestamp": at.isoformat(), "data": {"credential_id": "cred_1"}}
    body = json.dumps(event)
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, at, body),
    }
    return httpx.post(receiver.url, content=body, headers=headers).status_code


def nothing_fits(data: dict[str, Any]) -> bool:
    return data == {"credential_id": "cred_2"}


def test_a_signed_webhook_is_taken_in(receiver: WebhookReceiver) -> None:
    assert deliver(receiver) == 204
    received = receiver.wait_for("credential.updated")
    assert received is not None
    assert received.data == {"credential_id": "cred_1"}


def test_one_that_comes_later_is_waited_for(receiver: WebhookReceiver) -> None:
    timer = Timer(0.05, deliver, [receiver])
    timer.start()
    assert receiver.wait_for("credential.updated", timeout_seconds=10) is not None
    timer.join()


def test_waiting_ends_when_the_time_is_up(receiver: WebhookReceiver) -> None:
    deliver(receiver)
    assert receiver.wait_for("token.updated", timeout_seconds=0.01) is None
    assert receiver.wait_for("credential.updated", timeout_seconds=0.01, where=nothing_fits) is None


def test_a_webhook_signed_with_another_secret_is_turned_away(receiver: WebhookReceiver) -> None:
    assert deliver(receiver, secret=OTHER_SECRET) == 401
    assert (receiver.received, receiver.rejected) == ([], 1)


def test_both_secrets_count_while_one_is_rotated(receiver: WebhookReceiver) -> None:
    receiver.secrets.append(OTHER_SECRET)
    assert [deliver(receiver), deliver(receiver, message_id="msg_2", secret=OTHER_SECRET)] == [204, 204]


def test_an_old_webhook_is_turned_away(receiver: WebhookReceiver) -> None:
    assert deliver(receiver, age_seconds=600) == 401


@pytest.mark.parametrize("signature", ["", "v1", "v1,not-base64", "v2,AAAA"])
def test_a_malformed_signature_is_turned_away(receiver: WebhookReceiver, signature: str) -> None:
    now = str(int(datetime.now(UTC).timestamp()))
    headers = {"webhook-id": "msg_1", "webhook-timestamp": now, "webhook-signature": signature}
    assert httpx.post(receiver.url, content="{}", headers=headers).status_code == 401


def test_a_retry_is_the_same_message(receiver: WebhookReceiver) -> None:
    assert [deliver(receiver), deliver(receiver)] == [204, 204]
    assert len(receiver.received) == 1


def test_nothing_is_taken_in_before_the_secret_is_known(receiver: WebhookReceiver) -> None:
    receiver.secrets.clear()
    assert deliver(receiver) == 503
