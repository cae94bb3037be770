"""The verdict by each of the 四性 beside the findings; the traditional holdings; indices that answer rates by themselves.

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

# as natures.of wrote them when this was made
_NATURES = ("authenticity", "integrity", "usability", "safety")
_GRAVITY = {"reject": "R", "hold": "H"}


def upgrade() -> None:
    op.add_column("record", sa.Column("natures", sa.String(4), nullable=False, server_default="PPPP"))
    op.add_column("record", sa.Column("origin", sa.String(20)))
    _fill()
    op.drop_index("record_case", "record")
    op.create_index("record_case", "record", ["agency", "case_no", "state", "closed_on", "matter_code", "origin"])
    op.create_index("record_natures", "record", ["agency", "entered_on", "state", "natures"])
    op.create_index("record_archival_code", "record", ["archival_code", "state"])
    op.create_table(
        "traditional",
        sa.Column("archival_code", sa.String(120), primary_key=True),
        sa.Column("fonds_no", sa.String(20), nullable=False),
        sa.Column("unit", sa.String(4), nullable=False),
        sa.Column("pages", sa.Integer),
        sa.Column("retention_code", sa.String(10)),
        sa.Column("reason", sa.String(20)),
        sa.Column("digitised", sa.Boolean, nullable=False),
        sa.Column("import_seq", sa.BigInteger, nullable=False),
    )
    columns = ["fonds_no", "unit", "reason", "retention_code", "digitised", "archival_code", "pages"]
    op.create_index("traditional_rate", "traditional", columns)


def _fill() -> None:
    """What stopped records of earlier nights; those that were accepted carry nothing that would show."""
    stopped = sa.table(
        "record", sa.column("id", sa.String), sa.column("state", sa.String), sa.column("findings", sa.JSON),
        sa.column("natures", sa.String),
    )  # fmt: skip
    conn = op.get_bind()
    asked = sa.select(stopped.c.id, stopped.c.findings).where(stopped.c.state.in_(["rejected", "held"]))
    for row in conn.execute(asked).all():
        worst = dict.fromkeys(_NATURES, "P")
        for found in row.findings:
            letter = _GRAVITY.get(found["severity"])
            if letter and worst.get(found["nature"], "R") != "R":
                worst[found["nature"]] = letter
        conn.execute(sa.update(stopped).where(stopped.c.id == row.id).values(natures="".join(worst.values())))
