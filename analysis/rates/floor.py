"""The speckle floor: how far an image without its speckle is from the image."""

import math

ASSUMED_LOOKS = 4.4
"""Equivalent number of looks of Sentinel-1 IW GRDH, which the speckle floor assumes."""


def speckle_db(looks: float) -> float:
    """Return the standard deviation of log speckle in dB: (10 / ln 10) sqrt(psi_1(looks)).

    A decoder that returned the image without its speckle would have this error. Source: variance of
    the logarithm of a gamma variable of unit mean.

    Example:
        >>> round(speckle_db(4.4), 2)
        2.19
    """
    from scipy.special import polygamma

    return 10 / math.log(10) * math.sqrt(float(polygamma(1, looks)))
