"""Packages made of the sample record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sip_samples import AS_OF, CODE, CONTENTS, MakePlan, record_of, staged, tags_of

from sip.package import PackagePlan


@pytest.fixture
def make_plan(tmp_path: Path) -> MakePlan:
    def make(contents: dict[str, bytes] | None = None, **changes: Any) -> PackagePlan:
        folder = tmp_path / f"staging{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        files = staged(folder, CONTENTS if contents is None else contents)
        given: dict[str, Any] = {
            "identifier": CODE,
            "version": 1,
            "as_of": AS_OF,
            "payload": files,
            "bag_info": [
                ("Source-Organization", "南粤市政务服务和数据管理局（测试）"),
                ("Bag-Group-Identifier", "T001"),
            ],
        }
        if "tags" not in changes:
            given["tags"] = tags_of(record_of(files))
        return PackagePlan(**given | changes)

    return make
