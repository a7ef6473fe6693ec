"""Lists in pages: what is asked for, and the shape of every answer."""

from typing import Any

from marshmallow import Schema, fields

from wallet.schemas.fields import QueryWhole, Text


class Page(Schema):
    """Which part of a list."""

    limit = QueryWhole(1, 200, load_default=50)
    cursor = Text(200, load_default=None)


def list_of(item: type[Schema]) -> type[Schema]:
    """`{"data": […], "next_cursor": null}`; OpenAPI knows the list of `CardAnswer` as `CardList`."""
    shape: dict[str, Any] = {
        "data": fields.List(fields.Nested(item)),
        "next_cursor": fields.String(allow_none=True),
    }
    return Schema.from_dict(shape, name=f"{item.__name__.removesuffix('Answer')}List")
