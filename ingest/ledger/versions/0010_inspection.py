"""The 整改台账: findings of inspections and hazards, and the events that tell their history.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "inspection_finding",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("rule", sa.String(40)),
        sa.Column("subject", sa.String(250)),
        sa.Column("level", sa.String(10), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("year", sa.Integer, nullable=False),
        sa.Column("inspector", sa.Text, nullable=False),
        sa.Column("inspected", sa.Text, nullable=False),
        sa.Column("agency", sa.String(80)),
        sa.Column("problem", sa.Text, nullable=False),
        sa.Column("problem_en", sa.Text, nullable=False),
        sa.Column("basis", sa.Text, nullable=False),
        sa.Column("demand", sa.Text, nullable=False),
        sa.Column("department", sa.Text, nullable=False),
        sa.Column("responsible", sa.Text, nullable=False),
        sa.Column("measure", sa.Text, nullable=False),
        sa.Column("due", sa.String(10), nullable=False),
        sa.Column("progress", sa.Text, nullable=False),
        sa.Column("evidence", sa.JSON, nullable=False),
        sa.Column("outcome", sa.String(20)),
        sa.Column("closed_by", sa.Text, nullable=False),
        sa.Column("closed_at", sa.String(40), nullable=False),
        sa.Column("reopened", sa.Integer, nullable=False),
        sa.Column("present", sa.Boolean),
        sa.Column("seen_at", sa.String(40), nullable=False),
        sa.Column("raised_by", sa.Text, nullable=False),
        sa.Column("raised_at", sa.String(40), nullable=False),
        sa.Column("step", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_inspection_finding_agency", "inspection_finding", ["agency"])
    op.create_index("inspection_hazard", "inspection_finding", ["rule", "subject"], unique=True)
    op.create_index("inspection_due", "inspection_finding", ["status", "due", "id"])
    op.create_table(
        "inspection_step",
        sa.Column("finding_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    )
