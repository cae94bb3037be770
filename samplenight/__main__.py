"""`python -m samplenight sample …`: the maker without the rest of the house."""

from __future__ import annotations

import argparse
import sys

from samplenight import cli

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="samplenight")
    cli.add_parser(parser.add_subparsers(required=True))
    args = parser.parse_args()
    sys.exit(args.func(args))
