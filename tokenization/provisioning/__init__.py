"""Putting a card on a phone: the card that is typed in, what is known, the decision, and what verifies a doubt."""
