# What Tegnebog uses of flask-smorest 0.47, which carries no types.
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar, TypeVar

import flask
from apispec import APISpec
from marshmallow import Schema
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import HTTPException

_F = TypeVar("_F", bound=Callable[..., Any])

class Api:
    DEFAULT_ERROR_RESPONSE_NAME: ClassVar[str | None]
    DEFAULT_REQUEST_BODY_CONTENT_TYPE: ClassVar[str]
    DEFAULT_RESPONSE_CONTENT_TYPE: ClassVar[str]
    ERROR_SCHEMA: ClassVar[type[Schema]]
    spec: APISpec
    def __init__(
        self,
        app: flask.Flask | None = None,
        *,
        spec_kwargs: Mapping[str, object] | None = None,
        config_prefix: str = "",
    ) -> None: ...
    def init_app(self, app: flask.Flask, *, spec_kwargs: Mapping[str, object] | None = None) -> None: ...
    def register_blueprint(
        self, blp: Blueprint, *, parameters: Sequence[object] | None = None, **options: Any
    ) -> None: ...
    def register_field(self, field: type, *args: object) -> None: ...
    def register_converter(self, converter: type, func: Callable[[Any], dict[str, Any]]) -> None: ...
    def handle_http_exception(self, error: HTTPException) -> Any: ...
    def _register_error_handlers(self) -> None: ...
    def _register_responses(self) -> None: ...

class Blueprint(flask.Blueprint):
    ARGUMENTS_PARSER: ClassVar[FlaskParser]
    description: str
    def __init__(self, *args: Any, description: str = "", **kwargs: Any) -> None: ...
    def route(
        self,
        rule: str,
        *,
        parameters: Sequence[object] | None = None,
        tags: Sequence[str] | None = None,
        **options: Any,
    ) -> Callable[[_F], _F]: ...
    def arguments(
        self,
        schema: Schema | type[Schema],
        *,
        location: str = "json",
        content_type: str | None = None,
        required: bool = True,
        description: str | None = None,
        example: object = None,
        examples: Mapping[str, object] | None = None,
        **kwargs: Any,
    ) -> Callable[[_F], _F]: ...
    def response(
        self,
        status_code: int | str | HTTPStatus,
        schema: Schema | type[Schema] | str | Mapping[str, object] | None = None,
        *,
        content_type: str | None = None,
        description: str | None = None,
        example: object = None,
        examples: Mapping[str, object] | None = None,
        headers: Mapping[str, object] | None = None,
    ) -> Callable[[_F], _F]: ...
    def alt_response(
        self,
        status_code: int | str | HTTPStatus,
        response: str | None = None,
        *,
        schema: Schema | type[Schema] | str | Mapping[str, object] | None = None,
        content_type: str | None = None,
        description: str | None = None,
        example: object = None,
        examples: Mapping[str, object] | None = None,
        headers: Mapping[str, object] | None = None,
        success: bool = False,
    ) -> Callable[[_F], _F]: ...
    @staticmethod
    def doc(**kwargs: Any) -> Callable[[_F], _F]: ...

def abort(http_status_code: int, exc: Exception | None = None, **kwargs: Any) -> Any: ...
