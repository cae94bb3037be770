"""The ledger's tables (SQLAlchemy Core): records and their states, numbers, batches, and the chained events."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    true,
)

metadata = MetaData()

NIGHT, BACKFILL = "night", "backfill"  # lanes of batches

# Times are ISO 8601 texts with an offset: both back ends keep them as written, and they are part of chained digests.
batch = Table(
    "batch",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("run_id", String(250), nullable=False, index=True),
    Column("as_of", String(40), nullable=False),
    Column("created_at", String(40), nullable=False),
    # by whose runs it is worked on: NIGHT, or BACKFILL until that run hands over what it left undone
    Column("lane", String(20), nullable=False, server_default=NIGHT),
    # the code that worked on it last, and the contract between stages that it keeps (ingest/code.py)
    Column("code", String(80)),
    Column("contract", Integer),
)

# One row a run, so that somebody notices when one stands still or never came. A run that was cut off has no end.
run = Table(
    "run",
    metadata,
    Column("id", String(250), primary_key=True),
    Column("lane", String(20), nullable=False),
    Column("as_of", String(40), nullable=False),
    Column("code", String(80), nullable=False),  # the code that began it
    Column("begun_at", String(40), nullable=False, index=True),
    Column("ended_at", String(40)),
    Column("undone", Integer),  # records that the machine left undone when it ended
)

# One row an agency and run: whether its source could be listed. A report tells who was away; what came since the last good
# visit is what a source need be asked for.
visit = Table(
    "visit",
    metadata,
    Column("run_id", String(250), primary_key=True),
    Column("agency", String(80), primary_key=True),
    Column("as_of", String(40), nullable=False),
    Column("deliveries", Integer),  # complete deliveries that stood there; None when it was away
    Column("error", Text),
    Column("again", Boolean),  # when away: whether asking again may help; a wrong password is not mended by asking
    # whether the run took all that it found: one that was told which days or cases to take says nothing about the rest
    Column("whole", Boolean, nullable=False, server_default=true()),
    Column("since", String(10)),  # the day from which on the source was asked; None: for everything
    Column("newest", String(10)),  # the newest delivery's day, by the source's own clock, which may be wrong
    Column("older", Integer),  # new deliveries from before the agency's first night, left to the backfill
    Index("visit_last", "agency", "as_of"),
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
    Column("container", String(40), index=True),  # the delivery (`opened`) that it came in, where that holds several
    Column("state", String(20), nullable=False),
    Column("as_of", String(40), nullable=False),
    # what it is a record of: None, a closed case; "digitised", scans of a traditional archive, whose 档号 stands as its case_no
    Column("origin", String(20)),
    Column("case_no", String(80)),
    Column("version", Integer),
    Column("content_digest", String(64)),
    # agency|case|version while this record stands for that version; released on rejection so that a mended one may come
    Column("identity", String(250), unique=True),
    Column("duplicate_of", String(40)),
    Column("findings", JSON, nullable=False),
    # one letter for each of the 四性 (natures.py), written with the findings: rates are counted without reading them
    Column("natures", String(4), nullable=False, server_default="PPPP"),
    Column("files", JSON),
    Column("filing", JSON),
    # what filing decided, apart from its JSON, so that transfer and expiry lists are one indexed question; days as YYYY-MM-DD
    Column("title", Text),
    Column("matter_code", String(40)),  # 实施编码
    Column("closed_on", String(10)),  # 办结日期, which gives the year and the version of the schedule
    Column("fonds_no", String(20)),
    Column("category", String(20)),
    Column("year", Integer),
    Column("retention_code", String(10)),
    Column("retention_end", String(10)),  # last day of the term; absent for 永久
    Column("open_due", String(10)),
    Column("transfer_due", String(10)),
    Column("electronic_record_code", String(200)),
    Column("archival_code", String(120)),
    Column("package_sha256", String(64)),
    Column("package_size", BigInteger),
    Column("payload_bytes", BigInteger),
    Column("object_key", Text),
    Column("receipt_code", Integer),
    Column("receipt_at", String(40)),
    # decisions of people that were carried out on this record while it was held; the stages and the package read them
    Column("decisions", JSON),
    Column("received_as_of", String(40)),  # as_of moves when a held record goes on; this stays the night it came in
    Column("failures", Integer, nullable=False),
    Column("last_error", Text),
    Column(
        "cause", String(30)
    ),  # the code of what the machine failed by (schemas/operations/causes.json); None: nothing
    Column("updated_at", String(40), nullable=False),
    # the order in which records entered this ledger: newest first is this backwards, and a page of a list begins at one of these
    Column("entered", BigInteger),
    Column("entered_on", String(10)),  # the day of the night in which it came, YYYY-MM-DD
    # the applicant as it may be shown (a person's name masked), and keyed digests of name and document number to search by: the
    # ledger never has the name itself (docs/decisions/0017); the title without the name, where it has one in it
    Column("applicant", Text),
    Column("applicant_keys", JSON),
    Column("title_masked", Text),
    # whole questions are answered from these four: what became of a night, which cases became archives, what the checks found,
    # which 档号 is archived
    Index("record_batch_state", "batch_id", "state", "position", "agency", "payload_bytes"),
    Index("record_case", "agency", "case_no", "state", "closed_on", "matter_code", "origin"),
    Index("record_natures", "agency", "entered_on", "state", "natures", "payload_bytes"),
    Index("record_archival_code", "archival_code", "state"),
    Index("record_entered", "entered", unique=True),
    Index("record_state", "state", "entered"),
    # the queues of the desk are counted along it
    Index("record_state_day", "state", "entered_on", "entered", "agency", "updated_at"),
    Index("record_agency", "agency", "entered"),
    Index("record_matter", "matter_code", "entered"),
    Index("record_entered_on", "entered_on", "entered"),
    Index("record_closed_on", "closed_on", "entered"),
    Index("record_cause", "cause"),
    Index("record_fonds", "fonds_no", "year"),
    Index("record_retention_end", "retention_end"),
    # with all that the calendars count, so that they are counted along the index
    Index("record_open_due", "open_due", "fonds_no", "archival_code", "state"),
    Index("record_transfer_due", "transfer_due", "fonds_no", "archival_code", "state"),
)

# By which codes a record's findings stand, apart from their JSON: what is asked for by code is one indexed question. Written with
# the findings themselves, in the same transaction. Beside it stands record_search (ingest/ledger/search.py), which each back end
# keeps in a form of its own and which is therefore no table of this file.
record_finding = Table(
    "record_finding",
    metadata,
    Column("code", String(60), primary_key=True),
    Column("entered", BigInteger, primary_key=True, autoincrement=False),  # record.entered
    Column("severity", String(10)),  # the gravest with which this record has it
    Index("record_finding_entered", "entered", "severity", "code"),
)

# A search that somebody keeps under a name.
saved_view = Table(
    "saved_view",
    metadata,
    Column("owner", String(120), primary_key=True),
    Column("name", String(80), primary_key=True),
    Column("query", Text, nullable=False),  # as the page's own query string
    Column("created_at", String(40), nullable=False),
)

# The traditional archives of each fonds (paper and the like) as their catalogue was last imported, one row a 卷 or 件: the
# denominator of the 数字化率. A row says whether it should be digitised, and if not, why. `import_seq` is the event that entered it.
traditional = Table(
    "traditional",
    metadata,
    Column("archival_code", String(120), primary_key=True),
    Column("fonds_no", String(20), nullable=False),
    Column("unit", String(4), nullable=False),  # 卷 or 件
    Column("pages", Integer),
    Column("retention_code", String(10)),
    Column("reason", String(20)),  # why it is not to be digitised, a code of schemas/indicators.json; None: it is to be
    Column("digitised", Boolean, nullable=False),  # before and elsewhere; what is digitised here is found by its 档号
    Column("import_seq", BigInteger, nullable=False),
    Index("traditional_rate", "fonds_no", "unit", "reason", "retention_code", "digitised", "archival_code", "pages"),
)

# Archivists' rulings on matters that no entry takes, as the last run found them in config/schedules/rulings: each change of
# those files is an event with who and why, and this is what tells a change.
ruling = Table(
    "ruling",
    metadata,
    Column("fonds_no", String(20), primary_key=True),
    Column("matter_code", String(40), primary_key=True),
    Column("content", JSON, nullable=False),
    Column("event", BigInteger, nullable=False),  # the number of the event that entered it
)

# What people decided about held records, beside the chained event of the same number, because it waits to be confirmed and
# carried out. status: proposed → decided → applied; void (the record asks something else by now), withdrawn.
held_decision = Table(
    "held_decision",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),  # the number of its event in the chain
    Column("record_id", ForeignKey("record.id"), nullable=False, index=True),
    Column("action", String(20), nullable=False),
    Column("codes", JSON, nullable=False),  # the finding codes that held the record when it was decided: the question
    Column("accepted", JSON, nullable=False),
    Column("reason", Text, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("decided_at", String(40), nullable=False),
    Column("confirmed_by", Text),
    Column("confirmed_at", String(40)),
    Column("status", String(20), nullable=False, index=True),
    Column("applied_at", String(40)),
)

# What an operator wants taken up again, beside the chained event of the same number: who, why, and which run took it.
rerun = Table(
    "rerun",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),  # the number of its event in the chain
    Column("kind", String(10), nullable=False),  # record, batch, agency, cause
    Column("value", Text, nullable=False),
    Column("how", String(10), nullable=False),  # again, rejected (checked anew), afresh (from the source)
    Column("asked_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("asked_at", String(40), nullable=False),
    Column("run_id", String(250), index=True),  # the run that took it; None while it waits for one
)

# The records that a re-run chose when it was asked for: what fails later for the same cause is another's.
rerun_item = Table(
    "rerun_item",
    metadata,
    Column("rerun_id", ForeignKey("rerun.id"), primary_key=True),
    Column("record_id", ForeignKey("record.id"), primary_key=True),
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
    Column("kind", String(60), nullable=False, index=True),
    Column("record_id", String(40), index=True),
    Column("detail", Text, nullable=False),  # canonical JSON, exactly as digested
    Column("prev", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
)

# Versions of 三合一 schedules (docs/decisions/0011): the text as it was reviewed, and the head that acts change. What became of a
# version and who did it is told by events; here stands what filing needs to read at once, and it is checked against them.
schedule_version = Table(
    "schedule_version",
    metadata,
    Column("schedule_id", String(40), primary_key=True),
    Column("version", String(20), primary_key=True),
    Column("fonds_no", String(6), nullable=False, index=True),
    Column("status", String(20), nullable=False),
    Column("effective_from", String(10)),
    Column("effective_to", String(10)),
    Column("approval_no", Text),
    Column("approval_org", Text),
    Column("approval_date", String(10)),
    Column("text", Text, nullable=False),  # canonical JSON, exactly as digested
    Column("text_digest", String(64), nullable=False),
    Column("digest", String(64), nullable=False),  # of text and head together, as the last event says it
    Column("source_sha256", String(64), index=True),  # of the file in config/schedules that it was adopted from
)

# Which events tell the history of a version: an index into the chain, which holds the steps themselves.
schedule_step = Table(
    "schedule_step",
    metadata,
    Column("schedule_id", String(40), primary_key=True),
    Column("version", String(20), primary_key=True),
    # no foreign key: a transaction may write its events last, all at once
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
)

# Deliveries that hold several records were opened once, to list them; what is known here is not opened again each night.
opened = Table(
    "opened",
    metadata,
    Column("id", String(40), primary_key=True),  # as a record's id would be
    Column("batch_id", ForeignKey("batch.id"), nullable=False),
    Column("agency", String(80), nullable=False),
    Column("delivery", Text, nullable=False),
    Column("records", Integer, nullable=False),
)

# Receipts owed to the producers, entered with the state that owes them and marked once they have been handed over. One that is
# owed anew (a held record was accepted) is sent again. What was sent is an event too; attempts and errors are machine trouble.
receipt = Table(
    "receipt",
    metadata,
    Column(
        "subject", String(40), primary_key=True
    ),  # a record's id, or that of a delivery that holds several (`opened`)
    Column("kind", String(20), primary_key=True),  # a model.Receipt
    Column("owed_at", String(40), nullable=False),
    Column("sent_at", String(40), index=True),  # None: still owed
    Column("digest", String(64)),  # SHA-256 of the bytes that were last handed over
    Column("attempts", Integer, nullable=False),
    Column("last_error", Text),
)

# One row: the last link. Locking it puts writers of events in a row on every back end.
chain_head = Table(
    "chain_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("digest", String(64), nullable=False),
)

# One row a package and replica: where its bytes are known to stand, and when they were last proved to be the deposited ones.
# A replica that has never had the package has no row; `state` is a model.CopyState. The lock is as it was set, so that an
# auditor need not ask the store; the store's own word counts.
copy = Table(
    "copy",
    metadata,
    Column("object_key", Text, primary_key=True),
    Column("replica", String(80), primary_key=True),
    Column("record_id", ForeignKey("record.id"), nullable=False, index=True),
    Column("version_id", String(250)),  # the store's own name of these bytes; None where it keeps no versions
    Column("sha256", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("state", String(20), nullable=False),
    Column("deposited_at", String(40), nullable=False),
    Column("verified_at", String(40), nullable=False),
    Column("lock_mode", String(20)),  # governance or compliance
    Column("retain_until", String(40)),
    Column("legal_hold", Boolean, nullable=False),
    Index("copy_oldest_check", "replica", "verified_at"),
    Index("copy_state", "state", "verified_at"),
)

# One transfer to the archives (移交进馆): what was chosen, what became of the package, who approved, what the archives answered.
# `request` is what asked for it (a DAG run, a command): asking again goes on with the same transfer. See model.TransferState.
transfer = Table(
    "transfer",
    metadata,
    Column("id", String(80), primary_key=True),  # 移交编号
    Column("request", String(250), nullable=False, unique=True),
    Column("fonds_no", String(20), nullable=False),
    Column("year", Integer),  # None: all years
    Column("retention_code", String(10)),
    Column("target", String(80), nullable=False),
    Column("as_of", String(40), nullable=False),
    Column("state", String(20), nullable=False, index=True),
    Column("opened_by", Text, nullable=False),
    Column("opinion", JSON, nullable=False),  # the unit's opinion on opening, as it was given
    # what else gets into the package, fixed when it is first built, so that a later configuration cannot change its bytes
    Column("about", JSON),
    Column("records", Integer, nullable=False),
    Column("package_sha256", String(64)),
    Column("package_size", BigInteger),
    Column("checks", JSON),  # counts of findings and what a person must still look at
    Column("approval", JSON),
    Column("place", Text),  # where it was delivered
    Column("receipt", JSON),
    Column("keep_until", String(10)),  # the unit keeps its own copy at least so long
    Column("created_at", String(40), nullable=False),
    Column("updated_at", String(40), nullable=False),
)

transfer_item = Table(
    "transfer_item",
    metadata,
    Column("transfer_id", ForeignKey("transfer.id"), primary_key=True),
    Column("record_id", ForeignKey("record.id"), primary_key=True),
    Column("archival_code", String(120), nullable=False),
    Column("version", Integer, nullable=False),
    Column("earlier", Boolean, nullable=False),  # a later version of the same case goes along
    Column("state", String(20), nullable=False),  # locked, transferred, released
    # the record's id while it is locked or transferred, so that it can be in one transfer only; released with it
    Column("lock", String(40), unique=True),
)

# The other side: a package that this archives received, and what was decided about it. See model.ReceptionState.
reception = Table(
    "reception",
    metadata,
    Column("id", String(64), primary_key=True),  # SHA-256 of the package as received
    Column("transfer_id", String(80)),  # 移交编号 as the package says
    Column("state", String(20), nullable=False),
    Column("received_by", Text, nullable=False),
    Column("source", Text, nullable=False),  # where it lay
    Column("target", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("records", Integer),
    Column("checks", JSON),
    Column("decision", JSON),  # {"by", "at", "accept", "note", "confirmed"}
    Column("last_error", Text),
    Column("created_at", String(40), nullable=False),
    Column("updated_at", String(40), nullable=False),
)

# What this archives holds by accepted transfers: no 档号 is accepted twice in the same version.
holding = Table(
    "holding",
    metadata,
    Column("archival_code", String(120), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("reception_id", ForeignKey("reception.id"), nullable=False, index=True),
)

# The 整改台账 (docs/inspection.md): findings of inspectors and hazards found by rules, as they stand. What became of one and who
# did it is told by events; this row is what lists and the next act need at once.
inspection_finding = Table(
    "inspection_finding",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),  # the number of the event that raised it
    Column("kind", String(20), nullable=False),
    # a hazard's rule and what it found it in: together they are one finding for ever, closed and reopened as it goes and comes
    Column("rule", String(40)),
    Column("subject", String(250)),
    Column("level", String(10), nullable=False),
    Column("status", String(20), nullable=False),
    Column("year", Integer, nullable=False),  # 检查年度
    Column("inspector", Text, nullable=False),  # 检查单位
    Column("inspected", Text, nullable=False),  # 被检查单位
    Column("agency", String(80), index=True),  # the producer it is about, if one
    Column("problem", Text, nullable=False),
    Column("problem_en", Text, nullable=False),
    Column("basis", Text, nullable=False),
    Column("demand", Text, nullable=False),
    Column("department", Text, nullable=False),
    Column("responsible", Text, nullable=False),
    Column("measure", Text, nullable=False),
    Column("due", String(10), nullable=False),
    Column("progress", Text, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("outcome", String(20)),  # of a closed one: mended, or the risk accepted
    Column("closed_by", Text, nullable=False),
    Column("closed_at", String(40), nullable=False),
    Column("reopened", Integer, nullable=False),
    Column("present", Boolean),  # of a hazard: whether the last scan found it
    Column("seen_at", String(40), nullable=False),
    Column("raised_by", Text, nullable=False),
    Column("raised_at", String(40), nullable=False),
    Column("step", BigInteger, nullable=False),  # its last event: who acts on an older one is told so
    Index("inspection_hazard", "rule", "subject", unique=True),
    Index("inspection_due", "status", "due", "id"),
)

# Which events tell the history of a finding, as `schedule_step` does for schedules.
inspection_step = Table(
    "inspection_step",
    metadata,
    Column("finding_id", BigInteger, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
)

# One verification of a record that somebody asked for: the document with all its evidence, whose digest stands in the chained
# event of that number and on the certificate. An event has no room for the evidence; the row alone would prove nothing.
verification = Table(
    "verification",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("record_id", ForeignKey("record.id"), nullable=False, index=True),
    Column("at", String(40), nullable=False),
    Column("by", Text, nullable=False),  # who asked for it
    Column("outcome", String(20), nullable=False),  # good, bad, unknown
    Column("digest", String(64), nullable=False, unique=True),  # SHA-256 of the document
    Column("event", BigInteger, nullable=False),
    Column("document", Text, nullable=False),  # canonical JSON, exactly as digested
    Index("verification_event", "event"),
)
