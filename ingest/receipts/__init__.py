"""Receipts (回执): what the producer is told of each delivery, when, and who has waited too long for it (docs/sources.md)."""
