"""For services: say that something happened (`emit`), hear of it (`on`), and be a correct participant (`verify`,
`barrier`).

    from hms_orch_cli.sdk import emit, on

    await emit("policy.changed", {"policyId": "dol.unemployment.v3"})

    @on("saga.compensate", step="raise_care_level")
    async def lower(ev): ...        # ev.step.name, ev.step.context

`run()` or `listening()` starts what `on` has noted. The same without async is in `hms_orch_cli.sdk.sync`. Nothing of
the orchestrator is imported from here, and no package before it is needed.
"""

from hms_orch_cli.sdk.barriers import BARRIER_TABLE, barrier, barrier_async
from hms_orch_cli.sdk.claims import Claims
from hms_orch_cli.sdk.emitting import Emitted, emit
from hms_orch_cli.sdk.errors import (
    KeysUnavailable,
    NotInTransaction,
    NotMine,
    NotVerified,
    Refused,
    SdkError,
    UndoneBefore,
    Unreachable,
)
from hms_orch_cli.sdk.events import Event, Step, Undo
from hms_orch_cli.sdk.frameworks import problem, verified
from hms_orch_cli.sdk.hearing import listening, run
from hms_orch_cli.sdk.positions import FilePositions, Positions
from hms_orch_cli.sdk.subscribers import on
from hms_orch_cli.sdk.verifying import verify

__all__ = [
    "BARRIER_TABLE",
    "Claims",
    "Emitted",
    "Event",
    "FilePositions",
    "KeysUnavailable",
    "NotInTransaction",
    "NotMine",
    "NotVerified",
    "Positions",
    "Refused",
    "SdkError",
    "Step",
    "Undo",
    "UndoneBefore",
    "Unreachable",
    "barrier",
    "barrier_async",
    "emit",
    "listening",
    "on",
    "problem",
    "run",
    "verified",
    "verify",
]
