"""Keeping a home's trust store: every act is an event in the ledger's chain; CRLs come in daily; held records are found."""
