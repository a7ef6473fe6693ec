"""Telling, deeper: lanes to endpoints that rest after a failure, receipts of updates, preferences, sealed codes."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

SCHEMA = "notifications"
CARDS = "tokenization"
LANES = 4
FIGURES = {"contact_after_days": 14, "pending_days": 30, "pending_per_merchant": 5, "told_within_days": 5}
FROM_THE_START = datetime(2018, 1, 1, tzinfo=UTC)
POLICIES = sa.table(
    "policies",
    sa.column("name", sa.Text()),
    sa.column("version", sa.BigInteger()),
    sa.column("figures", postgresql.JSONB()),
    sa.column("effective_at", sa.DateTime(timezone=True)),
    sa.column("set_by", sa.Text()),
    sa.column("created_at", sa.DateTime(timezone=True)),
    schema=CARDS,
)
OF_DELIVERIES = (
    ("ix_deliveries_requestor_id_seq", ["requestor_id", "seq"], None),
    ("ix_deliveries_finished", ["requestor_id", "finished_at"], "finished_at IS NOT NULL"),
    ("ix_deliveries_not_delivered", ["requestor_id", "state", "delivery_id"], "state IN ('failed', 'superseded')"),
)
WORTH = """
    UPDATE notifications.sms_messages SET
        rank = CASE
            WHEN kind = 'token.code' THEN 0
            WHEN kind IN ('card.blocked', 'card.cvc_guessed') OR kind LIKE 'session.%' OR kind LIKE 'token.%'
                OR kind LIKE 'drawing_right.token!_%' ESCAPE '!' THEN 1
            ELSE 2
        END,
        expires_at = at + CASE WHEN kind = 'token.code' THEN interval '10 minutes' ELSE interval '36 hours' END
    WHERE state = 'waiting'
"""
# What the version before could not keep, and what is to be done about it.
IN_THE_WAY = (
    (
        "preferences of people, who would hear again of what they had switched off",
        "SELECT recipient_id FROM notifications.preferences ORDER BY recipient_id",
    ),
    (
        "requestors with a contact, who would be told nothing more: write them down, and take them away",
        "SELECT requestor_id FROM tokenization.requestors WHERE contact_mobile_sealed IS NOT NULL ORDER BY 1",
    ),
    (
        "versions of the policy cards_on_file that the bank set, which would be lost: write them down, and delete them",
        "SELECT version FROM tokenization.policies WHERE name = 'cards_on_file' AND version > 1 ORDER BY version",
    ),
)


def _moment(name: str) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=True)


def upgrade() -> None:
    _endpoints()
    _texts()
    _receipts()
    _people()
    _registrations()
    _long_blocks()
    _contacts()
    op.create_index(
        "ix_payments_of_credential",
        "payments",
        ["card_id", "credential_id", "payment_id"],
        schema="wallet",
        postgresql_where=sa.text("credential_id IS NOT NULL"),
    )
    moments = {"effective_at": FROM_THE_START, "created_at": FROM_THE_START}
    delivered = {"name": "cards_on_file", "version": 1, "figures": FIGURES, "set_by": "delivered"}
    op.bulk_insert(POLICIES, [{**delivered, **moments}])


def _people() -> None:
    """What they chose to hear, and the newest message in each inbox."""
    op.create_table(
        "preferences",
        sa.Column("recipient_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("inbox", sa.Boolean(), nullable=False),
        sa.Column("sms", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("recipient_id", "kind", name=op.f("pk_preferences")),
        schema=SCHEMA,
    )
    op.create_table(
        "inboxes",
        sa.Column("recipient_id", sa.Uuid(), nullable=False),
        sa.Column("newest", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("recipient_id", name=op.f("pk_inboxes")),
        schema=SCHEMA,
    )


def _contacts() -> None:
    """Whom to tell where a requestor's endpoint fails."""
    op.add_column("requestors", sa.Column("contact_mobile_sealed", sa.LargeBinary(), nullable=True), schema=CARDS)
    op.add_column("requestors", sa.Column("contact_language", sa.Text(), nullable=True), schema=CARDS)


def _long_blocks() -> None:
    op.add_column("cards", _moment("stayed_blocked_at"), schema=CARDS)
    op.create_index(
        "ix_cards_long_blocked",
        "cards",
        ["blocked_at", "card_id"],
        schema=CARDS,
        postgresql_where=sa.text("state = 'blocked' AND stayed_blocked_at IS NULL"),
    )


def _registrations() -> None:
    """Until when each waits for a yes: as long as is delivered, from when it was made. Those that have one wait no
    more, and are not rewritten for it.
    """
    _add_at_once("credentials", "pending_until", CARDS, nullable=False)
    waits = """
        UPDATE tokenization.credentials SET pending_until = created_at + :days * interval '24 hours'
        WHERE confirmed_at IS NULL
    """
    op.get_bind().execute(sa.text(waits), {"days": FIGURES["pending_days"]})


def _receipts() -> None:
    """What was told before receipts were noted is taken to have arrived, as it was then, unless it is on its way. When,
    nobody knows: not before it happened (notifications/receipts.py).
    """
    _add_at_once("updates", "received_at", SCHEMA, nullable=True)
    op.execute("""
        UPDATE notifications.updates AS told SET received_at = NULL FROM notifications.deliveries AS waiting
        WHERE waiting.state = 'pending' AND waiting.requestor_id = told.requestor_id AND waiting.seq = told.seq
    """)
    given: sa.Column[bool] = sa.Column("number_given", sa.Boolean(), nullable=False, server_default=sa.false())
    op.add_column("updates", given, schema=SCHEMA)
    op.alter_column("updates", "number_given", server_default=None, schema=SCHEMA)
    op.add_column("updates", _moment("missed_at"), schema=SCHEMA)
    op.create_index(op.f("ix_updates_requestor_id_at"), "updates", ["requestor_id", "at"], schema=SCHEMA)
    op.create_index(
        "ix_updates_not_received",
        "updates",
        ["at", "requestor_id", "seq"],
        schema=SCHEMA,
        postgresql_where=sa.text("code = 'A' AND received_at IS NULL AND missed_at IS NULL"),
    )


def _add_at_once(table: str, name: str, schema: str, *, nullable: bool) -> None:
    """A moment that is long ago in every row that is there: PostgreSQL notes it once, and writes none of them anew."""
    moment: sa.Column[datetime] = sa.Column(
        name, sa.DateTime(timezone=True), nullable=nullable, server_default=FROM_THE_START.isoformat()
    )
    op.add_column(table, moment, schema=schema)
    op.alter_column(table, name, server_default=None, schema=schema)


def _endpoints() -> None:
    """Several lanes to each endpoint, where there was one; and a delivery is leased of its own."""
    op.create_table(
        "webhook_lanes",
        sa.Column("requestor_id", sa.Uuid(), nullable=False),
        sa.Column("lane", sa.BigInteger(), nullable=False),
        _moment("leased_until"),
        sa.ForeignKeyConstraint(
            ["requestor_id"],
            ["notifications.webhook_endpoints.requestor_id"],
            name=op.f("fk_webhook_lanes_requestor_id"),
        ),
        sa.PrimaryKeyConstraint("requestor_id", "lane", name=op.f("pk_webhook_lanes")),
        schema=SCHEMA,
    )
    lanes = """
        INSERT INTO notifications.webhook_lanes (requestor_id, lane)
        SELECT requestor_id, lane FROM notifications.webhook_endpoints, generate_series(1, :lanes) AS lane
    """
    op.get_bind().execute(sa.text(lanes), {"lanes": LANES})
    op.drop_column("webhook_endpoints", "leased_until", schema=SCHEMA)
    for name in ("retry_at", "disabled_at", "checked_at"):
        op.add_column("webhook_endpoints", _moment(name), schema=SCHEMA)
    op.add_column("webhook_endpoints", sa.Column("check_result", sa.Text(), nullable=True), schema=SCHEMA)
    op.add_column("deliveries", _moment("leased_until"), schema=SCHEMA)
    for name, columns, where in OF_DELIVERIES:
        op.create_index(name, "deliveries", columns, schema=SCHEMA, postgresql_where=where and sa.text(where))


def _texts() -> None:
    """They may go to a requestor, too, and those with a code are sealed and end."""
    op.drop_constraint("fk_sms_messages_holder_id", "sms_messages", schema=SCHEMA, type_="foreignkey")
    op.alter_column("sms_messages", "holder_id", new_column_name="recipient_id", schema=SCHEMA)
    unique = "uq_sms_messages_{}_event_id_kind"
    _rename_constraint(unique.format("holder_id"), unique.format("recipient_id"))
    op.add_column("sms_messages", sa.Column("text_sealed", sa.LargeBinary(), nullable=True), schema=SCHEMA)
    _what_a_text_is_worth()
    to: sa.Column[str] = sa.Column("to", sa.Text(), nullable=False, server_default="holder")
    put_off: sa.Column[bool] = sa.Column("put_off", sa.Boolean(), nullable=False, server_default=sa.false())
    for column in (to, put_off):
        op.add_column("sms_messages", column, schema=SCHEMA)
        op.alter_column("sms_messages", column.name, server_default=None, schema=SCHEMA)


def _what_a_text_is_worth() -> None:
    """Only what waits is looked at again: of it codes go first and are soon too old, and blocks and security next."""
    rank: sa.Column[int] = sa.Column("rank", sa.BigInteger(), nullable=False, server_default="2")
    expires_at: sa.Column[datetime] = sa.Column(
        "expires_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
    )
    for column in (rank, expires_at):
        op.add_column("sms_messages", column, schema=SCHEMA)
    op.execute(WORTH)
    for column in (rank, expires_at):
        op.alter_column("sms_messages", column.name, server_default=None, schema=SCHEMA)
    op.drop_index("ix_sms_messages_waiting", "sms_messages", schema=SCHEMA)
    _index_of_waiting("ix_sms_messages_waiting", "rank", "next_attempt_at", "sms_id")
    _index_of_waiting("ix_sms_messages_expiring", "expires_at")


def _index_of_waiting(name: str, *columns: str) -> None:
    op.create_index(name, "sms_messages", columns, schema=SCHEMA, postgresql_where=sa.text("state = 'waiting'"))


def _rename_constraint(before: str, after: str) -> None:
    op.execute(f"ALTER TABLE notifications.sms_messages RENAME CONSTRAINT {before} TO {after}")


def _refuse_to_lose_anything() -> None:
    for what, statement in IN_THE_WAY:
        found = [str(each) for each in op.get_bind().execute(sa.text(statement)).scalars()]
        if found:
            shown = ", ".join(found[:5]) + (", …" if len(found) > 5 else "")
            raise CommandError(f"revision 0011 cannot be taken back: there are {len(found)} {what}: {shown}")


def downgrade() -> None:
    _refuse_to_lose_anything()
    op.execute(sa.delete(POLICIES).where(POLICIES.c.name == "cards_on_file"))
    op.drop_index("ix_payments_of_credential", "payments", schema="wallet")
    op.drop_column("credentials", "pending_until", schema=CARDS)
    op.drop_column("cards", "stayed_blocked_at", schema=CARDS)  # with its index
    for name in ("contact_language", "contact_mobile_sealed"):
        op.drop_column("requestors", name, schema=CARDS)
    op.drop_table("inboxes", schema=SCHEMA)
    op.drop_table("preferences", schema=SCHEMA)
    op.drop_index(op.f("ix_updates_requestor_id_at"), "updates", schema=SCHEMA)
    for name in ("missed_at", "number_given", "received_at"):  # with their index
        op.drop_column("updates", name, schema=SCHEMA)
    _texts_as_before()
    for name, _, _ in OF_DELIVERIES:
        op.drop_index(name, "deliveries", schema=SCHEMA)
    op.drop_column("deliveries", "leased_until", schema=SCHEMA)
    for name in ("check_result", "checked_at", "disabled_at", "retry_at"):
        op.drop_column("webhook_endpoints", name, schema=SCHEMA)
    op.add_column("webhook_endpoints", _moment("leased_until"), schema=SCHEMA)
    op.drop_table("webhook_lanes", schema=SCHEMA)


def _texts_as_before() -> None:
    """The version before cannot open a sealed code, and knows no text to a requestor."""
    op.execute("""
        DELETE FROM notifications.sms_messages WHERE "to" <> 'holder' OR (state = 'waiting' AND text_sealed IS NOT NULL)
    """)
    for name in ("to", "rank", "put_off", "expires_at", "text_sealed"):  # with their indexes
        op.drop_column("sms_messages", name, schema=SCHEMA)
    _index_of_waiting("ix_sms_messages_waiting", "next_attempt_at")
    unique = "uq_sms_messages_{}_event_id_kind"
    _rename_constraint(unique.format("recipient_id"), unique.format("holder_id"))
    op.alter_column("sms_messages", "recipient_id", new_column_name="holder_id", schema=SCHEMA)
    op.create_foreign_key(
        "fk_sms_messages_holder_id",
        "sms_messages",
        "cardholders",
        ["holder_id"],
        ["holder_id"],
        source_schema=SCHEMA,
        referent_schema=CARDS,
    )
