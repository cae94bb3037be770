"""A package written in another form, for those who ask for it."""
