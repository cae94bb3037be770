"""今夜 / Tonight."""
