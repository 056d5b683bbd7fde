"""Numbers about images as text: which are shown, under which heading, in which format."""

from typing import Any

COLUMNS = (  # of two tables: key, heading, format
    (("fcd", "FCD", ".2f"), ("fid", "FID", ".2f"), ("kid", "KID-c ×10³", ".2f"), ("score", "score", ".2f"),
     ("modes", "modes", "d"), ("class_kl", "class KL", ".4f"), ("precision", "precision", ".3f"),
     ("recall", "recall", ".3f"), ("density", "density", ".3f"), ("coverage", "coverage", ".3f")),
    (("swd", "SWD ×10³", ".1f"), ("memorisation", "memorisation", ".3f"), ("copies", "copies", ".2%"),
     ("duplicates", "duplicates", ".2%"), ("one_nn", "1-NN error", ".2%"), ("background", "background", ".4f"),
     ("roughness", "roughness", ".3f"), ("contrast", "contrast", ".3f")),
)
SCALE = {"kid": 1e3}


def tables(rows: dict[str, dict[str, Any]]) -> str:
    """Lays rows of numbers, by name, out as two tables for the screen; the first row decides the columns."""
    width = max(map(len, rows))
    blocks = []
    for columns in COLUMNS:
        shown = [column for column in columns if column[0] in next(iter(rows.values()))]
        if not shown:
            continue
        cells = {"": [heading for _, heading, _ in shown],
                 **{name: [cell(numbers[key], key, form) for key, _, form in shown] for name, numbers in rows.items()}}
        widths = [max(map(len, column)) for column in zip(*cells.values(), strict=True)]
        blocks.append("\n".join(name.ljust(width) + "".join(f"  {text:>{size}}" for text, size in
                                                            zip(row, widths, strict=True))
                                for name, row in cells.items()))
    return "\n\n".join(blocks)


def cell(value: float | None, key: str, form: str) -> str:
    """Formats a number of that key; "–" where there is none."""
    return "–" if value is None else format(value * SCALE.get(key, 1), form)


def strict(value: Any) -> Any:
    """Replaces what JSON has no word for, inf and nan, by null."""
    if isinstance(value, dict):
        return {key: strict(item) for key, item in value.items()}
    if isinstance(value, list):
        return [strict(item) for item in value]
    return None if isinstance(value, float) and not abs(value) < float("inf") else value
