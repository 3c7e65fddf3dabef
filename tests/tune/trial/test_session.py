"""A trial: its best epoch, its checkpoint, and the session that a specification opens."""

from dataclasses import replace

import numpy as np
import pytest

from data.dataset import Corpus
from models.registry import ModelConfig
from models.training.config import TrainConfig
from models.training.loop import train_epochs
from tune.errors import UsageError
from tune.trial.session import open_batches, open_corpus, open_session
from tune.trial.spec import DataSpec, TrialSpec


@pytest.fixture
def spec(tiny_corpus) -> TrialSpec:
    info = Corpus.open(tiny_corpus).info
    return TrialSpec(
        study="study",
        number=3,
        model=ModelConfig("baseline", 16, 4, dropout=0.1),
        train=TrainConfig(epochs=1, warmup_epochs=0, batch_size=8, seed=5),
        data=DataSpec(str(tiny_corpus), 32, 0.5, 4, 5, info.fingerprint, info.split_fingerprint),
        device="cpu",
        proposed_by="searcher",
    )


def test_a_trial_is_named_by_study_and_number(spec):
    assert spec.name == "study_t003"


@pytest.mark.parametrize(
    ("dimension", "value"), [("base_channels", 4), ("dropout", 0.1), ("batch_size", 8)]
)
def test_a_searched_value_is_found_in_model_or_training(spec, dimension, value):
    assert spec.value_of(dimension) == value


def test_the_best_epoch_is_the_first_of_equal_ones(make_record):
    assert make_record(0, [18.0, 21.0, 20.0, 21.0]).best.epoch == 2


def test_a_trial_without_an_epoch_is_worse_than_any_other(make_record):
    assert make_record(0, []).best is None
    assert make_record(0, []).best_score == float("-inf")


def test_a_corpus_is_opened_once_in_a_process(spec):
    assert open_corpus(spec.data.corpus) is open_corpus(spec.data.corpus)


@pytest.mark.parametrize(
    ("name", "what"), [("corpus_fingerprint", "corpus"), ("split_fingerprint", "split")]
)
def test_a_changed_corpus_is_refused_with_both_fingerprints(spec, name, what):
    planned = replace(spec.data, **{name: "f" * 16})
    message = f"its {what}, planned with fingerprint f{{16}}, found {getattr(spec.data, name)}"
    with pytest.raises(UsageError, match=message):
        open_session(replace(spec, data=planned))


def batches(spec: TrialSpec) -> dict[str, np.ndarray]:
    train, val = open_batches(spec)
    return {
        "train 1": np.concatenate(list(train.epoch(1))),
        "train 2": np.concatenate(list(train.epoch(2))),
        "val": np.concatenate(list(val.epoch(1))),
    }


def test_equal_specifications_see_equal_batches(spec):
    first, second = batches(spec), batches(spec)
    for name, images in first.items():
        np.testing.assert_array_equal(images, second[name])
    assert not np.array_equal(first["train 1"], first["train 2"])


@pytest.mark.parametrize(("arch", "ratio"), [("baseline", 16), ("linear", 4), ("linear", 64)])
def test_every_epoch_of_a_trial_for_bytes_is_scored_at_its_target_rate(arch, ratio, spec):
    for_bytes = replace(
        spec,
        model=ModelConfig(arch, ratio, 4, latent_channels=64, linear_path=True, rate="bytes"),
        train=replace(spec.train, epochs=2, learning_rate=1e-3),
    )
    results = list(train_epochs(open_session(for_bytes)))
    assert [one.rate_bpp for one in results] == [pytest.approx(8 / ratio, rel=0.01)] * 2
    assert {one.rate_target_bpp for one in results} == {8 / ratio}
    assert all(one.multiplier > 0 for one in results)


def test_an_epoch_of_a_trial_for_elements_has_no_rate(spec):
    (result,) = train_epochs(open_session(spec))
    assert (result.rate_bpp, result.rate_target_bpp, result.multiplier) == (None, None, None)


def test_trials_with_other_values_see_the_same_pixels(spec):
    other = replace(
        spec,
        number=4,
        model=replace(spec.model, base_channels=8),
        train=replace(spec.train, learning_rate=1e-3),
    )
    for name, images in batches(spec).items():
        np.testing.assert_array_equal(images, batches(other)[name])


def test_the_validation_images_do_not_depend_on_the_data_fraction(spec):
    whole = replace(spec, data=replace(spec.data, data_fraction=1.0))
    np.testing.assert_array_equal(batches(spec)["val"], batches(whole)["val"])
    assert len(batches(spec)["val"]) == 4
