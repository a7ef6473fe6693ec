"""One living session for each phone, person and app, a row for each chain of refresh tokens, codes that were redeemed.

Refresh tokens are written otherwise from here on, so every phone signs in anew.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

SIGN_OUT = "UPDATE access.sessions SET ended_at = now(), end_reason = 'upgraded' WHERE ended_at IS NULL"


def upgrade() -> None:
    op.execute(SIGN_OUT)
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
    op.create_index(
        "ix_sessions_thumbprint",
        "sessions",
        ["thumbprint"],
        schema="access",
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.drop_table("refresh_tokens", schema="access")
    op.create_table(
        "refresh_chains",
        sa.Column("chain_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("current_hash", sa.LargeBinary(), nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=True),
        sa.Column("retried", sa.Boolean(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"], ["access.sessions.session_id"], name=op.f("fk_refresh_chains_session_id")
        ),
        sa.PrimaryKeyConstraint("chain_id", name=op.f("pk_refresh_chains")),
        schema="access",
    )
    op.create_index(op.f("ix_refresh_chains_session_id"), "refresh_chains", ["session_id"], schema="access")
    op.create_index(op.f("ix_refresh_chains_expires_at"), "refresh_chains", ["expires_at"], schema="access")
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
    op.drop_table("refresh_chains", schema="access")
    op.create_table(
        "refresh_tokens",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("replaced_by", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["session_id"], ["access.sessions.session_id"], name=op.f("fk_refresh_tokens_session_id")
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_refresh_tokens")),
        schema="access",
    )
    op.create_index(op.f("ix_refresh_tokens_session_id"), "refresh_tokens", ["session_id"], schema="access")
    op.execute(SIGN_OUT)
    op.drop_index("ix_sessions_thumbprint", "sessions", schema="access")
    op.drop_index("ix_sessions_ended_at", "sessions", schema="access")
    op.drop_index("uq_sessions_living", "sessions", schema="access")
