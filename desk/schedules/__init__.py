"""三合一 / Schedules."""
