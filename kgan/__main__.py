"""`kgan COMMAND …` and `python -m kgan COMMAND …`: the same as `python -m kgan.COMMAND …`.

`kgan sample NAME …` is short for `kgan generate preset:NAME …`.
"""

import runpy
import sys

from kgan import presets

COMMANDS = ("train", "generate", "evaluate", "leaderboard", "export", "walk", "arithmetic", "explore")


def main() -> None:
    """Runs the command that the first argument names."""
    if sys.argv[1:2] == ["sample"]:
        given = sys.argv[2:]
        preset = given.pop(0).removeprefix(presets.PREFIX) if given and not given[0].startswith("-") else ""
        sys.argv[1:] = ["generate", f"{presets.PREFIX}{preset}", *given]
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in ("--help", "-h", "help"):
        print(f"usage: kgan COMMAND [ARGUMENTS]\n\ncommands: {', '.join(COMMANDS)}\n\n"
              f"kgan sample NAME draws from a trained generator that kgan carries: {', '.join(presets.names())}.\n"
              "kgan COMMAND --help tells what a command does and takes.")
    elif name in COMMANDS:
        del sys.argv[1]
        runpy.run_module(f"kgan.{name}", run_name="__main__", alter_sys=True)
    else:
        sys.exit(f"kgan: there is no command {name!r}; the commands are {', '.join(COMMANDS)}.")


if __name__ == "__main__":
    main()
