"""Reasons, and the response codes of ISO 8583 field 39 that the networks know them by."""

from typing import Final

RESPONSE_CODES: Final = {
    "approved": "00",
    "reversed": "12",
    "invalid_amount": "13",
    "currency_not_supported": "13",
    "unknown_number": "14",
    "card_replaced": "14",
    "card_lost": "41",
    "card_stolen": "43",
    "card_closed": "46",
    "insufficient_funds": "51",
    "expired": "54",
    "wrong_pin": "55",
    "not_permitted": "57",
    "amount_limit": "61",
    "card_blocked": "62",
    "token_suspended": "62",
    "token_inactive": "62",
    "drawing_right_inactive": "62",
    "security_violation": "63",
    "count_limit": "65",
    "pin_required": "70",
    "pin_locked": "75",
    "card_inactive": "78",
    "system_error": "96",
    "customer_authentication_required": "1A",
    "wrong_cvc": "N7",
    "credential_withdrawn": "R1",
    "credential_pending": "R1",
}

# Why an instrument cannot pay at all, whatever is asked for.
UNUSABLE: Final = (
    *("card_closed", "card_lost", "card_stolen", "card_replaced", "card_blocked", "card_inactive", "expired"),
    *("token_suspended", "token_inactive", "drawing_right_inactive", "pin_locked", "credential_withdrawn"),
)

# Why a token cannot pay (token_status.STATUS_BY_CAUSE), in the words of a payment.
REASON_BY_TOKEN_CAUSE: Final = {
    "deactivated": "token_inactive",
    "expired": "expired",
    "card_closed": "card_closed",
    "card_blocked": "card_blocked",
    "requestor_suspended": "token_suspended",
    "drawing_right_revoked": "drawing_right_inactive",
    "drawing_right_expired": "drawing_right_inactive",
    "drawing_right_paused": "drawing_right_inactive",
    "issuer": "token_suspended",
    "wallet_provider": "token_suspended",
    "cardholder": "token_suspended",
    "pin_locked": "pin_locked",
    "unverified": "token_inactive",
    "inactive": "token_inactive",
}
