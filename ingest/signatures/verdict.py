"""What a verification says: verdicts, their parts, and the one rule that folds the parts.

A signature is judged in six aspects. Each cause that was found is a code of ``schemas/findings/signatures.json`` with an
effect. The rule: a cause that makes INVALID decides; else one that makes INDETERMINATE, or an aspect that was not judged;
else the signature is VALID. A file's verdict is its worst signature's; a file without signatures is UNSIGNED.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterable, Mapping
from typing import Any

from ingest.findings import Finding, Severity

MAX_CAUSES = 20  # of one effect in one aspect


class Verdict(enum.StrEnum):
    VALID = "VALID"
    INDETERMINATE = "INDETERMINATE"  # neither proved nor refuted: an issuer is unknown, a digest is weak, ...
    INVALID = "INVALID"
    UNSIGNED = "UNSIGNED"


class Outcome(enum.StrEnum):
    PASS = "pass"  # noqa: S105 - an outcome, not a password
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not_applicable"


class Aspect(enum.StrEnum):
    INTEGRITY = "integrity"  # the signed digests fit the content
    CRYPTOGRAPHY = "cryptography"  # the signature values fit the keys
    CHAIN = "chain"  # the certificates lead to an anchor of the trust store
    REVOCATION = "revocation"
    TIME = "time"  # certificates and seal were in force when it was signed
    COVERAGE = "coverage"  # what the signature leaves out, and what came after it


class Effect(enum.StrEnum):
    """What a cause does to the verdict."""

    INVALID = "invalid"
    INDETERMINATE = "indeterminate"
    NOTE = "note"


@dataclasses.dataclass(frozen=True, slots=True)
class Cause:
    code: str
    effect: Effect
    params: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        finding = Finding(self.code, params=self.params)
        return {
            "code": self.code, "effect": self.effect.value, "params": dict(self.params),
            "zh": finding.text("zh"), "en": finding.text("en"),
        }  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """One aspect's outcome and the causes found in it."""

    outcome: Outcome
    causes: tuple[Cause, ...] = ()

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(cause.code for cause in self.causes))


@dataclasses.dataclass(frozen=True, slots=True)
class SignatureVerdict:
    """One signature, judged.

    ``kind`` names the structure (``ofd-seal-v4``, ``pdf-pades``, ``cms-detached``, …); ``evidence`` is JSON-ready;
    ``blobs`` are the certificates and CRLs used, as DER by file name ``<sha256>.cer`` / ``.crl`` / ``.ocsp``.
    """

    kind: str
    verdict: Verdict
    integrity: Result
    cryptography: Result
    chain: Result
    revocation: Result
    time: Result
    coverage: Result
    evidence: Mapping[str, Any]
    blobs: Mapping[str, bytes]

    @property
    def results(self) -> dict[Aspect, Result]:
        return {aspect: getattr(self, aspect.value) for aspect in Aspect}

    @property
    def causes(self) -> tuple[Cause, ...]:
        return tuple(cause for result in self.results.values() for cause in result.causes)

    @property
    def reasons(self) -> tuple[str, ...]:
        """The codes that made the verdict; for VALID the notes worth reading."""
        return reasons_for(self.verdict, self.causes)

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "verdict": self.verdict.value,
            "reasons": list(self.reasons),
            "results": {
                aspect.value: {"outcome": result.outcome.value, "causes": [cause.as_json() for cause in result.causes]}
                for aspect, result in self.results.items()
            },
            "evidence": dict(self.evidence),
            "evidence_files": sorted(self.blobs),
        }


@dataclasses.dataclass(frozen=True, slots=True)
class FileVerdict:
    """All signatures of one file. ``causes`` are those of the file itself: unreadable, a signature nobody lists, …
    ``about`` is the file that a detached signature signs."""

    path: str
    verdict: Verdict
    signatures: tuple[SignatureVerdict, ...] = ()
    causes: tuple[Cause, ...] = ()
    trust: str = ""
    judged_at: str = ""
    about: str | None = None

    @property
    def reasons(self) -> tuple[str, ...]:
        causes = [*self.causes, *(cause for signature in self.signatures for cause in signature.causes)]
        return reasons_for(self.verdict, causes)

    def as_json(self) -> dict[str, Any]:
        """The verdict as stored in the package: same inputs, same bytes."""
        return {
            "path": self.path,
            **({} if self.about is None else {"about": self.about}),
            "verdict": self.verdict.value,
            "reasons": list(self.reasons),
            "judged_at": self.judged_at,
            "trust": self.trust,
            "file": [cause.as_json() for cause in self.causes],
            "signatures": [signature.as_json() for signature in self.signatures],
        }

    def evidence_files(self) -> dict[str, bytes]:
        """Certificates, CRLs and OCSP answers that the verdict rests on, by a name made of their SHA-256."""
        out: dict[str, bytes] = {}
        for signature in self.signatures:
            out.update(signature.blobs)
        return dict(sorted(out.items()))

    def findings(self, policy: Mapping[str, str]) -> list[Finding]:
        """The verdict as findings under an agency's policy.

        ``policy`` has ``signature_invalid`` (reject|hold|accept), ``signature_indeterminate`` (hold|reject|accept) and
        ``signature_unsigned`` (accept|remark|hold|reject). ``accept`` for a judged signature still leaves a remark;
        for an unsigned file it leaves nothing. Notes keep the severity of their sheet.
        """
        if self.verdict is Verdict.UNSIGNED and not self.causes:
            wish = policy.get("signature_unsigned", "accept")
            return [] if wish == "accept" else [Finding("SIG-UNSIGNED", self.path, severity=Severity(wish))]
        severities: dict[Effect, Severity | None] = {
            Effect.INVALID: _severity(policy.get("signature_invalid", "reject")),
            Effect.INDETERMINATE: _severity(policy.get("signature_indeterminate", "hold")),
            Effect.NOTE: None,
        }
        out: dict[tuple[str, Effect], Finding] = {}
        for verdict, causes in [(self.verdict, self.causes), *((s.verdict, s.causes) for s in self.signatures)]:
            for cause in causes:
                # Doubts beside a proof of invalidity say nothing that the producer or the archivist could act on.
                if cause.effect is Effect.INDETERMINATE and verdict is Verdict.INVALID:
                    continue
                out.setdefault(
                    (cause.code, cause.effect),
                    Finding(cause.code, self.path, params=cause.params, severity=severities[cause.effect]),
                )
        return list(out.values())


def _severity(wish: str) -> Severity:
    return Severity.REMARK if wish == "accept" else Severity(wish)


def reasons_for(verdict: Verdict, causes: Iterable[Cause]) -> tuple[str, ...]:
    """The codes of the causes that made ``verdict``; all notes when it is VALID or UNSIGNED."""
    effect = {Verdict.INVALID: Effect.INVALID, Verdict.INDETERMINATE: Effect.INDETERMINATE}.get(verdict, Effect.NOTE)
    return tuple(dict.fromkeys(cause.code for cause in causes if cause.effect is effect))


def fold(causes: Iterable[Cause], *, complete: bool = True) -> Verdict:
    """The verdict that causes make; ``complete`` says that every aspect was judged."""
    effects = {cause.effect for cause in causes}
    if Effect.INVALID in effects:
        return Verdict.INVALID
    if Effect.INDETERMINATE in effects or not complete:
        return Verdict.INDETERMINATE
    return Verdict.VALID


_RANK = [Verdict.UNSIGNED, Verdict.VALID, Verdict.INDETERMINATE, Verdict.INVALID]


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict of a whole from those of its parts: a file from its signatures, a record from its files."""
    return max(verdicts, key=_RANK.index, default=Verdict.UNSIGNED)


class Judge:
    """Collects what the checks of one signature find. An aspect that no check spoke of stays open, and an open aspect
    never becomes VALID."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.evidence: dict[str, Any] = {}
        self.blobs: dict[str, bytes] = {}
        self._outcomes: dict[Aspect, Outcome] = {}
        self._causes: dict[Aspect, list[Cause]] = {aspect: [] for aspect in Aspect}

    def ok(self, aspect: Aspect) -> None:
        """A check of this aspect passed; does not undo a failure or doubt."""
        self._raise(aspect, Outcome.PASS)

    def skip(self, aspect: Aspect) -> None:
        """This aspect does not exist for this kind of signature."""
        self._raise(aspect, Outcome.NOT_APPLICABLE)

    def fail(self, aspect: Aspect, code: str, **params: str) -> None:
        self._raise(aspect, Outcome.FAIL)
        self._add(aspect, Cause(code, Effect.INVALID, params))

    def doubt(self, aspect: Aspect, code: str, **params: str) -> None:
        self._raise(aspect, Outcome.UNKNOWN)
        self._add(aspect, Cause(code, Effect.INDETERMINATE, params))

    def note(self, aspect: Aspect, code: str, **params: str) -> None:
        """Worth telling, without effect on the verdict."""
        self._add(aspect, Cause(code, Effect.NOTE, params))

    def unknown(self, aspect: Aspect, code: str, **params: str) -> None:
        """The aspect is not known, and by the store's policy that alone does not touch the verdict."""
        self._raise(aspect, Outcome.UNKNOWN)
        self._add(aspect, Cause(code, Effect.NOTE, params))

    def failed(self, aspect: Aspect) -> bool:
        return self._outcomes.get(aspect) is Outcome.FAIL

    def _raise(self, aspect: Aspect, outcome: Outcome) -> None:
        order = [Outcome.NOT_APPLICABLE, Outcome.PASS, Outcome.UNKNOWN, Outcome.FAIL]
        held = self._outcomes.get(aspect)
        if held is None or order.index(outcome) > order.index(held):
            self._outcomes[aspect] = outcome

    def _add(self, aspect: Aspect, cause: Cause) -> None:
        held = self._causes[aspect]
        # A hostile file can make any number of the same; the first ones of each effect are enough to decide and to tell.
        if cause not in held and sum(other.effect is cause.effect for other in held) < MAX_CAUSES:
            held.append(cause)

    def verdict(self) -> SignatureVerdict:
        """The judgement as it stands now."""
        complete = all(aspect in self._outcomes for aspect in Aspect)
        causes = [cause for found in self._causes.values() for cause in found]
        decided = fold(causes, complete=complete)
        if decided is Verdict.INDETERMINATE and not any(c.effect is Effect.INDETERMINATE for c in causes):
            self._add(Aspect.INTEGRITY, Cause("SIG-NOT-JUDGED", Effect.INDETERMINATE))
        parts = {
            aspect.value: Result(self._outcomes.get(aspect, Outcome.UNKNOWN), tuple(self._causes[aspect]))
            for aspect in Aspect
        }
        return SignatureVerdict(self.kind, decided, **parts, evidence=self.evidence, blobs=self.blobs)
