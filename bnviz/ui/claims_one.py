"""One claim: what is said, what would have to be true, the verdict, and the experiments it follows from."""

from __future__ import annotations

import html
from collections.abc import Sequence

import streamlit as st

from bnviz.studies.claim import Claim, Experiment
from bnviz.studies.results import Result
from bnviz.studies.study import Finding, Verdict
from bnviz.ui.address import plain
from bnviz.ui.claims_evidence import disagreement, made_with, shipped_rows, shipped_verdict
from bnviz.ui.claims_figure import figure
from bnviz.ui.claims_lab import show_experiment_link
from bnviz.ui.claims_marks import mark, outcome_mark
from bnviz.ui.claims_measure import elsewhere, panel, watched
from bnviz.ui.claims_own import Own
from bnviz.ui.claims_picture import picture
from bnviz.ui.claims_progress import said_seeds, which

ROLES = {
    "test": "Test",
    "counter": "Counter-case",
    "premise": "Premise",
    "correction": "The statement corrected",
    "context": "For comparison",
}


def show_claim(claim: Claim) -> None:
    """Draw a claim, its evidence as it comes, and at the end sources and the rule."""
    elsewhere(claim)
    st.subheader(plain(claim.title), anchor=False)
    said, needs = st.columns(2, gap="medium")
    said.markdown(f"**As it is put.** {plain(claim.said)}")
    needs.markdown(f"**What would have to be true.** {plain(claim.needs)}")
    watched(claim, lambda own: _evidence(claim, own))
    if claim.note:
        st.markdown(f"**To bear in mind.** {plain(claim.note)}")
    sources = "\n".join(f"- [{plain(source.text)}]({source.url})" for source in claim.sources)
    st.markdown(f"**Sources**\n\n{sources}")
    with st.expander("How the verdict follows from the numbers"):
        st.write(plain(claim.rule))
    rows = shipped_rows(claim.name)
    st.caption(f"Shipped: {plain(made_with(rows))}." if rows else "No results of this claim come with this version.")


def _evidence(claim: Claim, own: Own | None) -> None:
    """The verdicts, the button that measures again, and the experiments' figures."""
    rows, verdict = shipped_rows(claim.name), shipped_verdict(claim.name)
    mine = [] if own is None else own.rows if own.running else [row for row in own.judged if not row["failure"]]
    again = claim.judge(own.judged) if own is not None and own.judged else None
    left, right = st.columns([3, 2], gap="medium")
    with left, st.container(border=True):
        if own is None or again is None:
            _verdict(claim, "The verdict", verdict, rows, said_seeds(rows))
        else:
            shipped, here = st.columns(2, gap="medium")
            with shipped:
                _verdict(claim, "Shipped", verdict, rows, said_seeds(rows))
            with here:
                _verdict(claim, "Measured here", again, mine, f"new {which(own.seeds)}")
            _compare(claim, own.judged, again)
    with right, st.container(border=True):
        st.markdown("**Measure again here**")
        panel(claim, own, words="Measure again", place=("claims.py", {"claim": claim.name}))
    _experiments(claim, rows, verdict, mine, again)


def _verdict(claim: Claim, heading: str, verdict: Verdict, rows: Sequence[Result], seeds: str) -> None:
    st.html(f'<p class="bnviz-verdict"><b>{heading}</b> {mark(verdict, large=True)}</p>')
    if not rows:
        st.markdown("No results of it come with this version: measure it yourself.")
        return
    said = _counted("prediction", claim.outcomes(verdict, "test", "counter"))
    more = [_counted(name, claim.outcomes(verdict, name)) for name in ("premise", "correction")]
    st.markdown(plain(verdict.sentence))
    st.caption(f"{'; '.join(part for part in (seeds, said, *more) if part)}.")


def _counted(name: str, outcomes: Sequence[str]) -> str:
    """How many predictions, premises or corrections came out how; empty where there are none."""
    if len(outcomes) < 2:
        return f"the {name} is {outcomes[0]}" if outcomes else ""
    counted = ", ".join(f"{outcomes.count(word)} {word}" for word in dict.fromkeys(outcomes))
    return f"of {len(outcomes)} {name}s {counted}"


def _compare(claim: Claim, mine: Sequence[Result], again: Verdict) -> None:
    """Say whether the runs here bear the shipped verdict out."""
    shipped = shipped_verdict(claim.name)
    if again.kind == "open":
        st.info(plain(f"{again.title[:1].upper()}{again.title[1:]}."))
    elif (difference := disagreement(claim, mine)) is not None:
        st.warning(f"**The runs here disagree.** {plain(difference)}")
    elif shipped.kind != "open":
        st.success("The runs here agree with the shipped verdict.")


def _experiments(
    claim: Claim, rows: Sequence[Result], verdict: Verdict, mine: Sequence[Result], again: Verdict | None
) -> None:
    alone = len(claim.experiments) == 1
    for index, experiment in enumerate(claim.experiments):
        if index % 2 == 0:
            columns = [st.container()] if alone else st.columns(2, gap="medium")
        here = again.findings[index] if again is not None else None
        with columns[index % 2], st.container(border=True, key=f"experiment-{experiment.key}"):
            _experiment(claim, experiment, verdict.findings[index], here, (rows, mine))


def _experiment(
    claim: Claim,
    experiment: Experiment,
    found: Finding,
    here: Finding | None,
    rows: tuple[Sequence[Result], Sequence[Result]],
) -> None:
    st.markdown(f"**{plain(experiment.title)}**")
    role = ROLES[experiment.role]
    before = "" if experiment.title.startswith(role) else f"{role} · "
    st.caption(before + plain(experiment.words))
    if experiment.predicts:
        lead = "It is presupposed" if experiment.role == "premise" else "The claim predicts"
        st.markdown(f"{lead}: {plain(experiment.predicted)}")
    if rows[0] or rows[1]:
        figure(
            picture(claim.name, experiment, *rows), key=f"figure-{claim.name}-{experiment.key}", revision=claim.name,
            alt=f"{experiment.title}: {experiment.label}. {found.sentence if rows[0] else ''}",
        )  # fmt: skip
    if rows[0]:
        _found("", found)
    if here is not None:
        _found("Here: ", here)
    show_experiment_link(experiment, rows[0] or rows[1])


def _found(prefix: str, finding: Finding) -> None:
    said = html.escape(prefix + finding.sentence)
    st.html(f'<p class="bnviz-found">{outcome_mark(finding)}{said}</p>')
