"""SM2 verification by the system's libcrypto where there is one that does it: six times as fast as our own arithmetic.

It is used only after it has answered known questions rightly in this very process (some distributions build OpenSSL
without SM2), and it is asked only about canonical values; whatever it refuses, our own arithmetic decides.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from functools import cache, lru_cache
from typing import Any

# GB/T 32918.5 A.2: public key, e = SM3(ZA‖"message digest"), and the DER of (r, s).
_POINT = bytes.fromhex(
    "0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
    "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
)
_DIGEST = bytes.fromhex("f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640")
_SIGNATURE = bytes.fromhex(
    "3046022100f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
    "022100b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
)
_SPKI_HEAD = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200")

_state = {"enabled": True}


def enable(wish: bool) -> None:
    """Switch the accelerator off or on again for this process: for measurements and for comparing the two."""
    _state["enabled"] = wish


def available() -> bool:
    """Whether a library is there, works, and is switched on."""
    return _state["enabled"] and _library() is not None


@cache
def _library() -> Any:
    """The library when it passes its test, else None."""
    for name in ("libcrypto.so.3", ctypes.util.find_library("crypto")):
        if not name:
            continue
        try:
            library = ctypes.CDLL(name)
            pointer = ctypes.c_void_p
            for function, result, arguments in (
                ("d2i_PUBKEY", pointer, [pointer, pointer, ctypes.c_long]),
                ("EVP_PKEY_free", None, [pointer]),
                ("EVP_PKEY_CTX_new", pointer, [pointer, pointer]),
                ("EVP_PKEY_CTX_free", None, [pointer]),
                ("EVP_PKEY_verify_init", ctypes.c_int, [pointer]),
                ("ERR_clear_error", None, []),
            ):
                entry = getattr(library, function)
                entry.restype, entry.argtypes = result, arguments
            verify = library.EVP_PKEY_verify
            verify.restype = ctypes.c_int
            verify.argtypes = [pointer, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
        except (OSError, AttributeError):
            continue
        wrong = bytes((_DIGEST[0] ^ 1,)) + _DIGEST[1:]
        if _ask(library, _POINT, _SIGNATURE, _DIGEST) and not _ask(library, _POINT, _SIGNATURE, wrong):
            return library
    return None


class _PublicKey:
    """An EVP_PKEY that is freed with its wrapper."""

    def __init__(self, library: Any, point: bytes) -> None:
        data = _SPKI_HEAD + point
        buffer = ctypes.create_string_buffer(data, len(data))
        cursor = ctypes.c_void_p(ctypes.addressof(buffer))
        self.library = library
        self.handle = library.d2i_PUBKEY(None, ctypes.byref(cursor), len(data))

    def __del__(self) -> None:
        if self.handle:
            self.library.EVP_PKEY_free(self.handle)


@lru_cache(maxsize=256)
def _key(library: Any, point: bytes) -> _PublicKey:
    return _PublicKey(library, point)


def _ask(library: Any, point: bytes, signature: bytes, digest: bytes) -> bool:
    key = _key(library, point)
    if not key.handle:
        library.ERR_clear_error()
        return False
    context = library.EVP_PKEY_CTX_new(key.handle, None)
    if not context:
        return False
    try:
        good = (
            library.EVP_PKEY_verify_init(context) == 1
            and library.EVP_PKEY_verify(context, signature, len(signature), digest, len(digest)) == 1
        )
    finally:
        library.EVP_PKEY_CTX_free(context)
    if not good:
        library.ERR_clear_error()
    return bool(good)


def verified(point: bytes, signature: bytes, digest: bytes) -> bool:
    """True when the library confirms the canonical DER ``signature`` over ``e = digest`` by the uncompressed ``point``.
    False says nothing: it is off, absent, or refuses."""
    if not _state["enabled"] or len(point) != 65:
        return False
    library = _library()
    return library is not None and bool(_ask(library, point, signature, digest))
