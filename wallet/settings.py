"""Everything that a bank sets, from `TEGNEBOG_…` environment variables."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from tokenization.cards import NumberSpace
from wallet.access.figures import RateLimits


class MitidClaims(BaseModel):
    """How the broker names things: Nets / Signaturgruppen by default; others differ."""

    uuid: str = "mitid.uuid"
    name: str = "mitid.identity_name"
    birthdate: str = "mitid.date_of_birth"
    cpr: str = "dk.cpr"
    cpr_scope: str = "ssn"


class Settings(BaseSettings):
    """One object, read once at start. What a bank must know of it stands in README, "Your own PostgreSQL and Redis"."""

    model_config = SettingsConfigDict(env_prefix="TEGNEBOG_", env_nested_delimiter="__", extra="ignore")

    database_url: SecretStr = Field(description="SQLAlchemy URL of PostgreSQL: postgresql+psycopg://…")
    redis_url: SecretStr = Field(description="URL of Redis: redis://… or unix://…")
    key_ring: Path = Field(description="folder of the key ring, mode 0700")
    public_url: str = Field(
        "http://127.0.0.1:8080", description="public origin; also our OAuth issuer", pattern=r"^https?://[^/]+$"
    )

    broker_url: str = Field("http://127.0.0.1:8081", description="issuer of the MitID broker (OpenID Connect)")
    broker_client_id: str = "tegnebog"
    mitid_claims: MitidClaims = Field(default_factory=MitidClaims)

    card_bin: str = Field("920890", pattern=r"^[0-9]{6}$")
    token_bin: str = Field("920891", pattern=r"^[0-9]{6}$")
    card_validity_months: int = Field(36, ge=1, le=120)

    sms_gateway_url: str | None = Field(None, description="takes {to, text, reference} by POST; none: only a log line")
    sms_gateway_key: SecretStr | None = None

    rate_limits: RateLimits = Field(default_factory=RateLimits)
    trusted_proxies: int = Field(0, ge=0, description="how many proxies before us append to X-Forwarded-For")

    loopback_allowed: bool = Field(False, description="the demo: webhooks and redirects may go to loopback")
    database_pool_size: int = 20
    lock_timeout_seconds: int = 5
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @model_validator(mode="after")
    def bins_differ(self) -> "Settings":
        """A token number is never a live PAN: they come from BINs of their own."""
        if self.card_bin == self.token_bin:
            raise ValueError("card_bin and token_bin must differ")
        return self

    @property
    def bins(self) -> tuple[str, str]:
        """Where our numbers begin."""
        return self.card_bin, self.token_bin

    @property
    def number_space(self) -> NumberSpace:
        """Where new numbers come from."""
        return NumberSpace(self.card_bin, self.token_bin, self.card_validity_months)
