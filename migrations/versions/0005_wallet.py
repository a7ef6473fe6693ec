"""The tables of wallet: accounts, payments, references, idempotency keys."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SCHEMA wallet")
    op.create_table(
        "idempotency_keys",
        sa.Column("scope", sa.LargeBinary(), nullable=False),
        sa.Column("body_hash", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.BigInteger(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("answer", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("scope", name=op.f("pk_idempotency_keys")),
        schema="wallet",
    )
    op.create_index(op.f("ix_idempotency_keys_at"), "idempotency_keys", ["at"], schema="wallet")
    op.create_table(
        "reference_directory",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("network_reference", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(), nullable=True),
        sa.Column("card_id", sa.Uuid(), nullable=True),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("answer", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("client_id", "network_reference", name=op.f("pk_reference_directory")),
        schema="wallet",
    )
    op.create_index(
        op.f("ix_reference_directory_payment_id"), "reference_directory", ["payment_id"], unique=False, schema="wallet"
    )
    op.create_table(
        "accounts",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("holder_id", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("balance_minor", sa.BigInteger(), nullable=False),
        sa.Column("overdraft_limit_minor", sa.BigInteger(), nullable=False),
        sa.Column("held_minor", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("held_minor >= 0", name=op.f("ck_accounts_held_not_below_zero")),
        sa.CheckConstraint("overdraft_limit_minor >= 0", name=op.f("ck_accounts_overdraft_not_below_zero")),
        sa.ForeignKeyConstraint(
            ["holder_id"], ["tokenization.cardholders.holder_id"], name=op.f("fk_accounts_holder_id")
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_accounts")),
        schema="wallet",
    )
    op.create_index(op.f("ix_accounts_holder_id"), "accounts", ["holder_id"], unique=False, schema="wallet")
    op.create_table(
        "payments",
        sa.Column("card_id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("plastic_id", sa.Uuid(), nullable=True),
        sa.Column("token_id", sa.Uuid(), nullable=True),
        sa.Column("credential_id", sa.Uuid(), nullable=True),
        sa.Column("right_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("entry_mode", sa.Text(), nullable=False),
        sa.Column("scheme", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("estimated", sa.Boolean(), nullable=False),
        sa.Column("merchant", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("terminal", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("approved", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("limit", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("held_minor", sa.BigInteger(), nullable=False),
        sa.Column("margin_minor", sa.BigInteger(), nullable=False),
        sa.Column("captured_minor", sa.BigInteger(), nullable=False),
        sa.Column("reversed_minor", sa.BigInteger(), nullable=False),
        sa.Column("refunded_minor", sa.BigInteger(), nullable=False),
        sa.Column("usage_day", sa.Date(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "held_minor >= 0 AND margin_minor >= 0 AND reversed_minor >= 0", name=op.f("ck_payments_not_below_zero")
        ),
        sa.CheckConstraint(
            "0 <= refunded_minor AND refunded_minor <= captured_minor", name=op.f("ck_payments_refunded_was_captured")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["wallet.accounts.account_id"], name=op.f("fk_payments_account_id")),
        sa.ForeignKeyConstraint(["card_id"], ["tokenization.cards.card_id"], name=op.f("fk_payments_card_id")),
        sa.PrimaryKeyConstraint("card_id", "payment_id", name=op.f("pk_payments")),
        schema="wallet",
    )
    op.create_table(
        "payment_operations",
        sa.Column("card_id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("final", sa.Boolean(), nullable=False),
        sa.Column("network_reference", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["card_id", "payment_id"],
            ["wallet.payments.card_id", "wallet.payments.payment_id"],
            name=op.f("fk_payment_operations_card_id_payment_id"),
        ),
        sa.PrimaryKeyConstraint("card_id", "payment_id", "seq", name=op.f("pk_payment_operations")),
        schema="wallet",
    )


def downgrade() -> None:
    op.drop_table("payment_operations", schema="wallet")
    op.drop_table("payments", schema="wallet")
    op.drop_table("accounts", schema="wallet")
    op.drop_table("reference_directory", schema="wallet")
    op.drop_index(op.f("ix_idempotency_keys_at"), table_name="idempotency_keys", schema="wallet")
    op.drop_table("idempotency_keys", schema="wallet")
    op.execute("DROP SCHEMA wallet")
