import json
import os
import stat
import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.fernet import Fernet

from ingest.servers.secrets import AIRFLOW_ROLES, S3_USERS, ensure, write_private


@pytest.fixture
def wide_umask():
    """The worst umask: whatever is made without care is open to all."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    return {str(p.relative_to(folder)): stat.S_IMODE(p.stat().st_mode) for p in [folder, *folder.rglob("*")]}


def contents(folder: Path) -> dict[Path, bytes]:
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_nobody_else_can_read_them_whatever_the_umask(home, wide_umask):
    made = modes(ensure(home).folder)
    assert made.pop(".") == 0o700
    assert made.pop("mtls") == 0o700
    assert set(made.values()) == {0o600}


def test_modes_opened_by_hand_are_narrowed_again(home):
    folder = ensure(home).folder
    folder.chmod(0o755)
    (folder / "jwt").chmod(0o644)
    ensure(home)
    assert modes(folder)["."] == 0o700
    assert modes(folder)["jwt"] == 0o600


def test_a_second_start_keeps_every_secret(home):
    first = ensure(home)
    before = contents(first.folder)
    assert ensure(home) == first
    assert contents(first.folder) == before


def test_a_missing_secret_is_made_and_the_others_are_kept(home):
    folder = ensure(home).folder
    before = contents(folder)
    (folder / "api").unlink()
    ensure(home)
    after = contents(folder)
    assert after.pop(folder / "api") != before.pop(folder / "api")
    assert after == before


def test_two_starts_at_once_agree(home):
    results = []
    threads = [threading.Thread(target=lambda: results.append(ensure(home))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    assert all(result == results[0] for result in results)
    assert sorted(p.name for p in (home / "secrets").iterdir() if p.name.startswith(".")) == []


def test_each_secret_is_fit_for_its_use(home):
    secrets = ensure(home)
    Fernet((secrets.folder / "fernet").read_bytes())
    assert len((secrets.folder / "jwt").read_bytes()) >= 64
    assert not (secrets.folder / "jwt").read_text().endswith("\n")
    assert set(secrets.passwords) == set(AIRFLOW_ROLES)
    assert set(secrets.s3) == set(S3_USERS)
    everything = [*secrets.passwords.values(), *(k.secret_key for k in secrets.s3.values()), secrets.seaweed_jwt]
    assert len(set(everything)) == len(everything)
    assert min(map(len, everything)) >= 20


def test_the_node_certificate_is_issued_by_the_ca_whose_key_is_gone(home):
    folder = ensure(home).mtls
    ca = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    node = x509.load_pem_x509_certificate((folder / "node.pem").read_bytes())
    node.verify_directly_issued_by(ca)
    assert sorted(p.name for p in folder.iterdir()) == ["ca.pem", "node.key", "node.pem"]


def test_no_secret_shows_in_a_repr(home):
    secrets = ensure(home)
    shown = repr(secrets) + repr(secrets.s3["ingest"])
    assert secrets.seaweed_jwt not in shown
    assert secrets.s3["ingest"].secret_key not in shown
    assert secrets.passwords["admin"] not in shown


def test_a_broken_secret_is_reported_and_not_replaced(home):
    path = ensure(home).folder / "airflow-passwords.json"
    write_private(path, json.dumps({"admin": "x"}))
    with pytest.raises(ValueError, match="lacks operator, auditor"):
        ensure(home)
    assert json.loads(path.read_text()) == {"admin": "x"}


def test_a_home_from_before_the_reviewers_gets_their_passwords_and_keeps_the_others(home):
    path = ensure(home).folder / "airflow-passwords.json"
    before = {"admin": "x", "operator": "y", "auditor": "z"}
    write_private(path, json.dumps(before))
    passwords = ensure(home).passwords
    assert before.items() < passwords.items() and set(passwords) == set(AIRFLOW_ROLES)
    assert ensure(home).passwords == passwords


@pytest.mark.parametrize("name", ["ca.pem", "node.pem", "node.key"])
def test_a_broken_certificate_is_not_passed_on_to_a_server_that_would_ignore_it(home, name):
    write_private(ensure(home).mtls / name, "no PEM")
    with pytest.raises(ValueError, match="mtls"):
        ensure(home)
