"""The ledger's tables (SQLAlchemy Core): records and their states, numbers, batches, and the chained events."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()

# Times are ISO 8601 texts with an offset: both back ends keep them as written, and they are part of chained digests.
batch = Table(
    "batch",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("run_id", String(250), nullable=False, index=True),
    Column("as_of", String(40), nullable=False),
    Column("created_at", String(40), nullable=False),
)

record = Table(
    "record",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("batch_id", ForeignKey("batch.id"), nullable=False),
    Column("position", Integer, nullable=False),  # order in the batch: numbers are given in this order
    Column("source", Text, nullable=False),  # the source system it came from
    Column("agency", String(80), nullable=False),
    Column("delivery", Text, nullable=False),  # the delivery's name at the source
    Column("location", Text, nullable=False),  # where the source found it
    Column("state", String(20), nullable=False),
    Column("as_of", String(40), nullable=False),
    Column("case_no", String(80)),
    Column("version", Integer),
    Column("content_digest", String(64)),
    # agency|case|version while this record stands for that version; released on rejection so that a mended one may come
    Column("identity", String(250), unique=True),
    Column("duplicate_of", String(40)),
    Column("findings", JSON, nullable=False),
    Column("files", JSON),
    Column("filing", JSON),
    Column("electronic_record_code", String(200)),
    Column("archival_code", String(120)),
    Column("package_sha256", String(64)),
    Column("package_size", BigInteger),
    Column("payload_bytes", BigInteger),
    Column("object_key", Text),
    Column("receipt_code", Integer),
    Column("receipt_at", String(40)),
    Column("failures", Integer, nullable=False),
    Column("last_error", Text),
    Column("updated_at", String(40), nullable=False),
    Index("record_batch_state", "batch_id", "state", "position"),
    Index("record_case", "agency", "case_no"),
    Index("record_state", "state"),
)

number = Table(
    "number",
    metadata,
    Column("agency", String(80), primary_key=True),
    Column("case_no", String(80), primary_key=True),
    Column("electronic_record_code", String(200), nullable=False, unique=True),
    Column("archival_code", String(120), nullable=False, unique=True),
    Column("filing", JSON, nullable=False),
)

sequence = Table(
    "sequence",
    metadata,
    Column("scope", String(250), primary_key=True),
    Column("last", BigInteger, nullable=False),
)

event = Table(
    "event",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", String(40), nullable=False),
    Column("kind", String(60), nullable=False),
    Column("record_id", String(40), index=True),
    Column("detail", Text, nullable=False),  # canonical JSON, exactly as digested
    Column("prev", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
)

# One row: the last link. Locking it puts writers of events in a row on every back end.
chain_head = Table(
    "chain_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("digest", String(64), nullable=False),
)
