"""Text messages: an interface to whoever sends them, and an HTTP gateway."""

from collections import deque
from collections.abc import Iterable
from contextlib import AbstractContextManager, suppress
from types import TracebackType
from typing import Final, Protocol

import httpx

from notifications.deadline import TimedTransport
from tokenization.secret import Secret

_TIMEOUT_SECONDS: Final = 10.0
_ANSWER_LIMIT: Final = 64 * 1024
# What a gateway answers about one message. Any other failure, as of a key that it does not know (401), would meet the
# next message as well.
_REFUSALS: Final = frozenset({400, 406, 409, 410, 413, 422, 451})


class SmsFailed(Exception):
    """The gateway is away, or takes nothing from us now: the next message would fare no better."""


class SmsRefused(Exception):
    """The gateway does not take this message; others it would."""


class NobodySends(Exception):
    """The bank has no gateway: the message is let go."""


class SmsSender(Protocol):
    """Whoever can send a text message."""

    def send(self, mobile: Secret[str], text: Secret[str], reference: str) -> None:
        """Send to a mobile number (E.164). The same reference is the same message, to be sent once, however often it
        is handed over. Raises SmsFailed, SmsRefused, NobodySends; none of them names number or text.
        """


class HttpGateway(AbstractContextManager["HttpGateway"]):
    """A gateway that takes `{"to", "text", "reference"}` by POST and answers 2xx once it has it. For many threads."""

    def __init__(self, url: str, api_key: Secret[str] | None = None, timeout_seconds: float = _TIMEOUT_SECONDS) -> None:
        headers = {} if api_key is None else {"authorization": f"Bearer {api_key.reveal()}"}
        self._url = url
        self._client = httpx.Client(
            transport=TimedTransport(timeout_seconds, _ANSWER_LIMIT), headers=headers, trust_env=False
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def send(self, mobile: Secret[str], text: Secret[str], reference: str) -> None:
        """Hand the message to the gateway. A redirect is a failure: number and text go nowhere else."""
        content = {"to": mobile.reveal(), "text": text.reveal(), "reference": reference}
        try:
            with self._client.stream("POST", self._url, json=content) as answer:
                _read_out(answer.iter_raw())
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SmsFailed(type(error).__name__) from None
        if answer.status_code in _REFUSALS:
            raise SmsRefused(f"status {answer.status_code}")
        if not answer.is_success:
            raise SmsFailed(f"status {answer.status_code}")


def _read_out(chunks: Iterable[bytes]) -> None:
    # The status has said whether the gateway has it. What else it says may be about the number, so nobody keeps it, and
    # nobody minds how it ends; read to its end, the connection can be used again.
    with suppress(httpx.TransportError):
        deque(chunks, maxlen=0)


class NoGateway:
    """Where the bank has named no gateway: nothing is sent."""

    def send(self, mobile: Secret[str], text: Secret[str], reference: str) -> None:
        """Raises NobodySends."""
        raise NobodySends("no gateway is set")
