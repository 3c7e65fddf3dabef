"""The reference lines: which exist, on which images, and what they must obey."""

import math

import pytest

from data.dataset import Corpus
from models.registry import ModelConfig
from models.shapes import RATIOS
from models.training.config import TrainConfig
from tune.evaluation.images import read_images
from tune.evaluation.references import Reference, jpeg2000_at_rate, reference_lines
from tune.trial.session import open_session
from tune.trial.spec import DataSpec, TrialSpec

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def corpus(tiny_corpus) -> Corpus:
    return Corpus.open(tiny_corpus)


def lines(corpus: Corpus, ratio: int, val_images: int | None = 4) -> dict[str, Reference]:
    found = reference_lines(corpus, ModelConfig("baseline", ratio, 8), 32, val_images)
    return {line.reference: line for line in found}


@pytest.fixture(scope="module")
def for_bytes(corpus) -> dict[str, Reference]:
    """The lines at 16x, 0.5 bit per pixel."""
    model = ModelConfig("baseline", 16, 8, latent_channels=96, linear_path=True, rate="bytes")
    return {line.reference: line for line in reference_lines(corpus, model, 32, 4)}


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


def test_a_rate_belongs_to_lines_for_bytes_alone(corpus, for_bytes):
    assert set(for_bytes) == {"block_klt", "jpeg2000"}
    assert {line.rate_bpp for line in lines(corpus, 16).values()} == {None}


def test_the_klt_for_bytes_has_the_target_rate(for_bytes):
    assert for_bytes["block_klt"].rate_bpp == pytest.approx(0.5, rel=2e-3)


def test_jpeg2000_does_not_exceed_the_target_rate(for_bytes):
    assert 0.4 < for_bytes["jpeg2000"].rate_bpp <= 0.5


def test_jpeg2000_has_no_line_at_a_rate_below_its_header(corpus):
    whole = read_images(corpus, "val", 64, 2)
    assert jpeg2000_at_rate(whole, 32, 0.125) is None


def test_the_lines_for_bytes_are_of_the_study_s_own_validation_images(for_bytes):
    assert {line.num_images for line in for_bytes.values()} == {4}


@pytest.mark.parametrize("arch", ["linear", "resnet"])
def test_an_untrained_model_with_a_path_scores_as_the_klt_of_as_many_elements(arch, corpus):
    info = corpus.info
    spec = TrialSpec(
        study="study",
        number=0,
        model=ModelConfig(arch, 16, 4, linear_path=True),
        train=TrainConfig(batch_size=4),
        data=DataSpec(str(corpus.path), 32, 1.0, 4, 0, info.fingerprint, info.split_fingerprint),
        device="cpu",
        proposed_by="hand_set",
    )
    session = open_session(spec)
    means = session.validation.score(session.scored_model())
    assert means.psnr_db == pytest.approx(lines(corpus, 16)["block_klt"].psnr_db, abs=0.01)
