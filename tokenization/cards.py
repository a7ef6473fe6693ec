"""The card: its lock, its plastics and their numbers, blocking, closing (R-10, R-12, R-13)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from tokenization import events, ids, number_space
from tokenization.clock import add_months, last_of_month, local_date
from tokenization.errors import CardClosed, IllegalMove, Invalid
from tokenization.journal.links import FIRST_LINK
from tokenization.keys.ring import Purpose
from tokenization.models import Card, PanDirectory, Plastic
from tokenization.number_space import NumberSpace
from tokenization.pipeline import Answer, Pipeline, locking
from tokenization.secret import Number
from tokenization.vault import DataKey, Place, Vault, VaultError

HALVES: Final = {  # R-3.3e: a token is one scheme's half of a co-badged card
    "visa_dankort": frozenset({"visa", "dankort"}),
    "dankort": frozenset({"dankort"}),
    "visa": frozenset({"visa"}),
}
SCHEMES: Final = tuple(HALVES)
CARDHOLDER_REASONS: Final = ("lost", "stolen", "misused", "copied", "pin_compromised", "suspected")
BLOCK_REASONS: Final = (*CARDHOLDER_REASONS, "account_closed", "rules_broken", "overdraft")
NEEDS_A_REMINDER: Final = frozenset({"rules_broken", "overdraft"})
_LOCKED: Final = "locked_cards"
_HEADS: Final = "journal_heads"
_ISSUED: Final = "issued_cards"
_LOCK: Final = locking(Card, "card_id")


@dataclass(slots=True)
class JournalHead:
    """How many entries a journal has, the link of the last, and the seal over both: it grows as entries are written.

    `holds` is whether nobody has cut or changed it; None until that is looked at. A new one has nothing to hold.
    """

    count: int
    link: bytes
    seal: bytes
    holds: bool | None = None


class LockNotHeld(RuntimeError):
    """Something of a card was about to change without the card's row lock: a mistake in our code."""


def lock(session: Session, card_id: UUID) -> Card | None:
    """Take the card's row lock, in a statement of its own, and return the card as it stands; None if there is none.

    Whatever depends on the card is read in later statements: in READ COMMITTED a join under this one would be stale.
    """
    statement = select(Card).where(Card.card_id == card_id).with_for_update().execution_options(populate_existing=True)
    card = session.scalars(statement).one_or_none()
    if card is not None:
        _remember_lock(session, card)
    return card


def locked(session: Session, card_id: UUID) -> Card:
    """The card whose lock this session holds. Raises LockNotHeld."""
    try:
        card: Card = session.info[_LOCKED][card_id]
    except KeyError:
        raise LockNotHeld("the card's lock must be taken first") from None
    return card


def lock_many(pipe: Pipeline, card_ids: Iterable[UUID]) -> Answer:
    """Take the locks of many cards, ascending, each in a statement of its own, which a sharded database asks for."""
    return pipe.send_each(_LOCK, [{"card_id": card_id} for card_id in sorted(set(card_ids))])


def locked_now(session: Session, answer: Answer) -> dict[UUID, Any]:
    """The cards that `lock_many` locked, as records, by their ids."""
    found = {row.card_id: row for row in answer.rows()}
    for row in found.values():
        _remember_lock(session, row)
    return found


def _remember_lock(session: Session, card: Any) -> None:
    # The row itself, not its id: a session forgets unchanged rows that nobody holds, and would read it again.
    session.info.setdefault(_LOCKED, {})[card.card_id] = card
    head = JournalHead(card.journal_count, card.journal_head, card.journal_seal)
    head.holds = True if card.card_id in session.info.get(_ISSUED, ()) else None
    session.info.setdefault(_HEADS, {})[card.card_id] = head


def begin_journal(session: Session, card_id: UUID) -> None:
    """The card is made in this transaction: there is no seal yet over its journal, which is empty."""
    session.info.setdefault(_ISSUED, set()).add(card_id)


def journal_head(session: Session, card_id: UUID) -> JournalHead:
    """Where the journal of a card whose lock this session holds ends, what it has just written included.

    Raises LockNotHeld.
    """
    locked(session, card_id)
    head: JournalHead = session.info[_HEADS][card_id]
    return head


def issue(
    session: Session, vault: Vault, space: NumberSpace, *, holder_id: UUID, account_id: UUID, scheme: str, now: datetime
) -> Card:
    """A new card, whose id never changes, with its first plastic, active at once."""
    card = Card(
        card_id=ids.new_id(),
        holder_id=holder_id,
        account_id=account_id,
        scheme=scheme,
        par=number_space.new_par(space),
        state="active",
        current_plastic_id=ids.new_id(),
        revision=1,
        journal_count=0,
        journal_head=FIRST_LINK,
        journal_seal=b"",
        created_at=now,
    )
    session.add(card)
    session.flush()
    begin_journal(session, card.card_id)
    _remember_lock(session, card)
    data_key = vault.create_card_key(session, card.card_id)
    plastic = emboss(session, vault, data_key, space, card, now)
    plastic.state, plastic.activated_at = "active", now
    events.emit(
        session,
        events.CardIssued(
            at=now,
            card_id=card.card_id,
            holder_id=holder_id,
            account_id=account_id,
            plastic_id=plastic.plastic_id,
            scheme=scheme,
            last4=plastic.last4,
            expiry=month(plastic.expiry),
        ),
    )
    return card


def emboss(session: Session, vault: Vault, data_key: DataKey, space: NumberSpace, card: Card, now: datetime) -> Plastic:
    """A plastic with a fresh number for the card's `current_plastic_id`, inactive."""
    number = number_space.claim(session, vault, space, PanDirectory, card.card_id, card.current_plastic_id)
    plastic = Plastic(
        card_id=card.card_id,
        plastic_id=card.current_plastic_id,
        number_sealed=data_key.seal(number_place(card.current_plastic_id), number.reveal().encode()),
        bin=number.bin,
        last4=number.last4,
        expiry=last_of_month(add_months(local_date(now), space.validity_months)),
        verification_key_version=vault.ring.current(Purpose.CARD_VERIFICATION).version,
        state="inactive",
        payments_without_pin=0,
        minor_without_pin=0,
        created_at=now,
    )
    session.add(plastic)
    return plastic


def number_place(plastic_id: UUID) -> Place:
    """Where a plastic's PAN is sealed."""
    return Place("plastics", plastic_id, "number_sealed")


def month(expiry: date) -> str:
    """`2029-09`: an expiry as it is printed on the card."""
    return f"{expiry:%Y-%m}"


def find_by_number(session: Session, vault: Vault, number: str) -> PanDirectory | None:
    """Which card and plastic a PAN belongs, or belonged, to."""
    return session.get(PanDirectory, vault.fingerprint("number", number))


def find_from_number_on(session: Session, vault: Vault, number: str) -> PanDirectory | None:
    """The same; of a number that is nobody's the next one in the directory, which is a stranger's: it is looked at like
    one's own and told apart by `has_number`, so that the time does not tell whether there is such a number.
    """
    from_there_on = select(PanDirectory).where(PanDirectory.fingerprint >= vault.fingerprint("number", number))
    return session.scalar(from_there_on.order_by(PanDirectory.fingerprint).limit(1))


def plastic(session: Session, card_id: UUID, plastic_id: UUID) -> Plastic:
    """One plastic of a card."""
    return session.get_one(Plastic, (card_id, plastic_id))


def current_plastic(session: Session, card: Card) -> Plastic:
    """The plastic that the card's tokens and credentials hang on: the newest."""
    return plastic(session, card.card_id, card.current_plastic_id)


def reveal_number(session: Session, vault: Vault, card_id: UUID, plastic_id: UUID) -> Number:
    """The PAN of a plastic, opened. Raises VaultError when the card was erased."""
    row = plastic(session, card_id, plastic_id)
    opened = vault.card_key(session, card_id).open(number_place(plastic_id), row.number_sealed)
    return Number(opened.decode())


def has_number(session: Session, vault: Vault, card_id: UUID, plastic_id: UUID, shown: Number) -> bool:
    """Whether the number that is sealed in a plastic's row is the one that was shown; not where it cannot be opened.

    The directory is look-up only: whoever writes to it cannot make a number stand for another card.
    """
    try:
        return reveal_number(session, vault, card_id, plastic_id) == shown
    except VaultError:
        return False


def status(card: Card, current: Plastic, now: datetime) -> str:
    """`active`, `blocked`, `closed`, or derived `expired` (R-13)."""
    if card.state == "active" and is_expired(current, now):
        return "expired"
    return card.state


def is_expired(plastic_: Plastic, now: datetime) -> bool:
    """Whether the last day of its month is over in Copenhagen (R-13)."""
    return local_date(now) > plastic_.expiry


def block(
    session: Session,
    card: Card,
    *,
    reason: str,
    by: str,
    noticed_at: datetime,
    now: datetime,
    reported_by: str | None = None,
    reminded_at: datetime | None = None,
    gross: bool = False,
) -> bool:
    """Block the card: one row, reaching every token by derivation (R-10.1). False if it was blocked already: the first
    notice stands, unless it was the bank's and this one tells of loss, theft or misuse, which must not be forgotten.

    `noticed_at` is when the notice reached the bank (R-11.4). Raises what `check_block` raises.
    """
    check_block(card, reason=reason, noticed_at=noticed_at, now=now, reminded_at=reminded_at, gross=gross)
    if card.state == "blocked" and not _is_news(card, reason):
        return False
    card.state, card.block_reason, card.blocked_at, card.blocked_by = "blocked", reason, now, by
    card.noticed_at, card.revision = noticed_at, card.revision + 1
    if reason in CARDHOLDER_REASONS:
        card.reported_at = now
    events.emit(
        session,
        events.CardBlocked(
            at=now,
            card_id=card.card_id,
            holder_id=card.holder_id,
            last4=current_plastic(session, card).last4,
            reason=reason,
            by=by,
            noticed_at=noticed_at,
            reported_by=reported_by,
            reminded_at=reminded_at,
            gross=gross,
        ),
    )
    return True


def check_block(
    card: Card,
    *,
    reason: str,
    noticed_at: datetime,
    now: datetime,
    reminded_at: datetime | None = None,
    gross: bool = False,
) -> None:
    """Whether the card could be blocked so. Raises CardClosed; Invalid for a time to come, and for broken rules or
    overdraft without a written reminder, unless gross (R-12.1).
    """
    _check_times(now, noticed_at=noticed_at, reminded_at=reminded_at)
    if reason in NEEDS_A_REMINDER and reminded_at is None and not gross:
        raise Invalid("reminded_at", "is needed for that reason, unless it is gross (R-12.1)")
    if card.state == "closed":
        raise CardClosed


def _is_news(card: Card, reason: str) -> bool:
    """Else the card would be given back with the overdraft settled, though it was reported lost meanwhile."""
    return card.block_reason not in CARDHOLDER_REASONS and reason in CARDHOLDER_REASONS


def _check_times(now: datetime, **times: datetime | None) -> None:
    for name, at in times.items():
        if at is not None and at > now:
            raise Invalid(name, "is in the future")


def unblock(session: Session, card: Card, now: datetime) -> None:
    """Take the block away: a found card, by agreement with the bank (R-10.1c). Raises IllegalMove."""
    if card.state != "blocked":
        raise IllegalMove("the card is not blocked")
    clear_block(card)
    last4 = current_plastic(session, card).last4
    event = events.CardUnblocked(at=now, card_id=card.card_id, holder_id=card.holder_id, last4=last4)
    events.emit(session, event)


def clear_block(card: Card) -> None:
    """Forget the block; who does so says why by an event."""
    card.state, card.block_reason, card.blocked_at, card.blocked_by = "active", None, None, None
    card.noticed_at, card.stayed_blocked_at, card.revision = None, None, card.revision + 1


def close(session: Session, card: Card, now: datetime) -> None:
    """End the agreement, for good. Raises CardClosed if it is closed already."""
    if card.state == "closed":
        raise CardClosed
    card.state, card.revision = "closed", card.revision + 1
    last4 = current_plastic(session, card).last4
    events.emit(session, events.CardClosed(at=now, card_id=card.card_id, holder_id=card.holder_id, last4=last4))
