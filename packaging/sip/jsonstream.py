"""Reading a JSON object whose one long array does not fit into memory: the array comes row by row.

Strict as a verifier must be: keys given twice, NaN and infinities, bad UTF-8, and single values longer than `MAX_VALUE` are refused.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn

MAX_VALUE = 32 << 20  # characters of one row, or of one member that is not the array
_STEP = 256 * 1024
_SPACE = " \t\r\n"


class BadJson(ValueError):
    """The text is not the JSON that it should be; the message says why."""


def members(chunks: Iterable[bytes], array: str, seen_before: bool = False) -> Iterator[tuple[str, Any]]:
    """(name, value) of each member of the one object in ``chunks``, in its order; of the member ``array`` each row by itself
    as (``array``, row). Raises BadJson, at the place where the fault is met; what was ``seen_before`` to be sound is read
    faster."""
    text = _Text(
        chunks, json.JSONDecoder() if seen_before else json.JSONDecoder(object_pairs_hook=_once, parse_constant=_refuse)
    )
    text.expect("{")
    seen: set[str] = set()
    while not (text.take("}") if not seen else text.end_or_comma("}")):
        name = text.value()
        if not isinstance(name, str):
            raise BadJson("a key that is no string")
        if name in seen:
            raise BadJson("a key is given twice")
        seen.add(name)
        text.expect(":")
        if name == array:
            text.expect("[")
            first = True
            while not (text.take("]") if first else text.end_or_comma("]")):
                first = False
                yield name, text.value()
        else:
            yield name, text.value()
    text.nothing_more()


class _Text:
    """The text not yet read, filled from the chunks as it is needed."""

    def __init__(self, chunks: Iterable[bytes], decoder: json.JSONDecoder) -> None:
        self._chunks = iter(chunks)
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._json = decoder
        self._text = ""
        self._at = 0
        self._ended = False

    def expect(self, mark: str) -> None:
        if not self.take(mark):
            raise BadJson(f"no {mark}")

    def end_or_comma(self, end: str) -> bool:
        """True at the end of an array or object, False behind a comma."""
        if self.take(end):
            return True
        self.expect(",")
        return False

    def take(self, mark: str) -> bool:
        """Step over white space and then over ``mark``, where it stands next."""
        if self._next() != mark:
            return False
        self._at += 1
        return True

    def nothing_more(self) -> None:
        if self._next():
            raise BadJson("something follows the object")

    def value(self) -> Any:
        self._next()
        want = _STEP
        while True:
            try:
                value, end = self._json.raw_decode(self._text, self._at)
            except json.JSONDecodeError as e:
                if self._ended:
                    raise BadJson(str(e)) from e
            except RecursionError as e:
                raise BadJson("nested too deep") from e
            else:
                if end < len(self._text) or self._ended:  # a number at the very end may go on
                    self._at = end
                    return value
            if len(self._text) - self._at > MAX_VALUE:
                raise BadJson(f"a value of more than {MAX_VALUE} characters")
            self._fill(want)
            want *= 2  # what is long is not tried again for each piece of it

    def _next(self) -> str:
        """The next character that is no white space, "" at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if self._ended:
                return ""
            self._fill(_STEP)

    def _fill(self, want: int) -> None:
        pieces = [self._text[self._at :]]
        got = 0
        try:
            while got < want and not self._ended:
                chunk = next(self._chunks, None)
                self._ended = chunk is None
                pieces.append(self._utf8.decode(chunk or b"", self._ended))
                got += len(pieces[-1])
        except UnicodeDecodeError as e:
            raise BadJson(str(e)) from e
        self._text, self._at = "".join(pieces), 0


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        raise BadJson("a key is given twice")
    return out


def _refuse(constant: str) -> NoReturn:
    raise BadJson(f"{constant} is not JSON")


class Rows:
    """The rows of an array in a JSON file, read from it each time they are gone through."""

    def __init__(self, path: Path, array: str, count: int, change: Callable[[Any], Any] = lambda row: row) -> None:
        self._path, self._array, self._count, self._change = path, array, count, change

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Any]:
        found = members(file_chunks(self._path), self._array, seen_before=True)
        return (self._change(row) for name, row in found if name == self._array)

    def each(self, change: Callable[[Any], Any]) -> Rows:
        """The same rows, each as ``change`` makes it."""
        return Rows(self._path, self._array, self._count, change)


def load(path: Path, array: str) -> tuple[dict[str, Any], Rows]:
    """The object in a file without its long ``array``, and that array's rows. Raises BadJson, OSError."""
    rest: dict[str, Any] = {}
    count = 0
    for name, value in members(file_chunks(path), array):
        if name == array:
            count += 1
        else:
            rest[name] = value
    return rest, Rows(path, array, count)


def file_chunks(path: Path) -> Iterator[bytes]:
    """A file's bytes in pieces."""
    with path.open("rb", buffering=0) as file:
        while piece := file.read(_STEP):
            yield piece
