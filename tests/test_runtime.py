import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from bothways import runtime
from bothways.errors import UsageError

CPU = torch.device("cpu")


@pytest.fixture
def _threads_restored():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("has_tiles", "has_bf16", "is_intel", "name", "reason"),
    [
        (True, True, True, "bf16", "AMX"),
        (False, True, True, "float32", "slower than float32"),
        (False, True, False, "bf16", "AVX-512"),
        (False, False, False, "float32", "no bf16 instructions"),
    ],
)
def test_precision_follows_the_processor_and_says_why(
    monkeypatch, has_tiles, has_bf16, is_intel, name, reason
):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: has_tiles)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has_bf16)
    monkeypatch.setattr(runtime, "_is_made_by_intel", lambda: is_intel)
    precision = runtime.choose_precision(CPU)
    assert precision.name == name
    assert reason in precision.reason


def test_the_maker_of_a_processor_is_read_where_the_system_tells_it(tmp_path):
    described = tmp_path / "cpuinfo"
    assert not runtime._is_made_by_intel(described)
    for maker, is_intel in (("AuthenticAMD", False), ("GenuineIntel", True)):
        described.write_text(f"processor : 0\nvendor_id : {maker}\n", encoding="utf-8")
        assert runtime._is_made_by_intel(described) == is_intel


@pytest.mark.parametrize("wanted", ["bf16", "float32"])
def test_a_precision_that_is_asked_for_is_taken(wanted):
    precision = runtime.choose_precision(CPU, wanted)
    assert (precision.name, precision.reason) == (wanted, "as asked")


@pytest.mark.parametrize(("name", "dtype"), [("bf16", torch.bfloat16), ("float32", torch.float32)])
def test_autocast_sets_the_type_of_matrix_products_only(name, dtype):
    weight = torch.ones(2, 2)
    with runtime.choose_precision(CPU, name).autocast(CPU):
        assert (weight @ weight).dtype == dtype
    assert weight.dtype == torch.float32


def test_an_unknown_precision_or_device_is_a_usage_error():
    with pytest.raises(UsageError, match="float16"):
        runtime.choose_precision(CPU, "float16")
    with pytest.raises(UsageError, match="tpu"):
        runtime.choose_device("tpu")


def test_asking_for_a_gpu_where_there_is_none_says_what_to_do(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert runtime.choose_device("auto") == CPU
    with pytest.raises(UsageError, match="use device auto"):
        runtime.choose_device("cuda")


def test_each_process_takes_its_own_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert runtime.choose_device("auto", local_rank=1) == torch.device("cuda", 1)
    assert runtime.choose_device("cpu", local_rank=1) == CPU
    with pytest.raises(UsageError, match="start 2 processes"):
        runtime.choose_device("cuda", local_rank=2)


@pytest.mark.usefixtures("_threads_restored")
def test_threads_can_be_set_and_stay_within_the_quota(monkeypatch):
    assert runtime.set_threads(1) == 1 == torch.get_num_threads()
    monkeypatch.setattr(runtime, "_processor_quota", lambda: 1)
    torch.set_num_threads(2)
    assert runtime.set_threads() == 1
    with pytest.raises(UsageError, match="at least 1"):
        runtime.set_threads(0)


@pytest.mark.parametrize(("limit", "processors"), [("150000 100000", 2), ("20000 100000", 1)])
def test_the_quota_of_a_container_counts_in_whole_processors(tmp_path, limit, processors):
    (tmp_path / "cpu.max").write_text(limit)
    assert runtime._processor_quota(tmp_path / "cpu.max") == processors


def test_no_quota_means_every_processor(tmp_path):
    (tmp_path / "cpu.max").write_text("max 100000")
    assert (
        runtime._processor_quota(tmp_path / "cpu.max") == runtime._processor_quota(tmp_path / "absent") >= 1
    )


def draws():
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def test_one_seed_and_rank_give_the_same_draws_and_another_rank_gives_others():
    runtime.seed_everything(7, rank=0)
    first = draws()
    runtime.seed_everything(7, rank=1)
    other = draws()
    runtime.seed_everything(7, rank=0)
    assert draws() == first
    assert all(one != another for one, another in zip(first, other, strict=True))


def test_restored_random_states_continue_the_same_dropout():
    runtime.seed_everything(1)
    torch.rand(5)
    states = runtime.random_states()
    assert all(state.dtype == torch.uint8 for state in states.values())
    expected = torch.nn.functional.dropout(torch.ones(100))
    torch.rand(3)
    runtime.restore_random_states(states)
    assert torch.equal(torch.nn.functional.dropout(torch.ones(100)), expected)


def test_the_environment_names_versions_processor_and_threads():
    facts = runtime.environment()
    assert facts["packages"]["torch"] == torch.__version__
    assert facts["python"] == ".".join(map(str, sys.version_info[:3]))
    assert facts["threads"] == torch.get_num_threads()
    assert facts["processor"]
    assert facts["memory"] > 2**20


def git(folder: Path, *words: str) -> None:
    name = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(folder), *name, *words], check=True, capture_output=True)


def test_the_commit_is_told_for_tracked_code_only(tmp_path):
    assert runtime.package_commit(tmp_path) is None
    git(tmp_path, "init")
    ours, installed = tmp_path / "ours", tmp_path / "installed"
    for folder in (ours, installed):
        folder.mkdir()
        (folder / "code.py").write_text("one")
    git(tmp_path, "add", "ours")
    git(tmp_path, "commit", "-m", "first")
    commit = runtime.package_commit(ours)
    assert commit is not None
    assert len(commit) == 40
    assert runtime.package_commit(installed) is None
    (ours / "code.py").write_text("two")
    assert runtime.package_commit(ours) == f"{commit}-dirty"


def test_without_git_there_is_no_commit(monkeypatch):
    monkeypatch.setattr(runtime.shutil, "which", lambda _name: None)
    assert runtime.package_commit() is None
