"""The schema file itself is sound; the processes that use it do not check it again."""

import json

from jsonschema import Draft202012Validator

from ingest.paths import SCHEMAS


def test_the_case_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(json.loads((SCHEMAS / "case-1.0.schema.json").read_text("utf-8")))
