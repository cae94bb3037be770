"""The hardened store as one set: what a package needs works, and no side door lets a locked record go."""

import contextlib
import datetime as dt
import hashlib
import json
import socket
import ssl
import subprocess
import urllib.error
import urllib.request
from base64 import b64encode

import pytest
from botocore.exceptions import ClientError

from ingest.servers import processes
from ingest.servers.ports import HOST, Ports
from ingest.servers.seaweed import BUCKET, CONTROL_BUCKET, SeaweedServer, StoreError, weed
from ingest.servers.seaweed_config import filer_locations

BODY = "归档".encode()
DIGEST = b64encode(hashlib.sha256(BODY).digest()).decode()
GRPC = ("master_grpc", "volume_grpc", "filer_grpc", "s3_grpc", "admin_grpc")


@pytest.fixture(scope="module")
def ingest(store):
    with contextlib.closing(store.client()) as client:
        yield client


@pytest.fixture(scope="module")
def admin(store):
    with contextlib.closing(store.client("admin")) as client:
        yield client


@pytest.fixture(scope="module")
def auditor(store):
    with contextlib.closing(store.client("auditor")) as client:
        yield client


@pytest.fixture(scope="module")
def locked(ingest):
    """(key, version) of an object under COMPLIANCE retention for a day."""
    key = "servers/locked.zip"
    until = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    answer = ingest.put_object(
        Bucket=BUCKET, Key=key, Body=BODY, ChecksumSHA256=DIGEST, ObjectLockMode="COMPLIANCE",
        ObjectLockRetainUntilDate=until,
    )  # fmt: skip
    return key, answer["VersionId"]


def status(action, **arguments) -> int:
    """The HTTP status of a refusal; 200 if it was not refused."""
    try:
        action(**arguments)
    except ClientError as e:
        return e.response["ResponseMetadata"]["HTTPStatusCode"]
    return 200


def still_there(client, locked) -> bool:
    key, version = locked
    with client.get_object(Bucket=BUCKET, Key=key, VersionId=version)["Body"] as body:
        return body.read() == BODY


def http(method: str, port: int, path: str) -> int:
    request = urllib.request.Request(f"http://{HOST}:{port}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as e:
        with e:
            return e.code


# What a deposit relies on


def test_right_checksum_is_kept(ingest):
    ingest.put_object(Bucket=BUCKET, Key="servers/right", Body=BODY, ChecksumSHA256=DIGEST)
    assert ingest.head_object(Bucket=BUCKET, Key="servers/right", ChecksumMode="ENABLED")["ChecksumSHA256"] == DIGEST


def test_wrong_checksum_is_refused_and_nothing_stored(ingest):
    assert status(ingest.put_object, Bucket=BUCKET, Key="servers/wrong", Body=b"x", ChecksumSHA256=DIGEST) == 400
    assert status(ingest.head_object, Bucket=BUCKET, Key="servers/wrong") in (403, 404)


def test_existing_key_is_not_overwritten_by_a_conditional_put(ingest):
    put = {"Bucket": BUCKET, "Key": "servers/once", "Body": BODY, "IfNoneMatch": "*"}
    assert [status(ingest.put_object, **put), status(ingest.put_object, **put)] == [200, 412]


def test_bucket_keeps_versions_under_object_lock(ingest):
    assert ingest.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    lock = ingest.get_object_lock_configuration(Bucket=BUCKET)["ObjectLockConfiguration"]
    assert lock["ObjectLockEnabled"] == "Enabled"


def test_chinese_name_longer_than_255_bytes(ingest):
    key = f"servers/{'档' * 300}.zip"
    ingest.put_object(Bucket=BUCKET, Key=key, Body=BODY)
    assert ingest.head_object(Bucket=BUCKET, Key=key)["ContentLength"] == len(BODY)


def test_multipart_upload_as_the_ingest_user(ingest):
    key = "servers/parts"
    upload = ingest.create_multipart_upload(Bucket=BUCKET, Key=key, ChecksumAlgorithm="SHA256")["UploadId"]
    part = ingest.upload_part(
        Bucket=BUCKET, Key=key, UploadId=upload, PartNumber=1, Body=BODY, ChecksumAlgorithm="SHA256"
    )
    parts = [{"PartNumber": 1, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]}]
    ingest.complete_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})
    assert ingest.head_object(Bucket=BUCKET, Key=key)["ContentLength"] == len(BODY)


def test_every_write_is_followed_by_fsync(seaweed):
    assert filer_locations(seaweed.shell("fs.configure")) == {"/buckets/": True}


# A locked record stays


@pytest.mark.parametrize("user", ["ingest", "admin"])
@pytest.mark.parametrize("bypass", [False, True])
def test_locked_version_cannot_be_deleted_over_s3(store, locked, user, bypass):
    key, version = locked
    with contextlib.closing(store.client(user)) as client:
        assert status(
            client.delete_object, Bucket=BUCKET, Key=key, VersionId=version, BypassGovernanceRetention=bypass
        ) == 403  # fmt: skip
        assert still_there(client, locked)


def test_retention_can_be_extended_and_not_shortened(ingest, admin, locked):
    key, version = locked
    now = dt.datetime.now(dt.UTC)

    def retain(client, days: float) -> int:
        retention = {"Mode": "COMPLIANCE", "RetainUntilDate": now + dt.timedelta(days=days)}
        return status(client.put_object_retention, Bucket=BUCKET, Key=key, VersionId=version, Retention=retention)

    assert [retain(ingest, 2), retain(ingest, 0.5), retain(admin, 0.5)] == [200, 403, 403]


@pytest.mark.parametrize(
    ("listener", "path"),
    [
        ("filer", f"/buckets/{BUCKET}/servers/locked.zip.versions?recursive=true"),
        ("filer", f"/buckets/{BUCKET}?recursive=true&ignoreRecursiveError=true"),
        ("master", f"/col/delete?collection={BUCKET}"),
        ("admin", f"/api/s3/buckets/{BUCKET}"),
    ],
)
@pytest.mark.parametrize("method", ["DELETE", "GET", "POST"])
def test_no_other_http_port_serves_or_deletes(seaweed, ingest, locked, listener, path, method):
    assert http(method, getattr(seaweed.ports, listener), path) in (401, 404, 405)
    assert still_there(ingest, locked)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_volume_server_wants_a_token(seaweed, ingest, locked, method):
    key, version = locked
    entry = seaweed.shell(f"fs.meta.cat /buckets/{BUCKET}/{key}.versions/v_{version}")
    chunks = json.loads(entry[entry.index("{") : entry.rindex("}") + 1])["chunks"]
    fid = chunks[0].get("fileId") or chunks[0]["file_id"]
    assert http(method, seaweed.ports.volume, f"/{fid}") == 401
    assert still_there(ingest, locked)


@pytest.mark.parametrize("port", GRPC)
def test_grpc_port_turns_away_who_has_no_certificate(seaweed, port):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection((HOST, getattr(seaweed.ports, port)), 5) as plain,
        pytest.raises(ssl.SSLError, match=r"(?i)certificate.required"),
        context.wrap_socket(plain) as tls,
    ):
        tls.recv(1)


@pytest.mark.parametrize("port", GRPC)
def test_grpc_port_speaks_nothing_without_tls(seaweed, port):
    with socket.create_connection((HOST, getattr(seaweed.ports, port)), 5) as plain:
        plain.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5))
        with contextlib.suppress(ConnectionResetError):
            assert b"\x00\x00\x00\x04" not in plain.recv(100)  # no SETTINGS frame: not HTTP/2


def test_weed_shell_without_certificate_gets_nowhere(seaweed, ingest, locked):
    ports = seaweed.ports
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run(
            [
                str(weed()), "shell", f"-master={HOST}:{ports.master}.{ports.master_grpc}",
                f"-filer={HOST}:{ports.filer}.{ports.filer_grpc}",
            ],
            input=f"lock\nfs.rm -rf /buckets/{BUCKET}/servers/locked.zip.versions\nexit\n", text=True, timeout=4,
            capture_output=True, env={"HOME": str(seaweed.home)}, cwd=seaweed.home,
        )  # fmt: skip
    assert still_there(ingest, locked)


# Who may do what


@pytest.mark.parametrize(
    ("action", "arguments"),
    [
        ("delete_object", {"Bucket": BUCKET, "Key": "servers/right"}),
        ("create_bucket", {"Bucket": "another"}),
        ("delete_bucket", {"Bucket": BUCKET}),
        ("put_bucket_versioning", {"Bucket": BUCKET, "VersioningConfiguration": {"Status": "Suspended"}}),
        (
            "put_object_lock_configuration",
            {"Bucket": BUCKET, "ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"}},
        ),
        ("put_bucket_policy", {"Bucket": BUCKET, "Policy": '{"Version": "2012-10-17", "Statement": []}'}),
        ("put_object", {"Bucket": CONTROL_BUCKET, "Key": "sentinel", "Body": b""}),
        ("get_object", {"Bucket": CONTROL_BUCKET, "Key": "sentinel"}),
    ],
)
def test_ingest_user_adds_to_the_archive_and_does_nothing_else(ingest, action, arguments):
    assert status(getattr(ingest, action), **arguments) == 403


def test_ingest_user_deletes_nothing_in_bulk(ingest):
    ingest.put_object(Bucket=BUCKET, Key="servers/bulk", Body=BODY)
    answer = ingest.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "servers/bulk"}]})
    assert [e["Code"] for e in answer["Errors"]] == ["AccessDenied"]
    assert ingest.head_object(Bucket=BUCKET, Key="servers/bulk")["ContentLength"] == len(BODY)


def test_auditor_reads_everything_and_writes_nothing(auditor, locked):
    key, version = locked
    assert still_there(auditor, locked)
    assert auditor.get_object_retention(Bucket=BUCKET, Key=key, VersionId=version)["Retention"]["Mode"] == "COMPLIANCE"
    assert key in [o["Key"] for o in auditor.list_objects_v2(Bucket=BUCKET, Prefix=key)["Contents"]]
    assert status(auditor.put_object, Bucket=BUCKET, Key="servers/auditor", Body=b"") == 403
    assert status(auditor.delete_object, Bucket=BUCKET, Key=key) == 403


def test_unknown_key_and_nobody_get_nothing(store):
    assert http("GET", int(store.url.rpartition(":")[2]), f"/{BUCKET}/servers/locked.zip") == 403


def test_everything_listens_on_the_loopback_address_only(seaweed):
    leader = seaweed.component.leader
    for port in seaweed.ports.store.values():
        assert processes.listener(port).session == leader.pid
    listening = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout.splitlines()
    addresses = {line.split()[3] for line in listening if f"pid={leader.pid}," in line}
    assert addresses == {f"{HOST}:{port}" for port in seaweed.ports.store.values()}


# Start and stop


@pytest.mark.slow
def test_a_restart_on_other_ports_keeps_objects_and_drops_a_tampered_option(tmp_path_factory):
    folder = tmp_path_factory.mktemp("s")
    first = SeaweedServer(folder, Ports.free())
    with contextlib.closing(first.start().client()) as client:
        client.put_object(Bucket=BUCKET, Key="kept", Body=BODY)
    first.stop()
    (folder / "store" / "data" / "mini.options").write_text("s3.port=1\nip.bind=0.0.0.0\n")
    again = SeaweedServer(folder, Ports.free())
    try:
        with (
            contextlib.closing(again.start().client()) as client,
            client.get_object(Bucket=BUCKET, Key="kept")["Body"] as body,
        ):
            assert body.read() == BODY
    finally:
        again.stop()
    assert (folder / "store").stat().st_mode & 0o077 == 0, "records are for nobody else on the machine"


@pytest.mark.slow
def test_a_store_whose_port_was_taken_meanwhile_says_so_at_once(tmp_path_factory):
    ports = Ports.free()
    with socket.create_server((HOST, ports.s3)):
        server = SeaweedServer(tmp_path_factory.mktemp("s"), ports)
        with pytest.raises(StoreError, match=f"port {ports.s3} .* is not available"):
            server.start()
    assert server.component.leader is None


@pytest.mark.slow
def test_a_store_that_goes_on_without_its_certificate_is_not_used(tmp_path_factory, monkeypatch):
    server = SeaweedServer(tmp_path_factory.mktemp("s"), Ports.free())
    monkeypatch.setattr("ingest.servers.seaweed_config._GRPC_PARTS", ())
    with pytest.raises(StoreError, match="master_grpc, volume_grpc, filer_grpc, s3_grpc, admin_grpc"):
        server.start()
    assert server.component.leader is None


@pytest.mark.slow
def test_a_store_without_its_keys_is_not_used(tmp_path_factory, monkeypatch):
    server = SeaweedServer(tmp_path_factory.mktemp("s"), Ports.free())
    command = server.component.argv
    command.remove("-disableHttp")
    with pytest.raises(StoreError, match="master: "):
        server.start()
