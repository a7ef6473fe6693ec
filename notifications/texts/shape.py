"""The shape of the tables: kind -> language -> (title, text)."""

from collections.abc import Mapping

Texts = Mapping[str, Mapping[str, tuple[str, str]]]
