"""A launched comparison in miniature: its matrix, its walk, its failures, and what it costs."""

import json
from collections import Counter
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image as PilImage

from empirical import cell as cells_module
from empirical import setup
from empirical.__main__ import main
from empirical.cell import CellRun
from empirical.cells import PRESETS, CellSpec, LaunchPreset, matrix
from empirical.checkpoint import load
from empirical.config import Budget
from empirical.cost import cache_cost, cost, counts
from empirical.head import REFERENCES, TRAINED
from empirical.images import imagenet_parts
from empirical.launch import Executor, LocalExecutor, Task, collect, failure, perform, task, walk
from empirical.launch_table import render, side_by_side
from empirical.runtime import Runtime
from empirical.setup import Launch, Setup, prepared, required_files
from empirical.tokenizers import PocketTokenizer
from qtheory import paper
from qtheory.errors import DomainError, SchemaError
from qtheory.results import read_table
from tests.empirical.helpers import interrupted

TINY = LaunchPreset(
    size=32,
    channels=16,
    codebook_size=256,
    chunks=2,
    codebook_sizes=(16, 256),
    token_chunks=(1, 2),
    token_codebook_size=16,
    splits=(4,),
    head_width=8,
    head_groups=8,
    first=Budget(steps=4, batch_size=2, learning_rate=1e-3, trials=2),
    second=Budget(steps=4, batch_size=2, learning_rate=1e-3, trials=1),
    epochs=2,
    views=2,
    networks=False,
    images=9,
    heldout=4,
)


class Here(Executor):
    """Runs cells in this process."""

    def __init__(self):
        self.done = []

    def run(self, tasks):
        for one in tasks:
            self.done.append(one.command[-1].split("/")[-2])
            try:
                cells_module.main(one.command[-1])
                yield 0
            except Exception:
                yield 1


@pytest.fixture
def launch(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for i in range(24):
        pixels = np.random.default_rng(i).integers(0, 256, (8, 9, 3), dtype=np.uint8)
        PilImage.fromarray(pixels).resize((44, 40)).save(folder / f"{i}.png")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        PocketTokenizer(8).save(tmp_path / "tokenizer.safetensors")
    given = Launch(
        name="tiny",
        sizes=TINY,
        out=str(tmp_path / "out"),
        train=str(folder),
        heldout="",
        tokenizer=str(tmp_path / "tokenizer.safetensors"),
    )
    return prepared(given)


def chosen(protocol="fair", **options):
    options = {"tables": [7], "methods": ["fsq"], "native": False} | options
    return matrix(replace(TINY, first=replace(TINY.first, trials=1)), [protocol], **options)


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
    assert all(found == ["paper", "measured, as_run"] for found in printed.values())
    assert (table["origin"] == "paper").sum() == len(paper.table(number))


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
    budgets = {p: PRESETS["paper"].budget("adaptation", p) for p in ("fair", "as_run")}
    assert (budgets["fair"].batch_size, budgets["as_run"].batch_size) == (64, 32)
    with pytest.raises(DomainError, match=r"tables must be of .*got \[2\]"):
        matrix(PRESETS["paper"], tables=[2])
    with pytest.raises(DomainError, match="methods"):
        matrix(PRESETS["paper"], methods=["kmeans2"])


def test_operations_and_memory_of_the_paper_are_counted():
    """The figures known of this architecture: GFLOP of the parts, MiB of the decoder, EFLOP as run."""
    own = counts(PRESETS["paper"])
    np.testing.assert_allclose([own.encoder, own.decoder, own.head], [215.1, 393.7, 5.13], rtol=1e-3)
    np.testing.assert_allclose([own.decoder_kept, 2 * own.head_kept], [1272, 12], rtol=0.01)
    kept = counts(PRESETS["paper"], recompute=True).decoder_kept
    assert kept < 0.45 * own.decoder_kept
    cells = {c.phase: c for c in matrix(PRESETS["paper"], ["as_run"], [3, 7], ["mmd"])}
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


def test_all_phases_run_and_the_table_holds_their_rows(launch):
    cells = chosen(tables=[3, 7])
    executor = Here()
    outcomes = list(walk(launch, cells, executor))
    table = collect(launch, outcomes, "test")
    frame = read_table(table.path).frame
    assert table.manifest["failures"] == []
    assert frame["phase"].tolist() == [
        "baseline",
        *["substitution"] * (len(REFERENCES) + 1),
        "adaptation",
        "joint",
    ]
    assert frame["method"].tolist() == ["unquantized", *REFERENCES, "fsq", "fsq", "fsq"]
    quantized = frame[frame["method"] != "unquantized"]
    assert (quantized["utilization"] > 0).all()
    assert frame[["psnr", "psnr_luma", "ssim", "kid_efflite0"]].notna().all(axis=None)
    fsq = frame[frame["method"] == "fsq"].set_index("phase")
    # adaptation leaves encoder and quantizers as they are
    assert fsq.loc["adaptation", "quantizer_distortion"] == fsq.loc["substitution", "quantizer_distortion"]
    assert fsq.loc["adaptation", "psnr"] != fsq.loc["substitution", "psnr"]
    assert fsq.loc["joint", "latent_variance"] != fsq.loc["substitution", "latent_variance"]
    assert frame["image_tokens"].tolist() == [0] + [2 * 16] * (len(REFERENCES) + 3)
    third = side_by_side(3, frame)
    assert third["method"].head(2).tolist() == ["unquantized", "vanilla"]
    own = third[third["origin"] == "measured, fair"]
    assert own["method"].tolist() == ["unquantized", *REFERENCES, "fsq", "fsq"]
    assert own["psnr"].tolist() == frame["psnr_luma"].tolist()[:-1]
    assert len(third) == 26 + len(own)
    assert render(7, frame).count("measured, fair") == 3
    assert list(walk(launch, cells, executor)) == outcomes
    assert len(executor.done) == len(cells)  # finished cells are skipped


def test_a_comparison_without_a_single_result_is_told_by_its_manifest(launch):
    table = collect(launch, [(cell, "failed") for cell in chosen()], "test")
    assert len(table.manifest["failures"]) == 3
    assert len(table.frame) == 0


def test_a_failed_cell_is_recorded_and_the_walk_goes_on(launch, monkeypatch):
    cells = chosen(methods=["fsq", "lfq"])
    original = CellRun.built

    def built(self):
        made = original(self)
        if self.cell.method == "lfq":
            torch.nn.init.constant_(made.head_out.branch[-1].bias, torch.nan)
        return made

    monkeypatch.setattr(CellRun, "built", built)
    outcomes = dict(walk(launch, cells, Here()))
    named = {cell.name: outcome for cell, outcome in outcomes.items()}
    assert named["substitution/lfq-full-256x2-fair-0"].startswith(
        "FloatingPointError: loss of step 1 of 4 is nan"
    )
    for phase in ("adaptation", "joint"):
        reason = named[f"{phase}/lfq-full-256x2-fair-0"]
        assert reason == "starts from substitution/lfq-full-256x2-fair-0, which failed"
        assert named[f"{phase}/fsq-full-256x2-fair-0"]["row"]["psnr"] > 0
    table = collect(launch, list(outcomes.items()), "test")
    assert [entry["cell"] for entry in table.manifest["failures"]] == [
        cell.name for cell, outcome in outcomes.items() if isinstance(outcome, str)
    ]
    monkeypatch.setattr(CellRun, "built", original)
    again = Here()
    assert not any(isinstance(outcome, str) for _, outcome in walk(launch, cells, again))
    assert len(again.done) == 3


@pytest.mark.parametrize("phase", ["substitution", "joint"])
def test_a_cell_killed_at_any_step_ends_with_the_same_weights_and_row(launch, phase):
    cells = [cell for cell in chosen() if cell.phase in ("substitution", phase)]
    straight = dict(walk(launch, cells, Here()))[cells[-1]]
    folder = launch.folder(cells[-1])
    weights = (folder / "weights.safetensors").read_bytes()
    for name in ("weights.safetensors", "result.json"):
        (folder / name).unlink()
    with interrupted(before=3):
        list(walk(launch, cells, Here()))
    assert load(folder / "state.safetensors")[1]["step"] == "3"
    resumed = dict(walk(launch, cells, Here()))[cells[-1]]
    assert resumed["row"] == straight["row"]
    assert (folder / "weights.safetensors").read_bytes() == weights
    assert not (folder / "state.safetensors").exists()
    assert [json.loads(line)["step"] for line in (folder / "log.jsonl").read_text().splitlines()] == [1]


def test_the_published_run_is_the_best_of_its_epochs(launch):
    cells = [cell for cell in chosen("as_run") if cell.phase != "joint"]
    assert [cell.phase for cell in cells] == ["substitution", "adaptation"]
    launch = replace(launch, sizes=replace(TINY, second=replace(TINY.second, batch_size=4)))
    outcome = dict(walk(launch, cells, Here()))[cells[-1]]
    rows = [json.loads(line) for line in (launch.folder(cells[-1]) / "epochs.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 4]
    best = min(rows, key=lambda row: row["kid_efflite0"])
    assert outcome["row"]["kid_efflite0"] == best["kid_efflite0"]
    assert outcome["row"]["epoch"] == f"{best['epoch']}, of 2 by kid_efflite0"


def test_memory_that_runs_out_names_the_settings_that_save_it(launch, monkeypatch):
    def train(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(cells_module, "train_on", train)
    [(_, outcome)] = walk(launch, chosen()[:1], Here())
    words = "turn on --recompute or --bf16, take the batch of 2 in parts (--accumulate 2 or more), or"
    assert words in outcome
    assert "Tried to allocate 2.00 GiB" in outcome


def test_weights_of_another_configuration_are_not_started_from(launch):
    first, second, *_ = chosen()
    list(walk(launch, [first], Here()))
    other = replace(launch, bf16=True)
    [(_, outcome)] = walk(other, [second], Here())
    assert "must be of this configuration, got another; run cell substitution/fsq" in outcome
    (launch.folder(first) / "weights.safetensors").unlink()
    [(_, outcome)] = walk(launch, [second], Here())
    assert "does not exist; get it from cell substitution/fsq" in outcome


def test_missing_weights_are_all_named_with_size_checksum_and_source(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        required_files(tmp_path)
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{tmp_path} lacks 5 file(s); get them first:"
    var = next(line for line in lines if "vae_ch160v4096z32.pth" in line)
    assert "436 MB, sha256 7c3ec27ae28a3f87055e83211ea8cc8558bd1985d7b51742d074fb4c2fcf186c" in var
    assert "FoundationVision/var on the Hugging Face hub" in var
    for name in setup.NETWORK_FILES:
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(SchemaError, match=r"vae_ch160v4096z32\.pth must have sha256 7c3ec27"):
        required_files(tmp_path)
    with pytest.raises(DomainError, match="give --weights DIR or set QTHEORY_WEIGHTS"):
        required_files(None)


def test_a_tokenizer_with_other_channels_or_a_pickle_is_refused(launch, tmp_path):
    with pytest.raises(SchemaError, match="must have the 32 latent channels of preset tiny, got 16"):
        prepared(replace(launch, sizes=replace(TINY, channels=32)))
    torch.save([1, 2], tmp_path / "pickle.pth")
    with pytest.raises(SchemaError, match="must hold a dict of tensors"):
        prepared(replace(launch, tokenizer=str(tmp_path / "pickle.pth")))


def test_a_launch_is_read_as_it_was_written_and_its_digest_knows_what_matters(launch):
    spec = chosen()[0]
    read, again = Launch.read(launch.write(spec))
    assert (read, again) == (launch, spec)
    digest = launch.digest(spec)
    assert replace(launch, workers=3, out="elsewhere", accumulate=1).digest(spec) == digest
    assert launch.digest(replace(spec, tables=(3,))) == digest
    others = [
        replace(launch, bf16=True).digest(spec),
        replace(launch, accumulate=2).digest(spec),
        replace(launch, sizes=replace(TINY, head_width=16)).digest(spec),
        replace(launch, digests={**launch.digests, "train": "0"}).digest(spec),
        launch.digest(replace(spec, seed=1)),
    ]
    assert len({digest, *others}) == 6


def test_processes_of_a_machine_share_a_cell_and_the_published_run_has_one(launch):
    several = replace(launch, processes=2)
    fair, as_run = (task(several, chosen(protocol)[0]).command for protocol in ("fair", "as_run"))
    assert fair[1:5] == ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    assert "torch.distributed.run" not in as_run
    assert fair[-3:-1] == as_run[-3:-1] == ("-m", "empirical.cell")
    with pytest.raises(DomainError, match="batch_size must be a multiple of the 2 processes, got 3"):
        Runtime(world=2).share(torch.arange(3))


def test_a_cell_runs_as_a_process_and_its_words_are_kept_where_it_dies(launch, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    spec = chosen()[0]
    [(_, outcome)] = walk(launch, [spec], LocalExecutor())
    assert outcome["row"]["psnr"] > 0, failure(launch, spec, 1)
    assert perform(Task(("sh", "-c", "echo killed by the system; exit 9"), task(launch, spec).log)) == 9
    assert failure(launch, spec, 9) == "ended with status 9: killed by the system"


# submitit's debugging cluster leaves its logs open
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_jobs_of_a_cluster_give_their_exit_statuses(tmp_path):
    submitit = pytest.importorskip("submitit")
    from empirical.launch import SlurmExecutor

    executor = SlurmExecutor(tmp_path / "jobs", 0, cluster="debug")
    tasks = [Task(("sh", "-c", f"echo {n}; exit {n}"), str(tmp_path / f"{n}.log")) for n in (0, 3)]
    assert list(executor.run(tasks)) == [0, 3]
    assert (tmp_path / "3.log").read_text() == "3\n"
    assert isinstance(executor.executor, submitit.AutoExecutor)
    with pytest.raises(DomainError, match="use --executor local"):
        SlurmExecutor(tmp_path / "jobs", 1)


def test_the_dry_run_prints_every_cell_with_its_cost_and_touches_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    given = ["launch", "--preset", "paper", "--dry-run", "--tables", "7", "--methods", "mmd", "--bf16"]
    assert main([*given, "--device", "cpu", "--processes", "8"]) == 0
    *lines, cached, summary = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[::3]] == [
        f"{phase}/mmd-full-65536x2-fair-0" for phase in ("substitution", "adaptation", "joint")
    ]
    assert "to do" in lines[0]
    assert cached.startswith("latents, once: 0.51 h")
    assert summary.startswith("9 cells, ")
    assert list(tmp_path.iterdir()) == []


def test_a_launch_needs_its_images_and_packages(capsys, monkeypatch, tmp_path):
    assert main(["launch", "--preset", "desk"]) == 2
    assert "give either --imagenet DIR" in capsys.readouterr().err
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for option in (["--tensorboard"], ["--executor", "slurm"]):
        assert main(["launch", "--preset", "desk", "--data", str(tmp_path), *option]) == 1
        assert "pip install 'qtheory[launch]'" in capsys.readouterr().err


def test_imagenet_is_trained_on_one_part_and_measured_on_the_other(launch, tmp_path, monkeypatch):
    for part, count in (("train", 2), ("val", 3)):
        (tmp_path / "imagenet" / part / "n01").mkdir(parents=True)
        for i in range(count):
            pixels = np.random.default_rng(i).integers(0, 256, (40, 40, 3), dtype=np.uint8)
            PilImage.fromarray(pixels).save(tmp_path / "imagenet" / part / "n01" / f"{i}.png")
    given = replace(launch, digests={}, out=str(tmp_path / "other"))
    with pytest.raises(SchemaError, match="lacks 1000: n01440764"):
        prepared(given, imagenet=str(tmp_path / "imagenet"))
    monkeypatch.setattr(setup, "imagenet_parts", partial(imagenet_parts, classes=("n01",)))
    ready = prepared(given, imagenet=str(tmp_path / "imagenet"))
    assert ready.digests["train"] != ready.digests["heldout"]
    inputs = Setup(ready, chosen()[0], Runtime())
    assert inputs.heldout.names == ("n01/0.png", "n01/1.png", "n01/2.png")
    assert inputs.crops(0).names == ("n01/0.png", "n01/1.png")
    assert inputs.crops(0).folder.root.parent.name == "imagenet"


def test_a_trained_cell_is_measured_again_by_the_command(launch, capsys):
    spec = chosen()[0]
    [(_, outcome)] = walk(launch, [spec], Here())
    capsys.readouterr()
    assert main(["evaluate", "--cell", str(launch.folder(spec))]) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["method"] == "fsq"
    assert row["psnr"] == pytest.approx(outcome["row"]["psnr"], rel=1e-6)
    assert main(["evaluate", "--cell", str(launch.folder(spec).parent)]) == 1
    assert "give the folder of a cell" in capsys.readouterr().err
    other = CellSpec("adaptation", "fsq", "full", 256, 2, "fair", 0, (7,))
    assert main(["evaluate", "--cell", str(launch.write(other))]) == 1
    assert "launch it first" in capsys.readouterr().err
