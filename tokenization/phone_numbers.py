"""Phone numbers, E.164."""

from tokenization.secret import Secret


def masked(number: Secret[str]) -> str:
    """`+4520123456` -> `+45 ****** 56`: enough to recognise one's own."""
    digits = number.reveal()
    return f"{digits[:3]} ****** {digits[-2:]}"
