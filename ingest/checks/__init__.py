"""The 四性检测 of DA/T 70-2018: formats, signatures, metadata and package shape of one record."""

from ingest.checks.engine import CheckContext, CheckReport, StagingAltered, run

__all__ = ["CheckContext", "CheckReport", "StagingAltered", "run"]
