"""Batches of two lanes, night and backfill; what a visit to a source asked for and found.

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("batch", sa.Column("lane", sa.String(20), nullable=False, server_default="night"))
    op.add_column("visit", sa.Column("again", sa.Boolean))
    op.add_column("visit", sa.Column("whole", sa.Boolean, nullable=False, server_default=sa.true()))
    op.add_column("visit", sa.Column("since", sa.String(10)))
    op.add_column("visit", sa.Column("newest", sa.String(10)))
    op.add_column("visit", sa.Column("older", sa.Integer))
