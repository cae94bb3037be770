"""The deployed push form: a call names packages and digests, and the next run takes what was whole."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

import samplenight
from desk.api import tokens
from ingest.cli import main
from ingest.ledger import Ledger
from ingest.ledger.tables import event
from ingest.settings import Home
from ingest.sources import open_source

Call = Callable[..., httpx.Response]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with the sample's agencies, an empty drop and an empty ledger."""
    (tmp_path / "home" / "config").mkdir(parents=True)
    shutil.copy(Path(samplenight.__file__).parent / "agencies.json", tmp_path / "home" / "config" / "agencies.json")
    return Home.of(tmp_path / "home")


@pytest.fixture
def agency(home: Home) -> str:
    return sorted(home.agencies())[0]


@pytest.fixture
def call(home: Home, agency: str, client_of: Any) -> Call:
    client, token = client_of(home, None), tokens.make(home, agency)

    def call(*packages: tuple[str, str], xml: str = "", at: str = agency, bearer: str = token) -> httpx.Response:
        body = {"xmlPath": xml, "packages": [{"systemNum": "s", "businessId": f"b{n}", "path": path, "digitaldigest": digest}
                                             for n, (path, digest) in enumerate(packages)]}  # fmt: skip
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        answer: httpx.Response = client.post(f"/api/v1/push/{at}", json=body, headers=headers)
        return answer

    return call


def put(home: Home, agency: str, name: str, data: bytes = b"zip") -> Path:
    path = home.inbox / agency / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def complete(home: Home, agency: str) -> list[str]:
    return [d.name for d in open_source(home, home.agencies()[agency]).deliveries()]


def pushed(home: Home) -> list[dict[str, Any]]:
    with Ledger(home.database_url) as ledger, ledger.read() as conn:
        details = conn.execute(
            sa.select(event.c.detail).where(event.c.kind == "pushed").order_by(event.c.seq)
        ).scalars()
        return [json.loads(d) for d in details]


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sm3", "sha512"])
def test_a_whole_package_becomes_a_complete_delivery(home: Home, agency: str, call: Call, algorithm: str) -> None:
    put(home, agency, "350100-1.zip")
    assert complete(home, agency) == []
    digest = hashlib.new(algorithm, b"zip").hexdigest().upper()
    answer = call(("/350100-1.zip", digest)).json()
    assert (answer["code"], answer["message"], answer["results"][0]["businessId"]) == (1, "收到 / received", "b0")
    assert complete(home, agency) == ["350100-1.zip"]
    (told,) = pushed(home)
    assert told["agency"] == agency and told["packages"] == {"350100-1.zip": digest.lower()}


def test_a_call_may_be_repeated(home: Home, agency: str, call: Call) -> None:
    put(home, agency, "a.zip")
    digest = hashlib.md5(b"zip").hexdigest()
    assert call(("a.zip", digest)).json()["code"] == 1
    before = list(open_source(home, home.agencies()[agency]).deliveries())
    assert call(("a.zip", digest)).json()["code"] == 1
    assert list(open_source(home, home.agencies()[agency]).deliveries()) == before, "it is not listed as something new"
    assert len(pushed(home)) == 1


def test_a_batch_with_its_paper_is_one_delivery_and_all_of_it_must_be_good(home: Home, agency: str, call: Call) -> None:
    for name in ("transfer_info.xml", "1.zip", "2.zip"):
        put(home, agency, f"batch/{name}", name.encode())
    one, two = (hashlib.sha256(n).hexdigest() for n in (b"1.zip", b"2.zip"))
    half = call(("batch/1.zip", one), ("batch/2.zip", one), xml="batch/transfer_info.xml").json()
    assert half["code"] == 6 and [r["code"] for r in half["results"]] == [1, 6]
    assert complete(home, agency) == [] and pushed(home) == []
    assert call(("batch/1.zip", one), ("batch/2.zip", two), xml="other/transfer_info.xml").json()["code"] == 2
    assert call(("batch/1.zip", one), ("batch/2.zip", two), xml="batch/none.xml").json()["code"] == 3
    assert call(("batch/1.zip", one), ("batch/2.zip", two), xml="/batch/transfer_info.xml").json()["code"] == 1
    assert complete(home, agency) == ["batch"]


@pytest.mark.parametrize(
    "path", ["../x.zip", "a/../../x.zip", "a//x.zip", "./x.zip", "..", "a\u0000.zip", "link.zip", "linked/x.zip"]
)
def test_no_path_leads_out_of_the_agencys_drop(home: Home, agency: str, call: Call, path: str) -> None:
    (home.root / "x.zip").write_bytes(b"secret")
    drop = put(home, agency, "real.zip").parent
    os.symlink(home.root / "x.zip", drop / "link.zip")
    os.symlink(home.root, drop / "linked")
    answer = call((path, hashlib.md5(b"secret").hexdigest())).json()
    assert answer["code"] in (2, 3), "read nothing, and say of no file what its digest is"
    assert complete(home, agency) == [] and not list(home.root.glob("*_DONE"))


def test_only_the_agency_itself_may_call(home: Home, agency: str, call: Call, client_of: Any) -> None:
    other = sorted(home.agencies())[1]
    package = ("a.zip", hashlib.md5(b"zip").hexdigest())
    put(home, agency, "a.zip")
    token = tokens.make(home, other)
    assert call(package, bearer=token).status_code == 401
    assert call(package, at=other).status_code == 401, "its token is not the other's"
    assert call(package, at="nobody").status_code == 401
    assert call(package, bearer="").status_code in (401, 403)
    assert client_of(home, "administrator").post(f"/api/v1/push/{agency}", json={}).status_code in (401, 403)
    assert tokens.revoke(home, agency) and call(package).status_code == 401
    assert complete(home, agency) == []


def test_guessing_tokens_is_stopped(call: Call) -> None:
    codes = [call(("a.zip", "0" * 32), bearer=f"guess{n}").status_code for n in range(25)]
    assert codes[0] == 401 and codes[-1] == 429
    assert call(("a.zip", "0" * 32)).status_code == 429


def test_a_source_that_tells_by_itself_what_is_complete_is_not_announced_to(
    home: Home, agency: str, call: Call
) -> None:
    path = home.config / "agencies.json"
    given = json.loads(path.read_text("utf-8"))
    for entry in given["agencies"]:
        entry["source"] = {"kind": "https", "connection": "api"}
    path.write_text(json.dumps(given), "utf-8")
    answer = call(("a.zip", "0" * 32))
    assert answer.status_code == 409 and "https" in answer.json()["detail"]


def test_the_token_is_shown_once_and_kept_as_a_digest(
    home: Home, agency: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["desk", "token", agency, "--home", str(home.root)]) == 0
    token = capsys.readouterr().out.strip()
    file = home.secrets / "push-tokens.json"
    assert token not in file.read_text() and stat.S_IMODE(file.stat().st_mode) == 0o600
    assert tokens.good(home, agency, token) and not tokens.good(home, agency, token + "x")
    assert main(["desk", "token", agency, "--revoke", "--home", str(home.root)]) == 0
    assert not tokens.good(home, agency, token)
    assert main(["desk", "token", agency, "--revoke", "--home", str(home.root)]) == 1
    assert main(["desk", "token", "nobody", "--home", str(home.root)]) == 2


def test_what_was_pushed_is_taken_by_the_next_run(home: Home, agency: str, call: Call) -> None:
    from ingest.discovery import discover

    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as z:
        z.writestr("x.txt", "x")
    put(home, agency, "p.zip", packed.getvalue())
    with Ledger(home.database_url) as ledger:
        ledger.upgrade()
        assert discover(home, ledger, "before", "2026-11-20T01:00:00+08:00") == []
        assert call(("p.zip", hashlib.sha256(packed.getvalue()).hexdigest())).json()["code"] == 1
        assert len(discover(home, ledger, "after", "2026-11-20T02:00:00+08:00")) == 1
