"""`carbonwait doctor`: what works here and what does not."""

import os
import time

from carbonwait.cli import options


def doctor(
    zone: options.Zone = None,
    provider: options.Provider = None,
    json: options.Json = False,
) -> int:
    """Check zone, providers, keys, meters, ledger; 0 if a run would be planned live, else 1."""
    from carbonwait.cli.documents import doctor_document
    from carbonwait.cli.output import print_json
    from carbonwait.cli.texts import doctor_lines
    from carbonwait.stories.doctor import examine
    from carbonwait.stories.planning import Request

    diagnosis = examine(Request(zone=zone, provider=provider), os.environ, time.time())
    if json:
        print_json(doctor_document(diagnosis))
    else:
        for line in doctor_lines(diagnosis):
            print(line)
    return 0 if diagnosis.live else 1
