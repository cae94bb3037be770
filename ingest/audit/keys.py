"""The key that signs the heads of the event chain, and the public keys that are believed.

Ed25519: deterministic (signing again gives the same bytes), and every OpenSSL since 1.1.1 verifies it by hand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ingest.servers.secrets import publish
from ingest.settings import ConfigError, Home

_PEM, _SPKI = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo


def signing_key(home: Home) -> Ed25519PrivateKey:
    """The home's own key in ``secrets/chain-key.pem`` (0600), made at the first call and never overwritten."""
    home.secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = home.secrets / "chain-key.pem"
    publish(path, _new_key)
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"{path} 不是 Ed25519 私钥 / is not an Ed25519 private key")
    return key


def _new_key() -> str:
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def public_pem(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(_PEM, _SPKI)


def key_id(key: Ed25519PublicKey) -> str:
    """Sixteen hex digits of the SHA-256 over the DER form, as ``openssl pkey -pubin -outform DER | sha256sum`` begins."""
    der = key.public_bytes(serialization.Encoding.DER, _SPKI)
    return hashlib.sha256(der).hexdigest()[:16]


def trusted(home: Home, further: Iterable[Path] = ()) -> dict[str, Ed25519PublicKey]:
    """The public keys that are believed, by id: the home's own, those in ``config/trust/chain/``, and ``further`` files."""
    out: dict[str, Ed25519PublicKey] = {}
    own = home.secrets / "chain-key.pem"
    if own.is_file():
        out |= _by_id(signing_key(home).public_key())
    for path in (*sorted((home.trust / "chain").glob("*.pem")), *further):
        try:
            out |= _by_id(load_public(path.read_bytes()))
        except (OSError, ValueError) as e:
            raise ConfigError(f"{path} 不是 Ed25519 公钥 / is not an Ed25519 public key: {e}") from e
    return out


def load_public(pem: bytes) -> Ed25519PublicKey:
    """A public key from PEM. ValueError where it is none of Ed25519."""
    key = serialization.load_pem_public_key(pem)
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("not Ed25519")
    return key


def _by_id(key: Ed25519PublicKey) -> dict[str, Ed25519PublicKey]:
    return {key_id(key): key}
