"""A terminal with an interactive shell in it, as a person types into."""

import re
import shlex
from collections.abc import Callable
from typing import Any

import pexpect
from users import PROGRAM, User

PATIENCE_S = 20

# Without line editing and echo, the screen holds nothing but what programs write.
_RC = f"""
alias carbonwait={shlex.quote(shlex.join(PROGRAM))}
stty -echo
set -b
PS1='<prompt>'
"""

Open = Callable[..., "Terminal"]


class Terminal:
    """Somebody at an interactive shell."""

    def __init__(self, user: User, rows: int = 24, columns: int = 200) -> None:
        rc = user.home / "rc"
        rc.write_text(_RC)
        self.screen: Any = pexpect.spawn(
            "bash",
            ["--noprofile", "--rcfile", str(rc), "--noediting", "-i"],
            env=user.environ | {"TERM": "xterm"},
            cwd=str(user.home),
            encoding="utf-8",
            dimensions=(rows, columns),
            timeout=PATIENCE_S,
        )
        self.screen.delaybeforesend = None
        self.screen.ptyproc.delayafterclose = self.screen.ptyproc.delayafterterminate = 0.01
        self.until("<prompt>")

    def type(self, line: str) -> None:
        self.screen.sendline(line)

    def press(self, letter: str) -> None:
        """Ctrl and a letter."""
        self.screen.sendcontrol(letter)

    def until(self, pattern: str) -> str:
        """Wait for something on the screen; return what came before it."""
        self.screen.expect(pattern)
        return str(self.screen.before)

    def number(self, pattern: str) -> int:
        """Wait for something on the screen with a number in it; return that."""
        self.until(pattern)
        return int(self.screen.match.group(1))

    def prompt(self) -> str:
        return self.until("<prompt>")

    def status(self) -> int:
        """The status of the last command, after whose prompt this is asked."""
        self.type("echo status=$?")
        return self.number(r"status=(\d+)\r\n<prompt>")

    def close(self) -> None:
        self.screen.close(force=True)


def words_of(screen: str) -> str:
    """Text without the sequences that move the cursor and colour it."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen)
