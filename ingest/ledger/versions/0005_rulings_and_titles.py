"""Rulings as the ledger knows them; title, matter and closing day of what is filed.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("record", sa.Column("title", sa.Text))
    op.add_column("record", sa.Column("matter_code", sa.String(40)))
    op.add_column("record", sa.Column("closed_on", sa.String(10)))
    op.create_table(
        "ruling",
        sa.Column("fonds_no", sa.String(20), primary_key=True),
        sa.Column("matter_code", sa.String(40), primary_key=True),
        sa.Column("content", sa.JSON, nullable=False),
        sa.Column("event", sa.BigInteger, nullable=False),
    )
