"""What becomes of images after training: read, decoded from bytes, scored, pictured.

On a tiny synthetic corpus; the models are untrained or replaced by transforms whose error is known.
"""

import shutil
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from data.batches import EvalBatches, TrainBatches
from models.coding.latent_codec import LatentCoder
from models.errors import ModelError
from models.metrics.sar import score_image
from models.registry import ModelConfig
from models.training.checkpoint import save_checkpoint
from models.training.config import TrainConfig
from models.training.loop import train_epochs
from models.training.session import TrainingSession
from tune.errors import UsageError
from tune.evaluation.codecs import (
    CLASSICAL,
    cached_codecs,
    code_classically,
    codec_rows,
    klt_psnr_db,
)
from tune.evaluation.coding import decode_from_bytes, fit_coders
from tune.evaluation.coding_at_rate import STEP_SCALES, TOLERANCE
from tune.evaluation.holdout import HoldoutScores, coder_file, load_coders
from tune.evaluation.images import read_images
from tune.evaluation.pictures import RULES, choose_images, picture_rows
from tune.evaluation.run_model import LostWeightsError, load_run
from tune.evaluation.scores import DecodedSet, image_facts, score_rows
from tune.evaluation.validation import ScoringImages, ValidationScores
from tune.outcomes import Outcome
from tune.promotion.finish import finish_promotion
from tune.statistics.rate_points import CLASSICAL_CODECS, rate_points
from tune.tables.files import read_table, write_table
from tune.tables.schemas import SCHEMAS
from tune.trial.clock import StudyClock
from tune.trial.record import TrialRecord
from tune.trial.session import open_corpus
from tune.trial.spec import DataSpec, TrialSpec

pytestmark = pytest.mark.slow

CROP_PX = 32
CORPUS = {"corpus": "tiny", "is_synthetic": True, "corpus_fingerprint": "c0"}


class Dimmer:
    """A transform that keeps each block's mean: simple, and quantisation matters to it."""

    def encode(self, x):
        return torch.nn.functional.avg_pool2d(x, 16)

    def decode(self, latent):
        return torch.nn.functional.interpolate(latent, scale_factor=16)


@pytest.fixture(scope="module")
def corpus(tiny_corpus):
    return open_corpus(str(tiny_corpus))


@pytest.fixture(scope="module")
def images(corpus):
    return {split: read_images(corpus, split, CROP_PX, 6) for split in ("train", "val", "test")}


@pytest.fixture(scope="module")
def whole(corpus):
    """Whole patches, as runs of a promotion for bytes are scored on."""
    return {split: read_images(corpus, split, 64, 8) for split in ("train", "val", "test")}


@pytest.fixture
def scoring_images(images):
    """What runs of a promotion for elements are scored on."""
    return ScoringImages(images["val"], images["train"], None)


@pytest.fixture(scope="module")
def trained(tiny_corpus, corpus, tmp_path_factory) -> TrialSpec:
    """A run of one epoch with its checkpoint."""
    train = corpus.patches("train", fraction=0.1)
    made = TrialSpec(
        study="study",
        number=0,
        model=ModelConfig("baseline", 64, 4),
        train=TrainConfig(learning_rate=1e-3, warmup_epochs=0, epochs=1, batch_size=4),
        data=DataSpec(str(tiny_corpus), CROP_PX, 0.1, 6, 0, "0" * 16, "1" * 16),
        device="cpu",
        proposed_by="c1",
        label="c1_s0",
    )
    made = replace(made, checkpoint=str(tmp_path_factory.mktemp("run") / f"{made.name}.pt"))
    session = TrainingSession(
        made.model,
        made.train,
        TrainBatches(train, CROP_PX, 4, 0),
        EvalBatches(corpus.patches("val"), CROP_PX, 4, 6),
    )
    *_, result = train_epochs(session)
    metadata = {"trial": made.name, "epoch": 1, "val_psnr_db": result.val_psnr_db}
    save_checkpoint(made.checkpoint, session, metadata)
    return made


@pytest.fixture
def spec(trained, study_folder) -> TrialSpec:
    """That run in a study's own folder."""
    place = study_folder.checkpoints / Path(trained.checkpoint).name
    shutil.copyfile(trained.checkpoint, place)
    return replace(trained, checkpoint=str(place))


@pytest.fixture
def record_of(make_epoch):
    """Make the record of a completed run that was best in some epoch."""

    def make(spec: TrialSpec, best_epoch: int = 1) -> TrialRecord:
        moment = StudyClock().now()
        epochs = [make_epoch(epoch, float(epoch)) for epoch in range(1, best_epoch + 1)]
        return TrialRecord(spec, moment, epochs, outcome=Outcome.COMPLETED)

    return make


def test_images_are_the_frozen_ones_with_their_names_and_bounds(corpus, images):
    batches = EvalBatches(corpus.patches("val"), CROP_PX, 8, 6)
    np.testing.assert_array_equal(images["val"].pixels, np.concatenate(list(batches.epoch())))
    assert len(set(images["val"].names)) == 6
    bounds = {(one.low_db, one.high_db) for one in corpus.info.bounds}
    for facts in images["val"].facts:
        assert min(abs(facts["low_db"] - low) for low, _ in bounds) < 1e-4
        assert facts["image"].startswith(facts["scene"])


def test_a_larger_set_holds_other_images_of_the_same_split(corpus):
    whole = read_images(corpus, "test", CROP_PX, None)
    assert len(whole) == len(corpus.patches("test"))
    assert set(read_images(corpus, "test", CROP_PX, 3).names) < set(whole.names)


def test_the_validation_score_of_a_run_is_that_of_its_best_epoch(
    spec, study_folder, scoring_images, record_of
):
    from models.training.checkpoint import load_checkpoint

    scores = ValidationScores(study_folder, lambda: scoring_images, pytest.fail).of(record_of(spec))
    reported = load_checkpoint(spec.checkpoint).metadata["val_psnr_db"]
    assert scores.mean() == pytest.approx(reported, abs=1e-4)


def test_a_run_in_the_validation_table_is_not_scored_again(
    spec, study_folder, scoring_images, record_of
):
    first = ValidationScores(study_folder, lambda: scoring_images, pytest.fail).of(record_of(spec))
    again = ValidationScores(study_folder, pytest.fail, pytest.fail).of(record_of(spec))
    np.testing.assert_array_equal(first, again)
    table = read_table(study_folder.path.parent, "validation")
    assert list(table["image"]) == list(scoring_images.val.names)


def test_the_validation_score_for_bytes_is_that_of_images_decoded_at_the_target_rate(
    spec, study_folder, whole, record_of
):
    record = record_of(spec)
    target_bpp = 0.25
    asked = ScoringImages(whole["val"], whole["train"], target_bpp)
    found = ValidationScores(study_folder, lambda: asked, pytest.fail).of(record)
    holdout = HoldoutScores(
        study_folder, CORPUS, whole["train"], whole["val"], whole["val"], target_bpp
    )
    assert holdout.add(record)  # the validation images in the place of test images
    table = read_table(study_folder.path.parent, "test")
    at_target = table[table["step_scale"] == 1.0]
    assert at_target["rate_bpp"].mean() == pytest.approx(target_bpp, rel=TOLERANCE)
    np.testing.assert_allclose(found, at_target["psnr_db"], atol=1e-4)


def test_a_checkpoint_of_another_model_is_refused(spec, record_of):
    with pytest.raises(UsageError, match=r"resnet 64x .* found baseline 64x with 4"):
        load_run(record_of(replace(spec, model=ModelConfig("resnet", 64, 4))))


def test_a_checkpoint_of_another_run_is_refused(spec, record_of):
    with pytest.raises(UsageError, match="a run is scored with its own checkpoint, found one of"):
        load_run(record_of(replace(spec, label="c2_s0")))


def test_the_weights_of_another_epoch_are_refused(spec, record_of):
    with pytest.raises(LostWeightsError, match="of its best epoch, 3, found those of epoch 1 in"):
        load_run(record_of(spec, best_epoch=3))


def test_a_run_without_its_best_weights_has_no_scores_and_that_is_said_once(
    spec, study_folder, scoring_images, record_of
):
    said: list[str] = []
    scores = ValidationScores(study_folder, lambda: scoring_images, said.append)
    for _ in range(2):
        assert scores.of(record_of(spec, best_epoch=3)) is None
    assert [note.split(":")[0] for note in said] == ["c1_s0 is left out"]
    assert read_table(study_folder.path.parent, "validation").empty


def test_a_missing_checkpoint_is_refused(spec, tmp_path, record_of):
    with pytest.raises(ModelError, match="no checkpoint at"):
        load_run(record_of(replace(spec, checkpoint=str(tmp_path / "gone.pt"))))


def test_what_is_decoded_from_bytes_is_the_quantised_latent_decoded(images):
    transform = Dimmer()
    train, val, x = (torch.from_numpy(one.pixels) for one in images.values())
    coders = fit_coders(transform, train, val)
    assert [coder.step for coder in coders] == sorted(coder.step for coder in coders)
    for coder, decoded in zip(coders, decode_from_bytes(transform, coders, x), strict=True):
        latents = torch.stack([coder.quantise(latent) for latent in transform.encode(x)])
        np.testing.assert_allclose(
            decoded.pixels, transform.decode(latents).clamp(0, 1).numpy(), atol=1e-6
        )


def test_rates_count_every_byte_and_fall_with_the_step(images):
    transform = Dimmer()
    train, val, x = (torch.from_numpy(one.pixels) for one in images.values())
    coders = fit_coders(transform, train, val)
    codes = coders[0].encode(transform.encode(x)[0])
    first, *_, last = decode_from_bytes(transform, coders, x)
    assert first.rates_bpp[0] == 8 * len(codes) / CROP_PX**2
    assert np.mean(first.rates_bpp) >= np.mean(last.rates_bpp)


def test_a_damaged_byte_is_an_error_and_no_image(images):
    latents = Dimmer().encode(torch.from_numpy(images["train"].pixels))
    coder = LatentCoder.fit(latents, 0.1)
    code = bytearray(coder.encode(latents[0]))
    code[-1] ^= 1
    with pytest.raises(ModelError, match="damaged"):
        coder.decode(bytes(code))


def test_rows_hold_the_scores_of_each_image_and_leave_out_what_could_not_be_coded(images):
    test = images["test"]
    decoded = DecodedSet(test.pixels * 0.9, None, [1.0, float("nan"), *[2.0] * (len(test) - 2)])
    rows = list(score_rows(test, image_facts(test), decoded))
    assert [row["image"] for row in rows] == [test.names[0], *test.names[2:]]
    facts = test.facts[0]
    expected = score_image(
        test.pixels[0, 0], decoded.pixels[0, 0], facts["low_db"], facts["high_db"]
    )
    assert {name: rows[0][name] for name in asdict(expected)} == asdict(expected)


def test_the_test_table_has_every_image_unquantised_and_at_every_step(
    spec, study_folder, images, record_of
):
    scores = HoldoutScores(study_folder, CORPUS, *images.values(), target_bpp=None)
    assert scores.add(record_of(spec))
    table = read_table(study_folder.path.parent, "test")
    num_steps = table["quantiser_step"].nunique()
    assert num_steps >= 1
    assert len(table) == len(images["test"]) * (1 + num_steps)
    assert (table["rate_bpp"].isna() == table["quantiser_step"].isna()).all()
    assert table[["rate_target_bpp", "step_scale"]].isna().all(axis=None)


def test_the_test_table_of_bytes_has_every_image_at_and_beside_the_target_rate(
    spec, study_folder, whole, record_of
):
    HoldoutScores(study_folder, CORPUS, *whole.values(), target_bpp=0.25).add(record_of(spec))
    table = read_table(study_folder.path.parent, "test")
    counts = table["step_scale"].value_counts(dropna=False)
    assert len(counts) == 1 + len(STEP_SCALES)
    assert set(counts) == {len(whole["test"])}
    assert set(table["rate_target_bpp"]) == {0.25}
    coded = table.dropna(subset="step_scale")
    assert (coded["estimate_bpp"] < coded["rate_bpp"]).all()  # which has a header
    means = coded.groupby("step_scale")[["quantiser_step", "rate_bpp"]].mean()
    assert means["rate_bpp"].is_monotonic_decreasing
    np.testing.assert_allclose(
        means["quantiser_step"] / means.loc[1.0, "quantiser_step"], means.index
    )


def test_a_run_in_the_test_table_is_not_scored_again(spec, study_folder, images, record_of):
    sets = images.values()
    assert HoldoutScores(study_folder, CORPUS, *sets, target_bpp=None).add(record_of(spec))
    before = read_table(study_folder.path.parent, "test")
    again = HoldoutScores(study_folder, CORPUS, *sets, target_bpp=None)
    assert not again.add(record_of(replace(spec, checkpoint="gone.pt")))
    other = replace(spec, label="c1_s1")
    with pytest.raises(ModelError):
        again.add(record_of(replace(other, checkpoint="gone.pt")))
    pd.testing.assert_frame_equal(read_table(study_folder.path.parent, "test"), before)


def test_the_coders_of_a_run_are_stored_beside_it(spec, study_folder, images, record_of):
    HoldoutScores(study_folder, CORPUS, *images.values(), target_bpp=None).add(record_of(spec))
    coders = load_coders(coder_file(spec))
    run = load_run(record_of(spec))
    expected = fit_coders(run, *(torch.from_numpy(images[n].pixels) for n in ("train", "val")))
    latent = run.encode(torch.from_numpy(images["test"].pixels))[0]
    assert [one.encode(latent) for one in coders] == [one.encode(latent) for one in expected]


def test_classical_codecs_keep_the_budget_or_say_that_they_cannot(images):
    from models.coding.classical import encode_jpeg2000

    pixels = images["test"].pixels
    coded = code_classically(encode_jpeg2000, pixels, 4)
    assert np.nanmax(coded.rates_bpp) <= 2.0
    assert np.isnan(code_classically(lambda image, most: None, pixels, 4).rates_bpp).all()


def test_codecs_are_copied_from_a_promotion_on_the_same_images_only(study_folder, images):
    test = images["test"]
    decoded = DecodedSet(test.pixels * 0.9, None, [1.0] * len(test))
    rows = [
        {"codec": codec, "ratio": 4, **row}
        for codec in CLASSICAL
        for row in score_rows(test, image_facts(test), decoded)
    ]
    write_table(study_folder.tables, "codecs", codec_rows("study", CORPUS, rows))
    results = str(study_folder.path.parent)
    found = cached_codecs(results, "c0", test)
    assert codec_rows("study", {}, found) == codec_rows("study", CORPUS, rows)
    assert cached_codecs(results, "c1", test) is None
    assert cached_codecs(results, "c0", images["val"]) is None


def test_codecs_of_an_earlier_promotion_that_lacks_one_are_not_copied(study_folder, images):
    test = images["test"]
    decoded = DecodedSet(test.pixels * 0.9, None, [1.0] * len(test))
    rows = [
        {"codec": codec, "ratio": 4, **row}
        for codec in list(CLASSICAL)[:-1]
        for row in score_rows(test, image_facts(test), decoded)
    ]
    write_table(study_folder.tables, "codecs", codec_rows("study", CORPUS, rows))
    assert cached_codecs(str(study_folder.path.parent), "c0", test) is None


def test_the_codecs_that_are_scored_are_those_that_reports_know():
    assert tuple(CLASSICAL) == CLASSICAL_CODECS


def test_the_scores_that_choose_pictures_are_those_of_the_unquantised_klt_at_the_ratio():
    plain = {"codec": "block_klt", "ratio": 16, "rate_bpp": None}
    rows = [
        {**plain, "image": "b", "psnr_db": 2.0},
        {**plain, "image": "a", "psnr_db": 1.0},
        {**plain, "image": "a", "psnr_db": 9.0, "rate_bpp": 0.5},
        {**plain, "image": "a", "psnr_db": 9.0, "ratio": 4},
        {**plain, "image": "a", "psnr_db": 9.0, "codec": "down_up"},
    ]
    assert list(klt_psnr_db(rows, 16, ["a", "b"])) == [1.0, 2.0]


@pytest.mark.parametrize("count", [1, 2, 5, 100])
def test_pictures_are_chosen_by_rank(count):
    scores = np.random.default_rng(0).permutation(count).astype(float)
    chosen = choose_images(scores)
    assert list(chosen) == [rule for rule, _ in RULES]
    assert scores[chosen["best"]] == count - 1
    assert scores[chosen["worst"]] == 0
    assert abs(scores[chosen["median"]] - (count - 1) / 2) <= 0.5


def test_a_picture_is_the_image_in_bytes_with_its_rate(spec, study_folder, images):
    test = images["test"]
    transform = Dimmer()
    coder = LatentCoder.fit(transform.encode(torch.from_numpy(test.pixels)), 0.01)
    rows = picture_rows(spec, transform, coder, test, {"best": 1})
    write_table(study_folder.tables, "pictures", rows)
    original, decoded, *_ = read_table(study_folder.path.parent, "pictures").to_dict("records")
    assert (original["source"], decoded["source"]) == ("original", "baseline")
    pixels = np.frombuffer(original["pixels"], np.uint8).reshape(CROP_PX, CROP_PX)
    np.testing.assert_allclose(pixels / 255, test.pixels[1, 0], atol=0.5 / 255 + 1e-6)
    assert decoded["rate_bpp"] * CROP_PX**2 / 8 == len(
        coder.encode(transform.encode(torch.from_numpy(test.pixels[1:2]))[0])
    )


def frame_of(table, rows):
    return pd.DataFrame(rows, columns=SCHEMAS[table].names)


def test_points_are_means_over_runs_and_images_with_codecs_at_the_same_rate():
    test = frame_of(
        "test",
        [
            {
                "candidate": "c1",
                "run": run,
                "quantiser_step": step * scale,
                "rate_bpp": rate,
                "psnr_db": db,
            }
            for run, shift, scale in (("a", 0.0, 1.0), ("b", 2.0, 1.07))
            for step, rate, db in ((0.1, 2.0, 24.0 + shift), (0.4, 0.5, 20.0 + shift))
        ],
    )
    codecs = frame_of(
        "codecs",
        [
            {
                "codec": "jpeg2000",
                "ratio": ratio,
                "image": image,
                "rate_bpp": 8 / ratio,
                "psnr_db": db,
            }
            for ratio, db in ((4, 30.0), (16, 24.0))
            for image in "xy"
        ],
    )
    fine, coarse = rate_points(test, codecs, "c1")
    assert (fine.rate_bpp, fine.psnr_db) == (2.0, 25.0)
    assert fine.codecs_db == {
        "jpeg2000": pytest.approx(30.0),
        "hevc_intra": None,
        "avif": None,
    }
    assert coarse.codecs_db["jpeg2000"] == pytest.approx(24.0)


def test_a_target_that_some_image_cannot_be_coded_at_is_no_point_of_a_codec():
    rows = [
        {"codec": "jpeg2000", "ratio": 4, "image": "x", "rate_bpp": 2.0, "psnr_db": 30.0},
        {"codec": "jpeg2000", "ratio": 4, "image": "y", "rate_bpp": 2.0, "psnr_db": 20.0},
        {"codec": "jpeg2000", "ratio": 64, "image": "x", "rate_bpp": 0.1, "psnr_db": 29.0},
    ]
    test = frame_of(
        "test",
        [{"candidate": "c1", "run": "a", "quantiser_step": 1, "rate_bpp": 0.1, "psnr_db": 20.0}],
    )
    (point,) = rate_points(test, frame_of("codecs", rows), "c1")
    assert point.codecs_db["jpeg2000"] is None


@pytest.fixture
def finish(spec, corpus, study_folder, journal, study_facts, monkeypatch, record_of):
    """Finish a promotion of one completed run; say whether a signal came first."""
    promotion = SimpleNamespace(test_images=3, results=str(study_folder.path.parent))
    plan = SimpleNamespace(
        corpus=corpus, score_px=CROP_PX, val_images=4, promotion=promotion,
        config=SimpleNamespace(target_bpp=None),
    )  # fmt: skip
    agreement = SimpleNamespace(facts=study_facts)
    study = SimpleNamespace(
        folder=study_folder, journal=journal, agreement=agreement, clock=StudyClock()
    )
    record = record_of(spec)
    verdict = SimpleNamespace(candidate="c1")

    def run(interruption: str | None = None, codecs_at: tuple[int, ...] = ()) -> list[str]:
        monkeypatch.setattr("tune.evaluation.codecs.RATIOS", (*codecs_at, spec.model.ratio))
        said: list[str] = []
        conductor = SimpleNamespace(interruption=interruption)
        finish_promotion(plan, study, conductor, [record], [verdict], said.append)
        return said

    return run


def test_a_finished_promotion_has_every_table_and_says_so_in_its_journal(
    finish, journal, study_folder
):
    said = finish(codecs_at=(4,))  # where JPEG2000 has a code for crops of 32 px
    assert journal.is_finished
    results = study_folder.path.parent
    for name in ("test", "codecs", "bounds", "pictures"):
        assert not read_table(results, name).empty
    assert "c1_s0  scored on 3 test images, 1/1" in said
    codecs = read_table(results, "codecs")
    assert set(codecs["codec"]) >= {"jpeg2000", "block_klt", "down_up"}
    assert set(codecs["image"]) == set(read_table(results, "test")["image"])


def test_an_interrupted_evaluation_is_not_finished_and_goes_on(finish, journal, study_folder):
    assert finish("interrupted by SIGINT") == []
    assert not journal.is_finished
    assert read_table(study_folder.path.parent, "test").empty
    assert len(finish()) == 2
    assert finish() == []
    assert journal.is_finished
