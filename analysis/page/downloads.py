"""The link from a figure or table to its numbers, which lie beside the page."""

import html
from urllib.parse import quote


def download_link(folder: str, name: str) -> str:
    """Return a small link to a CSV file.

    >>> download_link("tables", "a b")
    '<a class="csv" download href="tables/a%20b.csv" title="tables/a b.csv">CSV</a>'
    """
    path = f"{folder}/{name}.csv"
    return (
        f'<a class="csv" download href="{quote(path)}" title="{html.escape(path, quote=True)}">'
        "CSV</a>"
    )
