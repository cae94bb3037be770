"""The home as tasks see it: with Airflow's connections to the agencies' systems, which stay in memory."""

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException


def home_with_connections():
    """The home; a connection that Airflow does not know is left to the home's own secrets."""
    import dataclasses

    from ingest.settings import Home
    from ingest.sources import connections

    home = Home.of()
    return dataclasses.replace(home, connections={i: c for i in connections(home) if (c := _connection(i))})


def _connection(id_: str) -> dict | None:
    try:
        found = Connection.get(id_)
    except AirflowNotFoundException:
        return None
    return {
        "host": found.host,
        "port": found.port,
        "login": found.login,
        "password": found.password,
        "schema": found.schema,
        "extra": found.extra,
    }
