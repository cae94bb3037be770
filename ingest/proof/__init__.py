"""Proving one record on demand: its copies, its package, its signatures, its ledger row and the event chain, each with its evidence."""
