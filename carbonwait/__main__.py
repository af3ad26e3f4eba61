"""The entry point: `--version` at once, everything else through the command line proper."""

import _signal  # type: ignore[import-not-found]
import os
import sys


def main() -> None:
    """Run carbonwait with the arguments of this process, and end it."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        # Importing the command line costs several times what this answer takes.
        from carbonwait import __version__

        try:
            print(f"carbonwait {__version__}", flush=True)
        except OSError as error:
            print(
                f"carbonwait: standard output cannot be written ({error.strerror})",
                file=sys.stderr,
                flush=True,
            )
            # The interpreter would try to write it once more.
            os._exit(1)
        return
    # Ctrl-C ends it without a traceback from the middle of an import. The module `signal` is one of
    # those imports, so it is the built-in one behind it.
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    from carbonwait.cli.app import run_command_line

    run_command_line(sys.argv[1:])


if __name__ == "__main__":
    main()
