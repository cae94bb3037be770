"""Held records: the question each asks, the decisions people take on it, and how they go on in the next run."""
