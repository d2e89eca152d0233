"""Which layers are watched, by which names, whatever they give and whatever became of their parameters."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.nn.utils.rnn import pack_padded_sequence
from torch.utils._pytree import tree_map_only

from bnviz.recorder import layers, sampling, weights
from tests.recorder.conftest import Kept, batch, mlp, sgd, train, watched


def one_step(model: nn.Module, x: Tensor, pick: Callable = lambda out: out, **options) -> Kept:
    recording, kept = watched(model)
    with recording:
        pick(model(x)).sum().backward()
        sgd(model, **options).step()
    return kept


def test_every_kind_of_layer_that_matters_is_watched_by_its_own_name():
    model = nn.ModuleDict({
        "conv": nn.Conv2d(1, 2, 3), "up": nn.ConvTranspose1d(1, 2, 3), "linear": nn.Linear(2, 2),
        "bn": nn.BatchNorm2d(2), "ln": nn.LayerNorm(2), "gn": nn.GroupNorm(1, 2), "inorm": nn.InstanceNorm1d(2),
        "rms": nn.RMSNorm(2), "relu": nn.ReLU(), "gelu": nn.GELU(), "prelu": nn.PReLU(), "soft": nn.Softmax(1),
        "lstm": nn.LSTM(2, 2), "gru": nn.GRUCell(2, 2), "attention": nn.MultiheadAttention(2, 1),
        "words": nn.Embedding(3, 2), "drop": nn.Dropout(), "pool": nn.MaxPool2d(2), "flat": nn.Flatten(),
        "block": nn.Sequential(nn.Linear(2, 2), nn.Tanh()),
    })  # fmt: skip
    found = {layer.name: layer.kind for layer in layers.find(model)[0]}
    assert found == {
        "conv": "conv", "up": "conv", "linear": "linear", "bn": "batch_norm", "ln": "norm", "gn": "norm",
        "inorm": "norm", "rms": "norm", "relu": "activation", "gelu": "activation", "prelu": "activation",
        "soft": "activation", "lstm": "recurrent", "gru": "recurrent", "attention": "attention", "words": "embedding",
        "block.0": "linear", "block.1": "activation",
    }  # fmt: skip


def test_a_module_called_twice_in_a_forward_gives_two_series():
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.relu = nn.Linear(8, 8), nn.ReLU()

        def forward(self, x):
            return self.relu(self.layer(self.relu(self.layer(x)) + 5))

    model = Twice()
    x = batch()[0]
    with torch.no_grad():
        first = model.layer(x)
        second = model.layer(F.relu(first) + 5)
    recording, kept = watched(model)
    with recording:
        optimizer = sgd(model)
        model(x).sum().backward()
        optimizer.step()
        train(model, optimizer, 2)
    assert all(kept.series(i) == [("layer", 0), ("relu", 0), ("layer", 1), ("relu", 1)] for i in range(3))
    assert kept.get("mean", "layer", 0, record=0) == pytest.approx(float(first.mean()), abs=1e-5)
    assert kept.get("mean", "layer", 1, record=0) == pytest.approx(float(second.mean()), abs=1e-5)


def test_series_stand_in_the_order_of_the_calls_whatever_order_the_modules_were_made_in():
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head, self.act = nn.Linear(8, 3), nn.ReLU()
            self.stem, self.bn1 = nn.Linear(8, 8), nn.BatchNorm1d(8)
            self.mid, self.bn2 = nn.Linear(8, 8), nn.BatchNorm1d(8)

        def forward(self, x):
            return self.head(self.act(self.bn2(self.mid(self.act(self.bn1(self.stem(x)))))))

    model = Twice()
    told: list[str] = []  # by torch itself, before the recorder's own hooks
    handles = [
        module.register_forward_pre_hook(lambda *_, name=name: told.append(name))
        for name, module in model.named_children()
    ]
    model(batch()[0])
    for handle in handles:
        handle.remove()
    recording, kept = watched(model)
    with recording:
        train(model, sgd(model), 3)
    assert told == ["stem", "bn1", "act", "mid", "bn2", "act", "head"]
    for index in range(3):
        assert [name for name, _ in kept.series(index)] == told
        assert [call for _, call in kept.series(index)] == [0, 0, 0, 0, 0, 1, 0]


def test_what_a_later_forward_pass_of_a_step_calls_comes_behind():
    class Branches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.late, self.stem, self.out = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 3)

        def forward(self, x, late):
            return self.out(self.late(self.stem(x)) if late else self.stem(x))

    model = Branches()
    recording, kept = watched(model)
    with recording:
        for late in (False, True):
            model(batch()[0], late).sum().backward()
        sgd(model).step()
    assert kept.series() == [("stem", 0), ("out", 0), ("late", 0)]


def test_layers_that_never_fire_are_told():
    model = mlp()
    model.add_module("spare", nn.Identity())
    model.spare = nn.ModuleDict({"unused": nn.Linear(2, 2)})
    model.forward = lambda x: model[4](model[2](model[1](model[0](x))))
    recording, kept = watched(model)
    with recording:
        assert "spare.unused" in recording.silent
        train(model, sgd(model))
    assert recording.silent == ("spare.unused",)
    assert kept.ended["silent"] == ["spare.unused"]


@dataclass
class Answer:
    score: int
    logits: Tensor


@pytest.mark.parametrize("kind", ["tuple", "dict", "list", "dataclass", "nested"])
def test_tuple_and_dict_outputs_work(kind: str):
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(8, 3))

        def forward(self, x):
            y = x @ self.weight
            return {
                "tuple": (None, y), "dict": {"ids": y.argmax(1), "logits": y}, "list": [y],
                "dataclass": Answer(3, y), "nested": ({"a": [y]},),
            }[kind]  # fmt: skip

    pick = {
        "tuple": lambda o: o[1], "dict": lambda o: o["logits"], "list": lambda o: o[0],
        "dataclass": lambda o: o.logits, "nested": lambda o: o[0]["a"][0],
    }[kind]  # fmt: skip
    model, (x, _) = Odd(), batch()
    kept = one_step(model, x, pick)
    assert kept.names == ["(model)"]
    assert kept.get("count", "(model)") == 96
    assert kept.get("gradient_output", "(model)") == pytest.approx(np.sqrt(96))


@pytest.mark.parametrize("packed", [False, True])
def test_lstm_outputs_work(packed: bool):
    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.head = nn.LSTM(8, 5, num_layers=2, bidirectional=True), nn.Linear(10, 3)

        def forward(self, x):
            out, _ = self.lstm(pack_padded_sequence(x, torch.tensor([7, 4, 2])) if packed else x)
            return self.head(out.data if packed else out)

    kept = one_step(Reader(), torch.randn(7, 3, 8))
    assert kept.get("count", "lstm") == (13 if packed else 21) * 10
    assert kept.get("gradient_output", "lstm") > 0
    assert kept.get("gradient_weight", "lstm") > 0


def test_attention_s_output_is_seen_and_a_transformer_layer_trains():
    model = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    kept = one_step(model, torch.randn(4, 5, 8))
    names = [name for name, _ in kept.series()]
    assert names == ["self_attn", "norm1", "linear1", "linear2", "norm2"]
    assert kept.get("count", "self_attn") == 4 * 5 * 8
    assert kept.get("gradient_weight", "self_attn") > 0


@pytest.mark.parametrize("wrapper", [nn.DataParallel, nn.parallel.DataParallel])
def test_data_parallel_is_unwrapped(wrapper):
    model = mlp()
    wrapped = wrapper(model)
    recording, kept = watched(wrapped)
    with recording:
        train(wrapped, sgd(wrapped), 2)
    assert kept.head["model"] == "Sequential"
    assert kept.names == ["0", "1", "2", "4"]
    assert [record["forwards"] for record in kept.records] == [1, 1]


def test_frozen_layers_are_handled():
    model = mlp()
    model[0].requires_grad_(False)
    recording, kept = watched(model)
    with recording:
        optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
        train(model, optimizer, 2)
    assert [layer["frozen"] for layer in kept.head["layers"]] == [True, False, False, False]
    assert np.isnan(kept.get("gradient_weight", "0"))
    assert np.isnan(kept.get("gradient_output", "0"))
    assert kept.get("update_ratio", "0") == 0 < kept.get("update_ratio", "4")
    assert kept.get("weight_norm", "0") == pytest.approx(float(model[0].weight.norm()), rel=1e-5)


def test_tied_weights_are_handled():
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.out = nn.Embedding(20, 8), nn.Linear(8, 20, bias=False)
            self.out.weight = self.words.weight

        def forward(self, x):
            return self.out(self.words(x))

    kept = one_step(Tied(), torch.randint(20, (16,)))
    assert [layer["tied_to"] for layer in kept.head["layers"]] == [None, "words"]
    for column in ("weight_norm", "gradient_weight", "update_ratio"):
        assert kept.get(column, "words") == kept.get(column, "out") > 0


def test_sparse_gradients_are_handled():
    model = nn.Sequential(nn.Embedding(50, 8, sparse=True), nn.Linear(8, 3))
    recording, kept = watched(model)
    with recording:
        model(torch.tensor([3, 3, 7])).sum().backward()
        gradient = float(model[0].weight.grad.to_dense().norm())
        sgd(model).step()
    assert kept.get("gradient_weight", "0") == pytest.approx(gradient, rel=1e-5)
    assert kept.get("update_ratio", "0") > 0


def test_lazy_parameters_are_handled():
    model = nn.Sequential(nn.LazyLinear(16), nn.LazyBatchNorm1d(), nn.ReLU(), nn.LazyLinear(3))
    recording, kept = watched(model)
    with recording:
        model(torch.randn(4, 8))
        train(model, sgd(model), 2)
    assert [layer["kind"] for layer in kept.head["layers"]] == ["linear", "batch_norm", "activation", "linear"]
    assert kept.get("gradient_weight", "0") > 0
    assert len(kept.norm("gamma", "1")) == 16


def test_parameters_without_a_gradient_are_handled():
    model = mlp()
    model.add_module("unused", nn.Linear(3, 3))
    model.forward = lambda x: model[4](model[2](model[1](model[0](x))))
    recording, kept = watched(model)
    with recording:
        train(model, sgd(model))
    assert model.unused.weight.grad is None
    assert np.isnan(kept.get("gradient_weight", "unused"))
    assert kept.get("gradient_weight", "4") > 0


def test_parametrized_weights_are_measured_by_what_is_trained():
    model = nn.Sequential(parametrizations.weight_norm(nn.Linear(8, 4)), nn.Linear(4, 3))
    recording, kept = watched(model)
    with recording:
        train(model, sgd(model))
    assert kept.names == ["0", "1"]
    assert kept.get("gradient_weight", "0") > 0


def test_large_weights_are_compared_in_part_and_come_out_the_same():
    model = nn.Sequential(nn.Linear(8, 4000), nn.ReLU(), nn.Linear(4000, 3))
    before = model[0].weight.detach().clone()
    recording, kept = watched(model)
    with recording:
        train(model, sgd(model))
    moved = float((model[0].weight.detach() - before).norm() / before.norm())
    assert kept.get("update_ratio", "0") == pytest.approx(moved, rel=0.1)
    assert kept.get("weight_norm", "0") == pytest.approx(float(before.norm()), rel=1e-4)


class Elsewhere(Tensor):
    """A tensor whose numbers are not where it says: PyTorch's own ones of this kind are those of distributed models."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> Elsewhere:
        made = Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype, device=inner.device)
        made.inner = inner
        return made

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        inner, named = tree_map_only(cls, lambda one: one.inner, (args, kwargs or {}))
        return tree_map_only(Tensor, cls, func(*inner, **named))


def test_of_a_tensor_of_another_class_no_memory_is_read():
    assert sampling.as_array(torch.ones(3)) is not None
    assert sampling.as_array(nn.Parameter(torch.ones(3)).detach()) is not None
    assert sampling.as_array(Elsewhere(torch.ones(3))) is None
    assert isinstance(weights._values(Elsewhere(torch.ones(3))), Elsewhere)


def test_what_torch_func_transforms_is_left_alone_and_its_layers_are_recorded_as_ever():
    model = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 3))
    recording, kept = watched(model)
    with recording, warnings.catch_warnings():
        warnings.simplefilter("error")
        values = {name: value.detach() for name, value in model.named_parameters()}
        for _ in range(2):
            torch.func.vmap(
                torch.func.grad(lambda given, x: torch.func.functional_call(model, given, (x[None],)).sum()), (None, 0)
            )(values, batch()[0])
            train(model, sgd(model))
    for index in range(2):
        assert kept.series(index) == [("0", 0), ("1", 0), ("2", 0)]
        assert kept.get("count", "0", record=index) == 32 * 8


def test_half_precision_and_double_models_work():
    for dtype in (torch.bfloat16, torch.float64):
        model = mlp().to(dtype)
        kept = one_step(model, torch.randn(16, 8, dtype=dtype))
        assert kept.get("gradient_weight", "0") > 0
        assert kept.get("deviation", "1") == pytest.approx(1, abs=0.1)


def test_autocast_works():
    model = mlp()
    recording, kept = watched(model)
    with recording, torch.autocast("cpu", torch.bfloat16):
        train(model, sgd(model), 2)
    assert kept.get("count", "0") == 1280


def test_a_model_without_layers_is_a_clear_error():
    with pytest.raises(ValueError, match="no layer to record"), watched(nn.Sequential(nn.Flatten()))[0]:
        pass


def test_every_must_be_a_whole_number():
    with pytest.raises(ValueError, match="every must be a whole number from 1"):
        watched(mlp(), every=0)
