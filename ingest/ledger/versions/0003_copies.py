"""Where each copy of a package is, how it is locked, and when it was last proved whole.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "copy",
        sa.Column("object_key", sa.Text, primary_key=True),
        sa.Column("replica", sa.String(80), primary_key=True),
        sa.Column("record_id", sa.String(40), sa.ForeignKey("record.id"), nullable=False),
        sa.Column("version_id", sa.String(250)),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("deposited_at", sa.String(40), nullable=False),
        sa.Column("verified_at", sa.String(40), nullable=False),
        sa.Column("lock_mode", sa.String(20)),
        sa.Column("retain_until", sa.String(40)),
        sa.Column("legal_hold", sa.Boolean, nullable=False),
    )
    op.create_index("copy_oldest_check", "copy", ["replica", "verified_at"])
    op.create_index("ix_copy_record_id", "copy", ["record_id"])
