"""The policies as delivered: figures of a Danish bank, amounts in minor units of DKK."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

DELIVERED = {
    "provisioning": {
        "active_tokens_per_card": 5,
        "provisionings_per_window": 10,
        "window_days": 30,
        "phones_per_drawing_right": 2,
        "wrong_card_entries": 5,
        "pause_hours": 24,
    },
    "ceilings": {
        "per_payment": 200_000,
        "per_day": 300_000,
        "per_week": 700_000,
        "per_month": 1_500_000,
        "payments_per_day": 20,
    },
    "contactless": {
        "pin_above": 35_000,
        "counter": "count",
        "payments_without_pin": 5,
        "amount_without_pin": 111_900,
    },
    "card_limits": {
        "cash_per_day": 600_000,
        "gambling_per_day": 500_000,
        "visa_per_30_days": 5_000_000,
        "visa_cash_per_day": 600_000,
    },
    "holds": {
        "days": 7,
        "long_days": 30,
        "long_categories": ["hotels", "car_hire"],
        "estimated_categories": ["hotels", "car_hire", "fuel"],
        "estimated_percent": 115,
    },
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
    schema="tokenization",
)


def upgrade() -> None:
    moments = {"effective_at": FROM_THE_START, "created_at": FROM_THE_START}
    rows = [
        {"name": name, "version": 1, "figures": figures, "set_by": "delivered", **moments}
        for name, figures in DELIVERED.items()
    ]
    op.bulk_insert(POLICIES, rows)


def downgrade() -> None:
    op.execute(sa.delete(POLICIES).where(POLICIES.c.set_by == "delivered"))
