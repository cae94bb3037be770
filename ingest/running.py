"""One stage over one batch, with what surrounds it: whose code goes on here, and what keeps a stage from beginning at all."""

from __future__ import annotations

import sqlalchemy as sa

from ingest import code, stages
from ingest.ledger import Ledger, turns
from ingest.ledger.ledger import share_of
from ingest.ledger.tables import batch
from ingest.model import State
from ingest.settings import Home
from ingest.stages import StageFailed, StageResult
from ingest.trouble import cause_of
from ingest.workers import Workers


def run(stage: str, home: Home, ledger: Ledger, which: str, workers: Workers) -> StageResult:
    """One stage over a batch, or over a re-run's share of one, alone: what is cleared while it still runs, or taken by two runs,
    waits for its turn. Raises StageFailed for records undone, and whatever keeps the stage from beginning at all; the records
    that waited for it then bear its cause."""
    try:
        with ledger.turn(f"batch {share_of(which)[0]}"):
            take_over(ledger, which, stage)
            return stages.STAGES[stage](home, ledger, which, workers)
    except StageFailed:
        raise
    except turns.Busy as e:
        raise StageFailed(f"{stage} {which}: {e}") from e
    except Exception as e:
        stopped = _HALF_DONE if isinstance(e, code.CodeChanged) else _INPUT[stage]
        waiting = [row["id"] for row in ledger.records(which, stopped)]
        with ledger.begin() as tx:
            tx.fail_all(share_of(which)[0], waiting, stage, f"{type(e).__name__}: {e}", cause_of(e))
        raise


_HALF_DONE = (
    State.RECEIVED,
    State.CHECKED,
    State.FILED,
)  # between the source and the package: what the contract is about
_INPUT = {
    "receive": (State.LISTED,),
    "check": (State.RECEIVED,),
    "file": (State.CHECKED,),
    "package": (State.FILED,),
    "deposit": (State.PACKAGED, State.DEPOSITED),
    "acknowledge": (State.DEPOSITED,),
}


def take_over(ledger: Ledger, which: str, stage: str) -> None:
    """Before a stage: note that this code goes on with the batch, if other code worked on it last.

    Under the same contract it goes on, and the chain says from which stage. Under another one it goes on where nothing of the
    batch is half done; packages are complete in themselves, so deposit and acknowledge always go on. Raises CodeChanged.
    """
    now = code.running()
    batch_id, _ = share_of(which)
    with ledger.read() as conn:
        row = conn.execute(sa.select(batch.c.code, batch.c.contract).where(batch.c.id == batch_id)).one_or_none()
    if row is None or row.code == str(now):
        return
    if row.contract not in (None, now.contract) and (begun := ledger.records(batch_id, _HALF_DONE)):
        if stage in ("deposit", "acknowledge"):
            return
        raise code.CodeChanged(
            f"批次 {batch_id} 由程序 {row.code}（阶段约定 {row.contract}）开始，{len(begun)} 件做到一半；现在的程序是 {now}"
            f"（约定 {now.contract}），不能接着做。装回原程序做完，或从来源重做："
            f"`guidang rerun batch {batch_id} --afresh --by 姓名 --reason 升级` / "
            f"begun by {row.code} (contract {row.contract}), {len(begun)} records half done; this is {now} (contract "
            f"{now.contract}). Finish with the old code, or take them from the source again with the command above"
        )
    with ledger.begin() as tx:
        tx.conn.execute(sa.update(batch).where(batch.c.id == batch_id).values(code=str(now), contract=now.contract))
        tx.chain.append("code", None, {"batch": batch_id, "stage": stage, "before": row.code, "code": str(now),
                                       "contract": now.contract})  # fmt: skip
