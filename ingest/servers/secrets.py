"""Keys, passwords and certificates, made once at the first start and never overwritten.

Everything stands below ``<home>/secrets`` (mode 0700, files 0600). A secret is written whole under a name of its own and then
published by a step that fails if the name is taken, so two starts at once, or a power cut, never leave half a secret.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import os
import secrets as random
import shutil
import ssl
import stat
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# Airflow's built-in roles of people: who runs a night, who mends it, who only looks; and who reviews schedules, twice.
AIRFLOW_ROLES = {
    "admin": "admin", "operator": "op", "auditor": "viewer", "reviewer": "user", "approver": "user", "archivist": "user",
}  # fmt: skip
_CAME_LATER = ("reviewer", "approver", "archivist")  # homes made before have no passwords for them
S3_USERS = ("admin", "ingest", "auditor")
_MTLS_FILES = ("ca.pem", "node.pem", "node.key")
_MTLS_YEARS = 30  # a key that leaves this machine never; its end must not stop a night


@dataclasses.dataclass(frozen=True, slots=True)
class S3Credentials:
    """One access key of the object store."""

    access_key: str
    secret_key: str = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Secrets:
    """Where the secrets stand and those that our own code must know. ``repr`` shows none of them."""

    folder: Path
    passwords: Mapping[str, str] = dataclasses.field(repr=False)  # Airflow user -> password
    s3: Mapping[str, S3Credentials] = dataclasses.field(repr=False)  # admin, ingest, auditor
    seaweed_jwt: str = dataclasses.field(repr=False)

    @property
    def mtls(self) -> Path:
        """The folder with ca.pem, node.pem and node.key for the object store's gRPC."""
        return self.folder / "mtls"

    @property
    def passwords_file(self) -> Path:
        return self.folder / "airflow-passwords.json"


def ensure(home: Path) -> Secrets:
    """Make what is missing below ``home/secrets`` and return all of it.

    Existing secrets are kept; too open modes are narrowed. Raises OSError where the folder cannot be written and ValueError
    where a secret that exists cannot be read as one (it is not replaced: what it protects would be lost).
    """
    folder = home / "secrets"
    folder.mkdir(parents=True, exist_ok=True)
    _narrow(folder, 0o700)
    publish(folder / "fernet", lambda: Fernet.generate_key().decode())
    publish(folder / "jwt", lambda: random.token_urlsafe(96))  # HS512 wants at least 64 bytes
    publish(folder / "api", lambda: random.token_urlsafe(48))
    publish(folder / "airflow-passwords.json", lambda: json.dumps({u: random.token_urlsafe(18) for u in AIRFLOW_ROLES}))
    _add_those_who_came_later(folder / "airflow-passwords.json")
    publish(folder / "s3.json", lambda: json.dumps({user: _new_s3_credentials() for user in S3_USERS}))
    publish(folder / "seaweed-jwt", lambda: random.token_hex(32))
    _ensure_mtls(folder / "mtls")
    s3 = _read_json(folder / "s3.json", S3_USERS)
    return Secrets(
        folder=folder,
        passwords=_read_json(folder / "airflow-passwords.json", AIRFLOW_ROLES),
        s3={user: S3Credentials(s3[user]["access_key"], s3[user]["secret_key"]) for user in S3_USERS},
        seaweed_jwt=(folder / "seaweed-jwt").read_text("ascii"),
    )


def write_private(path: Path, text: str) -> None:
    """Write a file only its owner can read, replacing any older one in one step. For configuration made from secrets."""
    _write_temporary(path, text).replace(path)


def publish(path: Path, make: Callable[[], str]) -> None:
    """Give ``path`` the text of ``make()`` unless it exists; no trailing newline, for Airflow would keep it."""
    if not path.exists():
        temporary = _write_temporary(path, make())
        try:
            os.link(temporary, path)  # unlike rename this fails where another start was first, and keeps its secret
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
    _narrow(path, 0o600)


def _write_temporary(path: Path, text: str) -> Path:
    fd, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mkstemp: 0600 whatever the umask
    with os.fdopen(fd, "w", encoding="utf-8") as f:
        f.write(text)
        f.flush()
        os.fsync(f.fileno())
    return Path(name)


def _narrow(path: Path, mode: int) -> None:
    if stat.S_IMODE(path.stat().st_mode) != mode:
        path.chmod(mode)


def _add_those_who_came_later(path: Path) -> None:
    data = json.loads(path.read_text("utf-8"))
    missing = [user for user in AIRFLOW_ROLES if user not in data]
    if missing and set(missing) <= set(_CAME_LATER):
        write_private(path, json.dumps(data | {user: random.token_urlsafe(18) for user in missing}))


def _read_json(path: Path, users: Any) -> Any:
    data = json.loads(path.read_text("utf-8"))
    missing = [user for user in users if user not in data]
    if missing:
        raise ValueError(f"{path} lacks {', '.join(missing)}")
    return data


def _new_s3_credentials() -> dict[str, str]:
    return {"access_key": "GD" + random.token_hex(9).upper(), "secret_key": random.token_urlsafe(30)}


def _ensure_mtls(folder: Path) -> None:
    """A CA and one certificate for the store's own parts. They belong together, so the folder is published as a whole."""
    if not folder.exists():
        temporary = Path(tempfile.mkdtemp(prefix=".mtls.", dir=folder.parent))
        try:
            for name, content in zip(_MTLS_FILES, _new_mtls(), strict=True):
                write_private(temporary / name, content)
            temporary.rename(folder)  # fails on a folder with content, which is then another start's and good
        except OSError:
            shutil.rmtree(temporary, ignore_errors=True)
            if not folder.exists():
                raise
    _narrow(folder, 0o700)
    for name in _MTLS_FILES:
        _narrow(folder / name, 0o600)
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_cert_chain(folder / "node.pem", folder / "node.key")
        context.load_verify_locations(folder / "ca.pem")
    except ssl.SSLError as e:
        raise ValueError(f"{folder}: {e}") from e  # the store would go on without a certificate, open to all


def _new_mtls() -> tuple[str, str, str]:
    """CA certificate, node certificate and node key as PEM. The CA's key is thrown away: nobody can issue another."""
    ca_key, node_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    start = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)  # a clock set back a little must not lock us out
    end = start + dt.timedelta(days=365 * _MTLS_YEARS)
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "guidang store CA")])
    node_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "guidang-store")])

    def begin(subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(ca_name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
        )

    ca = begin(ca_name, ca_key).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    both_ways = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]  # each part dials the others
    node = (
        begin(node_name, node_key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(both_ways), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    )
    pem = serialization.Encoding.PEM
    key_text = node_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return (
        ca.sign(ca_key, hashes.SHA256()).public_bytes(pem).decode(),
        node.sign(ca_key, hashes.SHA256()).public_bytes(pem).decode(),
        key_text.decode(),
    )
