"""`kgan COMMAND …` and `python -m kgan COMMAND …`: the same as `python -m kgan.COMMAND …`."""

import importlib
import runpy
import sys

COMMANDS = ("train", "generate", "evaluate", "leaderboard", "export", "walk", "arithmetic", "project", "explore")


def main() -> None:
    """Runs the command that the first argument names."""
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in ("--help", "-h", "help"):
        lines = (f"  {command:13}{_summary(command)}" for command in COMMANDS)
        print("usage: kgan COMMAND [ARGUMENTS]\n\nCommands:", *lines,
              "\nkgan COMMAND --help tells what a command does and takes.", sep="\n")
    elif name in COMMANDS:
        del sys.argv[1]
        runpy.run_module(f"kgan.{name}", run_name="__main__", alter_sys=True)
    else:
        sys.exit(f"kgan: there is no command {name!r}; the commands are {', '.join(COMMANDS)}.")


def _summary(command: str) -> str:
    """Returns the first line of a command's docstring."""
    docstring = importlib.import_module(f"kgan.{command}").__doc__ or ""
    return docstring.partition("\n")[0]


if __name__ == "__main__":
    main()
