"""The linear reference lines: which exist, on which images, and what they must obey."""

import math

import pytest

from data.dataset import Corpus
from models.registry import ModelConfig
from models.shapes import RATIOS
from tune.evaluation.references import Reference, reference_lines


@pytest.fixture
def corpus(tiny_corpus) -> Corpus:
    return Corpus.open(tiny_corpus)


def lines(corpus: Corpus, ratio: int, val_images: int | None = 4) -> dict[str, Reference]:
    found = reference_lines(corpus, ModelConfig("baseline", ratio, 8), 32, val_images)
    return {line.reference: line for line in found}


@pytest.mark.parametrize("ratio", RATIOS)
def test_down_and_up_sampling_exists_at_square_ratios_alone(corpus, ratio):
    expected = {"block_klt", "down_up"} if ratio in {4, 16, 64} else {"block_klt"}
    assert set(lines(corpus, ratio)) == expected


def test_scores_are_finite_and_ssim_is_at_most_1(corpus):
    for line in lines(corpus, 16).values():
        assert math.isfinite(line.psnr_db)
        assert 0 < line.ssim <= 1


@pytest.mark.parametrize("reference", ["block_klt", "down_up"])
def test_more_compression_scores_lower(corpus, reference):
    scores_db = [lines(corpus, ratio)[reference].psnr_db for ratio in (4, 16, 64)]
    assert scores_db == sorted(scores_db, reverse=True)


def test_the_linear_optimum_is_above_sampling(corpus):
    found = lines(corpus, 4)
    assert found["block_klt"].psnr_db > found["down_up"].psnr_db


@pytest.mark.parametrize("val_images", [1, 4, None])
def test_the_study_s_own_validation_images_are_scored(corpus, val_images):
    expected = val_images or len(corpus.patches("val"))
    assert {line.num_images for line in lines(corpus, 16, val_images).values()} == {expected}
