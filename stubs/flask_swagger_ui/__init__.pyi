from collections.abc import Mapping

from flask import Blueprint

def get_swaggerui_blueprint(
    base_url: str,
    api_url: str,
    config: Mapping[str, object] | None = None,
    oauth_config: Mapping[str, object] | None = None,
    blueprint_name: str = "swagger_ui",
) -> Blueprint: ...
