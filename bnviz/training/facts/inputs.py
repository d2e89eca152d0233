"""What a layer's output depends on: labels, the company in its batch, dropout; measured by changing just that."""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from bnviz.experiment.config import ExperimentConfig
from bnviz.training.networks import Network
from bnviz.training.normalization import BatchNorm
from bnviz.training.randomness import generator
from bnviz.training.unfold import Training

COMPANIES = 16
WATCHED = 8


def statistics_moved_by_labels(training: Training) -> float:
    """By how much permuted labels change the first batch's statistics in any layer: largest |difference|."""
    one, other = (_statistics(network) for network in _with_permuted_labels(training.config))
    return float((one - other).abs().max())


def weights_moved_by_labels(training: Training) -> float:
    """By how much permuted labels change the weights after the first step: largest |difference|."""
    one, other = (network.linears() for network in _with_permuted_labels(training.config))
    return max(float((a.weight - b.weight).detach().abs().max()) for a, b in zip(one, other, strict=True))


def _with_permuted_labels(config: ExperimentConfig) -> tuple[Network, Network]:
    """The network after its first step, with the labels as they are and permuted among the samples."""
    trainings = Training(config), Training(config)
    data = trainings[1].data
    order = torch.randperm(len(data.train_y), generator=generator(config.seed, "probe"))
    trainings[1].data = replace(data, train_y=data.train_y[order])
    for training in trainings:
        training.advance()
    return trainings[0].network, trainings[1].network


def _statistics(network: Network) -> Tensor:
    norms = [block.norm for block in network.hidden()]
    return torch.stack(
        [s for norm in norms if isinstance(norm, BatchNorm) for s in (norm.running_mean, norm.running_var)]
    )


def company_in_train_mode(training: Training) -> float:
    """How far a test sample's logits move with the rest of its batch, in deviations of its logits; train mode."""
    return _moved_by_company(training, "batch")


def company_in_eval_mode(training: Training) -> float:
    """The same in eval mode."""
    return _moved_by_company(training, "running")


@torch.no_grad()
def _moved_by_company(training: Training, statistics: str) -> float:
    """Put test samples into batches with `COMPANIES` different sets of training samples; the mean over the samples."""
    config, data = training.config, training.data
    draw, noise = generator(config.seed, "probe", training.step), generator(config.seed, "noise")
    moved = []
    for sample in data.test_x[:WATCHED]:
        logits = []
        for _ in range(COMPANIES):
            rest = torch.randperm(len(data.train_x), generator=draw)[: config.batch_size - 1]
            batch = torch.cat([sample[None], data.train_x[rest]])
            logits.append(training.network.observe(batch, statistics, noise)[1][0])  # type: ignore[arg-type]
        values = torch.stack(logits).double()
        moved.append(values.std(0, correction=0).mean() / values.mean(0).std(correction=0))
    return float(torch.stack(moved).mean())


def samples_lost(training: Training) -> float:
    """The share of the next batch's samples that teach the network nothing: their own gradient is 0."""
    rehearsal = training.rehearse()
    rehearsal.again()
    losses = F.cross_entropy(rehearsal.network(rehearsal.x), rehearsal.y, reduction="none")
    weights = [linear.weight for linear in rehearsal.network.linears()]
    silent = 0
    for loss in losses:
        gradients = torch.autograd.grad(loss, weights, retain_graph=True)
        silent += not any(bool(gradient.any()) for gradient in gradients)
    return silent / len(losses)


def activations_zeroed(training: Training) -> float:
    """The share of the hidden layers' outputs that are 0: test split, running statistics, dropout on as in training."""
    return _zeros(training, dropout=True)


def activations_zeroed_in_eval_mode(training: Training) -> float:
    """The same with dropout off, as in eval mode."""
    return _zeros(training, dropout=False)


def _zeros(training: Training, *, dropout: bool) -> float:
    noise = generator(training.config.seed, "evaluation", training.step)
    signals, _ = training.network.observe(training.data.test_x, "running", noise, dropout=dropout)
    return float(torch.stack([signal.out == 0 for signal in signals]).float().mean())
