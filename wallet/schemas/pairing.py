"""What parents send and get about the phones that they let in."""

from marshmallow import Schema, fields

from wallet.schemas.fields import Id, Moment, Text, about


class PendingPairing(Schema):
    """A phone that asks to be let in; `match` stands on both phones."""

    device_name = fields.String()
    requested_at = Moment()
    match = fields.String()


class Pair(Schema):
    """Let that phone in."""

    user_code = Text(20, required=True)
    match = Text(
        2,
        shortest=2,
        pattern="[0-9]{2}",
        metadata=about("the digits on the phone's screen, typed by who sees it; others are refused", "27"),
    )


class Unpair(Schema):
    """Put out that phone; without a body, or with an empty one, every phone."""

    may_be_left_out = True
    phone = Id("pair")
