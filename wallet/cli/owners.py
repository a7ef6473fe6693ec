"""Whose journal: as the options of a command name it, and as a finding names it."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final
from uuid import UUID

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from tokenization import ids, policies
from tokenization.journal.chains import CARDS, SUBJECTS, Journals
from tokenization.journal.models import SubjectJournal, SubjectJournalEntry
from tokenization.keys import ceremonies
from tokenization.keys.ring import Purpose
from tokenization.models import Cardholder, Requestor
from wallet.access.events import client_subject
from wallet.access.oauth import client_changes

Owner = tuple[Journals, UUID]

OPTIONS: Final[Mapping[str, tuple[str, Journals, Callable[[str], UUID]]]] = {
    "card": ("card_…", CARDS, partial(ids.parse, "card")),
    "cardholder": ("holder_…", SUBJECTS, partial(ids.parse, "holder")),
    "requestor": ("reqr_…", SUBJECTS, partial(ids.parse, "reqr")),
    "client": ("ID", SUBJECTS, client_subject),
    "policy": ("NAME", SUBJECTS, policies.subject_id),
    "key": ("PURPOSE", SUBJECTS, lambda name: ceremonies.subject_id(Purpose(name))),
}
CHOICES: Final[Mapping[str, list[str]]] = {"policy": list(policies.SHAPES), "key": [str(each) for each in Purpose]}


def one_owner(command: Callable[..., None]) -> Callable[..., None]:
    """The options of a command that is about one journal, or about all."""
    for name, (metavar, *_) in reversed([*OPTIONS.items()]):
        kind = click.Choice(CHOICES[name]) if name in CHOICES else click.STRING
        option = click.option(f"--{name}", type=kind, metavar=metavar, help=f"only the journal of this {name}")
        command = option(command)
    return command


def chosen(named: Mapping[str, str | None]) -> Owner | None:
    """Whose journal the options name; None for all. Raises UsageError."""
    given = [(name, value) for name, value in named.items() if value is not None]
    if len(given) > 1:
        raise click.UsageError("either one journal, or all")
    for name, value in given:
        _, journals, parse = OPTIONS[name]
        try:
            return journals, parse(value)
        except ids.InvalidId as error:
            raise click.BadParameter(str(error), param_hint=f"--{name}") from None
    return None


def name(session: Session, journals: Journals, owner_id: UUID) -> str:
    """`card_…`, `holder_…`, `reqr_…`, `client ID`, `policy NAME`, `key PURPOSE`; `subject_…` where none of these is."""
    if journals is SUBJECTS:
        for subject_id, known in _subjects(session, owner_id):
            if subject_id == owner_id:
                return known
    return ids.to_text(journals.prefix, owner_id)


def may_be_empty(session: Session, owner_id: UUID) -> bool:
    """Whether it is the journal of a key to which nothing was ever done."""
    of_keys = {ceremonies.subject_id(purpose) for purpose in Purpose}
    kept = select(SubjectJournalEntry.seq).where(SubjectJournalEntry.subject_id == owner_id).limit(1)
    return owner_id in of_keys and session.get(SubjectJournal, owner_id) is None and session.scalar(kept) is None


def _subjects(session: Session, subject_id: UUID) -> Iterator[tuple[UUID, str]]:
    """What a subject may be: of a name an id can be made, and not the other way round."""
    for prefix, kind in (("holder", Cardholder), ("reqr", Requestor)):
        if session.get(kind, subject_id):
            yield subject_id, ids.to_text(prefix, subject_id)
    clients = [each.client_id for each in client_changes.registered(session)]
    for option, names in (*CHOICES.items(), ("client", clients)):
        for each in names:
            yield OPTIONS[option][2](each), f"{option} {each}"
