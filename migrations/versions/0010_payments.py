"""Payments, deeper: in other currencies at a rate that is kept, holds that end, guesses of a CVC that are counted."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

SCHEMA = "wallet"
PAYMENTS = "payments"
EXPIRING = "ix_payments_expiring"
FIGURES = {"wrong_cvcs_per_day": 5, "rate_days": 7}
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


def upgrade() -> None:
    op.add_column(PAYMENTS, sa.Column("rate", sa.Numeric(), nullable=True), schema=SCHEMA)
    op.add_column(PAYMENTS, sa.Column("rate_of", sa.Date(), nullable=True), schema=SCHEMA)
    op.add_column(PAYMENTS, sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True), schema=SCHEMA)
    expired = sa.Column("expired_minor", sa.BigInteger(), nullable=False, server_default="0")
    op.add_column(PAYMENTS, expired, schema=SCHEMA)
    op.alter_column(PAYMENTS, "expired_minor", server_default=None, schema=SCHEMA)
    # Of what is held already, nobody wrote down how long: as long as most of it is held from now on.
    op.execute("UPDATE wallet.payments SET expires_at = at + interval '7 days' WHERE held_minor + margin_minor > 0")
    held = sa.text("held_minor + margin_minor > 0")
    op.create_index(EXPIRING, PAYMENTS, ["expires_at", "card_id"], schema=SCHEMA, postgresql_where=held)
    # The end of a hold is nobody's request.
    op.alter_column("payment_operations", "network_reference", nullable=True, schema=SCHEMA)
    guessed = sa.Column("wrong_cvcs", sa.BigInteger(), nullable=False, server_default="0")
    op.add_column("plastics", guessed, schema="tokenization")
    op.alter_column("plastics", "wrong_cvcs", server_default=None, schema="tokenization")
    op.add_column("plastics", sa.Column("wrong_cvcs_on", sa.Date(), nullable=True), schema="tokenization")
    moments = {"effective_at": FROM_THE_START, "created_at": FROM_THE_START}
    op.bulk_insert(POLICIES, [{"name": "payments", "version": 1, "figures": FIGURES, "set_by": "delivered", **moments}])


def downgrade() -> None:
    op.execute(sa.delete(POLICIES).where(POLICIES.c.name == "payments"))
    op.drop_column("plastics", "wrong_cvcs_on", schema="tokenization")
    op.drop_column("plastics", "wrong_cvcs", schema="tokenization")
    op.execute("DELETE FROM wallet.payment_operations WHERE kind = 'expiry'")
    op.alter_column("payment_operations", "network_reference", nullable=False, schema=SCHEMA)
    op.drop_index(EXPIRING, PAYMENTS, schema=SCHEMA)
    for name in ("expired_minor", "expires_at", "rate_of", "rate"):
        op.drop_column(PAYMENTS, name, schema=SCHEMA)
