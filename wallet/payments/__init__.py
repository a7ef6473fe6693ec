"""Payments: a pure decision, and around it lock, load, decide, write."""
