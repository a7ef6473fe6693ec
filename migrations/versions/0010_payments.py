"""Payments, deeper: in other currencies at a rate that is kept, holds that end, guesses of a CVC that are counted."""

from collections.abc import Iterable
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

SCHEMA = "wallet"
PAYMENTS = "payments"
EXPIRING = "ix_payments_expiring"
FIGURES = {"wrong_cvcs_per_day": 5, "rate_days": 7}
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

# The groups of merchant category codes as the version before this one had them: by them its payments were counted, and
# policies name them.
CATEGORIES = {
    "adult": "5967 7273",
    "airlines": "3000-3350 4511",
    "alcohol_and_tobacco": "5715 5813 5921 5993",
    "beauty": "5977 7230 7297 7298",
    "books_and_media": "5192 5735 5942 5994",
    "car_hire": "3351-3500 7512 7513 7519",
    "cash": "6010 6011",
    "clothing": "5137 5139 5611 5621 5631 5641 5651 5655 5661 5681 5691 5697 5698 5699 5948 7251 7296",
    "department_stores": "5262 5300 5309 5310 5311 5331 5399",
    "digital_goods": "5815 5816 5817 5818",
    "education": "5943 8211 8220 8241 8244 8249 8299 8351",
    "electronics": "4812 5045 5065 5722 5732 5734 5946 7622",
    "entertainment": "7829 7832 7841 7911 7922 7929 7932 7933 7991 7996 7998 7999",
    "fuel": "5541 5542 5552",
    "gambling": "7800 7801 7802 7995 9406",
    "games": "5816 5945 7993 7994",
    "groceries": "5411 5422 5441 5451 5462 5499",
    "health": "4119 5122 5912 5975 5976 7280 8011 8021 8031 8041 8042 8043 8044 8049 8050 8062 8071 8099",
    "home": "5200 5211 5231 5251 5261 5712 5713 5714 5718 5719 5722",
    "hotels": "3501-3999 7011",
    "money_transfers": "4829 6012 6050 6051 6211 6529 6530 6531 6532 6533 6534 6535 6536 6537 6538 6539 6540 7511",
    "pets": "0742 5995",
    "restaurants": "5811 5812 5813 5814",
    "sports": "5655 5940 5941 7941 7992 7997",
    "telecommunication": "4812 4813 4814 4815 4816 4821 4899",
    "toys_and_hobbies": "5733 5945 5947 5949 5970 5972",
    "transport": "4011 4111 4112 4121 4131 4784 4789 7523",
    "travel": "4411 4582 4722 4723 4733 7012 7032 7033",
}
COUNTED = """
UPDATE wallet.payments SET counted_as = array_append(counted_as, :counter)
WHERE merchant ->> 'mcc' = ANY(:codes) OR kind = :kind
"""
# What the version before held, it held until it was captured: so nothing ends within a week of this upgrade.
HELD_UNTIL = """
UPDATE wallet.payments SET expires_at = greatest(
    now() + interval '168 hours',
    at + interval '24 hours' * CASE WHEN merchant ->> 'mcc' = ANY(:long_codes) THEN :long_days ELSE :days END
) WHERE held_minor + margin_minor > 0 AND at >= :effective_at
"""
# What the version before would read wrongly, and what is to be done about it.
IN_THE_WAY = (
    (
        "payments in another currency, whose amounts would be taken for DKK",
        "SELECT payment_id FROM wallet.payments WHERE approved AND rate IS NOT NULL ORDER BY payment_id",
    ),
    (
        "payments whose hold has ended, which would be held again",
        "SELECT DISTINCT payment_id FROM wallet.payment_operations WHERE kind = 'expiry' ORDER BY payment_id",
    ),
    (
        "versions of the policy payments that the bank set, which would be lost: write them down, and delete them",
        "SELECT version FROM tokenization.policies WHERE name = 'payments' AND version > 1 ORDER BY version",
    ),
)


def upgrade() -> None:
    op.add_column(PAYMENTS, sa.Column("rate", sa.Numeric(), nullable=True), schema=SCHEMA)
    op.add_column(PAYMENTS, sa.Column("rate_of", sa.Date(), nullable=True), schema=SCHEMA)
    op.add_column(PAYMENTS, sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True), schema=SCHEMA)
    expired = sa.Column("expired_minor", sa.BigInteger(), nullable=False, server_default="0")
    op.add_column(PAYMENTS, expired, schema=SCHEMA)
    op.alter_column(PAYMENTS, "expired_minor", server_default=None, schema=SCHEMA)
    _say_when_holds_end()
    counted: sa.Column[list[str]] = sa.Column("counted_as", sa.ARRAY(sa.Text()), nullable=False, server_default="{}")
    op.add_column(PAYMENTS, counted, schema=SCHEMA)
    op.alter_column(PAYMENTS, "counted_as", server_default=None, schema=SCHEMA)
    _say_what_payments_counted_as()
    held = sa.text("held_minor + margin_minor > 0")
    op.create_index(EXPIRING, PAYMENTS, ["expires_at", "card_id"], schema=SCHEMA, postgresql_where=held)
    # The end of a hold is nobody's request.
    op.alter_column("payment_operations", "network_reference", nullable=True, schema=SCHEMA)
    guessed = sa.Column("wrong_cvcs", sa.BigInteger(), nullable=False, server_default="0")
    op.add_column("plastics", guessed, schema="tokenization")
    op.alter_column("plastics", "wrong_cvcs", server_default=None, schema="tokenization")
    op.add_column("plastics", sa.Column("wrong_cvcs_on", sa.Date(), nullable=True), schema="tokenization")
    moments = {"effective_at": FROM_THE_START, "created_at": FROM_THE_START}
    op.bulk_insert(POLICIES, [{"name": "payments", "version": 1, "figures": FIGURES, "set_by": "delivered", **moments}])


def _codes(categories: Iterable[str]) -> list[str]:
    """Each code of those groups; a group that nobody knows has none."""
    spans = [part.split("-") for name in categories for part in CATEGORIES.get(name, "").split()]
    return [f"{code:04}" for span in spans for code in range(int(span[0]), int(span[-1]) + 1)]


def _say_when_holds_end() -> None:
    """By the version of the policy that held when they began: the one with the highest number, so it comes last."""
    figures = "SELECT figures, effective_at FROM tokenization.policies WHERE name = 'holds' ORDER BY version"
    for holds, effective_at in op.get_bind().execute(sa.text(figures)).all():
        days = {"days": holds["days"], "long_days": holds["long_days"]}
        _execute(HELD_UNTIL, long_codes=_codes(holds["long_categories"]), effective_at=effective_at, **days)


def _say_what_payments_counted_as() -> None:
    """As the version before would have derived it."""
    _execute(COUNTED, counter="cash", codes=_codes(["cash"]), kind="cash")
    _execute(COUNTED, counter="gambling", codes=_codes(["gambling"]), kind=None)


def _execute(statement: str, **parameters: object) -> None:
    op.get_bind().execute(sa.text(statement), parameters)


def _refuse_to_lose_anything() -> None:
    for what, statement in IN_THE_WAY:
        found = [str(each) for each in op.get_bind().execute(sa.text(statement)).scalars()]
        if found:
            shown = ", ".join(found[:5]) + (", …" if len(found) > 5 else "")
            raise CommandError(f"revision 0010 cannot be taken back: there are {len(found)} {what}: {shown}")


def downgrade() -> None:
    _refuse_to_lose_anything()
    op.execute(sa.delete(POLICIES).where(POLICIES.c.name == "payments"))
    op.drop_column("plastics", "wrong_cvcs_on", schema="tokenization")
    op.drop_column("plastics", "wrong_cvcs", schema="tokenization")
    op.alter_column("payment_operations", "network_reference", nullable=False, schema=SCHEMA)
    op.drop_index(EXPIRING, PAYMENTS, schema=SCHEMA)
    for name in ("counted_as", "expired_minor", "expires_at", "rate_of", "rate"):
        op.drop_column(PAYMENTS, name, schema=SCHEMA)
