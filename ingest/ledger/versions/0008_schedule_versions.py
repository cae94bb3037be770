"""Versions of 三合一 schedules and the events that tell their history.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "schedule_version",
        sa.Column("schedule_id", sa.String(40), primary_key=True),
        sa.Column("version", sa.String(20), primary_key=True),
        sa.Column("fonds_no", sa.String(6), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("effective_from", sa.String(10)),
        sa.Column("effective_to", sa.String(10)),
        sa.Column("approval_no", sa.Text),
        sa.Column("approval_org", sa.Text),
        sa.Column("approval_date", sa.String(10)),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("text_digest", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("source_sha256", sa.String(64)),
    )
    op.create_index("ix_schedule_version_fonds_no", "schedule_version", ["fonds_no"])
    op.create_index("ix_schedule_version_source_sha256", "schedule_version", ["source_sha256"])
    op.create_table(
        "schedule_step",
        sa.Column("schedule_id", sa.String(40), primary_key=True),
        sa.Column("version", sa.String(20), primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    )
