"""Text messages, through a gateway that takes each in fifty milliseconds."""

from typing import Final

from sqlalchemy import insert, select

from bench import letters
from bench.relays import relays
from bench.stage import Failed, Figure, Stage
from notifications import sms_queue
from notifications.models import SmsMessage
from tokenization import ids
from tokenization.models import Cardholder

GATEWAY: Final = "/waits/50"
PATIENCE_SECONDS: Final = 100
WORDS: Final = "You have been sent a new card in place of the one that ended in 0000. It has another number."


def measure(stage: Stage) -> list[Figure]:
    """How many a second one relay hands over, from the first that arrived to the last."""
    count = stage.sizes.texts
    with letters.receiving() as receiver:
        with relays(stage, 1, receiver.url(GATEWAY)):
            _queue(stage, count)
            receiver.wait_for("texts", count, PATIENCE_SECONDS)
        arrived = receiver.take({}).texts
    if len({reference for _, reference in arrived}) != count:
        raise Failed(f"of {count:,} texts {len(arrived)} arrived")
    times = [at for at, _ in arrived]
    return [Figure("texts, the gateway takes 50 ms", (count - 1) / (max(times) - min(times)), note=f"{count:,} texts")]


def _queue(stage: Stage, count: int) -> None:
    now = stage.parts.clock.now()
    with stage.parts.database.transaction("bench") as session:
        holder_id = session.scalars(select(Cardholder.holder_id).where(Cardholder.mobile_sealed.is_not(None))).first()
        if holder_id is None:
            raise LookupError("the demo's people have mobiles")
        rows = [sms_queue.row(holder_id, ids.new_id(), "card.replaced", WORDS, at=now, now=now) for _ in range(count)]
        session.execute(insert(SmsMessage), rows)
