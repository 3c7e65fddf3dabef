"""The answer in large type: who wins at which rate, by how much, how sure."""

import dataclasses

import pytest

import analysis
from analysis.overview.answer import answer_sections
from analysis.overview.headline import facts, headline
from analysis.rates.curves import compute_rate_distortion
from analysis.rates.finding import finding
from analysis.report import build_sections
from tests.analysis.made_of_bytes import write_promotion, write_search
from tune.statistics.intervals import Interval


@pytest.fixture(scope="module")
def panel(rates_of_bytes):
    return rates_of_bytes.panels[0]


def with_percent(panel, percent):
    first = dataclasses.replace(panel.savings[0], percent=percent)
    return dataclasses.replace(panel, savings=(first,))


def test_the_headline_says_how_many_bytes_and_the_lead_how_sure(panel):
    line, lead = headline(panel)
    assert line == "Attention needs 20.2 % fewer bytes than JPEG2000"
    assert lead.startswith("95 % interval 20.0 to 20.4 % fewer, at equal PSNR between 0.11 and 1.7")
    assert "Attention is the best at 5 of 5 rates. Every winner is told apart" in lead


@pytest.mark.parametrize(
    ("percent", "line", "sure"),
    [
        (Interval(-5.0, -11.0, 1.0), "about as many bytes as", "-1.0 to 11.0 % fewer"),
        (Interval(5.0, 4.0, 6.0), "5.0 % more bytes than", "4.0 to 6.0 % more"),
        (Interval(-5.0), "5.0 % fewer bytes than", "No interval"),
    ],
)
def test_an_uncertain_or_bad_answer_is_said_as_such(panel, percent, line, sure):
    said, lead = headline(with_percent(panel, percent))
    assert line in said
    assert sure in lead


def test_each_rate_has_its_winner_its_lead_and_the_interval(panel):
    found = facts(panel)
    assert [fact.label for fact in found][2] == "0.5 bit/px (16x)"
    assert {fact.value for fact in found} == {"attention"}
    assert "+0.62 over linear (trained)" in found[2].words
    assert found[2].sure == "sure [+0.57, +0.66]"


def test_a_lead_across_zero_is_not_told_apart(panel):
    lead = dataclasses.replace(panel.leads[0], ahead_db=Interval(0.1, -0.1, 0.3))
    unsure = dataclasses.replace(panel, leads=(lead,))
    assert facts(unsure)[0].sure == "not told apart [-0.10, +0.30]"
    assert "No winner is told apart" in headline(unsure)[1]


def test_one_architecture_alone_has_nobody_to_be_told_apart_from(tmp_path):
    write_promotion(tmp_path, "attention", 16)
    panel = compute_rate_distortion(analysis.load(tmp_path)).panels[0]
    assert facts(panel)[0].words.endswith("the only one")
    assert "Attention is the best at 0.5 bit/px (16x)." in headline(panel)[1]


def test_elements_have_no_bytes_and_are_told_by_wins(rate_distortion):
    line, lead = headline(rate_distortion.panels[0])
    assert line == "Attention is the best at 3 of 3 ratios"
    assert lead == "Every winner is told apart from the next one."


@pytest.mark.parametrize(
    ("metric", "against", "words"),
    [
        ("psnr_db", "rate", "The best network is"),
        ("ssim", "rate", "Attention has the highest SSIM at 5 of 5 ratios"),
        ("rmse_db", "rate", "Attention has the lowest RMSE at 5 of 5 ratios"),
    ],
)
def test_a_rate_distortion_figure_says_its_finding(panel, metric, against, words):
    assert finding(panel, metric, against).startswith(words)


def test_a_network_below_jpeg2000_is_found_below(frames):
    test = frames.test.assign(psnr_db=frames.test["psnr_db"] - 9)
    low = compute_rate_distortion(dataclasses.replace(frames, test=test)).panels[0]
    assert finding(low, "psnr_db", "rate").startswith("No network reaches JPEG2000")


@pytest.fixture
def alone(tmp_path):
    write_search(tmp_path, "attention", 16)
    frames = analysis.load(tmp_path)
    return frames, answer_sections(frames, compute_rate_distortion(frames))[0]


def test_a_search_alone_shows_its_best_configuration_its_gain_and_its_curves(alone):
    section = alone[1]
    assert section.headline == "Attention reaches 26.35 dB at 0.5 bit/px"
    assert "one seed, no interval" in section.lead
    labels = [fact.label for fact in section.facts]
    assert labels[0] == "best configuration, t000"
    assert section.facts[0].value == "learning rate 0.001"
    assert labels[1:] == ["gained over hand-set values", "against JPEG2000 at 0.5 bit/px", "cost"]
    assert section.facts[1].value == "nothing"  # the hand-set trial is the best here
    assert section.facts[2].value == "+1.14 dB"
    assert [figure.name.rpartition("_")[2] for figure in section.figures] == ["curves", "progress"]
    assert section.tables == ()


def test_what_the_first_screen_shows_is_not_shown_again(alone):
    names = [figure.name for section in build_sections(alone[0]) for figure in section.figures]
    assert len(set(names)) == len(names)
    assert sum(name.endswith("_curves") for name in names) == 1


def test_several_searches_have_a_winner_at_each_ratio_and_a_heat_map(tmp_path):
    for arch in ("attention", "baseline"):
        for ratio in (8, 16):
            write_search(tmp_path, arch, ratio)
    frames = analysis.load(tmp_path)
    section = answer_sections(frames, compute_rate_distortion(frames))[0]
    assert section.headline == "Attention leads at 2 of 2 rates searched"
    assert [fact.value for fact in section.facts] == ["attention", "attention"]
    assert section.tables[0].heat is not None
    assert section.figures[0].title.endswith("above the best reference line")
