"""One living session for each phone, person and app; codes that were redeemed; indexes for the sweeping of old ones."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# Of the sessions that a phone has from several sign-ins the last one stays.
SUPERSEDE = """
    UPDATE access.sessions older SET ended_at = now(), end_reason = 'superseded'
    WHERE ended_at IS NULL AND scope = 'wallet' AND EXISTS (
        SELECT FROM access.sessions newer
        WHERE (newer.thumbprint, newer.holder_id, newer.client_id)
            = (older.thumbprint, older.holder_id, older.client_id)
            AND newer.ended_at IS NULL AND newer.scope = 'wallet' AND newer.session_id > older.session_id
    )
"""


def upgrade() -> None:
    op.execute(SUPERSEDE)
    op.create_index(
        "uq_sessions_living",
        "sessions",
        ["thumbprint", "holder_id", "client_id"],
        unique=True,
        schema="access",
        postgresql_where=sa.text("ended_at IS NULL AND scope = 'wallet'"),
    )
    op.create_index(
        "ix_sessions_ended_at",
        "sessions",
        ["ended_at"],
        schema="access",
        postgresql_where=sa.text("ended_at IS NOT NULL"),
    )
    op.create_index(op.f("ix_refresh_tokens_expires_at"), "refresh_tokens", ["expires_at"], schema="access")
    op.create_table(
        "redeemed_codes",
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_redeemed_codes")),
        schema="access",
    )
    op.create_index(op.f("ix_redeemed_codes_at"), "redeemed_codes", ["at"], schema="access")


def downgrade() -> None:
    op.drop_table("redeemed_codes", schema="access")
    op.drop_index(op.f("ix_refresh_tokens_expires_at"), "refresh_tokens", schema="access")
    op.drop_index("ix_sessions_ended_at", "sessions", schema="access")
    op.drop_index("uq_sessions_living", "sessions", schema="access")
