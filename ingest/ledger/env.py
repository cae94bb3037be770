"""Alembic's entry point: runs the migrations over the connection that ``migrate.upgrade`` hands in."""

from alembic import context

from ingest.ledger.migrate import VERSION_TABLE
from ingest.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, version_table=VERSION_TABLE
)
with context.begin_transaction():
    context.run_migrations()
