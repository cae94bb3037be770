"""What operators work with: causes of failures, re-runs, runs with the code that did them.

Revision ID: 0016
Revises: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("record", sa.Column("cause", sa.String(30)))
    op.create_index("record_cause", "record", ["cause"])
    op.add_column("batch", sa.Column("code", sa.String(80)))
    op.add_column("batch", sa.Column("contract", sa.Integer))
    op.create_table(
        "run",
        sa.Column("id", sa.String(250), primary_key=True),
        sa.Column("lane", sa.String(20), nullable=False),
        sa.Column("as_of", sa.String(40), nullable=False),
        sa.Column("code", sa.String(80), nullable=False),
        sa.Column("begun_at", sa.String(40), nullable=False, index=True),
        sa.Column("ended_at", sa.String(40)),
        sa.Column("undone", sa.Integer),
    )
    op.create_table(
        "rerun",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("how", sa.String(10), nullable=False),
        sa.Column("asked_by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("asked_at", sa.String(40), nullable=False),
        sa.Column("run_id", sa.String(250), index=True),
    )
    op.create_table(
        "rerun_item",
        sa.Column("rerun_id", sa.BigInteger, sa.ForeignKey("rerun.id"), primary_key=True),
        sa.Column("record_id", sa.String(40), sa.ForeignKey("record.id"), primary_key=True),
    )
