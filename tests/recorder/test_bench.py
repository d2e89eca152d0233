"""The bench: fair contestants, fair ratios."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
import torch

import bnviz
from bnviz.recorder import bench


@pytest.mark.parametrize("network", list(bench.NETWORKS))
def test_measuring_tells_of_every_round_and_leaves_torch_s_random_generator_alone(network, monkeypatch):
    monkeypatch.setattr(bench, "find_spec", lambda name: None)
    before, rounds = torch.random.get_rng_state(), []
    costs = bench.measure(network, bnviz.record, 2, block=2, finished=lambda: rounds.append(1))
    assert len(rounds) == 2
    assert torch.equal(torch.random.get_rng_state(), before)
    assert [cost.name for cost in costs] == ["bare", "recorder_tenth", "recorder_step"]
    assert (costs[0].ratio, costs[0].target, costs[1].target) == (1.0, None, bench.TARGETS[network])
    assert all(0 < cost.low <= cost.ratio <= cost.high for cost in costs)


def test_every_contestant_trains_the_same_network_from_the_same_loop():
    for make in bench.contestants(bnviz.record).values():
        with ExitStack() as stack:
            loop = make("mlp", stack)
            loop(11)
            assert [p.shape for p in loop.network.parameters()] == [
                p.shape for p in bench.Loop("mlp").network.parameters()
            ]


@pytest.mark.parametrize("name", ["tensorboard", "wandb"])
def test_others_take_part_where_they_are_installed(name, monkeypatch):
    monkeypatch.setattr(bench, "find_spec", lambda module: object() if module == name else None)
    assert [key for key in bench.contestants(bnviz.record) if key.startswith(name)]
