"""The staging area: who holds what in it and why, what nobody holds, and whether there is room for more."""
