"""Templates of jinja2, which escape what they are filled with, and pages of one file that run nothing but their own."""

import base64
import functools
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

SHARED = Path(__file__).parent  # of files that lie beside no template


def render(template: Path, **parts: Any) -> str:
    """Returns an HTML template filled with `parts`; text among them is escaped, and a missing one is an error."""
    return _environment(template.parent).get_template(template.name).render(**parts)


def page(template: Path, scripts: Sequence[str], images: str = "data:", **parts: Any) -> str:
    """Returns a page as one file, whose policy lets it run these scripts and styles alone, and fetch nothing.

    The template places `policy`, `style` (of `base.css` and `style.css`) and `script`.

    Args:
        template: beside which the files lie or, as `base.css`, in this package.
        scripts: names of the files of its one script, in order.
        images: where pictures may come from, in the policy's words.
        parts: what else it is filled with.
    """
    style, script = (Markup("\n") + Markup("\n").join(_text(template, name) for name in names)
                     for names in (("base.css", "style.css"), scripts))
    policy = "; ".join(["default-src 'none'", f"script-src {_source(script)}", f"style-src {_source(style)}",
                        f"img-src {images}", "base-uri 'none'", "form-action 'none'"])
    return render(template, policy=Markup(policy), style=style, script=script, **parts)


def markdown(template: Path, **parts: Any) -> str:
    """Returns a template of Markdown filled with `parts`, each of them escaped unless it is Markup."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent), undefined=jinja2.StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
        finalize=lambda value: value if isinstance(value, Markup) else escaped(value))
    return environment.get_template(template.name).render(**parts)


def escaped(value: Any) -> str:
    """Returns text whose characters Markdown and HTML would act on are kept from it by backslashes."""
    return re.sub(r"([\\`*\[\]<>|])", r"\\\1", str(value))


@functools.cache
def _environment(directory: Path) -> jinja2.Environment:
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(directory), undefined=jinja2.StrictUndefined,
                                     autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.policies["json.dumps_kwargs"] = {}  # keys stay in their order
    return environment


def _text(template: Path, name: str) -> Markup:
    """Returns a file of kgan's own, which isn't escaped."""
    beside = template.with_name(name)
    return Markup((beside if beside.is_file() else SHARED / name).read_text(encoding="utf-8"))


def _source(text: str) -> str:
    """Returns what a policy calls a script or a style of this text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
