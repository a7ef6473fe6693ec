default_json_headers: list[tuple[str, str]]
