"""The HTTP resources, one module per audience: parse, call, answer."""
