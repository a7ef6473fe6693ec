"""The authorisation server: clients, grants and tokens, by the RFCs that docs/access.md lists."""
