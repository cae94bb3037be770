"""Certificates and CRLs for any key, and a small world of authorities with everything that can be wrong with a signer."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from functools import cache

from ingest.signatures import TrustPolicy, TrustStore
from ingest.signatures.certs import parse_certificate, parse_crl

from .asn1 import bits, boolean, explicit, general_time, integer, octets, oid, printable, seq, set_of, tlv, utf8
from .keys import Key, make_key

AT = dt.datetime(2026, 11, 20, 2, 0, tzinfo=dt.UTC)  # the moment of judging
SIGNED = dt.datetime(2026, 6, 1, 4, 0, tzinfo=dt.UTC)  # when good signatures are made
DAY = dt.timedelta(days=1)
YEAR = dt.timedelta(days=365)

SIGN, REPUDIATE, ENCIPHER, CERT_SIGN, CRL_SIGN = 0x80, 0x40, 0x20, 0x04, 0x02
TSA_USAGE = "1.3.6.1.5.5.7.3.8"


def name(common: str) -> bytes:
    """C=CN, O=归档测试, CN=common."""
    parts = [("2.5.4.6", printable("CN")), ("2.5.4.10", utf8("归档测试")), ("2.5.4.3", utf8(common))]
    return seq(*(set_of(seq(oid(kind), value)) for kind, value in parts))


def extension(kind: str, value: bytes, critical: bool = False) -> bytes:
    return seq(oid(kind), *([boolean(True)] if critical else []), octets(value))


@dataclasses.dataclass(frozen=True)
class Holder:
    """A certificate and its key."""

    raw: bytes
    key: Key
    common: str

    @property
    def subject(self) -> bytes:
        return name(self.common)


def certificate(
    common: str, key: Key, issuer: Holder | None, *, serial: int = 0, start: dt.datetime = AT - 2 * YEAR,
    end: dt.datetime = AT + 2 * YEAR, ca: bool = False, usage: int | None = SIGN | REPUDIATE,
    extended: str | None = None, path_length: int | None = None, extra: tuple[bytes, ...] = (),
    issuer_name: str | None = None,
) -> Holder:  # fmt: skip
    """A certificate by ``issuer`` (None: self-signed)."""
    signer = issuer.key if issuer else key
    authority = name(issuer_name or (issuer.common if issuer else common))
    serial = serial or int.from_bytes(hashlib.sha256(f"{common}{start}{end}".encode()).digest()[:8], "big") >> 1
    extensions = [extension("2.5.29.14", octets(hashlib.sha1(key.spki()).digest()))]
    if issuer is not None:
        extensions.append(extension("2.5.29.35", seq(tlv(0x80, hashlib.sha1(signer.spki()).digest()))))
    if ca:
        limits = [integer(path_length)] if path_length is not None else []
        extensions.append(extension("2.5.29.19", seq(boolean(True), *limits), critical=True))
    if usage is not None:
        extensions.append(extension("2.5.29.15", bits(bytes((usage,))), critical=True))
    if extended:
        extensions.append(extension("2.5.29.37", seq(oid(extended)), critical=True))
    tbs = seq(
        explicit(0, integer(2)), integer(serial), signer.algorithm(), authority,
        seq(general_time(start), general_time(end)), name(common), key.spki(),
        explicit(3, seq(*extensions, *extra)),
    )  # fmt: skip
    return Holder(seq(tbs, signer.algorithm(), bits(signer.sign(tbs))), key, common)


def crl(
    issuer: Holder, revoked: dict[int, dt.datetime], *, this: dt.datetime = AT - DAY, following: dt.datetime = AT + 30 * DAY,
    extra: tuple[bytes, ...] = (), key: Key | None = None,
) -> bytes:  # fmt: skip
    """A CRL of ``issuer``; ``key`` forges it."""
    entries = [seq(integer(serial), general_time(when)) for serial, when in revoked.items()]
    signer = key or issuer.key
    tbs = seq(
        integer(1), signer.algorithm(), issuer.subject, general_time(this), general_time(following),
        *([seq(*entries)] if entries else []), *([explicit(0, seq(*extra))] if extra else []),
    )  # fmt: skip
    return seq(tbs, signer.algorithm(), bits(signer.sign(tbs)))


@dataclasses.dataclass(frozen=True)
class World:
    """One family of keys: a root, an intermediate, and signers good and bad."""

    family: str
    root: Holder
    authority: Holder
    signer: Holder
    maker: Holder
    expired: Holder
    future: Holder
    revoked: Holder
    revoked_later: Holder
    encipher: Holder
    stranger: Holder  # by a root that nobody configured
    impostor: Holder  # by a root and an intermediate of the same names with other keys
    impostor_authority: Holder
    stranger_authority: Holder
    not_ca_child: Holder
    tsa: Holder
    stranger_tsa: Holder
    crl: bytes
    root_crl: bytes

    def store(self, *, crls: bool = True, require: bool = False) -> TrustStore:
        """The trust store that knows this world's root and intermediate."""
        return TrustStore(
            (parse_certificate(self.root.raw),),
            (parse_certificate(self.authority.raw),),
            (parse_crl(self.crl), parse_crl(self.root_crl)) if crls else (),
            TrustPolicy(require),
        )


@cache
def world(family: str) -> World:
    """The world of ``sm2``, ``rsa`` or ``ec`` keys, made once for a run."""

    def key(label: str) -> Key:
        # One leaf key serves many certificates: making RSA keys is slow, and what is tested are the certificates.
        return make_key(family, f"{family} {label}")

    ca_usage = CERT_SIGN | CRL_SIGN
    root = certificate("测试根CA", key("root"), None, ca=True, usage=ca_usage, start=AT - 10 * YEAR, end=AT + 10 * YEAR)
    authority = certificate(
        "测试运营CA", key("authority"), root, ca=True, usage=ca_usage, start=AT - 8 * YEAR, end=AT + 8 * YEAR
    )
    other_root = certificate("外来根CA", key("other root"), None, ca=True, usage=ca_usage)
    other_authority = certificate("外来运营CA", key("other authority"), other_root, ca=True, usage=ca_usage)
    twin_root = certificate("测试根CA", key("other root"), None, ca=True, usage=ca_usage)
    twin_authority = certificate("测试运营CA", key("other authority"), twin_root, ca=True, usage=ca_usage)
    leaf = key("leaf")
    signer = certificate("签名人", leaf, authority, serial=0x1001)
    return World(
        family, root, authority, signer,
        maker=certificate("制章单位", key("maker"), authority, serial=0x1002),
        expired=certificate("过期签名人", leaf, authority, serial=0x1003, start=AT - 3 * YEAR, end=SIGNED - 30 * DAY),
        future=certificate("未生效签名人", leaf, authority, serial=0x1004, start=SIGNED + 30 * DAY),
        revoked=certificate("已吊销签名人", leaf, authority, serial=0x1005),
        revoked_later=certificate("后吊销签名人", leaf, authority, serial=0x1006),
        encipher=certificate("加密证书", leaf, authority, serial=0x1007, usage=ENCIPHER),
        stranger=certificate("外来签名人", leaf, other_authority, serial=0x1008),
        impostor=certificate("签名人", leaf, twin_authority, serial=0x1001),
        impostor_authority=twin_authority,
        stranger_authority=other_authority,
        not_ca_child=certificate("下级签名人", leaf, signer, serial=0x1009),
        tsa=certificate("时间戳", key("tsa"), authority, serial=0x100A, extended=TSA_USAGE),
        stranger_tsa=certificate("外来时间戳", key("tsa"), other_authority, serial=0x100B, extended=TSA_USAGE),
        crl=crl(authority, {0x1005: SIGNED - 10 * DAY, 0x1006: SIGNED + 10 * DAY}),
        root_crl=crl(root, {}),
    )  # fmt: skip
