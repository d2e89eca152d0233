from __future__ import annotations

import pytest
import torch
from torch import nn

from bnviz.training.probe import Probe


def model() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


def hooks(network: nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._backward_hooks) for module in network.modules())


def test_a_probe_keeps_outputs_and_the_gradients_that_are_asked_for():
    network, x = model(), torch.ones(5, 3)
    probe = Probe([network[0], network[2]], [True, False])
    with probe:
        loss = network(x).square().sum()
    hidden, out = probe.outputs[0], probe.outputs[1]
    loss.backward()
    leaf = network[0](x).detach().requires_grad_()
    network[1:](leaf).square().sum().backward()

    torch.testing.assert_close(hidden.grad, leaf.grad)
    torch.testing.assert_close(out, network(x))
    assert not out.retains_grad


def test_a_probe_leaves_no_hook_even_after_an_error():
    network = model()
    probe = Probe([network[0]], [True])
    with probe:
        assert hooks(network) == 1
    assert hooks(network) == 0
    with pytest.raises(RuntimeError), probe:
        network(torch.ones(5, 99))
    assert hooks(network) == 0


def test_a_probe_sees_nothing_outside_its_block_and_can_be_entered_again():
    network, x = model(), torch.ones(5, 3)
    probe = Probe([network[0]], [True])
    for factor in (1, 2):
        with probe:
            network(factor * x)
        seen = probe.outputs[0]
        network(7 * x)
        assert probe.outputs[0] is seen
        torch.testing.assert_close(seen, network[0](factor * x))


def test_a_probe_cannot_be_entered_twice_at_once():
    probe = Probe([model()[0]], [True])
    with probe, pytest.raises(RuntimeError, match="already"):
        probe.__enter__()


def test_watching_without_gradients_is_allowed():
    network = model()
    probe = Probe([network[0]], [True])
    with torch.no_grad(), probe:
        network(torch.ones(5, 3))

    assert probe.outputs[0].grad is None
