"""Anchors: the heads of all journals at one moment, written down to be kept elsewhere.

A chain shows what was done without the journal key. Who has database *and* keys can write one anew, whole and valid, or
take it away with everything that tells of it; and who has a copy of everything can put an old state back. So chains are
held against an anchor: each must still pass through the link that was its head then. It may have grown, its payloads
may have been erased (R-20) and the journal key may have rotated: none of this changes a link that is there. It takes no
key, and gives nothing away but how many entries there are.

An anchor is lines of text: `tegnebog-anchor 1 <moment> <installation>`, a line `<id> <count> <head>` for each journal,
and `sha256 <digest>` of all lines before. So that one line, on paper, holds all the others.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import islice
from typing import Any, BinaryIO, Final
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Row, Uuid, cast, func, literal, select, union_all
from sqlalchemy.orm import Session

from tokenization import ids
from tokenization.events import rfc3339
from tokenization.journal.chains import KINDS, ROWS, Journals
from tokenization.journal.links import FIRST_LINK

_BY_PREFIX: Final = {journals.prefix: journals for journals in KINDS}
_MOST: Final = 2_000  # bytes of a line
_FIRST_LINE: Final = re.compile(r"tegnebog-anchor 1 (\S+) (\S.*)")
_JOURNAL: Final = re.compile(r"((card|subject)_[0-9a-z]{26}) (0|[1-9][0-9]{0,17}) ([0-9a-f]{64})", re.ASCII)
_LAST_LINE: Final = re.compile(r"sha256 ([0-9a-f]{64})", re.ASCII)


class NotAnAnchor(ValueError):
    """The file holds no anchor, or not all of one, or not as it was written; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Anchored:
    """One journal as it stood: how many entries, and the link of the last."""

    journals: Journals
    owner_id: UUID
    count: int
    head: bytes

    @property
    def text_id(self) -> str:
        """`card_01j…`, or `subject_…` for what is no card."""
        return ids.to_text(self.journals.prefix, self.owner_id)


@dataclass(frozen=True, slots=True)
class Anchor:
    """What an anchor says of itself. `digest`, in hex, is of all its lines but the last."""

    moment: str
    installation: str
    journals: int
    digest: str


def heads(session: Session) -> Iterator[Anchored]:
    """All journals in one statement, hence at one moment; by kind and id, so that `diff` can compare two anchors."""
    each = [
        select(
            literal(kind).label("kind"),
            journals.head_id.label("owner_id"),
            journals.head.journal_count,
            journals.head.journal_head,
        )
        for kind, journals in enumerate(KINDS)
    ]
    wanted = union_all(*each).order_by("kind", "owner_id")
    for kind, owner_id, count, head in session.execute(wanted, execution_options={"yield_per": ROWS}):
        yield Anchored(KINDS[kind], owner_id, count, head)


def write(found: Iterable[Anchored], installation: str, now: datetime, put: Callable[[str], object]) -> Anchor:
    """Give an anchor's lines to `put`, one by one."""
    moment, digest, count = rfc3339(now.replace(microsecond=0)), sha256(), 0

    def say(line: str) -> None:
        digest.update(line.encode())
        put(line)

    say(f"tegnebog-anchor 1 {moment} {installation}\n")
    for count, each in enumerate(found, 1):  # noqa: B007 - how many there were
        say(f"{each.text_id} {each.count} {each.head.hex()}\n")
    put(f"sha256 {digest.hexdigest()}\n")
    return Anchor(moment, installation, count, digest.hexdigest())


def check(file: BinaryIO) -> Anchor:
    """Read an anchor from its first line to its last, and what it says of itself. Raises NotAnAnchor."""
    lines = _lines(file)
    first = next(lines, b"")
    said = _FIRST_LINE.fullmatch(_text(first))
    if said is None:
        raise NotAnAnchor("the first line is not that of an anchor")
    digest = sha256(first)
    for number, line in enumerate(lines):
        last = _LAST_LINE.fullmatch(_text(line))
        if last is None:
            _check_whole(line)
            _parse(line)
            digest.update(line)
            continue
        if last[1] != digest.hexdigest():
            raise NotAnAnchor("it was changed: the digest in its last line is of other lines")
        if file.read(1):
            raise NotAnAnchor("something stands behind the line with the digest")
        return Anchor(said[1], said[2], number, last[1])
    raise NotAnAnchor("it was cut off: the last line, with the digest, is not there")


def _check_whole(line: bytes) -> None:
    if line.endswith(b"\r\n"):
        raise NotAnAnchor("it was changed: its lines end in CR LF, and were written with LF")
    if not line.endswith(b"\n") and len(line) < _MOST:
        raise NotAnAnchor("it was cut off, in the middle of a line")


def anchored_in(file: BinaryIO) -> Iterator[Anchored]:
    """The journals of an anchor that was checked."""
    file.seek(0)
    for line in islice(_lines(file), 1, None):
        if not _LAST_LINE.fullmatch(_text(line)):
            yield _parse(line)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: file.readline(_MOST), b"")


def _text(line: bytes) -> str:
    return line.decode(errors="replace").removesuffix("\n")


def _parse(line: bytes) -> Anchored:
    found = _JOURNAL.fullmatch(_text(line))
    try:
        if found is None:
            raise ids.InvalidId
        return Anchored(_BY_PREFIX[found[2]], ids.parse(found[2], found[1]), int(found[3]), bytes.fromhex(found[4]))
    except ids.InvalidId:
        raise NotAnAnchor("one of its lines is no journal's") from None


def compare(session: Session, anchored: Iterable[Anchored]) -> Iterator[tuple[Anchored, str | None]]:
    """Each with what became of it: `gone`, `shorter` than it was, or `rewritten`; None if it goes on from there."""
    waiting = iter(anchored)
    while batch := list(islice(waiting, ROWS)):
        now = {}
        for journals in KINDS:
            now[journals] = _now(session, journals, [each for each in batch if each.journals is journals])
        for each in batch:
            yield each, _difference(each, now[each.journals].get(each.owner_id))


def _now(session: Session, journals: Journals, batch: list[Anchored]) -> dict[UUID, Row[Any]]:
    """Of each owner that still has a head: the link of the entry that was the last."""
    owners, seqs = [each.owner_id for each in batch], [each.count for each in batch]
    given = func.unnest(cast(owners, ARRAY(Uuid)), cast(seqs, ARRAY(BigInteger)))
    then, entry = given.table_valued("owner_id", "seq").render_derived(), journals.entry
    wanted = (
        select(then.c.owner_id, entry.link)
        .join(journals.head, journals.head_id == then.c.owner_id)
        .outerjoin(entry, (journals.entry_id == then.c.owner_id) & (entry.seq == then.c.seq))
    )
    return {row.owner_id: row for row in session.execute(wanted)}


def _difference(then: Anchored, now: Row[Any] | None) -> str | None:
    if now is None:
        return "gone"
    link = now.link if then.count else FIRST_LINK
    if link is None:
        return "shorter"
    return None if link == then.head else "rewritten"
