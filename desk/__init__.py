"""The desk: pages and an API for those who run the nights, decide, and audit. Inside Airflow or alone; the rules are ingest's."""
