"""Transfers to the archives: sent and received.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "transfer",
        sa.Column("id", sa.String(80), primary_key=True),
        sa.Column("request", sa.String(250), nullable=False, unique=True),
        sa.Column("fonds_no", sa.String(20), nullable=False),
        sa.Column("year", sa.Integer),
        sa.Column("retention_code", sa.String(10)),
        sa.Column("target", sa.String(80), nullable=False),
        sa.Column("as_of", sa.String(40), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("opened_by", sa.Text, nullable=False),
        sa.Column("opinion", sa.JSON, nullable=False),
        sa.Column("about", sa.JSON),
        sa.Column("records", sa.Integer, nullable=False),
        sa.Column("package_sha256", sa.String(64)),
        sa.Column("package_size", sa.BigInteger),
        sa.Column("checks", sa.JSON),
        sa.Column("approval", sa.JSON),
        sa.Column("place", sa.Text),
        sa.Column("receipt", sa.JSON),
        sa.Column("keep_until", sa.String(10)),
        sa.Column("created_at", sa.String(40), nullable=False),
        sa.Column("updated_at", sa.String(40), nullable=False),
    )
    op.create_index("ix_transfer_state", "transfer", ["state"])
    op.create_table(
        "transfer_item",
        sa.Column("transfer_id", sa.String(80), sa.ForeignKey("transfer.id"), primary_key=True),
        sa.Column("record_id", sa.String(40), sa.ForeignKey("record.id"), primary_key=True),
        sa.Column("archival_code", sa.String(120), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("earlier", sa.Boolean, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("lock", sa.String(40), unique=True),
    )
    op.create_table(
        "reception",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("transfer_id", sa.String(80)),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("received_by", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("records", sa.Integer),
        sa.Column("checks", sa.JSON),
        sa.Column("decision", sa.JSON),
        sa.Column("last_error", sa.Text),
        sa.Column("created_at", sa.String(40), nullable=False),
        sa.Column("updated_at", sa.String(40), nullable=False),
    )
    op.create_table(
        "holding",
        sa.Column("archival_code", sa.String(120), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("reception_id", sa.String(64), sa.ForeignKey("reception.id"), nullable=False),
    )
    op.create_index("ix_holding_reception_id", "holding", ["reception_id"])
