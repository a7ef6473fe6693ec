"""The journal: entries behind a chain of HMACs, how a chain is walked, and what is kept of it elsewhere."""
