"""Guidang 归档: from the source system to the receipt."""

__version__ = "0.1.0"
