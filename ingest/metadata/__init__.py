"""Metadata: read strictly, the codes of the field, and everything that can be said about a case without its files."""

from ingest.metadata.validation import validate

__all__ = ["validate"]
