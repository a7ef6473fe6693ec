"""Everything that a bank sets, from `TEGNEBOG_…` environment variables."""

import re
from itertools import permutations
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from tokenization.keys.cryptoperiods import DEFAULT_DAYS
from tokenization.keys.ring import Purpose
from tokenization.number_space import NumberSpace
from wallet.access.figures import RateLimits
from wallet.access.mitid.dialects import DIALECTS, Dialect, Kind, fields_of, is_private

# Nothing that could be a secret, which an address is not: it stands in logs and errors. And nothing that would be left
# out of it silently, as a line's end is.
_PLAIN_URL: Final = re.compile(r"https?://[^?#@\s\x00-\x1f\x7f]+")
# What a header can hold whole: spaces at its ends are no part of it.
_HEADER_TEXT: Final = re.compile(r"[!-~]([ -~]*[!-~])?")


class Settings(BaseSettings):
    """One object, read once at start. What a bank must know of it stands in README, "Your own PostgreSQL and Redis"."""

    model_config = SettingsConfigDict(
        env_prefix="TEGNEBOG_",
        env_nested_delimiter="__",
        env_parse_none_str="none",
        extra="ignore",
        hide_input_in_errors=True,
    )

    database_url: SecretStr = Field(description="SQLAlchemy URL of PostgreSQL: postgresql+psycopg://…")
    redis_url: SecretStr = Field(description="URL of Redis: redis://… or unix://…")
    key_ring: Path = Field(description="folder of the key ring, mode 0700")
    public_url: str = Field("http://127.0.0.1:8080", description="public origin; also our OAuth issuer")

    broker_url: str = Field("http://127.0.0.1:8081", description="issuer of the MitID broker (OpenID Connect)")
    broker_client_id: str = "tegnebog"
    broker_client_secret: SecretStr | None = Field(None, description="only where broker.client_authentication wants it")
    broker_kind: Kind = Field("neb", description="how that broker is spoken to, field by field: TEGNEBOG_BROKER__…")
    broker: Dialect = Field(default_factory=lambda: Dialect(**DIALECTS["neb"]))

    par_required: bool = Field(False, description="apps must push authorization requests (RFC 9126), as in FAPI 2.0")
    dpop_nonce_required: bool = Field(False, description="DPoP proofs must carry a nonce of ours (RFC 9449 section 8)")

    card_bin: str = Field("920890", description="of cards: 6 to 8 digits; several: 920890,920892")
    token_bin: str = Field("920891", description="of tokens, likewise; never one of the cards'")
    par_prefix: str = Field("TGNB", description="EMVCo's BIN controller identifier, for PARs")
    card_validity_months: int = Field(36, ge=1, le=120)

    rates: Path | None = Field(None, description="file of rates, for payments in other currencies; none: only DKK")

    sms_gateway_url: str | None = Field(None, description="takes {to, text, reference} by POST; none: no SMS")
    sms_gateway_key: SecretStr | None = None

    rate_limits: RateLimits = Field(default_factory=RateLimits)
    trusted_proxies: int = Field(0, ge=0, description="how many proxies before us append to X-Forwarded-For")

    cryptoperiod_days: dict[Purpose, Annotated[int, Field(ge=1, le=36_500)] | None] = Field(
        default_factory=dict, validate_default=True, description="how long a key makes new things; none: for ever"
    )

    loopback_allowed: bool = Field(False, description="the demo: webhooks and redirects may go to loopback")
    database_pool_size: int = 20
    lock_timeout_seconds: int = 5
    payments_in_a_group: int = Field(32, ge=1, le=32, description="decided in one transaction at most; 1: each alone")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @model_validator(mode="before")
    @classmethod
    def broker_is_of_its_kind(cls, given: dict[str, Any]) -> dict[str, Any]:
        """What the bank sets of the broker is laid over what is known of its kind."""
        kind, changed = given.get("broker_kind", "neb"), given.get("broker", {})
        is_known = kind in DIALECTS and isinstance(changed, dict)
        return given | {"broker": fields_of(kind, changed)} if is_known else given

    @field_validator("card_bin", "token_bin")
    @classmethod
    def bins_are_digits(cls, given: str) -> str:
        """ISO/IEC 7812 gives issuers six digits, or eight."""
        if not re.fullmatch(r"[0-9]{6,8}(,[0-9]{6,8})*", given, re.ASCII):
            raise ValueError("must be 6 to 8 digits; several like 920890,920892")
        return given

    @field_validator("par_prefix")
    @classmethod
    def par_prefix_is_emvcos(cls, given: str) -> str:
        """Of 29 characters the first four."""
        if not re.fullmatch(r"[A-Z0-9]{4}", given, re.ASCII):
            raise ValueError("must be four capital letters or digits")
        return given

    @field_validator("cryptoperiod_days", mode="before")
    @classmethod
    def cryptoperiods_are_known(cls, changed: Any) -> Any:
        """What the bank sets is laid over what is recommended."""
        return {**DEFAULT_DAYS, **changed} if isinstance(changed, dict) else changed

    @field_validator("public_url")
    @classmethod
    def origin_is_private(cls, url: str) -> str:
        """Tokens and codes go there, so over TLS; and it is compared with `htu` and `aud` as it stands here."""
        if not is_private(url) or not re.fullmatch(r"https?://[^/?#@\s]+", url):
            raise ValueError(
                "must be like https://wallet.bank.example, without a slash at the end; http:// on loopback only"
            )
        return url

    @field_validator("broker_url")
    @classmethod
    def broker_is_reached_in_private(cls, url: str) -> str:
        """Who could change what the broker says could sign in as anybody."""
        if not is_private(url) or not _PLAIN_URL.fullmatch(url):
            raise ValueError("must be like https://broker.example/op; plain http:// only on this machine (127.0.0.1)")
        return url

    @field_validator("sms_gateway_url")
    @classmethod
    def sms_gateway_is_reached_in_private(cls, url: str | None) -> str | None:
        """Numbers go there, and codes."""
        if url is not None and not (is_private(url) and _PLAIN_URL.fullmatch(url)):
            raise ValueError(
                "must be like https://sms.example/send, without a query; plain http:// only on this machine (127.0.0.1)"
            )
        return url

    @field_validator("sms_gateway_key")
    @classmethod
    def sms_gateway_key_fits_a_header(cls, key: SecretStr | None) -> SecretStr | None:
        """Otherwise each message would fail, at night."""
        if key is not None and not _HEADER_TEXT.fullmatch(key.get_secret_value()):
            raise ValueError("must be printable ASCII, without spaces or a line's end around it")
        return key

    @model_validator(mode="after")
    def secret_is_for_who_uses_it(self) -> "Settings":
        """A forgotten secret would be found only when somebody signs in."""
        method = self.broker.client_authentication
        given = bool(self.broker_client_secret and self.broker_client_secret.get_secret_value())
        if given != (method != "private_key_jwt"):
            raise ValueError(f"TEGNEBOG_BROKER_CLIENT_SECRET: {'not used' if given else 'needed'} for {method}")
        return self

    @model_validator(mode="after")
    def broker_is_chosen(self) -> "Settings":
        """The demo's broker signs in whoever asks; a bank that forgot to name its own must not get that one."""
        if self.public_url.startswith("https:") and not {"broker_url", "broker_client_id"} <= self.model_fields_set:
            raise ValueError(
                "TEGNEBOG_BROKER_URL and TEGNEBOG_BROKER_CLIENT_ID: needed with an https TEGNEBOG_PUBLIC_URL"
            )
        return self

    @model_validator(mode="after")
    def bins_differ(self) -> "Settings":
        """A token number is never a live PAN: they come from BINs of their own."""
        if any(one.startswith(other) for one, other in permutations(self.bins, 2)):
            raise ValueError("TEGNEBOG_CARD_BIN and TEGNEBOG_TOKEN_BIN must differ, and no BIN may begin with another")
        return self

    @property
    def bins(self) -> tuple[str, ...]:
        """How our numbers begin."""
        return *self.card_bin.split(","), *self.token_bin.split(",")

    @property
    def number_space(self) -> NumberSpace:
        """Where new numbers come from."""
        card_bins, token_bins = tuple(self.card_bin.split(",")), tuple(self.token_bin.split(","))
        return NumberSpace(card_bins, token_bins, self.card_validity_months, self.par_prefix)
