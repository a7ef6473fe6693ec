"""Drawing rights, deeper: more that a grantor may say, what comes due with time, what is left after a payment."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

SCHEMA = "delegation"
RIGHTS = "drawing_rights"
REQUESTS = "drawing_requests"
USABLE = "ix_drawing_requests_usable"
FIGURES = {
    "invitation_days": 30,
    "at_majority": "expire",
    "pair_minutes": 60,
    "one_off_hours": 24,
    "open_requests": 5,
    "requests_per_day": 20,
    "request_days": 7,
}
FROM_THE_START = datetime(2018, 1, 1, tzinfo=UTC)
POLICIES = sa.table(
    "policies",
    sa.column("name", sa.Text()),
    sa.column("version", sa.BigInteger()),
    sa.column("figures", postgresql.JSONB()),
    sa.column("effective_at", sa.DateTime(timezone=True)),
    sa.column("set_by", sa.Text()),
    sa.column("created_at", sa.DateTime(timezone=True)),
    schema="tokenization",
)
NEW = (
    ("blocked_merchants", sa.ARRAY(sa.Text())),
    ("valid_from", sa.Date()),
    ("phones_allowed", sa.BigInteger()),
    ("notify_above", sa.BigInteger()),
    ("due_at", sa.DateTime(timezone=True)),
)
# What holds for a right that is there already: an invitation runs from now on, and everything is looked at once. No
# policy said at its grant that it ends at 18, and an upgrade must not end it without a word: that day is told.
NEW_AND_SET = (
    ("allow_cash", sa.Boolean(), "false"),
    ("allow_recurring", sa.Boolean(), "false"),
    ("weekly_summary", sa.Boolean(), "true"),
    ("ends_when_of_age", sa.Boolean(), "false"),
    ("invitation_lapses_at", sa.DateTime(timezone=True), "now() + interval '30 days'"),
    ("looked_at", sa.DateTime(timezone=True), "now()"),
)
NAMED_IN_MESSAGES = ("right_id", "request_id")
# A day or a moment that no calendar of ours has ('infinity') could not be read, and what reads the rights of a card, as
# a block does to count them, would fail.
DATED = (
    *("delegate_birthdate", "valid_from", "valid_until", "created_at"),
    *("invitation_lapses_at", "revoked_at", "looked_at", "due_at"),
)
READABLE = " AND ".join(f"{each} >= '0001-01-01' AND {each} < '10000-01-01'" for each in DATED)
READABLE += " AND delegate_birthdate < '9900-01-01'"  # or it had no 18th birthday


def upgrade() -> None:
    for name, kind in NEW:
        op.add_column(RIGHTS, sa.Column(name, kind, nullable=True), schema=SCHEMA)
    for set_name, set_kind, value in NEW_AND_SET:
        column = sa.Column(set_name, set_kind, nullable=False, server_default=sa.text(value))
        op.add_column(RIGHTS, column, schema=SCHEMA)
        op.alter_column(RIGHTS, set_name, server_default=None, schema=SCHEMA)
    op.execute("UPDATE delegation.drawing_rights SET due_at = now() WHERE state <> 'revoked'")
    due = sa.text("due_at IS NOT NULL")
    op.create_check_constraint(op.f("ck_drawing_rights_readable"), RIGHTS, READABLE, schema=SCHEMA)
    op.create_index("ix_drawing_rights_due", RIGHTS, ["due_at", "right_id"], schema=SCHEMA, postgresql_where=due)
    merchant = sa.Column("merchant", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True)
    op.add_column(REQUESTS, merchant, schema=SCHEMA)
    op.add_column(REQUESTS, sa.Column("pairing_id", sa.Uuid(), nullable=True), schema=SCHEMA)
    of_one_off, approved = ["card_id", "right_id", "lapses_at"], sa.text("state = 'approved'")
    op.create_index(USABLE, REQUESTS, of_one_off, schema=SCHEMA, postgresql_where=approved)
    left = sa.Column("right_left", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True)
    op.add_column("payments", left, schema="wallet")
    for named in NAMED_IN_MESSAGES:
        op.add_column("messages", sa.Column(named, sa.Uuid(), nullable=True), schema="notifications")
    of_right, under_one = ["card_id", "right_id", "payment_id"], sa.text("right_id IS NOT NULL")
    op.create_index("ix_payments_of_right", "payments", of_right, schema="wallet", postgresql_where=under_one)
    moments = {"effective_at": FROM_THE_START, "created_at": FROM_THE_START}
    delivered = {"name": "drawing_rights", "version": 1, "figures": FIGURES, "set_by": "delivered", **moments}
    op.bulk_insert(POLICIES, [delivered])


def downgrade() -> None:
    op.execute(sa.delete(POLICIES).where(POLICIES.c.name == "drawing_rights"))
    for named in NAMED_IN_MESSAGES:
        op.drop_column("messages", named, schema="notifications")
    op.drop_index("ix_payments_of_right", "payments", schema="wallet")
    op.drop_column("payments", "right_left", schema="wallet")
    op.drop_index(USABLE, REQUESTS, schema=SCHEMA)
    op.drop_column(REQUESTS, "pairing_id", schema=SCHEMA)
    op.drop_column(REQUESTS, "merchant", schema=SCHEMA)
    op.drop_index("ix_drawing_rights_due", RIGHTS, schema=SCHEMA)
    op.drop_constraint(op.f("ck_drawing_rights_readable"), RIGHTS, schema=SCHEMA)
    for name, *_ in (*NEW_AND_SET, *NEW):
        op.drop_column(RIGHTS, name, schema=SCHEMA)
