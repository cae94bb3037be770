"""Makers of keys, certificates, seals and signed files for the tests: nothing here is used to verify.

Everything is put together byte by byte from the standards' structures, apart from the verifier's own code, so that a
mistake in one is not hidden by the same mistake in the other. Keys come from seeds; no key file is in the repository.
"""
