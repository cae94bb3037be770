"""Searching records: their order of entry, applicants by digest, codes of findings, grams; and searches kept under a name.

What stands in the ledger already is numbered and indexed by `Ledger.upgrade`, some thousands at a time.

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_INDEXES = {
    "state": "state",
    "agency": "agency",
    "matter": "matter_code",
    "entered_on": "entered_on",
    "closed_on": "closed_on",
}


def upgrade() -> None:
    for column in (
        sa.Column("entered", sa.BigInteger),
        sa.Column("entered_on", sa.String(10)),
        sa.Column("applicant", sa.Text),
        sa.Column("applicant_keys", sa.JSON),
        sa.Column("title_masked", sa.Text),
    ):
        op.add_column("record", column)
    op.create_index("record_entered", "record", ["entered"], unique=True)
    op.drop_index("record_state", "record")
    for name, by in _INDEXES.items():
        op.create_index(f"record_{name}", "record", [by, "entered"])
    op.create_table(
        "record_finding",
        sa.Column("code", sa.String(60), primary_key=True),
        sa.Column("entered", sa.BigInteger, primary_key=True, autoincrement=False),
    )
    op.create_index("record_finding_entered", "record_finding", ["entered"])
    op.create_table(
        "saved_view",
        sa.Column("owner", sa.String(120), primary_key=True),
        sa.Column("name", sa.String(80), primary_key=True),
        sa.Column("query", sa.Text, nullable=False),
        sa.Column("created_at", sa.String(40), nullable=False),
    )
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE VIRTUAL TABLE record_search USING fts5"
            "(grams, line UNINDEXED, detail='none', tokenize=\"unicode61 remove_diacritics 0 tokenchars '_'\")"
        )
    else:
        op.execute(
            "CREATE TABLE record_search (entered BIGINT PRIMARY KEY, line TEXT NOT NULL, grams TSVECTOR NOT NULL)"
        )
        op.execute("CREATE INDEX record_search_grams ON record_search USING gin (grams)")
