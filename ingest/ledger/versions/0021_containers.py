"""Which delivery a record came in, where that holds several: the producer gets a last word on the whole too.

Revision ID: 0021
Revises: 0020
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("record", sa.Column("container", sa.String(40)))
    conn = op.get_bind()
    record = sa.table("record", sa.column("id"), sa.column("location"), sa.column("container"))
    of_several = sa.select(record.c.id, record.c.location).where(record.c.location.like("%//%/%"))
    for row in conn.execute(of_several).all():
        container = row.location.partition("//")[2].partition("/")[0]
        conn.execute(sa.update(record).where(record.c.id == row.id).values(container=container))
    op.create_index("ix_record_container", "record", ["container"])
    op.execute(
        "insert into receipt (subject, kind, owed_at, attempts) "
        "select opened.id, 'final', batch.created_at, 0 from opened join batch on batch.id = opened.batch_id"
    )
