"""The first ledger: batches, records, numbers, sequences, events.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "batch",
        sa.Column("id", sa.String(80), primary_key=True),
        sa.Column("run_id", sa.String(250), nullable=False),
        sa.Column("as_of", sa.String(40), nullable=False),
        sa.Column("created_at", sa.String(40), nullable=False),
    )
    op.create_index("ix_batch_run_id", "batch", ["run_id"])
    op.create_table(
        "record",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("batch_id", sa.String(80), sa.ForeignKey("batch.id"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("agency", sa.String(80), nullable=False),
        sa.Column("delivery", sa.Text, nullable=False),
        sa.Column("location", sa.Text, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("as_of", sa.String(40), nullable=False),
        sa.Column("case_no", sa.String(80)),
        sa.Column("version", sa.Integer),
        sa.Column("content_digest", sa.String(64)),
        sa.Column("identity", sa.String(250), unique=True),
        sa.Column("duplicate_of", sa.String(40)),
        sa.Column("findings", sa.JSON, nullable=False),
        sa.Column("files", sa.JSON),
        sa.Column("filing", sa.JSON),
        sa.Column("electronic_record_code", sa.String(200)),
        sa.Column("archival_code", sa.String(120)),
        sa.Column("package_sha256", sa.String(64)),
        sa.Column("package_size", sa.BigInteger),
        sa.Column("payload_bytes", sa.BigInteger),
        sa.Column("object_key", sa.Text),
        sa.Column("receipt_code", sa.Integer),
        sa.Column("receipt_at", sa.String(40)),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("last_error", sa.Text),
        sa.Column("updated_at", sa.String(40), nullable=False),
    )
    op.create_index("record_batch_state", "record", ["batch_id", "state", "position"])
    op.create_index("record_case", "record", ["agency", "case_no"])
    op.create_index("record_state", "record", ["state"])
    op.create_table(
        "number",
        sa.Column("agency", sa.String(80), primary_key=True),
        sa.Column("case_no", sa.String(80), primary_key=True),
        sa.Column("electronic_record_code", sa.String(200), nullable=False, unique=True),
        sa.Column("archival_code", sa.String(120), nullable=False, unique=True),
        sa.Column("filing", sa.JSON, nullable=False),
    )
    op.create_table(
        "sequence",
        sa.Column("scope", sa.String(250), primary_key=True),
        sa.Column("last", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "event",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(60), nullable=False),
        sa.Column("record_id", sa.String(40)),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("prev", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
    )
    op.create_index("ix_event_record_id", "event", ["record_id"])
    head = op.create_table(
        "chain_head",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
    )
    op.bulk_insert(head, [{"id": 1, "seq": 0, "digest": "0" * 64}])
