"""Tokens, deeper: what a provisioning is decided by, which keys made what, how far a telling in pieces has come."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

SCHEMA = "tokenization"
FIGURES = {
    "lost_within_days": 30,
    "new_phones_per_hour": 2,
    "home_countries": ["DK"],
    "code_minutes": 10,
    "code_tries": 3,
    "codes_per_token": 3,
    "codes_per_day": 6,
    "mobile_settled_days": 7,
    "unused_keys": 100,
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
    schema=SCHEMA,
)
# What is there was made under the first version of its key, and handed out when it was made.
ALL_VERSION_1 = ("plastics", "verification_key_version"), ("requestors", "revision")
# The order in which data keys are rewrapped (rewrapping.py).
DATA_KEY_INDEXES = (
    ("ix_card_keys_kek_version_card_id_version", "card_keys", ["kek_version", "card_id", "version"]),
    ("ix_party_keys_kek_version_party_id_version", "party_keys", ["kek_version", "party_id", "version"]),
)
# What is to be renewed, and what waits for who embosses it.
PLASTIC_INDEXES = (
    ("ix_plastics_living", ["expiry", "card_id"], "state <> 'replaced'"),
    ("ix_plastics_to_order", ["card_id"], "state = 'inactive' AND ordered_at IS NULL"),
)

# Where the numbers of one card are looked for when it is erased.
DIRECTORIES = ("pan_directory", "token_directory")
# Answers that were kept for a repeat, for a day at most, and that hold no seal: a repeat is a new request.
FORGET_ANSWERS = "DELETE FROM wallet.idempotency_keys"


def upgrade() -> None:
    for table, column in ALL_VERSION_1:
        op.add_column(table, sa.Column(column, sa.BigInteger(), nullable=False, server_default="1"), schema=SCHEMA)
        op.alter_column(table, column, server_default=None, schema=SCHEMA)
    op.add_column("plastics", sa.Column("ordered_at", sa.DateTime(timezone=True), nullable=True), schema=SCHEMA)
    op.execute("UPDATE tokenization.plastics SET ordered_at = created_at")
    for name, columns, which in PLASTIC_INDEXES:
        op.create_index(name, "plastics", columns, schema=SCHEMA, postgresql_where=sa.text(which))
    op.add_column("cards", sa.Column("reported_at", sa.DateTime(timezone=True), nullable=True), schema=SCHEMA)
    op.add_column("provisionings", sa.Column("country", sa.Text(), nullable=True), schema=SCHEMA)
    op.add_column("tokens", sa.Column("decision_reason", sa.Text(), nullable=True), schema=SCHEMA)
    for name, table, columns in DATA_KEY_INDEXES:
        op.create_index(op.f(name), table, columns, schema=SCHEMA)
    op.add_column("cards", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True), schema=SCHEMA)
    for table in DIRECTORIES:
        op.create_index(op.f(f"ix_{table}_card_id"), table, ["card_id"], schema=SCHEMA)
    op.execute(FORGET_ANSWERS)
    op.add_column("idempotency_keys", sa.Column("seal", sa.LargeBinary(), nullable=False), schema="wallet")
    op.add_column("outbox", sa.Column("progress", sa.Uuid(), nullable=True), schema="notifications")
    begun = sa.text("progress IS NOT NULL")
    op.create_index("ix_outbox_begun", "outbox", ["at"], postgresql_where=begun, schema="notifications")
    op.create_table(
        "code_sendings",
        sa.Column("holder_id", sa.Uuid(), nullable=False),
        sa.Column("sending_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["holder_id"], ["tokenization.cardholders.holder_id"], name=op.f("fk_code_sendings_holder_id")
        ),
        sa.PrimaryKeyConstraint("holder_id", "sending_id", name=op.f("pk_code_sendings")),
        schema=SCHEMA,
    )
    op.create_table(
        "key_checks",
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("check_value", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("purpose", "version", name=op.f("pk_key_checks")),
        schema=SCHEMA,
    )
    moments = {"effective_at": FROM_THE_START, "created_at": FROM_THE_START}
    op.bulk_insert(POLICIES, [{"name": "tokens", "version": 1, "figures": FIGURES, "set_by": "delivered", **moments}])


def downgrade() -> None:
    op.execute(sa.delete(POLICIES).where(POLICIES.c.name == "tokens"))
    op.drop_table("key_checks", schema=SCHEMA)
    op.drop_table("code_sendings", schema=SCHEMA)
    op.drop_index("ix_outbox_begun", "outbox", schema="notifications")
    op.drop_column("outbox", "progress", schema="notifications")
    op.drop_column("idempotency_keys", "seal", schema="wallet")
    op.execute(FORGET_ANSWERS)
    for table in DIRECTORIES:
        op.drop_index(op.f(f"ix_{table}_card_id"), table, schema=SCHEMA)
    op.drop_column("cards", "erased_at", schema=SCHEMA)
    for name, table, _ in DATA_KEY_INDEXES:
        op.drop_index(op.f(name), table, schema=SCHEMA)
    op.drop_column("tokens", "decision_reason", schema=SCHEMA)
    op.drop_column("provisionings", "country", schema=SCHEMA)
    op.drop_column("cards", "reported_at", schema=SCHEMA)
    for name, *_ in PLASTIC_INDEXES:
        op.drop_index(name, "plastics", schema=SCHEMA)
    op.drop_column("plastics", "ordered_at", schema=SCHEMA)
    for table, column in ALL_VERSION_1:
        op.drop_column(table, column, schema=SCHEMA)
