"""The queues of the desk are counted without reading findings: how grave each code is stands beside it, and rejected records are
found by their day. On PostgreSQL the pages of the newest nights are marked as whole early, so that counts stay in the indexes.

Revision ID: 0022
Revises: 0021
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_GRAVEST = ("reject", "hold", "remark", "info")


def upgrade() -> None:
    op.add_column("record_finding", sa.Column("severity", sa.String(10)))
    conn = op.get_bind()
    record = sa.table("record", sa.column("entered"), sa.column("findings", sa.JSON))
    finding = sa.table("record_finding", *map(sa.column, ("code", "entered", "severity")))
    at = 0
    while rows := conn.execute(
        sa.select(record.c.entered, record.c.findings)
        .where(record.c.entered > at)
        .order_by(record.c.entered)
        .limit(5000)
    ).all():
        told: dict[tuple[str, int], str] = {}
        for row in rows:
            for f in row.findings:
                key = (f["code"], row.entered)
                told[key] = min(told.get(key, "info"), f["severity"], key=_GRAVEST.index)
        if told:
            conn.execute(
                sa.update(finding)
                .where(finding.c.code == sa.bindparam("of"), finding.c.entered == sa.bindparam("n"))
                .values(severity=sa.bindparam("is")),
                [{"of": code, "n": entered, "is": severity} for (code, entered), severity in told.items()],
            )
        at = rows[-1].entered
    op.drop_index("record_finding_entered", "record_finding")
    op.create_index("record_finding_entered", "record_finding", ["entered", "severity", "code"])
    op.drop_index("record_state", "record")
    op.create_index("record_state", "record", ["state", "entered"])
    op.create_index("record_state_day", "record", ["state", "entered_on", "entered", "agency", "updated_at"])
    if conn.dialect.name == "postgresql":
        for table in ("record", "record_finding"):
            op.execute(
                f"ALTER TABLE {table} SET (autovacuum_vacuum_insert_scale_factor = 0.01, autovacuum_vacuum_scale_factor = 0.02)"
            )
