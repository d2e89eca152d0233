"""A configuration unfolds into an endless stream of snapshots."""

from __future__ import annotations

import copy
import math
from collections.abc import Generator
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bnviz.experiment.config import ExperimentConfig, Intervention
from bnviz.experiment.own_table import NO_TABLES, Tables
from bnviz.experiment.snapshot import Array, Divergence, Snapshot
from bnviz.training import datasets
from bnviz.training.capture import Capture
from bnviz.training.evaluation import Evaluation
from bnviz.training.networks import Network
from bnviz.training.randomness import generator
from bnviz.training.rehearsal import Rehearsal
from bnviz.training.switching import exchange


def unfold(
    config: ExperimentConfig, *, every: int = 1, tables: Tables = NO_TABLES
) -> Generator[Snapshot, Intervention | None, None]:
    """Train the configuration's network for ever, yielding a snapshot of step 0 and of each `every`-th step after.

    A snapshot of step n describes the parameters after n updates, the training step made on them, and its update.
    `stream.send(Intervention(learning_rate=.01))` turns a knob at the next step and returns the next snapshot;
    from then on it is recorded in `snapshot.config`. The stream ends after the snapshot in which the loss was not
    finite; `snapshot.diverged` says at which step and in which layer. Equal configurations give equal snapshots,
    on the same machine bit for bit, however many streams interleave. Raises `ValueError` unless `every` >= 1,
    and `ConfigError` for a table of somebody's own that is not in `tables`.
    """
    if every < 1:
        raise ValueError(f"every must be at least 1: it counts the steps from one snapshot to the next; got {every}")
    training = Training(config, tables)
    while training.diverged is None:
        snapshot = training.advance(capture=training.step % every == 0)
        if snapshot is not None:
            intervention = yield snapshot
            if intervention is not None:
                training.turn(intervention)


class Training:
    """One arm's network, optimizer and random generators, advanced step by step.

    An exchanged normalization keeps the optimizer's memory (momentum, Adam's moments) of every parameter that kept
    its value, and starts anew for new ones (gamma, beta) and for weights into which batch normalization was folded:
    their gradients have another scale from then on. A new learning rate keeps all of it.
    """

    def __init__(self, config: ExperimentConfig, tables: Tables = NO_TABLES) -> None:
        use_one_thread()
        self.config = config
        self.step = 0
        self.diverged: Divergence | None = None
        self.normalization: str = config.normalization
        self.data = datasets.load(config, tables)
        self.network = Network(config, self.data.features, len(self.data.classes)).train()
        self.optimizer = self._make_optimizer(config.learning_rate)
        self.capture = Capture(self.network, config)
        self.evaluation = Evaluation(config, self.data)
        self._order = generator(config.seed, "batches")
        self._epoch_x, self._epoch_y, self._position = self.data.train_x, self.data.train_y, math.inf

    @property
    def learning_rate(self) -> float:
        """The learning rate in force."""
        return float(self.optimizer.param_groups[0]["lr"])

    def turn(self, intervention: Intervention) -> None:
        """Record a knob's turning for the next step, in place of what was planned for this knob from then on.

        Raises `ConfigError`, and changes nothing, where the configuration does not allow it.
        """
        config = self.config.with_intervention(replace(intervention, step=self.step))
        if getattr(intervention, intervention.knob) == self._in_force(intervention.knob):  # there and back: no turn
            kept = (i for i in config.interventions if (i.step, i.knob) != (self.step, intervention.knob))
            config = config.replace(interventions=tuple(kept))
        self.config = config

    def planned(self, knob: str) -> str | float:
        """The value of `normalization` or `learning_rate` in force from the next step on."""
        for item in self.config.interventions:
            if (item.step, item.knob) == (self.step, knob):
                return getattr(item, knob)  # type: ignore[no-any-return]
        return self._in_force(knob)

    def _in_force(self, knob: str) -> str | float:
        return self.normalization if knob == "normalization" else self.learning_rate

    def advance(self, *, capture: bool = False, surface: bool = True) -> Snapshot | None:
        """Make one training step; return its snapshot if it was captured or broke.

        After a non-finite loss nothing is updated any more: `diverged` is set and the last snapshot returned.
        """
        use_one_thread()
        if self.diverged is not None:
            raise RuntimeError(f"this training broke at step {self.diverged.step}: rewind it to train again")
        x, y = self._next_batch()
        self._intervene(x)
        before = self._measure(surface) if capture else None
        with self.capture.probe if capture else nullcontext():
            loss = F.cross_entropy(self.network(x), y)
        if not math.isfinite(value := loss.item()):
            return self._break(x, y, value)
        self._forget_gradients()
        loss.backward()  # type: ignore[no-untyped-call]
        if before is not None:
            self.capture.before_update()
        self.optimizer.step()
        self.step += 1
        return None if before is None else self._snapshot(self.step - 1, value, before)

    def rehearse(self) -> Rehearsal:
        """Return the next step as it is going to be, on a copy: its batch is drawn and due knobs are turned there."""
        use_one_thread()
        twin = copy.copy(self)
        vars(twin).update(network=copy.deepcopy(self.network), _order=copy.deepcopy(self._order))
        return Training._as_rehearsal(twin)

    def _as_rehearsal(self) -> Rehearsal:
        """Make this copy ready for its step."""
        self.optimizer = self._make_optimizer(self.learning_rate)
        x, y = self._next_batch()
        if self.diverged is None:
            self._intervene(x)
        return Rehearsal(self.step, self.network, x, y, self.learning_rate, self.diverged)

    def _forget_gradients(self) -> None:
        """As `zero_grad`, without its profiler's entry, which costs a twentieth of a small network's step."""
        for parameter in self.optimizer.param_groups[0]["params"]:
            parameter.grad = None

    def _measure(self, surface: bool) -> dict[str, Array]:
        """What there is before the step: what the network can do, and its norms' parameters and statistics."""
        evaluated = self.evaluation.measure(self.network, self.step, self.normalization, surface=surface)
        return evaluated | self.capture.parameters()

    def _snapshot(self, step: int, loss: float, before: dict[str, Array]) -> Snapshot:
        values = {
            "loss": np.asarray(loss, np.float32),
            "learning_rate": np.asarray(self.learning_rate, np.float32),
            **before,
            **self.capture.collect(),
        }
        return Snapshot(step, self.config, values, self.diverged)

    def _break(self, x: Tensor, y: Tensor, value: float) -> Snapshot:
        """Find where the first non-finite value is, and measure the broken step once, without an update."""
        layer = self._first_broken_layer(x)
        last = layer == self.config.hidden_layers
        where = "output layer" if last else f"hidden layer {layer + 1}"
        self.diverged = Divergence(self.step, layer, where)
        before = self._measure(surface=True)
        self._forget_gradients()
        with self.capture.probe:
            loss = F.cross_entropy(self.network(x), y)
        loss.backward()  # type: ignore[no-untyped-call]
        self.capture.before_update()
        return self._snapshot(self.step, value, before)

    def _first_broken_layer(self, x: Tensor) -> int:
        noise = generator(self.config.seed, "probe", self.step)
        signals, _ = self.network.observe(x, "batch", noise, dropout=True)
        for layer, signal in enumerate(signals):
            if not all(t.isfinite().all() for t in (signal.z, signal.normalized, signal.activated, signal.out)):
                return layer
        return self.config.hidden_layers

    def _next_batch(self) -> tuple[Tensor, Tensor]:
        """The next slice of this epoch's permutation; an incomplete last batch is left out."""
        size = self.config.batch_size
        if self._position + size > len(self.data.train_y):
            order = torch.randperm(len(self.data.train_y), generator=self._order)
            self._epoch_x, self._epoch_y = self.data.train_x[order], self.data.train_y[order]
            self._position = 0
        start = int(self._position)
        self._position = start + size
        return self._epoch_x[start : start + size], self._epoch_y[start : start + size]

    def _intervene(self, x: Tensor) -> None:
        for intervention in self.config.interventions:
            if intervention.step != self.step:
                continue
            if intervention.learning_rate is not None:
                self.optimizer.param_groups[0]["lr"] = intervention.learning_rate
            if intervention.normalization not in (None, self.normalization):
                self._exchange(str(intervention.normalization), x)

    def _exchange(self, kind: str, x: Tensor) -> None:
        void = exchange(self.network, self.config, kind, x)
        self.normalization = kind
        memory = self.optimizer.state
        self.optimizer = self._make_optimizer(self.learning_rate)
        for parameter in self.network.parameters():
            if parameter in memory and parameter not in void:
                self.optimizer.state[parameter] = memory[parameter]
            elif self.config.optimizer == "sgd" and self.config.momentum:  # fused, it takes all buffers or none
                self.optimizer.state[parameter] = {"momentum_buffer": torch.zeros_like(parameter)}
        self.capture = Capture(self.network, self.config)

    def _make_optimizer(self, learning_rate: float) -> torch.optim.Optimizer:
        config, parameters = self.config, list[nn.Parameter](self.network.parameters())
        if config.optimizer == "adam":
            return torch.optim.Adam(parameters, learning_rate, weight_decay=config.weight_decay, fused=True)
        return torch.optim.SGD(
            parameters, learning_rate, momentum=config.momentum, weight_decay=config.weight_decay, fused=True
        )


def use_one_thread() -> None:
    """Have torch compute on one thread: for networks of this size more are slower, and sum up in another order.

    Torch keeps that number per calling thread, and the live view's workers pass a training from one to the other.
    """
    torch.set_num_threads(1)
