"""What nights and backfills have in common: find what is new, take each batch through the six stages, ask once more, report."""

import itertools

import guide
from airflow.sdk import Param, get_current_context, task, task_group
from connections import home_with_connections
from policies import ASK_SOURCES_AGAIN, ONCE

PARAMS = {
    "source": Param(
        "", type="string", title="来源文件夹 Source folder", description="留空为各机构自己的来源 / empty: the agencies' own sources"
    ),
    "agencies": Param(
        [],
        type="array",
        items={"type": "string"},
        title="只取这些机构 Only these agencies",
        description="机构 id；留空为全部 / ids of agencies; empty: all",
    ),
    "arrived_from": Param(None, type=["null", "string"], format="date", title="到达日期起 Arrived from"),
    "arrived_to": Param(None, type=["null", "string"], format="date", title="到达日期止 Arrived to"),
    "batch_size": Param(500, type="integer", minimum=1, maximum=5000, title="每批件数 Records a batch"),
    "only_cases": Param(
        [],
        type="array",
        items={"type": "string"},
        title="只处理这些办件编号 Only these cases",
        description="按报送文件夹名的开头匹配 / matched with the beginning of the delivery's folder name",
    ),
}  # fmt: skip
_STAGES = {
    "receive": "接收 receive",
    "check": "四性检测 check",
    "file": "归档整理 file",
    "package": "封装 package",
    "deposit": "入库 deposit",
    "acknowledge": "回执 acknowledge",
}


def run_of_batches(lane: str):
    """Wire a run of ``lane`` but for its own last steps; returns what these have to follow. Call it within a DAG."""

    @task(task_display_name="发现 discover", doc_md=guide.TASKS["discover"])
    def discover() -> list[str]:
        """List what is new at the sources into batches."""
        from ingest import night

        return night.discover(**_asked(lane))

    @task(task_display_name="再访 again", trigger_rule="all_done", doc_md=guide.TASKS["again"], **ASK_SOURCES_AGAIN)
    def again() -> list[str]:
        """Ask the sources that were away once more, each time after a longer wait; take up what machine trouble left undone."""
        from ingest import night

        instance = get_current_context()["ti"]
        return night.discover_again(**_asked(lane), last=instance.try_number > instance.max_tries)

    @task(task_display_name="夜报 report", trigger_rule="all_done", doc_md=guide.TASKS["report"], **ONCE)
    def report() -> dict:
        """The run in figures; red while records are left undone, so that the run does not look finished."""
        from ingest import night

        run = get_current_context()["dag_run"]
        return night.summarise(run.run_id, as_of=run.logical_date or run.run_after, dag_id=run.dag_id).as_json()

    first = _stages("batch", lane).expand(batch_id=discover())
    late = again()
    first >> late
    done = _stages("late", lane).expand(batch_id=late)
    done >> report()
    return done


def _stages(group_id: str, lane: str):
    """The six stages of a batch, one after the other, as a group that is mapped over batches."""

    @task_group(group_id=group_id)
    def one_batch(batch_id: str):
        steps = [_stage(name, display, lane)(batch_id) for name, display in _STAGES.items()]
        for before, after in itertools.pairwise(steps):
            before >> after

    return one_batch


def _stage(name: str, display: str, lane: str):
    @task(task_id=name, task_display_name=display, doc_md=guide.TASKS[name])
    def run(batch_id: str) -> dict:
        from ingest import night

        return night.run_stage(name, batch_id, home_with_connections(), lane).as_json()

    return run


def _asked(lane: str) -> dict:
    """What this run is to take, from its parameters."""
    from ingest.discovery import Wanted

    context = get_current_context()
    run, params = context["dag_run"], context["params"]
    return {
        "run_id": run.run_id,
        "as_of": run.logical_date or run.run_after,
        "wanted": Wanted.of(params, run.triggering_user_name or "airflow"),
        "batch_size": params["batch_size"],
        "home": home_with_connections(),
        "lane": lane,
    }
