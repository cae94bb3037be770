"""A whole night through the real stages and the real store: every record ends as the night itself expects."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from night_home import NightHome

from ingest.cli import main
from ingest.expectations import compare
from ingest.ledger import Ledger
from ingest.stages import StageFailed
from sip.commit import commit_key
from sip.judge import bagit_valid
from sip.verify import verify

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def sample(night_home: NightHome, sample_night: Callable[..., None]) -> NightHome:
    sample_night(night_home.home.root, count=20)
    return night_home


def test_a_night_ends_as_expected_and_a_second_takes_nothing_twice(
    sample: NightHome, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    night = sample.run()
    with Ledger(sample.home.database_url) as ledger:
        assert compare(ledger, sample.home.root / "expectations.json") == []
    assert night.unfinished == 0 and night.total.packages == night.total.accepted > 20
    stored = sample.stored()
    accepted = [r for r in sample.records() if r["state"] == "acknowledged"]
    assert set(stored) == {k for r in accepted for k in (r["object_key"], commit_key(r["object_key"]))}
    for n, row in enumerate(accepted):
        assert stored[row["object_key"]] == (row["package_sha256"], row["package_size"])
        package = tmp_path / f"{n}.zip"
        sample.objects.fetch(row["object_key"], package)
        assert bagit_valid(package, tmp_path) == []
        assert verify(package).findings == ()
    assert main(["verify", "--bagit", *map(str, tmp_path.glob("*.zip"))]) == 0

    # from the store, its signatures judged again by the evidence in each package
    capsys.readouterr()
    assert main(["verify", "--json", f"s3://{sample.objects._bucket}/", "--home", str(sample.home.root)]) == 0
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(said) == len(accepted) and all(x["valid"] and x["signatures"]["good"] for x in said)

    again = sample.run("the next night")
    assert again.total.received == 0
    assert sample.stored() == stored
    assert main(["ledger", "verify", "--home", str(sample.home.root)]) == 0


def test_every_decided_delivery_has_its_receipt_and_staging_holds_only_what_is_held(sample: NightHome) -> None:
    sample.run(batch_size=7)
    receipts = {p.name.removesuffix(".receipt.json"): json.loads(p.read_text("utf-8"))
                for p in sample.home.outbox.rglob("*.receipt.json")}  # fmt: skip
    rows = {r["delivery"]: r for r in sample.records()}
    assert set(receipts) == {d for d, r in rows.items() if r["state"] != "held"}
    for delivery, receipt in receipts.items():
        row = rows[delivery]
        assert receipt["state"] == row["state"]
        assert (receipt["receipt_code"] == 1) == (row["state"] in ("acknowledged", "duplicate"))
        assert all(f["zh"] and f["en"] for f in receipt["findings"])
    (digest,) = (r for r in receipts.values() if any(f["code"] == "RCV-DIGEST-MISMATCH" for f in r["findings"]))
    assert digest["receipt_code"] == 6
    staged = {p.name for batch in sample.home.staging.iterdir() for p in batch.iterdir()}
    assert staged == {r["id"] for r in rows.values() if r["state"] == "held" and r["files"]}


def test_versions_of_a_case_share_their_numbers(sample: NightHome) -> None:
    sample.run()
    by_case: dict[str, list[dict[str, object]]] = {}
    for r in sample.records():
        if r["state"] == "acknowledged":
            by_case.setdefault(r["case_no"], []).append(r)
    (two,) = (rows for rows in by_case.values() if len(rows) == 2)
    assert len({r["archival_code"] for r in two}) == 1
    assert {str(r["object_key"]).rsplit("/", 1)[1] for r in two} == {"v1.zip", "v2.zip"}


def test_lost_staging_is_taken_again_from_the_source(sample: NightHome, monkeypatch: pytest.MonkeyPatch) -> None:
    from ingest import stages

    real = stages.STAGES["package"]

    def lose_two(home, ledger, batch_id, workers):  # type: ignore[no-untyped-def]
        filed = ledger.records(batch_id, [stages.State.FILED])
        folder = home.staging / batch_id
        victim = folder / filed[0]["id"] / "files" / "0001"
        victim.write_bytes(victim.read_bytes()[:-1] + b"?")
        (folder / filed[1]["id"] / "record.json").unlink()
        return real(home, ledger, batch_id, workers)

    monkeypatch.setitem(stages.STAGES, "package", lose_two)
    with pytest.raises(StageFailed, match="2 "):
        sample.run()
    numbers = {r["delivery"]: r["archival_code"] for r in sample.records()}
    monkeypatch.setitem(stages.STAGES, "package", real)
    assert sample.run("the next night").unfinished == 0
    assert {r["delivery"]: r["archival_code"] for r in sample.records()} == numbers
    with Ledger(sample.home.database_url) as ledger:
        assert compare(ledger, sample.home.root / "expectations.json") == []
