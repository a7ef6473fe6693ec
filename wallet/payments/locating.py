"""Which card a request concerns, and which row of it: found through the directories, before anything is locked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from tokenization.models import CredentialDirectory, PanDirectory, TokenDirectory
from tokenization.pipeline import Answer, Lookup, Pipeline, looking_up
from tokenization.vault import Vault
from wallet.payments.requests import CredentialInstrument, Instrument, PlasticInstrument, TokenInstrument


@dataclass(frozen=True, slots=True)
class Located:
    """A card, and a token, a plastic or a credential of it."""

    card_id: UUID
    row_id: UUID


@dataclass(frozen=True, slots=True)
class Directory:
    """Where an instrument of one kind is looked up, and by which column of what is found there its row is named."""

    lookup: Lookup
    row_id: str


DIRECTORIES: Final = {
    TokenInstrument: Directory(looking_up(TokenDirectory, ["fingerprint"]), "token_id"),
    PlasticInstrument: Directory(looking_up(PanDirectory, ["fingerprint"]), "plastic_id"),
    CredentialInstrument: Directory(looking_up(CredentialDirectory, ["credential_id"]), "credential_id"),
}


class Search:
    """The directories, asked for some instruments at once."""

    def __init__(self, pipe: Pipeline, vault: Vault, instruments: Sequence[Instrument]) -> None:
        self._keys = [_key(vault, instrument) for instrument in instruments]
        self._kinds = [type(instrument) for instrument in instruments]
        self._found: dict[type[Any], Answer] = {}
        for kind, directory in DIRECTORIES.items():
            wanted = [(key,) for key, of in zip(self._keys, self._kinds, strict=True) if of is kind]
            self._found[kind] = pipe.find(directory.lookup, wanted)

    def places(self) -> list[Located | None]:
        """Of each instrument; None for a number or a credential that nobody has."""
        known = {kind: self._of_kind(kind) for kind in DIRECTORIES}
        return [known[kind].get(key) for kind, key in zip(self._kinds, self._keys, strict=True)]

    def _of_kind(self, kind: type[Any]) -> dict[UUID | bytes, Located]:
        (by,), row_id = DIRECTORIES[kind].lookup.keys, DIRECTORIES[kind].row_id
        rows = self._found[kind].rows()
        return {getattr(row, by): Located(row.card_id, getattr(row, row_id)) for row in rows}


def _key(vault: Vault, instrument: Instrument) -> UUID | bytes:
    if isinstance(instrument, CredentialInstrument):
        return instrument.credential_id
    return vault.fingerprint("number", instrument.number.reveal())
