"""Telling people that something is wrong, once, and when it is over: incidents as files, mail and web hooks, and the watch."""

from ingest.alerts.incidents import Alarm, settle

__all__ = ["Alarm", "settle"]
