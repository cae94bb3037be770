"""Where a package may stand: a path on disk, or an address in the store (``s3://bucket/key``, ``s3://bucket/prefix/``)."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from ingest.settings import ConfigError, Home
from ingest.store import config as store_config
from ingest.store.objects import ObjectStore
from sip.opening import Source

SCHEME = "s3://"
_PACKAGES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_WHOLE = 32 << 20  # an object up to this is fetched in one request; a larger one is read by ranges


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """One package: ``name`` as the user is told; a path, or a key in a store."""

    name: str
    path: Path | None = None
    store: ObjectStore | None = None
    key: str = ""

    def open(self) -> Source:
        """The package for `sip.verify`; never more of a far one in memory than 32 MiB. KeyError where the key is free."""
        if self.path is not None:
            return self.path
        assert self.store is not None
        size = self.store.size(self.key)
        if size is None:
            raise KeyError(self.key)
        if size <= _WHOLE:
            return io.BytesIO(b"".join(self.store.stream(self.key)))
        return self.store.open(self.key)


def places(home: Home, word: str) -> Iterator[Place]:
    """The packages that one word of the command line means; a prefix means every package below it, in order.

    Raises ConfigError where no store is configured, the address is none, or nothing stands below the prefix.
    """
    if not word.startswith(SCHEME):
        yield Place(word, path=Path(word))
        return
    bucket, _, key = word.removeprefix(SCHEME).partition("/")
    if not bucket:
        raise ConfigError(f"不是对象地址，应为 s3://桶/键 / not an address in a store (s3://bucket/key): {word}")
    store = bucket_of(home, bucket)
    if key and not key.endswith("/"):
        yield Place(word, store=store, key=key)
        return
    found = False
    for name, _ in store.listing(key):
        if name.endswith(_PACKAGES):
            found = True
            yield Place(f"{SCHEME}{bucket}/{name}", store=store, key=name)
    if not found:
        raise ConfigError(f"此前缀下没有归档信息包 / there is no package below {word}")


@cache
def bucket_of(home: Home, bucket: str) -> ObjectStore:
    """A bucket of the configured store."""
    return ObjectStore(dataclasses.replace(store_config.load(home), bucket=bucket))
