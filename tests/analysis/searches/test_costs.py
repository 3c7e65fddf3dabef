"""Rungs, outcomes, memory and time, counted by hand."""

from datetime import UTC, datetime

import pytest
from scipy.stats import spearmanr

from analysis.searches.held_places import MOST_BARS
from analysis.searches.memory_fit import compute_memory_fit, draw_memory_fit
from analysis.searches.outcome_counts import compute_outcome_counts, draw_outcome_counts
from analysis.searches.rung_audit import compute_rung_audit
from analysis.searches.time_spent import compute_time_spent, draw_time_spent

pytestmark = pytest.mark.slow


def verdict(number, value, kind="kept"):
    return {
        "trial_number": number, "rung_epoch": 1, "value": value, "cutoff": 19.5,
        "kept": kind != "stopped", "audited": kind == "audited",
    }  # fmt: skip


@pytest.mark.parametrize(("final_db", "num_wrong"), [(21.9, 0), (22.0, 1)])
def test_a_stop_is_wrong_where_the_trial_reaches_the_median_of_those_that_stayed(
    make_view, final_db, num_wrong
):
    scores = {0: (20.0, 21.0), 1: (20.1, 22.0), 2: (20.2, 23.0), 3: (19.0, final_db)}
    kinds = {3: "audited", 4: "stopped"}
    trials = [{"scores_db": list(pair)} for pair in scores.values()]
    trials.append({"scores_db": [18.0], "outcome": "stopped"})
    rungs = [verdict(n, pair[0], kinds.get(n, "kept")) for n, pair in scores.items()]
    rungs.append(verdict(4, 18.0, "stopped"))
    found = compute_rung_audit(make_view(trials, rungs=rungs))

    assert (found.num_audited, found.num_wrong) == (1, num_wrong)
    assert found.false_stop_rate == num_wrong
    (row,) = found.rungs.to_dict("records")
    assert row["num_judged"] == 5
    assert (row["num_kept"], row["num_stopped"], row["num_audited"]) == (3, 1, 1)
    early_db, ends_db = zip(*scores.values(), strict=True)
    assert row["rank_correlation"] == pytest.approx(spearmanr(early_db, ends_db)[0])
    assert row["num_ranked"] == 4


def test_without_audited_trials_the_rate_is_unknown_and_without_rungs_nothing_is_said(make_view):
    one = compute_rung_audit(make_view([{"scores_db": [20.0]}], rungs=[verdict(0, 20.0)]))
    assert one.false_stop_rate is None
    assert "unknown" in one.words
    none = compute_rung_audit(make_view([{"scores_db": [20.0]}], study="other"))
    assert none.rungs.empty


def test_reasons_that_differ_only_in_numbers_count_together(make_view):
    view = make_view(
        [
            {"outcome": "diverged", "reason": "train loss is nan in epoch 3"},
            {"outcome": "diverged", "reason": "train loss is nan in epoch 12"},
            {"outcome": "failed", "reason": "Traceback\nOSError: gone"},
            {"scores_db": [20.0]},
            {"outcome": None},
        ]
    )
    result = compute_outcome_counts(view)
    found = {
        (row["outcome"], row["reason"]): row["num_trials"]
        for row in result.counts.to_dict("records")
    }
    assert found == {
        ("completed", ""): 1,
        ("diverged", "such as: train loss is nan in epoch 3"): 2,
        ("failed", "OSError: gone"): 1,
        ("running", ""): 1,
    }
    assert result.crash_rate == 0.75
    assert sum(trace.x[0] for trace in draw_outcome_counts(result).data) == 5


def test_stopped_and_rejected_trials_are_no_crashes(make_view):
    view = make_view([{"outcome": "stopped", "scores_db": [20.0]}, {"outcome": "rejected"}])
    assert compute_outcome_counts(view).crash_rate == 0.0


def test_memory_is_compared_where_it_was_predicted_and_measured(make_view):
    on_card = {"measured_peak_mib": 400.0, "memory_method": "cuda_peak"}
    view = make_view(
        [
            {"scores_db": [20.0], "predicted_peak_mib": 440.0, **on_card},
            {"scores_db": [20.0], "predicted_peak_mib": 360.0, **on_card},
            {"scores_db": [20.0]},
            {"outcome": "rejected", "predicted_peak_mib": 9000.0},
        ]
    )
    result = compute_memory_fit(view)
    assert (result.num_trials, result.num_allocated, result.num_unpredicted) == (2, 2, 1)
    assert result.median_error == pytest.approx(0.0)
    assert result.worst_under == pytest.approx(-0.1)
    assert len(draw_memory_fit(result).data) == 2
    nothing = compute_memory_fit(make_view([{"scores_db": [20.0]}], study="a_other"))
    assert "1 were only measured" in nothing.words


@pytest.mark.parametrize("method", ["rss_growth", "rss_growth_now"])
def test_growth_of_a_process_is_shown_and_says_nothing_of_the_prediction(make_view, method):
    """What is predicted are tensors; a process grows by more, by design."""
    grown = {"measured_peak_mib": 900.0, "memory_method": method, "predicted_peak_mib": 300.0}
    result = compute_memory_fit(make_view([{"scores_db": [20.0], **grown}]))
    assert (result.num_trials, result.num_allocated) == (1, 0)
    assert (result.median_error, result.worst_under) == (None, None)
    assert "nothing of how good the prediction is" in result.words
    assert [trace.name for trace in draw_memory_fit(result).data][1].startswith("growth of the")


def test_time_is_divided_into_parts_that_add_up(make_view):
    # Two places: 27 s and 15 s of trials from 0 to 27 s, so 12 s of a place are empty.
    view = make_view(
        [
            {"scores_db": [18.0, 19.0], "start_s": 0.0},
            {"scores_db": [18.0], "start_s": 0.0, "outcome": "stopped", "max_epochs": 9},
        ]
    )
    spent = compute_time_spent(view)
    total = spent.total
    assert (total.num_trials, total.num_places) == (2, 2)
    assert (total.training_s, total.validation_s, total.overhead_s) == (30.0, 6.0, 6.0)
    assert total.waiting_s == pytest.approx(12.0)
    assert spent.frame["seconds"].sum() == pytest.approx(2 * 27.0)
    assert (spent.epochs_spent, spent.epochs_saved, spent.saved_s) == (3, 8, 96.0)
    assert len(draw_time_spent(spent).data) == 4


@pytest.mark.parametrize(("config", "num_places"), [("max_concurrent = 2", 2), ("", 3)])
def test_a_hand_over_in_which_clocks_overlap_is_no_further_place(make_view, config, num_places):
    # Two places; the third trial starts 0.1 s before the second one has ended.
    trials = [
        {"scores_db": [18.0, 19.0], "start_s": 0.0},
        {"scores_db": [18.0], "start_s": 0.0},
        {"scores_db": [18.0], "start_s": 14.9},
    ]
    assert compute_time_spent(make_view(trials, config=config)).total.num_places == num_places


def test_one_trial_after_another_is_one_place(make_view):
    view = make_view([{"scores_db": [20.0], "start_s": 15.0 * n} for n in range(3)])
    total = compute_time_spent(view).total
    assert (total.num_places, total.waiting_s) == (1, 0.0)


def test_waiting_is_unknown_in_a_study_that_was_interrupted(make_view):
    trial = {"scores_db": [20.0], "ended_at": datetime(2026, 1, 3, tzinfo=UTC)}
    spent = compute_time_spent(make_view([trial]))
    assert spent.total.waiting_s is None
    assert "interrupted" in spent.words


def test_a_trial_that_waits_takes_no_place(make_view):
    # One place: the second trial waits 27 s for the first to end, then runs for 27 s.
    trial = {"scores_db": [18.0, 19.0], "start_s": 0.0}
    spent = compute_time_spent(make_view([trial, trial | {"wall_s": 54.0, "wait_s": 27.0}]))
    assert (spent.total.num_places, spent.total.waiting_s, spent.queued_s) == (1, 0.0, 27.0)
    assert spent.total.overhead_s == pytest.approx(6.0)
    assert "waited 27 s" in spent.words


def on(host, card=None, **values):
    return {"scores_db": [18.0, 19.0], "start_s": 0.0, "host": host, "card": card} | values


def test_time_is_told_by_node_and_card_where_trials_ran_on_several(make_view):
    # 27 s each: node1 is full for all 54 s, its other card for 27 s, and so is node2 at the end.
    view = make_view(
        [
            on("node1", "L4"),
            on("node1", "L4", start_s=27.0),
            on("node1", "H100"),
            on("node2", device="cpu", start_s=27.0),
            {"outcome": "rejected", "wall_s": 0.0, "start_s": 0.0},
        ]
    )
    spent = compute_time_spent(view)
    idle = {one.where: (one.num_trials, one.idle_share) for one in spent.held}
    assert idle == {
        "node1, H100": (1, pytest.approx(0.5)),
        "node1, L4": (2, 0.0),
        "node2, CPU": (1, pytest.approx(0.5)),
    }
    assert spent.total.waiting_s == pytest.approx(54.0)
    assert (spent.total.num_places, spent.total.training_s) == (3, 80.0)
    assert spent.words.endswith(
        "Of the nodes and cards node1, H100 idled the most (50% of its time) and node1, L4 the "
        "least (0%)."
    )


def test_every_node_has_a_bar_and_rows_of_its_own(make_view):
    spent = compute_time_spent(make_view([on("<b>one"), on("two")]))
    assert list(spent.frame.columns[:3]) == ["where", "num_trials", "num_places"]
    assert len(spent.frame) == 8
    figure = draw_time_spent(spent)
    assert all(len(trace.x) == 2 for trace in figure.data)
    assert figure.data[0].y[0].startswith("&lt;b&gt;one")
    assert figure.layout.yaxis.visible


@pytest.mark.parametrize("hosts", [("one", "one"), (None, None), ("one", None)])
def test_with_one_node_nothing_is_told_of_it(make_view, hosts):
    spent = compute_time_spent(make_view([on(host) for host in hosts]))
    assert spent.held == ()
    assert list(spent.frame.columns) == ["part", "seconds", "share"]
    assert "idled" not in spent.words


def test_of_many_nodes_those_with_the_same_card_share_a_bar(make_view):
    nodes = [f"node{n}" for n in range(2 * MOST_BARS)]
    view = make_view([on(node, "L4" if node[-1] in "13579" else "H100") for node in nodes])
    assert [(one.where, one.num_places) for one in compute_time_spent(view).held] == [
        ("H100", MOST_BARS),
        ("L4", MOST_BARS),
    ]


def test_of_many_nodes_with_the_same_card_nothing_is_told(make_view):
    view = make_view([on(f"node{n}", "L4") for n in range(MOST_BARS + 1)])
    assert compute_time_spent(view).held == ()


def test_of_an_interrupted_study_on_several_nodes_idle_time_is_unknown(make_view):
    late = {"ended_at": datetime(2026, 1, 3, tzinfo=UTC)}
    spent = compute_time_spent(make_view([on("one", **late), on("two")]))
    assert [one.waiting_s for one in spent.held] == [None, None]
    assert "not known how long workers were idle" in spent.words
    assert "idled" not in spent.words
