"""`kgan COMMAND …` and `python -m kgan COMMAND …`.

`kgan sample NAME …` is short for `kgan generate preset:NAME …`.
"""

import difflib
import importlib
import sys

from kgan import presets
from kgan.commands import flags

COMMANDS = ("train", "generate", "evaluate", "leaderboard", "report", "replay", "export", "serve", "walk",
            "arithmetic", "project", "explore")


def main() -> None:
    """Runs the command that the first argument names."""
    if sys.argv[1:2] == ["sample"]:
        arguments = sys.argv[2:]
        named = arguments and not arguments[0].startswith("-")
        preset = arguments.pop(0).removeprefix(presets.PREFIX) if named else ""
        sys.argv[1:] = ["generate", f"{presets.PREFIX}{preset}", *arguments]
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in ("--help", "-h", "help"):
        texts = {command: importlib.import_module(f"kgan.commands.{command}").__doc__ or "" for command in COMMANDS}
        lines = (f"  {command:13}{text.splitlines()[0]}" for command, text in texts.items())
        print("usage: kgan COMMAND [ARGUMENTS]\n\nCommands:", *lines,
              f"\nkgan sample NAME draws from a trained generator that kgan carries: {', '.join(presets.names())}.",
              "kgan COMMAND --help tells what a command does and takes.", sep="\n")
    elif name in COMMANDS:
        del sys.argv[1]
        command = importlib.import_module(f"kgan.commands.{name}")
        flags.launch(command.main, command.FLAGS, command.ARGUMENTS, getattr(command, "HEADINGS", None),
                     getattr(command, "ALIASES", None))
    else:
        near = difflib.get_close_matches(name, [*COMMANDS, "sample"], 1, 0.7)
        sys.exit(f"kgan: there is no command {name!r}{f' (did you mean {near[0]}?)' if near else ''}; the commands are "
                 f"{', '.join([*COMMANDS, 'sample'])}.")


if __name__ == "__main__":
    main()
