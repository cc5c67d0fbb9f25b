"""The report of the installation."""

import hashlib

import pytest

from qtheory import doctor, pins, weights
from qtheory.errors import SchemaError


def statuses(check):
    return [finding.status for finding in check()]


def pretend_versions(monkeypatch, **versions):
    monkeypatch.setattr(doctor, "_version", lambda name: versions.get(name.replace("-", "_")))


def test_this_installation_is_sound(capsys):
    assert doctor.main([]) == 0
    assert "All that is needed works" in capsys.readouterr().out


def test_no_faiss_at_all_is_wrong_and_names_the_extra(monkeypatch):
    pretend_versions(monkeypatch)
    (finding,) = doctor.check_faiss()
    assert finding.status == "wrong"
    assert ".[cpu]" in finding.remedy


def test_two_builds_of_faiss_are_wrong(monkeypatch):
    pretend_versions(monkeypatch, faiss_cpu="1.15.1", faiss_gpu="1.15.1")
    (finding,) = doctor.check_faiss()
    assert finding.status == "wrong"
    assert "overwrite" in finding.text


@pytest.mark.parametrize(
    "probed",
    [{"error": "ImportError: libopenblas"}, {"file": None, "index": False, "gpus": 0}],
)
def test_a_faiss_that_does_not_work_is_wrong(monkeypatch, probed):
    pretend_versions(monkeypatch, faiss_cpu="1.15.1")
    monkeypatch.setattr(doctor, "_probe", lambda code: probed)
    assert statuses(doctor.check_faiss) == ["wrong"]


def test_a_torchvision_built_for_another_torch_is_wrong(monkeypatch):
    pretend_versions(monkeypatch, torch="2.13.0+cpu", torchvision="0.29.1")
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: ["numpy", "torch==2.14.1"])
    (finding,) = doctor.check_torch()
    assert finding.status == "wrong"
    assert "torch==2.14.1 torchvision==0.29.1" in finding.remedy


def test_a_missing_torch_is_only_noted(monkeypatch):
    pretend_versions(monkeypatch)
    assert statuses(doctor.check_torch) == ["note"]


def test_a_probe_reports_a_crash_of_the_probed_process():
    assert "died" in doctor._probe("raise ImportError('died')")["error"]
    assert doctor._probe("import json; print(json.dumps({'a': 1}))") == {"a": 1}


def test_an_import_that_hangs_is_wrong_and_the_report_goes_on(monkeypatch, capsys):
    probe = doctor._probe
    monkeypatch.setattr(doctor, "PROBE_SECONDS", 0.2)
    monkeypatch.setattr(doctor, "_probe", lambda code: probe("import time; time.sleep(60)"))
    pretend_versions(monkeypatch, faiss_cpu="1.15.1", torch="2.13.0+cpu", torchvision="0.29.1")
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: ["torch==2.13.0"])
    for check in (doctor.check_faiss, doctor.check_torch):
        (finding,) = check()
        assert finding.status == "wrong"
        assert "not imported after 0.2 s" in finding.text
        assert finding.remedy
    monkeypatch.setattr(doctor, "CHECKS", (doctor.check_faiss, doctor.check_threads))
    assert doctor.main([]) == 1
    assert "threads" in capsys.readouterr().out


def test_something_wrong_gives_a_non_zero_exit_status(monkeypatch, capsys):
    wrong = doctor.Finding("faiss", "wrong", "broken", "mend it")
    monkeypatch.setattr(doctor, "CHECKS", (lambda: iter([wrong]),))
    assert doctor.main([]) == 1
    assert "remedy: mend it" in capsys.readouterr().out


def test_weights_are_reported_absent_wrong_or_right(monkeypatch, tmp_path):
    content = b"weights"
    good = weights.Weights("a.pth", hashlib.sha256(content).hexdigest(), "x", "y")
    monkeypatch.setattr(doctor, "WEIGHTS", (good,))
    monkeypatch.setenv("QTHEORY_WEIGHTS", str(tmp_path))
    assert statuses(doctor.check_weights) == ["note"]
    (tmp_path / "a.pth").write_bytes(b"other")
    assert statuses(doctor.check_weights) == ["wrong"]
    (tmp_path / "a.pth").write_bytes(content)
    assert statuses(doctor.check_weights) == ["ok"]


def test_weights_without_a_published_sha256_are_never_called_right(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "WEIGHTS", (weights.Weights("a.pth", "", "x", "y"),))
    monkeypatch.setenv("QTHEORY_WEIGHTS", str(tmp_path))
    (tmp_path / "a.pth").write_bytes(b"weights")
    (finding,) = doctor.check_weights()
    assert finding.status == "note"
    assert hashlib.sha256(b"weights").hexdigest() in finding.text


def test_pinned_weights_are_right_and_others_of_their_name_wrong(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "WEIGHTS", (weights.Weights("a.pth", "", "x", "y"),))
    monkeypatch.setenv("QTHEORY_WEIGHTS", str(tmp_path))
    (tmp_path / "a.pth").write_bytes(b"weights")
    (tmp_path / "sha256sums").write_text(f"{hashlib.sha256(b'weights').hexdigest()}  a.pth\n")
    (finding,) = doctor.check_weights()
    assert (finding.status, "as pinned" in finding.text) == ("ok", True)
    (tmp_path / "a.pth").write_bytes(b"others")
    assert statuses(doctor.check_weights) == ["wrong"]


def test_pins_that_cannot_be_read_or_contradict_what_is_published_are_refused(tmp_path):
    published = weights.Weights("a.pth", "abcd", "x", "y", 1)
    stored = tmp_path / "sha256sums"
    stored.write_text("abcd a.pth\n")
    with pytest.raises(SchemaError, match=r"lines as sha256sum prints them, got 'abcd a\.pth' in line 1"):
        pins.expected(published, tmp_path)
    stored.write_text("0" * 64 + "  a.pth\n")
    with pytest.raises(SchemaError, match=r"of a\.pth what is published, sha256 abcd\.\.\., got 0000"):
        pins.expected(published, tmp_path)
    stored.write_text("ABCD" + "0" * 60 + " *./a.pth\n")
    assert pins.expected(published, tmp_path).sha256 == "abcd" + "0" * 60


def test_a_file_of_another_size_is_refused_before_it_is_read(tmp_path):
    path, content = tmp_path / "a.pth", b"weights"
    own = weights.Weights("a.pth", hashlib.sha256(content).hexdigest(), "x", "there", 1, len(content))
    with pytest.raises(FileNotFoundError, match=r"get it from there \(a\.pth, 7 bytes\) \(sha256 "):
        pins.verify(tmp_path, own)
    path.write_bytes(content + b"!")
    with pytest.raises(SchemaError, match=r"must have 7 bytes and sha256 .*got 8 bytes; get it again"):
        pins.verify(tmp_path, own)
    path.write_bytes(content)
    assert pins.verify(tmp_path, own) == own.sha256


def test_a_wrong_sha256_names_both_digests_and_the_origin(tmp_path):
    path = tmp_path / "w.pth"
    path.write_bytes(b"1")
    with pytest.raises(
        SchemaError,
        match=r"must have sha256 abcd, got 6b86.*damaged or another version; get it again from there",
    ):
        weights.verify_sha256(path, "abcd", origin="there")
    for name, wrong in (("none", "does not exist"), ("", "is a folder, no file")):
        with pytest.raises(FileNotFoundError, match=rf"{wrong}; get it from there \(sha256 abcd\)"):
            weights.verify_sha256(tmp_path / name, "abcd", origin="there")
