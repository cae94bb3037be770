"""Deliveries that hold several records.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "opened",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("batch_id", sa.String(80), sa.ForeignKey("batch.id"), nullable=False),
        sa.Column("agency", sa.String(80), nullable=False),
        sa.Column("delivery", sa.Text, nullable=False),
        sa.Column("records", sa.Integer, nullable=False),
    )
