"""What falls due is counted along its index: by day, fonds and 档号.

Revision ID: 0019
Revises: 0018
"""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("open_due", "transfer_due"):
        op.drop_index(f"record_{name}", "record")
        op.create_index(f"record_{name}", "record", [name, "fonds_no", "archival_code", "state"])
