"""The faulty cases of a night: one fault each, with the state and the findings in which it must end.

Codes are those of ``schemas/findings``; findings of severity info are not listed. ``kind`` is the file kind that the fault needs
for the case's decision; ``signer`` and ``owner`` say who signs it instead of the agency.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable

from samplenight import spoil_file, spoil_meta
from samplenight.delivery import Delivery
from samplenight.pdfpki import EXPIRED

Spoil = Callable[[Delivery], None]


@dataclasses.dataclass(frozen=True)
class Fault:
    name: str
    state: str
    codes: tuple[str, ...]
    spoil: Spoil | None = None
    kind: str = "pdf"
    signer: str | None = None  # of the decision
    owner: str | None = None  # whose seal is pressed
    seal_end: dt.datetime | None = None
    scheduled: bool = True
    again: str | None = None  # a second delivery of the same case: "same", "newer" or "other"
    state_again: str = ""
    codes_again: tuple[str, ...] = ()


TABLE = (
    # what the receiver sees
    Fault("wrong-source-digest", "rejected", ("RCV-DIGEST-MISMATCH",), spoil_meta.wrong_digest),
    Fault("file-missing", "rejected", ("RCV-FILE-MISSING",), spoil_meta.file_missing),
    Fault("file-extra", "rejected", ("RCV-FILE-EXTRA",), spoil_meta.file_extra),
    Fault("broken-json", "rejected", ("RCV-JSON-BROKEN",), spoil_meta.broken_json),
    Fault("classified", "rejected", ("RCV-CLASSIFIED",), spoil_meta.classified),
    Fault("no-files", "rejected", ("RCV-NO-FILES",), spoil_meta.no_files),
    Fault("path-outside", "rejected", ("RCV-PATH-UNSAFE",), spoil_meta.path_outside),
    Fault("name-of-300-bytes", "rejected", ("RCV-NAME-TOO-LONG",), spoil_meta.long_name),
    Fault("name-not-nfc", "acknowledged", ("RCV-NAME-NOT-NFC",), spoil_meta.decomposed_name),
    Fault("delivered-twice", "acknowledged", (), again="same", state_again="duplicate"),
    Fault("newer-version", "acknowledged", (), again="newer", state_again="acknowledged"),
    Fault("version-conflict", "acknowledged", (), again="other", state_again="held", codes_again=("RCV-VERSION-CONFLICT",)),
    # what the metadata says
    Fault("wrong-check-digit", "rejected", ("MET-CHECK-DIGIT",), spoil_meta.wrong_check_digit),
    Fault("impossible-time-order", "rejected", ("MET-TIME-ORDER",), spoil_meta.impossible_order),
    Fault("matter-unscheduled", "held", ("FIL-UNSCHEDULED",), scheduled=False),
    # what the signatures prove
    Fault("pdf-tampered", "rejected", ("SIG-DIGEST-MISMATCH",), spoil_file.tampered_pdf),
    Fault("pdf-page-replaced", "rejected", ("SIG-PDF-CHANGED",), spoil_file.replaced_page),
    Fault("pdf-signer-expired", "rejected", ("SIG-SIGNER-EXPIRED",), signer="expired"),
    Fault("pdf-signer-revoked", "rejected", ("SIG-REVOKED",), signer="revoked"),
    Fault("pdf-issuer-unknown", "held", ("SIG-ROOT-NOT-TRUSTED",), signer="stranger"),
    Fault("ofd-tampered", "rejected", ("SIG-OFD-PART-CHANGED",), spoil_file.tampered_ofd, "ofd"),
    Fault("ofd-seal-borrowed", "rejected", ("SIG-SIGNER-NOT-LISTED",), kind="ofd", owner="applicant"),
    Fault("ofd-seal-expired", "rejected", ("SIG-SEAL-EXPIRED",), kind="ofd", seal_end=EXPIRED),
    Fault("ofd-seal-swapped", "rejected", ("SIG-OFD-PART-CHANGED", "SIG-SEAL-SWAPPED"), spoil_file.swapped_seal, "ofd"),
    Fault("ofd-seal-hidden", "rejected", ("SIG-OFD-ORPHAN",), spoil_file.hidden_seal, "ofd"),
    Fault("ofd-issuer-unknown", "held", ("SIG-ISSUER-UNKNOWN",), kind="ofd", signer="stranger"),
    # what the files are
    Fault("file-empty", "rejected", ("FMT-EMPTY",), spoil_file.empty),
    Fault("jpeg-named-pdf", "rejected", ("FMT-EXTENSION-MISMATCH", "FMT-DECLARED-MISMATCH"), spoil_file.jpeg_named_pdf),
    Fault("pdf-encrypted", "rejected", ("FMT-ENCRYPTED",), spoil_file.encrypted_pdf),
    Fault("ofd-bomb", "rejected", ("FMT-ZIP-BOMB",), spoil_file.bomb_ofd, "ofd"),
    Fault("ofd-member-outside", "rejected", ("FMT-ZIP-UNSAFE-PATH",), spoil_file.member_outside_ofd, "ofd"),
    Fault("xml-entities", "rejected", ("FMT-XML-DTD",), spoil_file.xml_entities, "xml"),
)  # fmt: skip


def by_name(name: str) -> Fault:
    return next(f for f in TABLE if f.name == name)
