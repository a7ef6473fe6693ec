"""What the authorisation server can do, in the words of RFC 8414 and of the RFCs that add to it."""

from typing import Any

from wallet.access.oauth.clients import DEVICE_GRANT, GRANTS, PRIVATE_KEY_JWT
from wallet.access.step_up import LEVELS, SUBSTANTIAL


def metadata(issuer: str, *, par_required: bool) -> dict[str, Any]:
    """`/.well-known/oauth-authorization-server`."""
    signing = {"token_endpoint": ["none", PRIVATE_KEY_JWT], "revocation_endpoint": ["none", PRIVATE_KEY_JWT]}
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "token_endpoint": f"{issuer}/oauth/token",
        "pushed_authorization_request_endpoint": f"{issuer}/oauth/par",
        "device_authorization_endpoint": f"{issuer}/oauth/device_authorization",
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "jwks_uri": f"{issuer}/oauth/jwks",
        "scopes_supported": sorted(GRANTS),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials", DEVICE_GRANT],
        **{f"{endpoint}_auth_methods_supported": methods for endpoint, methods in signing.items()},
        **{f"{endpoint}_auth_signing_alg_values_supported": ["ES256"] for endpoint in signing},
        "code_challenge_methods_supported": ["S256"],
        "dpop_signing_alg_values_supported": ["ES256"],
        "authorization_response_iss_parameter_supported": True,
        "require_pushed_authorization_requests": par_required,
        # Of request objects (RFC 9101), not of pushed requests (RFC 9126 section 5). Left out, the second would be yes.
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "acr_values_supported": list(LEVELS[LEVELS.index(SUBSTANTIAL) :]),
        "service_documentation": f"{issuer}/docs",
    }
