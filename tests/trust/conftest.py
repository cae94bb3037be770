from pathlib import Path

import pytest
from signatures.pki.ca import world
from trust_home import TrustHome, pem


@pytest.fixture
def empty(home: Path) -> TrustHome:
    return TrustHome(home)


@pytest.fixture
def kept(empty: TrustHome) -> TrustHome:
    """With a root, an operating CA and its CRL."""
    w = world("sm2")
    assert empty.add("root.pem", pem(w.root.raw), "--anchor", "--purpose", "许可证印章", source="国家根") == 0
    assert empty.add("ca.cer", w.authority.raw) == 0
    assert empty.add("1.crl", pem(w.crl, "X509 CRL"), source="http://ca.example/1.crl") == 0
    return empty
