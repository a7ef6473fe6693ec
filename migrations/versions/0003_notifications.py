"""The tables of notifications: the outbox, messages, webhooks."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SCHEMA notifications")
    op.create_table(
        "messages",
        sa.Column("recipient_id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("card_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("recipient_id", "message_id", name=op.f("pk_messages")),
        sa.UniqueConstraint("recipient_id", "event_id", "kind", name=op.f("uq_messages_recipient_id_event_id_kind")),
        schema="notifications",
    )
    op.create_table(
        "outbox",
        sa.Column("card_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("card_id", "seq", name=op.f("pk_outbox")),
        schema="notifications",
    )
    op.create_index("ix_outbox_at", "outbox", ["at"], unique=False, schema="notifications")
    op.create_table(
        "feeds",
        sa.Column("requestor_id", sa.Uuid(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["requestor_id"], ["tokenization.requestors.requestor_id"], name=op.f("fk_feeds_requestor_id")
        ),
        sa.PrimaryKeyConstraint("requestor_id", name=op.f("pk_feeds")),
        schema="notifications",
    )
    op.create_table(
        "sms_messages",
        sa.Column("holder_id", sa.Uuid(), nullable=False),
        sa.Column("sms_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["holder_id"], ["tokenization.cardholders.holder_id"], name=op.f("fk_sms_messages_holder_id")
        ),
        sa.PrimaryKeyConstraint("holder_id", "sms_id", name=op.f("pk_sms_messages")),
        sa.UniqueConstraint("holder_id", "event_id", "kind", name=op.f("uq_sms_messages_holder_id_event_id_kind")),
        schema="notifications",
    )
    op.create_index(
        "ix_sms_messages_waiting",
        "sms_messages",
        ["next_attempt_at"],
        unique=False,
        schema="notifications",
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "updates",
        sa.Column("requestor_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("card_id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("change", sa.Text(), nullable=True),
        sa.Column("plastic_id", sa.Uuid(), nullable=True),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["requestor_id"], ["tokenization.requestors.requestor_id"], name=op.f("fk_updates_requestor_id")
        ),
        sa.PrimaryKeyConstraint("requestor_id", "seq", name=op.f("pk_updates")),
        sa.UniqueConstraint(
            "requestor_id", "event_id", "subject_id", name=op.f("uq_updates_requestor_id_event_id_subject_id")
        ),
        schema="notifications",
    )
    op.create_index(
        op.f("ix_updates_requestor_id_subject_id_seq"),
        "updates",
        ["requestor_id", "subject_id", "seq"],
        unique=False,
        schema="notifications",
    )
    op.create_table(
        "webhook_endpoints",
        sa.Column("requestor_id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("update_format", sa.Text(), nullable=False),
        sa.Column("encryption_key", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("encryption_key_approved", sa.Boolean(), nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("previous_secret_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("previous_secret_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["requestor_id"], ["tokenization.requestors.requestor_id"], name=op.f("fk_webhook_endpoints_requestor_id")
        ),
        sa.PrimaryKeyConstraint("requestor_id", name=op.f("pk_webhook_endpoints")),
        schema="notifications",
    )
    op.create_table(
        "deliveries",
        sa.Column("requestor_id", sa.Uuid(), nullable=False),
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=True),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_status", sa.BigInteger(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["requestor_id", "seq"],
            ["notifications.updates.requestor_id", "notifications.updates.seq"],
            name=op.f("fk_deliveries_requestor_id_seq"),
        ),
        sa.ForeignKeyConstraint(
            ["requestor_id"], ["tokenization.requestors.requestor_id"], name=op.f("fk_deliveries_requestor_id")
        ),
        sa.PrimaryKeyConstraint("requestor_id", "delivery_id", name=op.f("pk_deliveries")),
        schema="notifications",
    )
    op.create_index(
        "ix_deliveries_pending",
        "deliveries",
        ["requestor_id", "next_attempt_at"],
        unique=False,
        schema="notifications",
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "ix_deliveries_pending_subject",
        "deliveries",
        ["requestor_id", "subject_id"],
        unique=False,
        schema="notifications",
        postgresql_where=sa.text("state = 'pending'"),
    )


def downgrade() -> None:
    op.drop_table("deliveries", schema="notifications")
    op.drop_table("webhook_endpoints", schema="notifications")
    op.drop_table("updates", schema="notifications")
    op.drop_table("sms_messages", schema="notifications")
    op.drop_table("feeds", schema="notifications")
    op.drop_table("outbox", schema="notifications")
    op.drop_table("messages", schema="notifications")
    op.execute("DROP SCHEMA notifications")
