"""How a relay hears that something waits: by Redis, or by looking."""

from threading import Event

from redis import Redis
from redis.client import PubSub
from redis.exceptions import RedisError

from notifications import outbox


class Bell:
    """Waits for the outbox's wake-up; a relay that hears nothing looks for itself when the time is up."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._heard: PubSub | None = None

    def wait(self, stop: Event, seconds: float) -> None:
        """Return when something waits, or when the time is up. Without Redis only `stop` is heard."""
        try:
            if self._heard is None:
                self._heard = self._redis.pubsub()  # type: ignore[no-untyped-call]  # redis has no types there
                self._heard.subscribe(outbox.CHANNEL)
            self._listen(self._heard, seconds)
        except RedisError:
            self.close()
            stop.wait(seconds)

    def close(self) -> None:
        """Stop listening."""
        if self._heard is not None:
            self._heard.close()
            self._heard = None

    def _listen(self, heard: PubSub, seconds: float) -> None:
        # Many rings are one. The answer to the subscription is one too: something may have come before we listened.
        timeout = seconds
        while heard.get_message(timeout=timeout) is not None:
            timeout = 0.0
