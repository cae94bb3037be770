"""The queues of the desk are counted along the index of states: with the day and the agency in it.

Revision ID: 0020
Revises: 0019
"""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("record_state", "record")
    op.create_index("record_state", "record", ["state", "entered", "entered_on", "agency"])
