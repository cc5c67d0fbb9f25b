"""The path of the paper's preset, with small networks in place of the published files."""

from empirical.cell import run
from empirical.cells import matrix
from empirical.runtime import Runtime
from tests.empirical.networked import TINY, networked, small_networks


def test_every_phase_of_the_published_run_reaches_its_networks(tmp_path, monkeypatch):
    small_networks(monkeypatch.setattr)
    launch = networked(tmp_path)
    cells = [c for c in matrix(TINY, ["as_run"], [3, 7], ["fsq"]) if c.head == "full"]
    assert [cell.phase for cell in cells] == ["substitution", "adaptation", "joint"]
    rows = {}
    for spec in cells:
        launch.write(spec)
        rows[spec.phase] = run(launch, spec, Runtime())
    assert all(
        {"r_fid", "kid_inception", "r_is", "lpips", "psnr_luma", "fid_sha256"} <= row.keys()
        for row in rows.values()
    )
    assert rows["substitution"]["epoch"] == "last"
    for spec in cells[1:]:
        assert rows[spec.phase]["epoch"].endswith("of 2 by r_fid")
        log = (launch.folder(spec) / "log.jsonl").read_text()
        for term in ("lpips", "adaptive_weight", "hinge", "accuracy", "consistency"):
            assert f'"{term}"' in log
    assert rows["adaptation"]["utilization"] == rows["substitution"]["utilization"]
