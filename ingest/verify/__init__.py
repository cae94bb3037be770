"""Verifying packages wherever they are: files, folders, and objects in a store."""
