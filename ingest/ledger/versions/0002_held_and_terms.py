"""Decisions on held records; what filing decided, in columns that lists can ask.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_FILED = {"fonds_no": 20, "category": 20, "retention_code": 10, "retention_end": 10, "open_due": 10, "transfer_due": 10}


def upgrade() -> None:
    for name, length in _FILED.items():
        op.add_column("record", sa.Column(name, sa.String(length)))
    op.add_column("record", sa.Column("year", sa.Integer))
    op.add_column("record", sa.Column("decisions", sa.JSON))
    op.add_column("record", sa.Column("received_as_of", sa.String(40)))
    op.create_index("record_fonds", "record", ["fonds_no", "year"])
    for name in ("retention_end", "open_due", "transfer_due"):
        op.create_index(f"record_{name}", "record", [name])
    _fill()
    op.create_table(
        "held_decision",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("record_id", sa.String(40), sa.ForeignKey("record.id"), nullable=False),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("codes", sa.JSON, nullable=False),
        sa.Column("accepted", sa.JSON, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("decided_by", sa.Text, nullable=False),
        sa.Column("decided_at", sa.String(40), nullable=False),
        sa.Column("confirmed_by", sa.Text),
        sa.Column("confirmed_at", sa.String(40)),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("applied_at", sa.String(40)),
    )
    op.create_index("ix_held_decision_record_id", "held_decision", ["record_id"])
    op.create_index("ix_held_decision_status", "held_decision", ["status"])


def _fill() -> None:
    """What earlier nights filed gets its columns too; the terms as they stood when this was written."""
    filed = sa.table(
        "record", sa.column("id", sa.String), sa.column("filing", sa.JSON), sa.column("year", sa.Integer),
        *(sa.column(name, sa.String) for name in _FILED),
    )  # fmt: skip
    conn = op.get_bind()
    for row in conn.execute(sa.select(filed.c.id, filed.c.filing)).all():
        if not row.filing:
            continue
        year, code = int(row.filing["year"]), str(row.filing["retention_code"])
        columns = {name: row.filing[name] for name in ("fonds_no", "category", "retention_code")} | {
            "year": year,
            "retention_end": None if code == "Y" else f"{year + int(code[1:])}-12-31",
            "open_due": f"{year + 25}-12-31",
            "transfer_due": f"{year + 5}-12-31",
        }
        conn.execute(sa.update(filed).where(filed.c.id == row.id).values(**columns))
