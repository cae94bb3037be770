"""Who acts: names as they are compared, and the account behind a name on the command line.

Two pairs of eyes are two accounts. At the desk the logged-in user is the name; on the command line a name is only typed, so that
the account of the machine (``os:<account>``) is kept with it and tells two people apart.
"""

from __future__ import annotations

import getpass
import unicodedata


def account() -> str:
    """The account that runs this process."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may run under a number that has no name
        import os

        return f"uid{os.getuid()}"


def via_account() -> str:
    """The account as events tell it."""
    return f"os:{account()}"


def plain(name: str) -> str:
    """``Zhang`` and ``zhang`` are one person: a difference that only a keyboard makes must not count as a second pair of eyes."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


def same(name: str, via: str, other_name: str, other_via: str) -> bool:
    """Whether two acts may be one person's: the same name, or the same account under two names."""
    return plain(name) == plain(other_name) or (via != "" and via == other_via)
