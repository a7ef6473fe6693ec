"""How many calls in how long: the limits of `rate_limits`, as a bank sets them."""

from typing import Annotated, Final

from limits import parse_many
from pydantic import AfterValidator, BaseModel, ConfigDict

_DAY_SECONDS: Final = 24 * 60 * 60


def _in_notation(figures: str) -> str:
    """As flask-limiter reads it. Raises ValueError."""
    try:
        parsed = parse_many(figures)
    except ValueError:
        parsed = []
    if not parsed or any(item.amount < 1 or item.get_expiry() > _DAY_SECONDS for item in parsed):
        raise ValueError("must be like 60 per minute, or 60 per minute; 600 per hour, a day at most; or none")
    return figures


Figures = Annotated[str, AfterValidator(_in_notation)]


class RateLimits(BaseModel):
    """Of each route, by whom; None for as many as they like.

    They stop floods, far from what honest callers need: behind one address of a mobile carrier are thousands of phones.
    None of them is what keeps a code from being guessed. Phones that ask to be let in are few, so there the figure is
    low: asking until one gets the two digits of another phone should take its time. Who asks the register of blocked
    cards, or registers cards on file, and too often, tries out numbers. Whenever a wallet provider gives a
    token back, its cardholder is told. Each change of an endpoint is kept for good; a replay writes up to 20,000 rows.
    """

    model_config = ConfigDict(extra="forbid")

    sign_in_per_address: Figures | None = "1200 per minute"
    pairing_per_address: Figures | None = "30 per 10 minutes"
    sign_in_per_person: Figures | None = "60 per minute"
    token_per_address: Figures | None = "12000 per minute"
    token_per_client: Figures | None = "12000 per minute"
    pin_per_person: Figures | None = "60 per minute"
    code_per_person: Figures | None = "60 per minute"
    provision_per_person: Figures | None = "30 per hour"
    register_per_client: Figures | None = "600 per minute"
    registering_per_client: Figures | None = "600 per minute"
    resuming_per_token: Figures | None = "10 per hour; 30 per day"
    endpoint_per_client: Figures | None = "60 per minute"
    replay_per_client: Figures | None = "12 per hour"
