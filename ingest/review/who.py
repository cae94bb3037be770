"""Who acts: by default the account of this machine, which is named in every event beside the name that was given."""

from __future__ import annotations

import getpass


def account() -> str:
    """The account that runs this process."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may run under a number that has no name
        import os

        return f"uid{os.getuid()}"
