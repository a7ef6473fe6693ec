"""Floor 2: limited drawing rights (R-2.10). A cardholder lets somebody else, often a child, pay within limits."""
