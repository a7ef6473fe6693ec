"""What a relay counts, for Prometheus. No label ever holds a number, a name or an id."""

from typing import Final

from prometheus_client import Counter, Histogram

from notifications.sending import Answer

_TO_A_QUARTER: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 900)
_DAYS: Final = (3_600, 21_600, 86_400, 432_000)

EVENTS: Final = Counter(
    "tegnebog_events", "Events taken from the outbox: told, or not_told (and tried again)", ["outcome"]
)
EVENT_SECONDS: Final = Histogram(
    "tegnebog_event_to_told_seconds", "From an event to the end of telling it", buckets=_TO_A_QUARTER
)
DELIVERIES: Final = Counter("tegnebog_deliveries", "Attempts to deliver a webhook, by what came of them", ["outcome"])
DELIVERY_SECONDS: Final = Histogram(
    "tegnebog_update_to_delivered_seconds",
    "From an update to the webhook that told it, however often it was tried",
    buckets=(*_TO_A_QUARTER, *_DAYS),
)
TEXTS: Final = Counter("tegnebog_texts", "Attempts to hand over a text message, by what came of them", ["outcome"])

COUNTED: Final = (EVENTS, EVENT_SECONDS, DELIVERIES, DELIVERY_SECONDS, TEXTS)
_BY_HUNDREDS: Final = {3: "redirected", 4: "refused", 5: "failed"}


def outcome_of(answer: Answer) -> str:
    """One of a few words: `delivered`, `gone` (410), `redirected` (3xx), `refused` (4xx), `failed` (5xx), or the name
    of the failure, as `timed_out`.
    """
    if answer.delivered:
        return "delivered"
    if answer.gone:
        return "gone"
    if answer.status is None:
        return answer.error or "failed"
    return _BY_HUNDREDS.get(answer.status // 100, "failed")
