"""Retry policies by purpose. Only machine trouble is tried again; a wrong configuration is not mended by waiting."""

import datetime as dt
import os

from airflow.sdk import ExceptionRetryPolicy, RetryRule
from airflow.sdk.definitions.retry_policy import RetryAction

MACHINE_TROUBLE = {
    "retries": 3,
    "retry_delay": dt.timedelta(seconds=10),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": dt.timedelta(minutes=5),
    "retry_policy": ExceptionRetryPolicy(
        rules=[
            RetryRule(
                exception="ingest.settings.ConfigError", action=RetryAction.FAIL, reason="配置错误 / configuration"
            ),
            RetryRule(
                exception="ingest.stages.StageStuck",
                action=RetryAction.FAIL,
                reason="等待无益 / waiting mends none of it",
            ),
            RetryRule(
                exception="ingest.transfer.sending.Refused", action=RetryAction.FAIL, reason="须由人处理 / for a person"
            ),
        ]
    ),
}
# A source that is away is asked again after 1, 5 and 25 minutes; how long the first wait is may be set for tests and small homes.
ASK_SOURCES_AGAIN = {
    "retries": 3,
    "retry_delay": dt.timedelta(seconds=float(os.environ.get("GUIDANG_AGAIN_SECONDS", "60"))),
    "retry_exponential_backoff": 5.0,
    "max_retry_delay": dt.timedelta(minutes=30),
}
# Absolute weights: of what may run, the night's goes first, and of one run the batch that is furthest on.
FIRST = {"priority_weight": 100, "weight_rule": "absolute"}
BESIDE = {"pool": "backfill", "priority_weight": 1, "weight_rule": "absolute"}
ONCE = {"retries": 0}
# A question that a person answered in a way the rules do not allow is put again at once, as often as it takes.
ASK_AGAIN = {
    "retries": 1000,
    "retry_delay": dt.timedelta(seconds=1),
    "retry_policy": ExceptionRetryPolicy(
        rules=[
            RetryRule(exception="ingest.review.ask.NotTaken", reason="答复未采纳 / the answer was not taken"),
            RetryRule(
                exception="ingest.settings.ConfigError", action=RetryAction.FAIL, reason="配置错误 / configuration"
            ),
        ]
    ),
}
