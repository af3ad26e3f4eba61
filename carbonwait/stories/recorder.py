"""Recording a run while it is under way, whatever becomes of the ledger.

What cannot be written is kept and tried again with the next write and at the end. If the ledger is
still out of reach then, the complete record is spooled to a file, and if no file can be had
either, one line says what would have stood there. A fault is told once; none of it ever raises.
"""

from collections.abc import Callable

from carbonwait.ledger.store import Ledger

_IDLE_FLOOR_DAYS = 90
# The job is not to wait for another process that holds the ledger.
_PATIENCE_BEFORE_START_S = 1.0
_PATIENCE_S = 10.0

Write = Callable[[Ledger], None]
