"""Random generators that are arguments, never the global one: sessions that interleave stay identical."""

from __future__ import annotations

import numpy as np
import torch

STREAMS = ("weights", "batches", "dropout", "noise", "evaluation", "probe")


def generator(seed: int, stream: str, *position: int) -> torch.Generator:
    """Return a CPU generator of its own for one use of a seed, e.g. `generator(0, "weights", layer)`."""
    entropy = (seed, STREAMS.index(stream), *position)
    state = int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0])
    return torch.Generator().manual_seed(state)
