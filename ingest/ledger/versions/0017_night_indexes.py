"""A night is counted by agency and state, with its bytes, from indexes alone.

Revision ID: 0017
Revises: 0016
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_LONGER = {
    "record_batch_state": ["batch_id", "state", "position", "agency", "payload_bytes"],
    "record_natures": ["agency", "entered_on", "state", "natures", "payload_bytes"],
}


def upgrade() -> None:
    for name, columns in _LONGER.items():
        op.drop_index(name, "record")
        op.create_index(name, "record", columns)
