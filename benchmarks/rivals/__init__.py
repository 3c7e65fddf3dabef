"""Other people's searches on recorded curves, by the same clock as `tune.simulation`.

Start with `roster.py`, which lists them; `loop.py` runs one night. `python -m benchmarks.rivals`
prints a table. All are run with their makers' defaults: rungs from one epoch on, by factors of 4
(Ray) and 3 (Syne Tune). Whatever is suggested is moved to the nearest recorded configuration that
was not tried, and searchers learn from that one.

Syne Tune is optional, and two of its versions differ in what they have.

- 0.16 (`pip install '.[rivals]'`): random, median, ASHA that stops, ASHA+BORE, ASHA+CQR, BOHB. CQR
  takes two seconds and more for a suggestion and BORE half a second: give them few seeds. BOHB
  suggests as ASHA does until its densities have enough trials, 34 of them in four dimensions.
- 0.13: ASHA and BOHB that promote, MOBSTER, Hyper-Tune and DyHPO, which later versions lack. It
  asks for NumPy 1 but these run with NumPy 2. In a virtual environment of its own, `--no-deps`:
  syne-tune==0.13.0 dill statsmodels patsy formulaic interface_meta autograd xgboost ujson. The
  Gaussian processes take more than a second for a suggestion.

Left out: synchronous Hyperband, DEHB and PASHA of 0.13, which are not driven here; the Gaussian
process of 0.16, which needs BoTorch and knows one fidelity; Ray's HyperBand and BOHB, whose
brackets wait for all their trials and need more of the controller than is imitated here;
population-based training, which copies weights, and recorded curves cannot follow a copy.
"""
