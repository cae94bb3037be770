"""The desk: pages where operators work and auditors look (FastAPI), alone or inside Airflow."""
