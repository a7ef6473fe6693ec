"""What Prometheus reads. No label ever holds a number, a name or an id."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

REQUESTS: Final = Histogram(
    "tegnebog_http_request_seconds", "HTTP requests by route, method and status", ["route", "method", "status"]
)
DECISIONS: Final = Counter("tegnebog_payment_decisions", "Payment decisions by reason", ["reason"])
GROUPS: Final = Histogram(
    "tegnebog_payment_group", "How many payments were decided in one go", buckets=(1, 2, 4, 8, 16, 32)
)
RATE_LIMITED: Final = Counter("tegnebog_rate_limited", "Calls refused because there were too many, by limit", ["limit"])
ACCESS_REFUSED: Final = Counter("tegnebog_access_refused", "Callers who were not let in, by error", ["error"])
NUMBERS_TAKEN: Final = Gauge(
    "tegnebog_numbers_taken_ratio",
    "How much of a number space is taken, for good; by kind. At 0.5 it is time to ask for another BIN",
    ["kind"],
    multiprocess_mode="mostrecent",
)
OUTBOX_WAITING: Final = Gauge(
    "tegnebog_outbox_waiting", "Events that nobody has been told of yet", multiprocess_mode="mostrecent"
)
OUTBOX_OLDEST: Final = Gauge(
    "tegnebog_outbox_oldest_seconds", "How old the oldest of them is", multiprocess_mode="mostrecent"
)
DELIVERIES_WAITING: Final = Gauge(
    "tegnebog_deliveries_waiting",
    "Webhooks that are due, by how their endpoint stands",
    ["endpoint"],
    multiprocess_mode="mostrecent",
)
DELIVERIES_OLDEST: Final = Gauge(
    "tegnebog_deliveries_oldest_seconds",
    "For how long the oldest of them has been due",
    ["endpoint"],
    multiprocess_mode="mostrecent",
)
TEXTS_WAITING: Final = Gauge(
    "tegnebog_texts_waiting", "Text messages that wait for a relay or the gateway", multiprocess_mode="mostrecent"
)
TEXTS_OLDEST: Final = Gauge(
    "tegnebog_texts_oldest_seconds",
    "How long ago what the oldest of them tells happened",
    multiprocess_mode="mostrecent",
)
TEXTS_PUT_OFF: Final = Gauge(
    "tegnebog_texts_put_off",
    "Text messages that are tried later: the gateway refused them, or they cannot be opened",
    multiprocess_mode="mostrecent",
)
ENDPOINTS: Final = Gauge(
    "tegnebog_webhook_endpoints",
    "Webhook endpoints by how they stand",
    ["endpoint"],
    multiprocess_mode="mostrecent",
)
BY_STANDING: Final = (DELIVERIES_WAITING, DELIVERIES_OLDEST, ENDPOINTS)
RIGHTS_OVERDUE: Final = Gauge(
    "tegnebog_rights_overdue_seconds",
    "For how long something that came to a drawing right with time has waited to be told",
    multiprocess_mode="mostrecent",
)
HOLDS_OVERDUE: Final = Gauge(
    "tegnebog_holds_overdue_seconds",
    "For how long a hold whose time is over has waited to be given up",
    multiprocess_mode="mostrecent",
)
LONG_BLOCKS_OVERDUE: Final = Gauge(
    "tegnebog_long_blocks_overdue_seconds",
    "For how long a card that stays blocked has waited for its merchants to be told to ask their customer",
    multiprocess_mode="mostrecent",
)
MISSED_UPDATES_OVERDUE: Final = Gauge(
    "tegnebog_missed_updates_overdue_seconds",
    "For how long a new card that a merchant has not had in time has waited for its cardholder to be told",
    multiprocess_mode="mostrecent",
)
RATES_WRONG: Final = Gauge(
    "tegnebog_rates_wrong",
    "1 while the file of rates cannot be taken, so that those that were read before go on",
    multiprocess_mode="mostrecent",
)
RATE_AGE_DAYS: Final = Gauge(
    "tegnebog_rate_age_days",
    "How many days old rates are: the oldest, and the newest",
    ["which"],
    multiprocess_mode="mostrecent",
)
KEY_DAYS_LEFT: Final = Gauge(
    "tegnebog_key_days_left",
    "Days until a key is to be rotated, by purpose; negative once it was to be",
    ["purpose"],
    multiprocess_mode="mostrecent",
)
