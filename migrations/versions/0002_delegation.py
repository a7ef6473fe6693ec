"""The tables of delegation: drawing rights, their phones, their usage and what delegates ask for."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SCHEMA delegation")
    op.create_table(
        "drawing_rights",
        sa.Column("card_id", sa.Uuid(), nullable=False),
        sa.Column("right_id", sa.Uuid(), nullable=False),
        sa.Column("delegate_name", sa.Text(), nullable=False),
        sa.Column("delegate_birthdate", sa.Date(), nullable=True),
        sa.Column("per_payment", sa.BigInteger(), nullable=True),
        sa.Column("per_day", sa.BigInteger(), nullable=True),
        sa.Column("per_week", sa.BigInteger(), nullable=True),
        sa.Column("per_month", sa.BigInteger(), nullable=True),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("payments_per_day", sa.BigInteger(), nullable=True),
        sa.Column("allowed_categories", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("blocked_categories", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("allowed_countries", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("allowed_merchants", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("hours", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("notify_grantor", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_before_pause", sa.Text(), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["card_id"], ["tokenization.cards.card_id"], name=op.f("fk_drawing_rights_card_id")),
        sa.PrimaryKeyConstraint("card_id", "right_id", name=op.f("pk_drawing_rights")),
        schema="delegation",
    )
    op.create_index(
        op.f("ix_drawing_rights_right_id"), "drawing_rights", ["right_id"], unique=False, schema="delegation"
    )
    op.create_table(
        "usage_days",
        sa.Column("card_id", sa.Uuid(), nullable=False),
        sa.Column("scope_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("spent_minor", sa.BigInteger(), nullable=False),
        sa.Column("payments", sa.BigInteger(), nullable=False),
        sa.Column("cash_minor", sa.BigInteger(), nullable=False),
        sa.Column("gambling_minor", sa.BigInteger(), nullable=False),
        sa.Column("visa_minor", sa.BigInteger(), nullable=False),
        sa.Column("visa_cash_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "spent_minor >= 0 AND payments >= 0 AND cash_minor >= 0"
            " AND gambling_minor >= 0 AND visa_minor >= 0 AND visa_cash_minor >= 0",
            name=op.f("ck_usage_days_not_below_zero"),
        ),
        sa.ForeignKeyConstraint(["card_id"], ["tokenization.cards.card_id"], name=op.f("fk_usage_days_card_id")),
        sa.PrimaryKeyConstraint("card_id", "scope_id", "day", name=op.f("pk_usage_days")),
        schema="delegation",
    )
    op.create_table(
        "drawing_requests",
        sa.Column("card_id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("right_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("limit", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lapses_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("spent_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["card_id", "right_id"],
            ["delegation.drawing_rights.card_id", "delegation.drawing_rights.right_id"],
            name=op.f("fk_drawing_requests_card_id_right_id"),
        ),
        sa.PrimaryKeyConstraint("card_id", "request_id", name=op.f("pk_drawing_requests")),
        schema="delegation",
    )
    op.create_index(
        op.f("ix_drawing_requests_card_id_right_id"),
        "drawing_requests",
        ["card_id", "right_id"],
        unique=False,
        schema="delegation",
    )
    op.create_index(
        op.f("ix_drawing_requests_request_id"), "drawing_requests", ["request_id"], unique=False, schema="delegation"
    )
    op.create_table(
        "pairings",
        sa.Column("card_id", sa.Uuid(), nullable=False),
        sa.Column("pairing_id", sa.Uuid(), nullable=False),
        sa.Column("right_id", sa.Uuid(), nullable=False),
        sa.Column("device_thumbprint", sa.Text(), nullable=False),
        sa.Column("device_name", sa.Text(), nullable=False),
        sa.Column("paired_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("allowance_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("allowance_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("unpaired_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["card_id", "right_id"],
            ["delegation.drawing_rights.card_id", "delegation.drawing_rights.right_id"],
            name=op.f("fk_pairings_card_id_right_id"),
        ),
        sa.PrimaryKeyConstraint("card_id", "pairing_id", name=op.f("pk_pairings")),
        schema="delegation",
    )
    op.create_index(
        "uq_pairings_live",
        "pairings",
        ["card_id", "right_id", "device_thumbprint"],
        unique=True,
        schema="delegation",
        postgresql_where=sa.text("unpaired_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("pairings", schema="delegation")
    op.drop_table("drawing_requests", schema="delegation")
    op.drop_table("usage_days", schema="delegation")
    op.drop_table("drawing_rights", schema="delegation")
    op.execute("DROP SCHEMA delegation")
