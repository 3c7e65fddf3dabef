"""The link from a figure or table to its numbers, which lie beside the page."""

from urllib.parse import quote

from analysis.page.attributes import attribute


def download_link(folder: str, name: str) -> str:
    """Return a small link to a CSV file.

    >>> download_link("tables", "a b")
    '<a class="csv" download href="tables/a%20b.csv" title="tables/a b.csv">CSV</a>'
    """
    path = f"{folder}/{name}.csv"
    return f'<a class="csv" download href="{quote(path)}" title="{attribute(path)}">CSV</a>'
