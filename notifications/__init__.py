"""Floor 3: what people and merchants are told."""
