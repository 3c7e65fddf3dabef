"""The sentence that must travel with whatever is made from Copernicus data."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from data.products import read_product
from data.sources import Source

# Ends at a closing quotation mark, an empty line, a list item or the end of the text.
_SENTENCE = re.compile(r"Contains modified Copernicus.*?(?=[\"”*]|\n\s*\n|\n\s*[-#]|\Z)", re.DOTALL)


def find_attribution(roots: Sequence[Path], sources: Iterable[Source]) -> str:
    """Find the attribution of the scenes, or compose it from the years of their products.

    Args:
        roots: The folders given; a text file (.md, .txt) directly in one may state the sentence.
        sources: The images found there.

    Returns:
        The sentence, or "" when the scenes are not known to be Sentinel data.
    """
    for root in roots:
        for path in sorted(root.glob("*.md")) + sorted(root.glob("*.txt")):
            found = _SENTENCE.search(path.read_text(encoding="utf-8", errors="replace"))
            if found:
                return " ".join(found[0].split())
    products = (read_product([f"{source.product}_"]) for source in sources if source.product)
    years = sorted({product.date[:4] for product in products if product})
    return f"Contains modified Copernicus Sentinel data {', '.join(years)}" if years else ""
