"""What proves, night by night, that nothing was lost or altered: signed heads of the event chain, re-reading, repair."""
