"""The same questions for programs: JSON under /api/v1."""
