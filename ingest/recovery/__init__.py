"""Getting everything back from the store alone: packages into a folder, the ledger into a database, and the drill of both."""
