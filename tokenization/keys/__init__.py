"""The key ring: what it is, the folder that is one, and what is done to it."""
