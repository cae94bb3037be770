"""Receipts owed and sent. What an older ledger has not answered yet is owed; what it has answered is taken as told.

Revision ID: 0018
Revises: 0017
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "receipt",
        sa.Column("subject", sa.String(40), primary_key=True),
        sa.Column("kind", sa.String(20), primary_key=True),
        sa.Column("owed_at", sa.String(40), nullable=False),
        sa.Column("sent_at", sa.String(40)),
        sa.Column("digest", sa.String(64)),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("last_error", sa.Text),
    )
    op.create_index("ix_receipt_sent_at", "receipt", ["sent_at"])
    enter = "insert into receipt (subject, kind, owed_at, sent_at, attempts) select id, '{}', updated_at, {}, 0 from record where "
    op.execute(enter.format("final", "receipt_at") + "state in ('deposited', 'acknowledged', 'rejected', 'duplicate')")
    op.execute(enter.format("examined", "null") + "state = 'held'")
