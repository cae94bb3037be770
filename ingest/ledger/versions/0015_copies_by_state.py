"""Unsound copies and the latest verifications are lists of a page.

Revision ID: 0015
Revises: 0014
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("copy_state", "copy", ["state", "verified_at"])
    op.create_index("verification_event", "verification", ["event"])
