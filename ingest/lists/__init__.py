"""Lists out of the ledger for people: what falls due, what a frozen fonds hands over, how far the schedules reach."""
