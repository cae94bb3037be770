"""The ledger: what was taken, what became of it, and the chained events that prove it."""

from ingest.ledger.ledger import Ledger, Transaction

__all__ = ["Ledger", "Transaction"]
