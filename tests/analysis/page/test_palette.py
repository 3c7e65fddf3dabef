"""Colours are told apart by every kind of colour vision, and never carry meaning alone."""

from itertools import combinations

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from analysis.page.palette import GREY, KNOWN_ARCHITECTURES, OUTCOMES, style_of

# Machado, Oliveira and Fernandes (IEEE TVCG 15(6), 2009), severity 1, for linear RGB.
VISION = {
    "usual": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}


def linear(colour: str) -> np.ndarray:
    encoded = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def seen(colour: str, vision: str) -> np.ndarray:
    light = np.clip(VISION[vision] @ linear(colour), 0, 1)
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return rgb2lab(encoded)


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("pair", list(combinations(KNOWN_ARCHITECTURES, 2)), ids="-".join)
def test_two_architectures_differ_clearly_in_colour(vision, pair):
    """A difference of 10 is seen at a glance; 2 is the least that is seen."""
    one, other = (seen(style_of(name).colour, vision) for name in pair)
    assert deltaE_ciede2000(one, other) > 10


def test_architectures_and_codecs_differ_in_symbol_too():
    names = (*KNOWN_ARCHITECTURES, "jpeg2000", "hevc_intra", "avif", "block_klt", "down_up")
    assert len({style_of(name).symbol for name in names}) == len(names)


def test_outcomes_differ_in_symbol():
    assert len({style.symbol for style in OUTCOMES.values()}) == len(OUTCOMES)


@pytest.mark.parametrize("paper", ["#ffffff", "#14171c"])
def test_grey_lines_are_seen_on_both_papers(paper):
    """WCAG 2.1 asks for a contrast of 3 of graphics."""
    weights = np.array([0.2126, 0.7152, 0.0722])
    lights = sorted(float(weights @ linear(colour)) + 0.05 for colour in (GREY, paper))
    assert lights[1] / lights[0] >= 3
