"""三合一: which entry of the schedule files a record, for how long, and under which numbers. Pure functions over data."""

from ingest.schedule.assign import assign
from ingest.schedule.load import ScheduleError, parse_schedule
from ingest.schedule.match import Match, NoMatch, ScheduleSet, closing_date, load
from ingest.schedule.model import Category, Entry, Schedule

__all__ = [
    "Category",
    "Entry",
    "Match",
    "NoMatch",
    "Schedule",
    "ScheduleError",
    "ScheduleSet",
    "assign",
    "closing_date",
    "load",
    "parse_schedule",
]
