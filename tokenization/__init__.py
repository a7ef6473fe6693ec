"""Floor 1: cards, tokens, the vault, stored credentials, policies and the journal."""
