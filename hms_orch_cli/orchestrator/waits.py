"""What a run's turn asks of the things that runs wait for: a lock, an event, the end of a wait."""

from __future__ import annotations

from typing import Any

from hms_orch_cli.errors import ExpressionError
from hms_orch_cli.orchestrator.answers import mapped
from hms_orch_cli.orchestrator.listening import Listeners, past
from hms_orch_cli.orchestrator.live_run import LiveRun
from hms_orch_cli.orchestrator.locks import Locks, lock_key
from hms_orch_cli.ports.store import LogReader
from hms_orch_cli.saga.commands import Acquire, Expire, Listen
from hms_orch_cli.saga.inputs import Asked, Expired, Heard, Input, Mismatched
from hms_orch_cli.saga.state import PENDING, Phase, Run


class Waits:
    """Locks and listeners. `position` is how far the log has been looked at: a step that begins to wait looks at what
    came before by itself, and what comes behind is offered to it."""

    def __init__(self, store: LogReader, locks: Locks) -> None:
        self._store = store
        self.locks = locks
        self.listeners = Listeners()
        self.position = 0

    def answer(self, run: LiveRun, state: Run, command: Acquire | Listen | Expire) -> Input | None:
        """The input that answers a command; None if there is nothing to say yet."""
        if isinstance(command, Acquire):
            return self._ask(run, state)
        if isinstance(command, Expire):
            return _expired(run, state, command.step)
        return self._listen(run, state, command)

    def settle(self, run: LiveRun) -> None:
        """Lets go of what the run, as it stands now, waits for no more."""
        state = run.state
        if run.listening:
            over = state.paused or state.status.ended
            calls = {} if over else state.calls
            run.listening = {name for name in run.listening if calls.get(name, PENDING).phase is Phase.WAITING}
        if state.saga.lock is None:
            return
        if state.status.ended or (state.claim is not None and state.claim.released):
            self.locks.leave(state.id)

    def forget(self, run: Run) -> None:
        """The run has ended."""
        self.listeners.drop(run)

    def _ask(self, run: LiveRun, state: Run) -> Asked:
        try:
            key = lock_key(run.compiled, state.id, run.trigger)
        except ExpressionError as error:
            return Asked(error=error.message)
        fence = self.locks.ask(key, run.trigger.seq, state.id)
        return Asked(key, fence, "" if fence else self.locks.holder(key))

    def _listen(self, run: LiveRun, state: Run, command: Listen) -> Heard | Mismatched | None:
        if command.step in run.listening:
            return None
        for found in past(run, state, command.step, self._store, self.position):
            return found
        run.listening.add(command.step)
        self.listeners.add(command.event_type, state.id)
        return None


def _expired(run: LiveRun, state: Run, step: str) -> Expired:
    approval = state.saga.steps[step].approval
    if approval is None or approval.on_expire != "continue":
        return Expired(step)
    said: dict[str, Any] = {"decision": "expired"}
    return Expired(step, *mapped(state, run.trigger, run.compiled.steps[step], said))
