"""The object store: put, prove, read."""
