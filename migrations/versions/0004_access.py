"""The tables of access: OAuth clients, sessions, refresh tokens."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SCHEMA access")
    op.create_table(
        "oauth_clients",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("requestor_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("redirect_uris", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("jwks", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["requestor_id"], ["tokenization.requestors.requestor_id"], name=op.f("fk_oauth_clients_requestor_id")
        ),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_oauth_clients")),
        schema="access",
    )
    op.create_index(
        op.f("ix_oauth_clients_requestor_id"), "oauth_clients", ["requestor_id"], unique=False, schema="access"
    )
    op.create_table(
        "assertion_jtis",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("jti", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"], ["access.oauth_clients.client_id"], name=op.f("fk_assertion_jtis_client_id")
        ),
        sa.PrimaryKeyConstraint("client_id", "jti", name=op.f("pk_assertion_jtis")),
        schema="access",
    )
    op.create_table(
        "sessions",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("holder_id", sa.Uuid(), nullable=False),
        sa.Column("card_id", sa.Uuid(), nullable=True),
        sa.Column("right_id", sa.Uuid(), nullable=True),
        sa.Column("pairing_id", sa.Uuid(), nullable=True),
        sa.Column("thumbprint", sa.Text(), nullable=False),
        sa.Column("acr", sa.Text(), nullable=True),
        sa.Column("auth_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["client_id"], ["access.oauth_clients.client_id"], name=op.f("fk_sessions_client_id")),
        sa.ForeignKeyConstraint(
            ["holder_id"], ["tokenization.cardholders.holder_id"], name=op.f("fk_sessions_holder_id")
        ),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_sessions")),
        schema="access",
    )
    op.create_index(op.f("ix_sessions_client_id"), "sessions", ["client_id"], unique=False, schema="access")
    op.create_index(op.f("ix_sessions_holder_id"), "sessions", ["holder_id"], unique=False, schema="access")
    op.create_index(op.f("ix_sessions_pairing_id"), "sessions", ["pairing_id"], unique=False, schema="access")
    op.create_index(op.f("ix_sessions_right_id"), "sessions", ["right_id"], unique=False, schema="access")
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
    op.create_index(
        op.f("ix_refresh_tokens_session_id"), "refresh_tokens", ["session_id"], unique=False, schema="access"
    )


def downgrade() -> None:
    op.drop_table("refresh_tokens", schema="access")
    op.drop_table("sessions", schema="access")
    op.drop_table("assertion_jtis", schema="access")
    op.drop_table("oauth_clients", schema="access")
    op.execute("DROP SCHEMA access")
