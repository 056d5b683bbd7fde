"""Pages as one file: a template, whose marks are filled with text and with the files that the page is made of."""

import re
from pathlib import Path

SHARED = Path(__file__).parent  # of files that lie beside no template


def fill(template: Path, parts: dict[str, str]) -> str:
    """Returns the template with every `[[name]]` filled: by a part or, where none is called so, by a file.

    A file lies beside the template or, as `base.css`, in this package.
    """
    def part(found: re.Match[str]) -> str:
        name = found[1]
        if name in parts:
            return parts[name]
        file = template.with_name(name)
        return (file if file.is_file() else SHARED / name).read_text(encoding="utf-8")

    return re.sub(r"\[\[([\w.]+)\]\]", part, template.read_text(encoding="utf-8"))
