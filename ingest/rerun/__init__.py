"""Taking up again what the machine left undone: an operator asks, with name and reason; a run takes exactly that."""
