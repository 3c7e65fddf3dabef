"""The report as a whole: whatever is in the folder, it comes out and says what is missing."""

import contextlib
import dataclasses
import io
import json
import math
import re
import shutil
import subprocess
import sys

import pandas as pd
import pyarrow.parquet as pq
import pytest

import analysis
from analysis.exports.own_files import LIST
from analysis.overview.answer import answer_sections
from analysis.overview.missing import missing_section
from analysis.overview.sentences import answer_sentences
from analysis.page.html import MAX_PAGE_MB, build_page
from analysis.page.palette import style_of
from analysis.page.section import NamedTable, Section
from analysis.rates.curves import compute_rate_distortion
from analysis.report import build_sections, main, write_report
from tests.recorded.make import make

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def written(recorded_results, tmp_path_factory):
    """A report: its folder, what its writer returned, the sections that it was written from."""
    out, built = tmp_path_factory.mktemp("report"), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "analysis.report.build_sections",
            lambda *arguments: built.append(build_sections(*arguments)) or built[0],
        )
        return out, write_report(recorded_results, out), built[0]


@pytest.fixture(scope="module")
def report(written):
    return written[:2]


@pytest.fixture(scope="module")
def sections(written):
    return written[2]


@pytest.fixture(scope="module")
def commanded(recorded_results, tmp_path_factory):
    """A report by the command: its folder, the exit code, what was said."""
    out, said = tmp_path_factory.mktemp("commanded") / "out", io.StringIO()
    with contextlib.redirect_stdout(said):
        code = main(["--results", str(recorded_results), "--out", str(out)])
    return out, code, said.getvalue()


@pytest.fixture
def results(recorded_results, tmp_path):
    """A copy of the recorded results, to be damaged."""
    folder = tmp_path / "results"
    shutil.copytree(recorded_results, folder)
    return folder


def words(sections):
    return " ".join(text for section in sections for text in section.paragraphs)


def missing(results):
    """What the last section of a report of this folder says."""
    frames = analysis.load(results)
    return words(missing_section(frames, compute_rate_distortion(frames)))


def test_the_answer_states_best_gain_and_codecs(recorded, rate_distortion):
    best, gain, codecs, footing = answer_sentences(recorded, rate_distortion.panels[0])
    assert "16x attention 21.66 dB [" in best
    assert "ahead of baseline" in best
    assert "16x attention +0.60 dB [+0.49, +0.71]" in gain
    assert "other architectures +0.49 to +0.57 dB" in gain
    assert "JPEG2000 is 4.75 dB ahead at 1 bit/px" in codecs
    assert "0.51 dB behind at 0.125 bit/px" in codecs
    assert "SYNTHETIC corpus made_up" in footing


def test_a_network_below_the_linear_code_is_told(recorded):
    codecs = recorded.codecs.copy()
    is_klt = (codecs["codec"] == "block_klt") & (codecs["ratio"] == 16)
    codecs.loc[is_klt, "psnr_db"] += 5
    panel = compute_rate_distortion(dataclasses.replace(recorded, codecs=codecs)).panels[0]
    assert "Below block KLT" in answer_sentences(recorded, panel)[0]
    assert "as many elements: at 16x." in answer_sentences(recorded, panel)[0]


@pytest.mark.parametrize(
    ("low_db", "high_db", "words"),
    [
        (0.1, 0.9, "[+0.10, +0.90]"),
        (-0.1, 1.1, "[-0.10, +1.10], not told apart"),
        (math.nan, math.nan, "dB (no interval)"),
    ],
)
def test_a_gain_says_when_its_interval_tells_nothing_apart(
    recorded, rate_distortion, low_db, high_db, words
):
    is_gained = recorded.verdicts["candidate"] != "control"
    verdicts = recorded.verdicts.copy()
    verdicts.loc[is_gained, ["control_gain_low_db", "control_gain_high_db"]] = [low_db, high_db]
    frames = dataclasses.replace(recorded, verdicts=verdicts)
    gained = answer_sentences(frames, rate_distortion.panels[0])[1]
    assert words in gained
    assert ("not told apart" in gained) == ("not told apart" in words)


def test_a_table_that_lacks_a_column_is_left_out_and_the_column_named(results):
    path = next(results.glob("baseline_quick*/tables/trials.parquet"))
    pq.write_table(pq.read_table(path).drop_columns(["warmup_epochs"]), path)
    assert "lacking warmup_epochs" in missing(results)


def test_every_figure_and_table_has_its_csv(report, sections):
    out, written = report
    figures = {f.name for s in sections for f in s.figures}
    tables = {t.name for s in sections for t in s.tables}
    assert {path.stem for path in (out / "figures").glob("*.csv")} == figures
    assert {path.stem for path in (out / "tables").glob("*.csv")} == tables
    assert written.num_tables == len(figures) + len(tables)


def test_names_and_anchors_are_unique_and_fit_for_files(sections):
    names = [item.name for s in sections for item in (*s.figures, *s.tables)]
    anchors = [section.anchor for section in sections]
    assert len(set(names)) == len(names)
    assert len(set(anchors)) == len(anchors)
    assert all(re.fullmatch(r"[\w.-]+", name) for name in (*names, *anchors))


def test_a_csv_has_the_numbers_of_its_figure(report):
    out, _ = report
    frame = pd.read_csv(out / "figures" / "answer_psnr_ratio.csv")
    row = frame[(frame["curve"] == "attention") & (frame["ratio"] == 16)].iloc[0]
    assert row["psnr_db"] == pytest.approx(21.66, abs=0.01)
    assert row["low_db"] == -17.5


def test_the_page_is_one_file_below_the_limit_and_names_no_address_to_load(report):
    out, written = report
    page = (out / "report.html").read_text(encoding="utf-8")
    assert written.num_bytes == len(page.encode()) < MAX_PAGE_MB * 1e6
    ours = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    ours = re.sub(r'<a class="csv" download href="[^"]*"', "", ours)  # followed, never loaded
    assert not re.search(r'(?:src|href)="(?!#|data:)', ours)
    assert "default-src 'none'" in ours


def test_the_same_tables_give_the_same_bytes(report, commanded):
    out, again = report[0], commanded[0]
    files = [path.relative_to(out) for path in out.rglob("*") if path.is_file()]
    assert len(files) > 40
    different = [n for n in files if (out / n).read_bytes() != (again / n).read_bytes()]
    assert different == []


def test_recorded_tables_are_what_their_script_makes(recorded, tmp_path):
    make(tmp_path)
    made = analysis.load(tmp_path)
    pd.testing.assert_frame_equal(made.test, recorded.test)
    pd.testing.assert_frame_equal(made.trials, recorded.trials)


def test_without_promotions_the_searches_answer_and_say_so(results):
    for folder in results.glob("*_full_*"):
        shutil.rmtree(folder)
    first = build_sections(analysis.load(results))[0]
    assert first.title == "The answer, of searches only, ratio of elements"
    assert "quick, validation, one seed, no interval" in first.paragraphs[0]
    assert "16x attention" in first.paragraphs[0]
    assert "tune.promote" in first.paragraphs[2]
    assert [figure.name for figure in first.figures] == ["search_scores_1"]


def test_an_empty_folder_still_gives_a_report_that_says_what_to_do(tmp_path):
    out = tmp_path / "out"
    write_report(tmp_path, out)
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "There is no score yet" in page
    assert "python -m tune.search" in page


def test_of_an_earlier_report_what_is_no_longer_there_goes_and_a_persons_files_stay(
    recorded_results, tmp_path, monkeypatch
):
    drawn = {"old.svg": b"ours"}
    monkeypatch.setattr("analysis.page.static.static_files", lambda *_: dict(drawn))
    out, mine = tmp_path / "out", {"figures/mine.csv", "tables/mine.csv", "static/mine.png"}
    write_report(recorded_results, out, browser="any")
    for name in mine:
        (out / name).write_text("mine", encoding="utf-8")
    drawn.clear()
    (tmp_path / "empty").mkdir()
    write_report(tmp_path / "empty", out, browser="any")
    left = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    ours = {"report.html", "RUNLOG.md", LIST}
    assert left == mine | ours


def test_a_page_that_no_report_wrote_is_refused_in_a_sentence_and_stays(tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "report.html").write_text("<title>mine</title>", encoding="utf-8")
    assert main(["--results", str(tmp_path), "--out", str(out)]) == 2
    assert "found '" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["report.html"]


def test_a_report_of_a_release_that_kept_no_list_is_replaced(tmp_path):
    out = tmp_path / "out"
    write_report(tmp_path, out)
    (out / LIST).unlink()
    (out / "RUNLOG.md").write_text("of an older release", encoding="utf-8")
    write_report(tmp_path, out)
    assert (out / "RUNLOG.md").read_text(encoding="utf-8").startswith("# Run log")


def test_a_study_with_only_crashed_trials_is_shown(results):
    for folder in results.iterdir():
        if not folder.name.startswith("resnet"):
            shutil.rmtree(folder)
    sections = build_sections(analysis.load(results))
    assert "resnet" in words(sections)


def test_trials_that_never_scored_leave_no_answer(recorded):
    trials = recorded.trials.assign(best_val_psnr_db=float("nan"))
    empty = {name: getattr(recorded, name).iloc[:0] for name in ("test", "runs", "verdicts")}
    nothing = dataclasses.replace(recorded, trials=trials, epochs=recorded.epochs.iloc[:0], **empty)
    (first,) = answer_sections(nothing, compute_rate_distortion(nothing))
    assert first.paragraphs[0].startswith("There is no score yet")


def test_a_truncated_file_is_left_out_and_named(results):
    path = next(results.glob("baseline_full_c16*/tables/test.parquet"))
    path.write_bytes(path.read_bytes()[:1000])
    said = missing(results)
    assert "left out study baseline_full_c16" in said


def test_pages_torn_inside_a_file_are_left_out_and_named(results):
    """The footer is whole, so that only reading the rows finds it."""
    path = next(results.glob("baseline_full_c16*/tables/codecs.parquet"))
    content = path.read_bytes()
    rows = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    path.write_bytes(bytes(rows) + content[rows:])
    said = missing(results)
    assert "left out study baseline_full_c16" in said


@pytest.mark.parametrize("version", ["1", "99"])
def test_a_table_of_another_schema_is_left_out_and_named(results, version):
    path = next(results.glob("baseline_quick*/tables/trials.parquet"))
    table = pq.read_table(path)
    metadata = {**table.schema.metadata, b"sar_tune.schema_version": version.encode()}
    pq.write_table(table.replace_schema_metadata(metadata), path)
    said = missing(results)
    assert f"found {version}" in said


def test_a_torn_manifest_is_named(results):
    next(results.glob("baseline_quick*/manifest.json")).write_text("{", encoding="utf-8")
    assert "manifest.json could not be read" in missing(results)


def test_a_study_without_tables_is_named(recorded, rate_distortion):
    said = words(missing_section(recorded, rate_distortion))
    assert "residual_quick_c16_cr16x_20260101_000000: no trial and no run" in said


def test_a_page_with_too_much_leaves_figures_out_and_says_where_their_numbers_are(sections):
    empty = Section("Filler", "filler")
    room = int(MAX_PAGE_MB * 1e6) - len(build_page("t", "a", [empty, sections[0]]).text.encode())
    filler = Section("Filler", "filler", ("x" * (room + 1000),))
    page = build_page("t", "a", [filler, sections[0]])
    assert page.left_out
    assert f"figures/{page.left_out[0]}.csv" in page.text
    assert len(page.text.encode()) < MAX_PAGE_MB * 1e6


def test_text_from_a_table_cannot_become_markup():
    evil = "</script><img src=x onerror=alert(1)>"
    table = NamedTable("t", evil, pd.DataFrame({evil: [evil]}))
    page = build_page(evil, evil, [Section(evil, "a", (evil,), (), (table,))])
    assert "<img" not in page.text


def test_a_long_table_shows_its_beginning_and_says_what_is_left():
    table = NamedTable("t", "Rows.", pd.DataFrame({"n": range(250)}))
    page = build_page("t", "a", [Section("S", "s", (), (), (table,))])
    assert "50 more rows are there" in page.text
    assert page.text.count("<tr>") == 201


def test_the_command_says_what_it_wrote_and_what_is_next(commanded):
    _, code, said = commanded
    assert code == 0
    assert "report.html" in said
    assert "next: open" in said


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--results", "not_there"], "--results must be a folder of studies, found 'not_there'"),
        (["--looks", "0"], "--looks must be above 0, found 0"),
        (["--looks", "many"], "--looks"),
        (["--reslts", "x"], "unrecognized arguments"),
    ],
)
def test_a_mistake_is_one_sentence_and_nothing_is_written(
    arguments, sentence, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    try:
        code = main(arguments)
    except SystemExit as end:
        code = end.code
    assert code == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_place_of_the_folder_is_refused(tmp_path, capsys):
    path = tmp_path / "taken"
    path.write_text("mine", encoding="utf-8")
    assert main(["--results", str(tmp_path), "--out", str(path)]) == 2
    assert path.read_text(encoding="utf-8") == "mine"


def test_a_folder_below_a_file_is_refused_in_a_sentence(tmp_path, capsys):
    (tmp_path / "taken").write_text("mine", encoding="utf-8")
    assert main(["--results", str(tmp_path), "--out", str(tmp_path / "taken" / "report")]) == 2
    assert "--out must be a folder that can be written" in capsys.readouterr().err


def test_static_without_a_browser_is_refused_before_anything_is_written(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("BROWSER_PATH", "no-such-browser")
    out = tmp_path / "out"
    assert main(["--results", str(tmp_path), "--out", str(out), "--static"]) == 2
    assert "--static needs Chromium" in capsys.readouterr().err
    assert not out.exists()


def test_help_comes_without_pandas_or_plotly():
    code = (
        "import sys\ntry:\n    import analysis.report; analysis.report.main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'pandas', 'plotly', 'numpy', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_an_unknown_architecture_keeps_its_style():
    assert style_of("mamba") == style_of("mamba")
    assert style_of("mamba").label == "mamba"


def test_templates_are_json():
    from analysis.page.palette import DARK, LIGHT

    assert json.loads(json.dumps([LIGHT, DARK])) == [LIGHT, DARK]
