"""What is found once and used again is found anew where it has changed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from bnviz.recorder.memory import Views
from bnviz.recorder.room import Room
from bnviz.recorder.sampling import MAX_VALUES, Sampler
from tests.recorder.conftest import batch, mlp, sgd, train, watched


def numbers(views: Views, tensors: list[torch.Tensor]) -> list[list[float]]:
    found = views.of(tensors)
    assert found is not None
    return [array.tolist() for array in found]


def test_views_follow_values_exchanged_tensors_and_tensors_that_move():
    views, tensors = Views(), [nn.Parameter(torch.arange(3.0)), torch.ones(2, 2)]
    first = views.of(tensors)
    assert numbers(views, tensors) == [[0, 1, 2], [1] * 4]
    tensors[1].mul_(5)
    assert views.of(tensors) is first, "nothing is made anew while all lie where they did"
    assert numbers(views, tensors) == [[0, 1, 2], [5] * 4]
    tensors[0].data = torch.tensor([7.0, 8.0, 9.0])
    assert numbers(views, tensors) == [[7, 8, 9], [5] * 4]
    tensors[0].data = tensors[0].data[:2]
    assert numbers(views, tensors) == [[7, 8], [5] * 4]
    tensors[1] = torch.zeros(1)
    assert numbers(views, tensors) == [[7, 8], [0]]
    assert numbers(views, tensors[:1]) == [[7, 8]]


def test_views_follow_other_strides_at_the_same_address():
    whole = torch.arange(12.0)
    tensor = nn.Parameter(whole[:6])
    views = Views()
    assert numbers(views, [tensor]) == [[0, 1, 2, 3, 4, 5]]
    tensor.data = whole[::2]
    assert views.of([tensor]) is None, "no array of its own memory, and not the old one"
    tensor.data = whole[:1].expand(6)
    assert views.of([tensor]) is None


def test_a_gamma_that_becomes_a_view_with_strides_is_recorded_as_it_is():
    whole, model = torch.arange(80.0), mlp()
    model[1].weight.data = whole[:40]
    recording, kept = watched(model)
    with recording:
        optimizer = sgd(model, 0.0)
        train(model, optimizer)
        model[1].weight.data = whole[::2]
        train(model, optimizer)
    places = np.linspace(0, 39, 16).round().astype(int)
    assert [kept.norm("gamma", "1", i).tolist() for i in (0, 1)] == [places.tolist(), (2 * places).tolist()]


@pytest.mark.parametrize(
    "odd",
    [torch.ones(3, dtype=torch.float64), torch.ones(4, 4)[:, ::2], torch.eye(3).to_sparse(), torch.ones(3).half()],
)
def test_views_of_what_is_no_array_are_none_until_it_is_one(odd: torch.Tensor):
    views = Views()
    assert views.of([torch.ones(2), odd]) is None
    assert views.of([torch.ones(2), odd]) is None
    assert numbers(views, [torch.ones(2)]) == [[1, 1]]


@pytest.mark.parametrize("how", ["another parameter", "other data", "another layer inside"])
def test_weights_that_a_loop_exchanges_are_measured_as_they_are(how: str):
    class Twice(nn.RNNCellBase):  # a kind of layer that may hold others
        def __init__(self) -> None:
            nn.Module.__init__(self)
            self.inner = nn.Linear(8, 3)

        def forward(self, x):
            return self.inner(x)

    model = nn.Sequential(Twice(), nn.Linear(3, 3))  # by its parameters the optimizer is known
    x, _ = batch()
    recording, kept = watched(model)
    norms = []
    with recording:
        for step in range(3):
            if step == 2:
                fresh = torch.full((3, 8), 10.0)
                if how == "another parameter":
                    model[0].inner.weight = nn.Parameter(fresh)
                elif how == "other data":
                    model[0].inner.weight.data = fresh
                else:
                    model[0].inner = nn.Linear(8, 3)
                    nn.init.constant_(model[0].inner.weight, 10.0)
            norms.append(float(model[0].inner.weight.detach().norm()))
            optimizer = sgd(model)
            model(x).square().sum().backward()
            optimizer.step()
            model.zero_grad()
    assert norms[2] > 4 * norms[1]
    assert [kept.get("weight_norm", "0", record=i) for i in range(3)] == pytest.approx(norms, rel=1e-5)
    assert all(kept.get("update_ratio", "0", record=i) > 0 for i in range(3))


@pytest.mark.parametrize("how", ["another parameter", "other data", "another type"])
def test_batch_norm_parameters_that_a_loop_exchanges_are_recorded_as_they_are(how: str):
    model = mlp()
    recording, kept = watched(model)
    with recording:
        optimizer = sgd(model, 0.0)
        train(model, optimizer, 2)
        if how == "another parameter":
            model[1].weight = nn.Parameter(torch.full((40,), 3.0))
        elif how == "other data":
            model[1].weight.data = torch.full((40,), 3.0)
        else:
            model.double()
            nn.init.constant_(model[1].weight, 3.0)
            model.float()
        train(model, optimizer, 2)
    assert [kept.norm("gamma", "1", record).mean() for record in range(4)] == [1, 1, 3, 3]


def test_hooks_of_the_user_s_own_on_the_same_gradient_work_beside_the_recorder_s():
    seen: dict[str, list[float]] = {"earlier": [], "later": []}

    def note(name: str, output: torch.Tensor) -> None:
        output.register_hook(lambda gradient: seen[name].append(float(gradient.norm())))

    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second, self.out = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 3)
            self.first.register_forward_hook(lambda _module, _inputs, output: note("earlier", output))

        def forward(self, x):
            hidden = self.second(self.first(x))
            note("later", hidden)
            return self.out(hidden)

    model = Own()
    recording, kept = watched(model)
    with recording:
        train(model, sgd(model), 2)
    for name, layer in (("earlier", "first"), ("later", "second")):
        found = [kept.get("gradient_output", layer, record=i) for i in range(2)]
        assert found == pytest.approx(seen[name], rel=1e-5)


def test_rows_are_tables_without_a_copy_whatever_the_order_in_which_layers_fire():
    room, random = Room(), np.random.default_rng(0)
    assert room.row() is None
    room.clear(3)
    sampler = Sampler(row=room.row)
    wholes = [random.normal(size=3 * MAX_VALUES).astype(np.float32) for _ in range(3)]
    samples = [sampler.from_array(whole) for whole in wholes]
    expected = [whole[sampler.places(len(whole))] for whole in wholes]
    mixed = [samples[2], np.ones(5, np.float32), samples[0], samples[1]]
    tables = room.tables(mixed)
    assert [sorted(places) for places, _ in tables] == [[0, 2, 3], [1]]
    assert np.shares_memory(tables[0][1], samples[0])
    for place, row in zip(*tables[0], strict=True):
        np.testing.assert_array_equal(row, expected[{2: 0, 3: 1, 0: 2}[place]])


def test_a_sample_that_found_no_row_or_left_one_is_in_the_tables_too():
    room = Room()
    room.clear(2)
    sampler = Sampler(row=room.row)
    wholes = [np.full(2 * MAX_VALUES, value, np.float32) for value in range(3)]
    samples = [sampler.from_array(whole) for whole in wholes]
    assert not np.shares_memory(samples[2], samples[0])
    for some in (samples, samples[1:]):
        ((places, table),) = room.tables(some)
        assert [float(table[at].mean()) for at in np.argsort(places)] == [float(one[0]) for one in some]
        assert not np.shares_memory(table, samples[0]), "rows of others stay as they are"


def test_records_are_the_same_whether_there_is_room_or_not(monkeypatch: pytest.MonkeyPatch):
    def recorded() -> list[dict[str, object]]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(8, 200), nn.ReLU(), nn.Linear(200, 100), nn.Tanh(), nn.Linear(100, 3))
        recording, kept = watched(model, every=2)
        with recording:
            train(model, sgd(model), 70)
        return kept.records

    with_room = recorded()
    monkeypatch.setattr(Room, "row", lambda self: None)
    without = recorded()
    assert len(with_room) == len(without) == 35
    for one, other in zip(with_room, without, strict=True):
        for name in one.keys() - {"time"}:
            np.testing.assert_array_equal(other[name], one[name], err_msg=name)
