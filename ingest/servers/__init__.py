"""The servers that ``guidang run`` brings up and watches: the object store and Airflow's four components.

Nothing here is imported by domain code, and nothing here imports Airflow: its components are programs that are started.
"""
