"""Alembic's entry: always in one transaction, on a connection that the caller gives (wallet/migrations.py)."""

from alembic import context

import delegation.models
import notifications.models
import wallet.access.models
import wallet.idempotency
import wallet.payments.models
from tokenization.models import Base

MODELS = (delegation.models, notifications.models, wallet.access.models, wallet.idempotency, wallet.payments.models)
SCHEMAS = ("tokenization", "delegation", "notifications", "access", "wallet")


def run() -> None:
    """Run the migrations asked for."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=Base.metadata,
        include_schemas=True,
        include_name=lambda name, kind, _: kind != "schema" or name in SCHEMAS,
        compare_type=True,
        compare_server_default=True,
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        context.run_migrations()


run()
