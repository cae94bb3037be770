"""Versions of 三合一 schedules in the ledger: drafts, their review by people, and which of them filing uses.

The ledger is the one truth: a version goes into force by a row and an event in one transaction, and filing reads it there.
``desk`` does what people do, ``ask`` puts it to them as questions, ``force`` gives filing its versions.
"""
