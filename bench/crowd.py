"""Very many cards, in seconds: copies of one that was made through the rules, created all over the last year.

Some of them can pay: they have data keys, numbers and PIN keys of their own, sealed in their own places. The others
only fill the tables and their indexes. (The journals and plastics of all of them are copies, and not to be opened.)
"""

import secrets
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    LargeBinary,
    Table,
    Text,
    Uuid,
    cast,
    column,
    create_engine,
    func,
    insert,
    literal,
    select,
    table,
    text,
)
from sqlalchemy.orm import Session

from bench.cards import CardFile, file_of, ready
from tokenization import numbers
from tokenization.journal import links
from tokenization.keys.ring import Purpose
from tokenization.models import Base, Card, KeyBatch
from tokenization.secret import Key, Number
from tokenization.vault import DataKey, Place, card_key_place
from wallet.services import Services

KEYS: Final = 2_000  # of each card that can pay: the one batch that it has is made as long as a run
_IDS: Final = ("card_id", "account_id", "plastic_id", "token_id")
_SEALED: Final = ("wrapped", "number_sealed", "pin_key_sealed")
_COPIED: Final = (  # parents first
    *("wallet.accounts", "tokenization.cards", "tokenization.card_keys", "tokenization.plastics"),
    *("tokenization.pan_directory", "tokenization.tokens", "tokenization.token_directory", "tokenization.key_batches"),
    *("tokenization.provisionings", "tokenization.journal_entries"),
)
# Copies keep what the template kept: no foreign key is looked up, a million times over.
_UNCHECKED: Final = text("SET LOCAL session_replication_role = replica")
_MAKE_CROWD: Final = text("""
    CREATE TEMPORARY TABLE crowd ON COMMIT DROP AS SELECT n, uuidv7(-random() * interval '1 year') AS card_id,
        uuidv7() AS account_id, uuidv7() AS plastic_id, uuidv7() AS token_id FROM generate_series(1, :count) AS n
""")
_MAKE_ABLE: Final = text("""
    CREATE TEMPORARY TABLE able
        (n integer PRIMARY KEY, wrapped bytea, number_sealed bytea, pin_key_sealed bytea, fingerprint bytea,
        journal_seal bytea)
    ON COMMIT DROP
""")
_CROWD: Final = table("crowd", column("n"), *(column(name, Uuid) for name in _IDS))
_OWN: Final = (*_SEALED, "fingerprint", "journal_seal")
_ABLE: Final = table("able", column("n"), *(column(name, LargeBinary) for name in _OWN))


def fill(parts: Services, count: int, able: int) -> list[CardFile]:
    """So many cards, of which so many can pay, in no order; the tables are vacuumed and analysed afterwards."""
    with parts.database.transaction("bench") as session:
        template = _template(session, parts)
    with parts.database.transaction("bench") as session:
        connection = session.connection()
        connection.execute(_UNCHECKED)
        connection.execute(_MAKE_CROWD, {"count": count})
        connection.execute(_MAKE_ABLE)
        files = _enable(parts, connection, able, template["card_id"])
        for name in _COPIED:
            _copy(connection, Base.metadata.tables[name], template)
        _enter_for_pgbench(connection, able)
    settle(parts)
    return files


def _template(session: Session, parts: Services) -> dict[str, UUID]:
    token = ready(session, parts, Key(secrets.token_bytes(32)), batches=1)
    batch = session.get_one(KeyBatch, (token.card_id, token.token_id, 1))
    batch.last_atc = token.atc_issued = KEYS
    return {"card_id": token.card_id, "account_id": session.get_one(Card, token.card_id).account_id}


def _enable(parts: Services, connection: Connection, able: int, template: UUID) -> list[CardFile]:
    """Seal what those need that can pay. Their ids are at random, so they are anywhere among the others."""
    files, used, key = [], set[str](), parts.vault.ring.current(Purpose.JOURNAL).key
    of_template = Card.card_id == template
    head = connection.execute(select(Card.journal_count, Card.journal_head).where(of_template)).one()
    ids = connection.execute(select(_CROWD.c.n, _CROWD.c.card_id, _CROWD.c.token_id).where(_CROWD.c.n <= able)).all()
    with connection.connection.cursor().copy("COPY able FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(["int4", *["bytea"] * 5])
        for n, card_id, token_id in ids:
            number, pin_key = _fresh(parts, used), Key(secrets.token_bytes(32))
            seal = links.seal(key, card_id, *head)
            copy.write_row((n, *_sealed(parts, card_id, token_id, number, pin_key), seal))
            files.append(file_of(parts, token_id, number, pin_key))
    return files


def _fresh(parts: Services, used: set[str]) -> Number:
    while (number := numbers.random_number(parts.settings.number_space.token_bins[0])).reveal() in used:
        pass
    used.add(number.reveal())
    return number


def _sealed(parts: Services, card_id: UUID, token_id: UUID, number: Number, pin_key: Key) -> tuple[bytes, ...]:
    key = Key(secrets.token_bytes(32))
    data_key = DataKey(1, key)
    return (
        parts.vault.wrap(card_key_place(card_id), key).value,
        data_key.seal(Place("tokens", token_id, "number_sealed"), number.reveal().encode()),
        data_key.seal(Place("tokens", token_id, "pin_key_sealed"), pin_key.reveal()),
        parts.vault.fingerprint("number", number.reveal()),
    )


def _copy(connection: Connection, into: Table, template: dict[str, UUID]) -> None:
    """Copy what a table holds of the template, for everyone in the crowd, in the order of creation."""
    key, own = "card_id" if "card_id" in into.c else "account_id", _own(into)
    values = [own.get(each.name, each) for each in into.c]
    everyone = into.join(_CROWD, literal(True)).outerjoin(_ABLE, _ABLE.c.n == _CROWD.c.n)
    rows = select(*values).select_from(everyone).where(into.c[key] == template[key]).order_by(_CROWD.c.card_id)
    if into.name == "journal_entries":
        rows = rows.where(into.c.seq == 1)  # half of all that there would be, and nobody reads it
    connection.execute(insert(into).from_select([each.name for each in into.c], rows))


def _own(into: Table) -> dict[str, ColumnElement[Any]]:
    """In what the copies in a table differ."""
    own: dict[str, ColumnElement[Any]] = {name: _CROWD.c[name] for name in _IDS}
    own["current_plastic_id"] = _CROWD.c.plastic_id
    own["event_id"] = func.gen_random_uuid()
    own["device_thumbprint"] = "crowd-" + cast(_CROWD.c.n, Text)
    own["last4"] = func.lpad(cast(_CROWD.c.n % 10_000, Text), 4, "0")
    own["journal_seal"] = func.coalesce(_ABLE.c.journal_seal, Card.journal_seal)
    if into.name in ("card_keys", "tokens", "token_directory"):
        own |= {name: func.coalesce(_ABLE.c[name], into.c[name]) for name in _SEALED if name in into.c}
        own["fingerprint"] = func.coalesce(_ABLE.c.fingerprint, _number_of(_CROWD.c.token_id))
    else:
        own["fingerprint"] = _number_of(_CROWD.c.plastic_id)
    return own


def _number_of(row_id: ColumnElement[UUID]) -> ColumnElement[bytes]:
    """The fingerprint of a number that nobody has."""
    return func.sha256(func.uuid_send(row_id))


def _enter_for_pgbench(connection: Connection, able: int) -> None:
    """As many others stand in the directory once more, under what pgbench can work out. It has no HMAC: by the cards
    that pay, their journals would not hold any more.
    """
    directory = Base.metadata.tables["tokenization.token_directory"]
    fingerprint = func.sha256(func.convert_to(cast(_CROWD.c.n - able, Text), "UTF8"))
    rows = select(fingerprint, _CROWD.c.card_id, _CROWD.c.token_id).where(_CROWD.c.n.between(able + 1, 2 * able))
    connection.execute(insert(directory).from_select(["fingerprint", "card_id", "token_id"], rows))


def settle(parts: Services) -> None:
    """What a database that has stood for a while has behind it: statistics, a visibility map, a checkpoint."""
    engine = create_engine(parts.settings.database_url.get_secret_value(), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in ("VACUUM (ANALYZE)", "CHECKPOINT"):
            connection.execute(text(statement))
    engine.dispose()
