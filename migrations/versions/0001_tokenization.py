"""The tables of tokenization: cards, tokens, the vault, credentials, policies, the journal."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SCHEMA tokenization")
    op.create_table(
        "cardholders",
        sa.Column("holder_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("cpr_fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("cpr_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("mobile_fingerprint", sa.LargeBinary(), nullable=True),
        sa.Column("mobile_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("mobile_changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("mitid_uuid", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("holder_id", name=op.f("pk_cardholders")),
        sa.UniqueConstraint("cpr_fingerprint", name=op.f("uq_cardholders_cpr_fingerprint")),
        sa.UniqueConstraint("mitid_uuid", name=op.f("uq_cardholders_mitid_uuid")),
        schema="tokenization",
    )
    op.create_index(
        op.f("ix_cardholders_mobile_fingerprint"),
        "cardholders",
        ["mobile_fingerprint"],
        unique=False,
        schema="tokenization",
    )
    op.create_table(
        "credential_directory",
        sa.Column("credential_id", sa.Uuid(), nullable=False),
        sa.Column("card_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("credential_id", name=op.f("pk_credential_directory")),
        schema="tokenization",
    )
    op.create_table(
        "pan_directory",
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("card_id", sa.Uuid(), nullable=False),
        sa.Column("plastic_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_pan_directory")),
        schema="tokenization",
    )
    op.create_table(
        "party_keys",
        sa.Column("party_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("kek_version", sa.BigInteger(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("party_id", "version", name=op.f("pk_party_keys")),
        schema="tokenization",
    )
    op.create_table(
        "policies",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("figures", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", "version", name=op.f("pk_policies")),
        schema="tokenization",
    )
    op.create_table(
        "requestors",
        sa.Column("requestor_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("merchant_ids", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("schemes", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("may_hold_numbers", sa.Boolean(), nullable=False),
        sa.Column("app_attestation", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("requestor_id", name=op.f("pk_requestors")),
        schema="tokenization",
    )
    op.create_table(
        "subject_journals",
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("journal_count", sa.BigInteger(), nullable=False),
        sa.Column("journal_head", sa.LargeBinary(), nullable=False),
        sa.Column("journal_seal", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("subject_id", name=op.f("pk_subject_journals")),
        schema="tokenization",
    )
    op.create_table(
        "token_directory",
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("card_id", sa.Uuid(), nullable=False),
        sa.Column("token_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_token_directory")),
        schema="tokenization",
    )
    op.create_table(
        "card_entry_failures",
        sa.Column("holder_id", sa.Uuid(), nullable=False),
        sa.Column("failure_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["holder_id"], ["tokenization.cardholders.holder_id"], name=op.f("fk_card_entry_failures_holder_id")
        ),
        sa.PrimaryKeyConstraint("holder_id", "failure_id", name=op.f("pk_card_entry_failures")),
        schema="tokenization",
    )
    op.create_table(
        "cards",
        sa.Column("card_id", sa.Uuid(), nullable=False),
        sa.Column("holder_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("scheme", sa.Text(), nullable=False),
        sa.Column("par", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("block_reason", sa.Text(), nullable=True),
        sa.Column("blocked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("blocked_by", sa.Text(), nullable=True),
        sa.Column("noticed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("current_plastic_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("journal_count", sa.BigInteger(), nullable=False),
        sa.Column("journal_head", sa.LargeBinary(), nullable=False),
        sa.Column("journal_seal", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["holder_id"], ["tokenization.cardholders.holder_id"], name=op.f("fk_cards_holder_id")),
        sa.PrimaryKeyConstraint("card_id", name=op.f("pk_cards")),
        schema="tokenization",
    )
    op.create_index(op.f("ix_cards_account_id"), "cards", ["account_id"], unique=False, schema="tokenization")
    op.create_index(op.f("ix_cards_holder_id"), "cards", ["holder_id"], unique=False, schema="tokenization")
    op.create_table(
        "subject_journal_entries",
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("key_version", sa.BigInteger(), nullable=False),
        sa.Column("link", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["subject_id"],
            ["tokenization.subject_journals.subject_id"],
            name=op.f("fk_subject_journal_entries_subject_id"),
        ),
        sa.PrimaryKeyConstraint("subject_id", "seq", name=op.f("pk_subject_journal_entries")),
        schema="tokenization",
    )
    op.create_table(
        "card_keys",
        sa.Column("card_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("kek_version", sa.BigInteger(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["card_id"], ["tokenization.cards.card_id"], name=op.f("fk_card_keys_card_id")),
        sa.PrimaryKeyConstraint("card_id", "version", name=op.f("pk_card_keys")),
        schema="tokenization",
    )
    op.create_table(
        "credentials",
        sa.Column("card_id", sa.Uuid(), nullable=False),
        sa.Column("credential_id", sa.Uuid(), nullable=False),
        sa.Column("requestor_id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("agreement", sa.Text(), nullable=False),
        sa.Column("plastic_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("automatic_update", sa.Boolean(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["card_id"], ["tokenization.cards.card_id"], name=op.f("fk_credentials_card_id")),
        sa.ForeignKeyConstraint(
            ["requestor_id"], ["tokenization.requestors.requestor_id"], name=op.f("fk_credentials_requestor_id")
        ),
        sa.PrimaryKeyConstraint("card_id", "credential_id", name=op.f("pk_credentials")),
        schema="tokenization",
    )
    op.create_index(
        op.f("ix_credentials_requestor_id_credential_id"),
        "credentials",
        ["requestor_id", "credential_id"],
        unique=False,
        schema="tokenization",
    )
    op.create_table(
        "journal_entries",
        sa.Column("card_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("key_version", sa.BigInteger(), nullable=False),
        sa.Column("link", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["card_id"], ["tokenization.cards.card_id"], name=op.f("fk_journal_entries_card_id")),
        sa.PrimaryKeyConstraint("card_id", "seq", name=op.f("pk_journal_entries")),
        schema="tokenization",
    )
    op.create_table(
        "plastics",
        sa.Column("card_id", sa.Uuid(), nullable=False),
        sa.Column("plastic_id", sa.Uuid(), nullable=False),
        sa.Column("number_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("bin", sa.Text(), nullable=False),
        sa.Column("last4", sa.Text(), nullable=False),
        sa.Column("expiry", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("ended_reason", sa.Text(), nullable=True),
        sa.Column("payments_without_pin", sa.BigInteger(), nullable=False),
        sa.Column("minor_without_pin", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["card_id"], ["tokenization.cards.card_id"], name=op.f("fk_plastics_card_id")),
        sa.PrimaryKeyConstraint("card_id", "plastic_id", name=op.f("pk_plastics")),
        schema="tokenization",
    )
    op.create_index(op.f("ix_plastics_last4"), "plastics", ["last4"], unique=False, schema="tokenization")
    op.create_table(
        "tokens",
        sa.Column("card_id", sa.Uuid(), nullable=False),
        sa.Column("token_id", sa.Uuid(), nullable=False),
        sa.Column("right_id", sa.Uuid(), nullable=True),
        sa.Column("requestor_id", sa.Uuid(), nullable=False),
        sa.Column("scheme", sa.Text(), nullable=False),
        sa.Column("number_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("last4", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("device_name", sa.Text(), nullable=False),
        sa.Column("device_platform", sa.Text(), nullable=False),
        sa.Column("device_thumbprint", sa.Text(), nullable=False),
        sa.Column("encryption_key", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("pin_key_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("biometric_key_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("pin_tries_left", sa.BigInteger(), nullable=False),
        sa.Column("atc_issued", sa.BigInteger(), nullable=False),
        sa.Column("atc_seen", sa.BigInteger(), nullable=False),
        sa.Column("atc_window", sa.LargeBinary(), nullable=False),
        sa.Column("payments_without_pin", sa.BigInteger(), nullable=False),
        sa.Column("minor_without_pin", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deactivated_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["card_id"], ["tokenization.cards.card_id"], name=op.f("fk_tokens_card_id")),
        sa.ForeignKeyConstraint(
            ["requestor_id"], ["tokenization.requestors.requestor_id"], name=op.f("fk_tokens_requestor_id")
        ),
        sa.PrimaryKeyConstraint("card_id", "token_id", name=op.f("pk_tokens")),
        schema="tokenization",
    )
    op.create_index(op.f("ix_tokens_token_id"), "tokens", ["token_id"], unique=False, schema="tokenization")
    op.create_index(
        op.f("ix_tokens_requestor_id_token_id"),
        "tokens",
        ["requestor_id", "token_id"],
        unique=False,
        schema="tokenization",
    )
    op.create_index(
        op.f("ix_tokens_device_thumbprint"), "tokens", ["device_thumbprint"], unique=False, schema="tokenization"
    )
    op.create_index(
        "ix_tokens_live",
        "tokens",
        ["card_id"],
        unique=False,
        schema="tokenization",
        postgresql_where=sa.text("state <> 'deactivated'"),
    )
    op.create_table(
        "key_batches",
        sa.Column("card_id", sa.Uuid(), nullable=False),
        sa.Column("token_id", sa.Uuid(), nullable=False),
        sa.Column("first_atc", sa.BigInteger(), nullable=False),
        sa.Column("last_atc", sa.BigInteger(), nullable=False),
        sa.Column("key_version", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["card_id", "token_id"],
            ["tokenization.tokens.card_id", "tokenization.tokens.token_id"],
            name=op.f("fk_key_batches_card_id_token_id"),
        ),
        sa.PrimaryKeyConstraint("card_id", "token_id", "first_atc", name=op.f("pk_key_batches")),
        schema="tokenization",
    )
    op.create_table(
        "provisionings",
        sa.Column("card_id", sa.Uuid(), nullable=False),
        sa.Column("token_id", sa.Uuid(), nullable=False),
        sa.Column("right_id", sa.Uuid(), nullable=True),
        sa.Column("requestor_id", sa.Uuid(), nullable=False),
        sa.Column("device_thumbprint", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["card_id", "token_id"],
            ["tokenization.tokens.card_id", "tokenization.tokens.token_id"],
            name=op.f("fk_provisionings_card_id_token_id"),
        ),
        sa.PrimaryKeyConstraint("card_id", "token_id", name=op.f("pk_provisionings")),
        schema="tokenization",
    )
    op.create_table(
        "token_suspensions",
        sa.Column("card_id", sa.Uuid(), nullable=False),
        sa.Column("token_id", sa.Uuid(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["card_id", "token_id"],
            ["tokenization.tokens.card_id", "tokenization.tokens.token_id"],
            name=op.f("fk_token_suspensions_card_id_token_id"),
        ),
        sa.PrimaryKeyConstraint("card_id", "token_id", "by", name=op.f("pk_token_suspensions")),
        schema="tokenization",
    )
    op.create_table(
        "verification_codes",
        sa.Column("card_id", sa.Uuid(), nullable=False),
        sa.Column("token_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries_left", sa.BigInteger(), nullable=False),
        sa.Column("codes_left", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["card_id", "token_id"],
            ["tokenization.tokens.card_id", "tokenization.tokens.token_id"],
            name=op.f("fk_verification_codes_card_id_token_id"),
        ),
        sa.PrimaryKeyConstraint("card_id", "token_id", name=op.f("pk_verification_codes")),
        schema="tokenization",
    )


def downgrade() -> None:
    op.drop_table("verification_codes", schema="tokenization")
    op.drop_table("token_suspensions", schema="tokenization")
    op.drop_table("provisionings", schema="tokenization")
    op.drop_table("key_batches", schema="tokenization")
    op.drop_table("tokens", schema="tokenization")
    op.drop_table("plastics", schema="tokenization")
    op.drop_table("journal_entries", schema="tokenization")
    op.drop_table("credentials", schema="tokenization")
    op.drop_table("card_keys", schema="tokenization")
    op.drop_table("subject_journal_entries", schema="tokenization")
    op.drop_table("cards", schema="tokenization")
    op.drop_table("card_entry_failures", schema="tokenization")
    op.drop_table("token_directory", schema="tokenization")
    op.drop_table("subject_journals", schema="tokenization")
    op.drop_table("requestors", schema="tokenization")
    op.drop_table("policies", schema="tokenization")
    op.drop_table("party_keys", schema="tokenization")
    op.drop_table("pan_directory", schema="tokenization")
    op.drop_table("credential_directory", schema="tokenization")
    op.drop_table("cardholders", schema="tokenization")
    op.execute("DROP SCHEMA tokenization")
