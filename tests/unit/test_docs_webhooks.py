"""docs/webhooks.md says what the code does, and its receiver verifies what we send."""

import re
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from standardwebhooks import WebhookVerificationError

from notifications import addresses, replay, sending, webhooks
from notifications.backoff import WEBHOOKS
from notifications.sending import Letter, signed_headers
from tests import documents
from tests.policy.source import ROOT
from tokenization.secret import Secret

DOCUMENT = (ROOT / "docs" / "webhooks.md").read_text()
SECRET = "whsec_" + "A" * 43 + "="
table = partial(documents.table, "webhooks.md")


def receive(body: str, secret: str) -> dict[str, Any]:
    """By the code in the document."""
    [code] = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    there: dict[str, Any] = {}
    exec(code, there)  # noqa: S102 - it is ours
    letter = Letter("dlv_1", "https://shop.example/hooks", '{"type":"webhook.test","data":{}}', [Secret(SECRET)])
    found: dict[str, Any] = there["receive"](dict(signed_headers(letter, datetime.now(UTC))), body.encode(), secret)
    return found


def test_the_receiver_in_the_document_verifies_a_webhook_of_ours() -> None:
    assert receive('{"type":"webhook.test","data":{}}', SECRET)["type"] == "webhook.test"


@pytest.mark.parametrize(
    ("body", "secret"),
    [
        ('{"type":"webhook.test","data":{"a":1}}', SECRET),
        ('{"type":"webhook.test","data":{}}', SECRET.replace("A", "B")),
    ],
    ids=["another body", "another secret"],
)
def test_and_refuses_any_other(body: str, secret: str) -> None:
    with pytest.raises(WebhookVerificationError):
        receive(body, secret)


def test_the_schedule_in_the_document_is_that_of_the_code() -> None:
    units = {"s": "seconds", "min": "minutes", "h": "hours"}
    written = [
        timedelta(0) if after == "at once" else _gap(after, units) for _, after in table("When it is tried again")
    ]
    assert written == list(WEBHOOKS)


def _gap(text: str, units: dict[str, str]) -> timedelta:
    number, unit = text.split()
    return timedelta(**{units[unit]: int(number)})


def test_the_errors_in_the_document_are_those_of_the_code() -> None:
    assert {name for name, _ in table("When it fails")} == sending.ERRORS


def test_the_figures_in_the_document_are_those_of_the_code() -> None:
    for figure in (
        f"{replay.AT_MOST:,} at once",
        f"at {replay.A_SECOND} a second",
        f"{sending.TIMEOUT_SECONDS:.0f} seconds",
        f"{sending.ANSWER_LIMIT // 1024} KiB",
        f"For {webhooks.OVERLAP.total_seconds() / 3600:.0f} hours",
        f"port {' or '.join(map(str, sorted(addresses.Guard().ports)))}",
        *webhooks.REASONS.values(),
    ):
        assert figure in " ".join(DOCUMENT.split()), figure
    assert webhooks.DISABLED_AFTER.days == 5
    assert webhooks.WARNED_AFTER.days == 1
