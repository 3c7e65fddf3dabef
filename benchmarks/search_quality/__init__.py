"""Which way to search finds the best configuration soonest, replayed on recorded truth.

`python -m benchmarks.search_quality` prints the tables; `contenders.py` lists who is compared, and
`losers.py` holds the stopping rules that did not win and are therefore not in the product.
"""
