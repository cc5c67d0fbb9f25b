"""The matrix of a launched comparison, and what it costs."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from empirical.__main__ import main
from empirical.cells import matrix
from empirical.cost import STORED_RUN, SUSTAINED, cache_cost, cost
from empirical.counts import counts
from empirical.head import MULTISCALE, TRAINED
from empirical.launch import walk
from empirical.launch_config import PRESETS
from empirical.launch_forecast import forecast
from empirical.launch_table import side_by_side
from empirical.printed import as_text
from figures.recipe import ROOT
from qtheory import paper
from qtheory.errors import DomainError
from tests.empirical.launched import Here, chosen


def test_the_matrix_holds_every_row_of_the_papers_tables_once():
    cells = matrix(PRESETS["paper"], ["as_run"])
    assert len({cell.name for cell in cells}) == len(cells)
    for number in (3, 7):
        rows = Counter(cell.phase for cell in cells if number in cell.tables and cell.head == "full")
        assert set(rows.values()) == {len(TRAINED)} == {13}
    assert {c.codebook_size for c in cells if 4 in c.tables} == {2**k for k in range(10, 17)}
    tokens = sorted((256 * c.chunks, c.codebook_size) for c in cells if 5 in c.tables)
    assert tokens == sorted([(t, 16384) for t in (256, 512, 1024, 2048)] * 2)
    sixth = {(c.codebook_size, c.chunks) for c in cells if 6 in c.tables}
    assert sixth == {(16384, 2), (128, 4), (65536, 2), (256, 4)}
    shared = next(c for c in cells if c.name == "substitution/mmd-full-65536x2-as_run-0")
    assert shared.tables == (3, 4, 6, 7)


@pytest.mark.parametrize("number", [3, 4, 5, 6, 7])
def test_every_printed_row_has_its_cell(number):
    cells = matrix(PRESETS["paper"], ["as_run"], [number])
    rows = [
        {**cell.row, "image_tokens": 256 * cell.chunks, "latent_distortion_per_dim": 1.0} for cell in cells
    ]
    table = side_by_side(number, pd.DataFrame(rows))
    keys = ["method", "phase", "tokens", "K"]
    origins = table[table["method"].isin(TRAINED)].groupby(keys)["origin"].agg(list)
    printed = {key: found for key, found in origins.items() if "paper" in found}
    assert len(printed) == len(paper.table(number))
    by_origin = [[o for o in found if not o.startswith("authors' logs")] for found in printed.values()]
    assert all(found == ["paper", "measured, as_run"] for found in by_origin)
    logs = table[table["origin"].str.startswith("authors' logs")]
    assert len(logs) == {3: 20, 4: 4, 5: 4, 6: 2, 7: 6}[number]
    # of one method and size the printed row stands first, then the logs, then what was measured
    order = {"paper": 0, "authors' logs": 1, "measured": 2}
    for found in printed.values():
        places = [order[origin.split(",")[0]] for origin in found]
        assert places == sorted(places)
    assert (table["origin"] == "paper").sum() == len(paper.table(number))


def test_the_logs_say_whose_row_table_4_prints_and_what_the_last_epoch_had():
    table = side_by_side(4, pd.DataFrame([{**c.row, "image_tokens": 512} for c in matrix(PRESETS["paper"])]))
    row = table[(table["K"] == 32768) & (table["phase"] == "substitution")].head(3)
    assert row["origin"].tolist() == ["paper", "authors' logs", "authors' logs, run of Wasserstein VQ"]
    assert row["utilization"].tolist() == [0.997, 0.9990, 0.9974]
    assert row["rfid"].tolist() == [1.79, 1.729, 1.793]
    last = table[table["origin"] == "authors' logs, last epoch"]
    assert last[["K", "phase", "rfid"]].to_numpy().tolist() == [[65536, "adaptation", 0.901]]
    assert last["rfid_by_epoch"].tolist() == ["0.987 0.992 0.943 0.864 0.901"]
    # the paper prints the least of the five
    assert table[(table["K"] == 65536) & (table["phase"] == "adaptation")]["rfid"].iloc[0] == 0.86
    text = as_text(table)
    assert text.count("0.987 0.992 0.943 0.864 0.901") == 1
    assert "nan" not in text.lower()


def test_rows_of_other_sizes_stand_beside_the_printed_ones_of_their_method_or_tokens():
    cells = matrix(PRESETS["desk"], native=False)
    rows = [{**c.row, "image_tokens": 256 * c.chunks, "latent_distortion_per_dim": 1.0} for c in cells]
    for number, varied in ((3, "method"), (5, "tokens"), (7, "method")):
        table = side_by_side(number, pd.DataFrame(rows))
        table = table[~table["origin"].str.startswith("authors' logs")]
        keys, origins = table[["phase", varied]].to_numpy().tolist(), table["origin"].tolist()
        # a measured row follows the printed one, but for baselines, references and what was not launched
        printed = [key for key, origin in zip(keys, origins, strict=True) if origin == "paper"]
        for place, (key, origin) in enumerate(zip(keys, origins, strict=True)):
            if origin == "measured, fair" and key in printed:
                assert (keys[place - 1], origins[place - 1]) == (key, "paper"), (number, key)
        assert origins.count("measured, fair") == sum(number in cell.tables for cell in cells)


def test_what_a_cell_starts_from_comes_before_it():
    cells = matrix(PRESETS["paper"], ["as_run", "fair"])
    places = {cell.name: place for place, cell in enumerate(cells)}
    starts = [(cell, cell.start) for cell in cells if cell.start is not None]
    assert len(starts) > 100
    assert all(places[start.name] < places[cell.name] for cell, start in starts)


def test_seeds_and_batches_follow_the_protocol():
    fair, as_run = (matrix(PRESETS["paper"], [p], [3], ["mmd"]) for p in ("fair", "as_run"))
    assert [c.seed for c in fair if c.phase == "adaptation"] == [0, 1, 2]
    assert [c.seed for c in as_run if c.phase == "adaptation"] == [0]
    budgets = {p: PRESETS["paper"].budget("adaptation", p, "mmd") for p in ("fair", "as_run")}
    assert (budgets["fair"].batch_size, budgets["as_run"].batch_size) == (64, 32)
    with pytest.raises(DomainError, match=r"tables must be of .*got \[2\]"):
        matrix(PRESETS["paper"], tables=[2])
    with pytest.raises(DomainError, match="methods"):
        matrix(PRESETS["paper"], methods=["kmeans2"])


def test_vanilla_adapts_on_a_quarter_of_the_batch_as_run_and_sees_as_many_images():
    """32 in each of two replicas, but 16 for Vanilla VQ, of whose five epochs each is of as many images."""
    stages = {
        phase: PRESETS["paper"].budget(phase, "as_run", "vanilla")
        for phase in ("substitution", "adaptation", "joint")
    }
    assert {phase: own.batch_size for phase, own in stages.items()} == {
        "substitution": 32,
        "adaptation": 16,
        "joint": 16,
    }
    other = PRESETS["paper"].budget("adaptation", "as_run", "ema")
    assert stages["adaptation"].steps * 16 == other.steps * 32 == 100_090 * 32
    assert stages["substitution"].steps == PRESETS["paper"].first.steps
    for protocol in ("paper", "fair"):
        same = [PRESETS["paper"].budget("adaptation", protocol, name) for name in ("vanilla", "ema")]
        assert same == [PRESETS["paper"].second] * 2


def test_operations_and_memory_of_the_paper_are_counted():
    """The figures known of this architecture: GFLOP of the parts, MiB of the decoder, EFLOP as run."""
    own = counts(PRESETS["paper"])
    np.testing.assert_allclose([own.encoder, own.decoder, own.head], [215.1, 393.7, 5.13], rtol=1e-3)
    np.testing.assert_allclose([own.decoder_kept, 2 * own.head_kept], [1272, 12], rtol=0.01)
    kept = counts(PRESETS["paper"], recompute=True).decoder_kept
    assert kept < 0.45 * own.decoder_kept
    cells = {c.phase: c for c in matrix(PRESETS["paper"], ["as_run"], [3, 7], ["ema"])}
    found = {phase: cost(cell, PRESETS["paper"], own) for phase, cell in cells.items()}
    np.testing.assert_allclose(found["substitution"].training, 1.48, rtol=0.01)
    np.testing.assert_allclose(found["adaptation"].training, 5.41, rtol=0.01)
    assert 40 < found["adaptation"].memory < 60
    # equation (10) needs no decoder: with cached latents 37 times cheaper an image
    fair = cost(matrix(PRESETS["paper"], ["fair"], [3], ["mmd"])[-2], PRESETS["paper"], own)
    latents = next(
        c
        for c in matrix(PRESETS["paper"], ["fair"], [3], ["mmd"])
        if c.phase == "substitution" and c.head == "full"
    )
    cheap = cost(latents, PRESETS["paper"], own)
    assert found["substitution"].training * 2 / cheap.training == pytest.approx(36, rel=0.05)
    assert fair.training > found["adaptation"].training
    assert cache_cost(PRESETS["paper"], own) == pytest.approx(2 * 1_281_167 * 215.1e-9, rel=1e-3)


def test_the_hours_of_the_desk_preset_are_near_those_that_it_took():
    """MMD VQ compares every pair of vectors and codewords, which is most of what the smallest heads cost."""
    preset, recorded = PRESETS["desk"], ROOT / "empirical" / "results" / "launch" / "desk.json"
    took = json.loads(recorded.read_text())["seconds"]
    own = counts(preset)
    cells = matrix(preset, native=False)
    assert {cell.name for cell in cells} == took.keys()
    counted = [cost(c, preset, own).hours(SUSTAINED["cpu"]) * 3600 for c in cells]
    latents = cache_cost(preset, own) * 1e6 / SUSTAINED["cpu"]  # of which the first cell takes care
    ratios = [took[cell.name] / hours for cell, hours in zip(cells[1:], counted[1:], strict=True)]
    whole = sum(took.values()) / (sum(counted) + latents)
    found = f"{whole:.1f} times of what is counted for it on a core, single cells {min(ratios):.1f} to"
    assert f"{found} {max(ratios):.1f} times" == STORED_RUN
    readme = " ".join((ROOT / "README.md").read_text().split())
    assert f"its {len(took)} cells took {sum(took.values()) / 3600:.1f} hours of a core" in readme


def test_vectors_that_processes_share_cost_as_many_pairs_with_the_codewords():
    """8192 rows a side: two processes have half as many pairs of vectors, and each those of codewords."""
    preset, costs = PRESETS["paper"], {}
    for cell in matrix(preset, tables=[3], methods=["mmd", "vanilla"]):
        if (cell.phase, cell.seed) == ("substitution", 0):
            for processes in (1, 2):
                found = cost(cell, preset, counts(preset), processes=processes)
                costs[cell.method, processes] = found.training
    alone, two = (costs["mmd", n] - costs["vanilla", n] for n in (1, 2))
    assert two / alone == pytest.approx((1 / 4 + 1 + 1) / (1 / 2 + 1 + 1 / 2))


def test_what_measures_needs_the_memory_of_measuring_and_a_training_that_of_both():
    """Baselines and references are not trained; smaller heads cost less, and none cost nothing."""
    preset = PRESETS["paper"]
    own = counts(preset)
    # 160 channels of 256 x 256 in float32 are 40 MiB; a residual block has five of them at a time
    assert own.encoder_peak == own.decoder_peak == 5 * 40
    cells = matrix(preset, ["as_run"], [3], ["mmd"], ["full", "1x1", "none"])
    found = {f"{cell.phase} {cell.method} {cell.head}": cost(cell, preset, own) for cell in cells}
    references = [found[f"substitution {method} none"] for method in ("kmeans", "lloyd_max")]
    for one in (found["baseline unquantized none"], *references):
        assert one.training == 0
        # 32 images through encoder or decoder, features of 50,000, less than 3 GiB of weights and the rest
        assert 6.25 + 1.5 < one.memory < 6.25 + 1.5 + 3
    full, small, bare = (found[f"substitution mmd {head}"] for head in ("full", "1x1", "none"))
    heads = full.training - bare.training
    assert small.training - bare.training == pytest.approx(heads / 9)
    assert full.memory > small.memory > bare.memory > references[0].memory
    fair = matrix(preset, ["fair"], [3], ["mmd"])
    on_latents = next(cell for cell in fair if cell.method == "mmd" and cell.phase == "substitution")
    # the measurement at its end takes more than a training on cached latents, in any number of processes
    eighth, sixteenth = (cost(on_latents, preset, own, processes=count) for count in (8, 16))
    assert 6 < eighth.memory == sixteenth.memory
    assert cost(on_latents, preset, own, processes=8, evaluation_batch=8).memory < eighth.memory - 4


def test_the_dry_run_prints_every_cell_with_its_cost_and_touches_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    given = ["launch", "--preset", "paper", "--dry-run", "--tables", "7", "--methods", "mmd", "--bf16"]
    assert main([*given, "--device", "cpu", "--processes", "8"]) == 0
    *lines, cached, disk, summary, uncertainty = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[::3]] == [
        f"{phase}/mmd-full-65536x2-fair-0" for phase in ("substitution", "adaptation", "joint")
    ]
    assert "to do" in lines[0]
    assert cached.startswith("latents, once: 0.51 h")
    assert disk.startswith("on disk: latents 42 GB, weights ")
    assert summary.startswith("9 cells, ")
    assert uncertainty.startswith("estimated: ")
    more = ["--tables", "3", "--heads", "full", "none", "--device", "cpu"]
    assert main([*given[:4], "--methods", "mmd", *more]) == 0
    heads = [line for line in capsys.readouterr().out.splitlines() if "/mmd-none-" in line]
    assert len(heads) == 3  # seeds
    assert all(" 3 " in line and "EFLOP" in line for line in heads)
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_knows_finished_cells_without_a_look_at_images_or_weights(launch):
    cells = chosen(tables=[3])[:2]
    list(walk(launch, cells[:1], Here()))
    planned = replace(launch, digests={}, train="", tokenizer="")
    first, second, *_ = forecast(planned, cells, "cpu").splitlines()
    assert " done " in first
    assert " to do " in second
    assert " done " in forecast(replace(planned, bf16=True), cells, "cpu")  # in which nothing is trained
    for change, done in (({"head_width": 16}, True), ({"heldout": 3}, False)):  # it has no heads
        other = replace(planned, sizes=replace(planned.sizes, **change))
        assert (" done " in forecast(other, cells, "cpu")) == done


def test_a_tokenizer_has_its_own_quantizer_over_scales_in_the_table_or_else_a_fitted_one():
    for native, there, missing in ((True, "native", MULTISCALE), (False, MULTISCALE, "native")):
        methods = {cell.method for cell in matrix(PRESETS["paper"], tables=[3], native=native)}
        assert there in methods
        assert missing not in methods
