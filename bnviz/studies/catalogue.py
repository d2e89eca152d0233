"""All studies by name: the claims in the order of their groups, then the maps."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bnviz.studies.claim import Claim
from bnviz.studies.claims import elsewhere, formula, generalisation, gradients, landscape, robustness, shift, speed
from bnviz.studies.default_maps import MAPS
from bnviz.studies.study import Study

CLAIMS: Mapping[str, Claim] = MappingProxyType({
    claim.name: claim
    for room in (speed, robustness, gradients, shift, landscape, generalisation, formula, elsewhere)
    for claim in room.CLAIMS
})  # fmt: skip
STUDIES: Mapping[str, Study] = MappingProxyType({**CLAIMS, **MAPS})
