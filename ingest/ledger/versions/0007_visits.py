"""Visits to the sources: who was away in which run.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "visit",
        sa.Column("run_id", sa.String(250), primary_key=True),
        sa.Column("agency", sa.String(80), primary_key=True),
        sa.Column("as_of", sa.String(40), nullable=False),
        sa.Column("deliveries", sa.Integer),
        sa.Column("error", sa.Text),
    )
    op.create_index("visit_last", "visit", ["agency", "as_of"])
