"""Reading the service's HTTP answers."""

from typing import Any, Protocol

import httpx


class Call(Protocol):
    """How somebody calls the service: `Phone.request`, `Machine.request`."""

    def __call__(self, method: str, path: str, json: Any = None) -> httpx.Response:
        """Send one request."""


class UnexpectedAnswer(Exception):
    """The service answered with an error where none was expected; the message has method, path, status, code."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(f"{line(response)}: {_detail(response)}")
        self.response = response


def line(response: httpx.Response) -> str:
    """`POST /v1/tokens -> 422 card-not-verified`: no query, which may carry codes, and no body."""
    request = response.request
    return f"{request.method} {request.url.path} -> {response.status_code} {problem_code(response)}".rstrip()


def object_in(response: httpx.Response) -> dict[str, Any]:
    """The JSON object of a 200 or 201; UnexpectedAnswer for anything else."""
    found = _json(response) if response.status_code in (200, 201) else None
    if not isinstance(found, dict):
        raise UnexpectedAnswer(response)
    return found


def list_in(response: httpx.Response) -> list[dict[str, Any]]:
    """The objects of a list: what stands under `data`."""
    found = object_in(response).get("data")
    if not isinstance(found, list):
        raise UnexpectedAnswer(response)
    return found


def problem_code(response: httpx.Response) -> str:
    """The `code` of a problem (RFC 9457) or the `error` of OAuth (RFC 6749), or nothing."""
    body = _json(response) if response.is_error else None
    return str(body.get("code") or body.get("error") or "") if isinstance(body, dict) else ""


def _detail(response: httpx.Response) -> str:
    body = _json(response)
    if not isinstance(body, dict):
        return "no JSON object"
    return str(body.get("errors") or body.get("detail") or body.get("error_description") or "no detail")


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None
