"""Clients that none of us wrote, against the running demo; and a provider that none of us wrote. `make test-interop`."""
