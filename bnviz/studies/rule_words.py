"""The rule by which a verdict follows from the measurements, in words."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bnviz.studies.rules import COVERAGE, FEWEST
from bnviz.studies.study import Kind

_COVERED = ", ".join(f"{100 * share:.3g} % over {pairs}" for pairs, share in COVERAGE.items())
RULE = (
    "Each prediction is a range for an effect. It is borne out where the effect's whole 95 % interval lies in it, "
    "contradicted where the interval lies in the contrary range that stands beside it, not borne out where it lies "
    "wholly outside of the predicted range otherwise, undecided where it holds an end of that range. {weighing} "
    "The interval is a bootstrap over seeds, paired, widened for few seeds: with normal pairs, simulated, it holds "
    f"the true mean in {_COVERED}. It covers other initial weights and batches, and where it is said other splits of "
    "the data, but not another sample to test on; and splits of one data set are alike, so that there it is somewhat "
    f"too narrow (Nadeau & Bengio 2003). Fewer than {FEWEST} pairs have none, and an experiment in which a run of one "
    "network alone gave no number or failed decides nothing. "
    "The ranges and the experiments' roles were set by the authors, who knew what is known of batch normalization. "
    "Tests and counter-cases decide alike; where networks with and without BN are compared on several kinds of "
    "network, a well-initialised ReLU network (He's weights) is a counter-case. What stands for comparison "
    "decides nothing: it measures something else than the claim speaks of."
)
MEANINGS: Mapping[Kind, str] = MappingProxyType({
    "supported": "all its predictions came true",
    "conditional": "some of them did",
    "unsupported": "neither it nor its opposite is shown",
    "refuted": "its opposite is shown, or one exception where it allows none",
    "slip": "wrong as it is written, right once corrected",
    "open": "too little is measured",
})  # fmt: skip
WEIGHING = (
    "All borne out: supported. Some: supported under conditions. All contradicted: refuted. Otherwise: not supported."
)
UNIVERSAL_WEIGHING = (
    "The claim's words allow no exception, so one contradicted prediction is a counter-example: refuted. All borne "
    "out: supported. Otherwise: not supported."
)
SLIP_RULE = " A statement that is contradicted as it stands and borne out once it is corrected is a slip of the pen."
PREMISE_RULE = (
    " A premise must hold so that the experiments test anything. Where no premise is borne out, nothing is decided. "
    "Where only some are, the verdict is weaker by one: supported under conditions in the place of supported, not "
    "supported in the place of refuted."
)


def rule_words(*, universal: bool, slip: bool, has_premise: bool) -> str:
    """Return the rule for a claim of this kind."""
    rule = RULE.format(weighing=UNIVERSAL_WEIGHING if universal else WEIGHING)
    return rule + (SLIP_RULE if slip else "") + (PREMISE_RULE if has_premise else "")
