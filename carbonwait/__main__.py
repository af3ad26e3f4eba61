"""The entry point: `--version` at once, everything else through the command line proper."""

import sys


def main() -> None:
    """Run carbonwait with the arguments of this process, and end it."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        # Importing the command line costs several times what this answer takes.
        from carbonwait import __version__

        print(f"carbonwait {__version__}")
        return
    from carbonwait.cli.app import run_command_line

    run_command_line(sys.argv[1:])


if __name__ == "__main__":
    main()
