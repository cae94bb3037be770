"""待定与退回 / Held and rejected."""
