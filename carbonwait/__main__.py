"""The entry point: `--version` at once, everything else through the command line proper."""

import sys


def main() -> None:
    """Run carbonwait with the arguments of this process, and end it."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        # Importing the command line costs several times what this answer takes.
        from carbonwait import __version__

        print(f"carbonwait {__version__}")
        return
    import signal

    # Ctrl-C ends it without a traceback from the middle of an import.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from carbonwait.cli.app import run_command_line

    run_command_line(sys.argv[1:])


if __name__ == "__main__":
    main()
