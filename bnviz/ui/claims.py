"""The claims page's composition: all claims with their verdicts, or one of them with its evidence."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import cast

import streamlit as st

from bnviz.studies.catalogue import CLAIMS
from bnviz.studies.claim import GROUPS, Claim
from bnviz.studies.study import KINDS, Kind, Verdict
from bnviz.ui.address import plain
from bnviz.ui.claims_evidence import shipped_verdict
from bnviz.ui.claims_marks import STYLE, legend, mark
from bnviz.ui.claims_measure import elsewhere
from bnviz.ui.claims_one import show_claim
from bnviz.ui.claims_own import measuring, remember
from bnviz.ui.claims_progress import which
from bnviz.ui.claims_state import VERDICTS, ClaimsState, claims_state, encode_claims

ALL = "all"
LEFT = ("speed", "robustness", "gradients", "shift", "landscape")


def show() -> None:
    """Draw the list, or the claim that the address names."""
    state = claims_state()
    st.html(STYLE)
    if state.problem:
        st.error(plain(state.problem))
        state.problem = None
    state.address.write(encode_claims(state.link))
    if state.link.claim is not None:
        st.button("← All claims", key="all-claims", type="tertiary", on_click=state.change, kwargs={"claim": None})
        show_claim(CLAIMS[state.link.claim])
    else:
        elsewhere()
        with st.spinner("Weighing the measurements …", show_time=False):
            kinds = {name: shipped_verdict(name).kind for name in CLAIMS}
        _filters(state, kinds)
        _list(state, kinds)
    remember()


def _filters(state: ClaimsState, kinds: Mapping[str, Kind]) -> None:
    st.markdown(
        "**What people say about batch normalization, and what the measurements say.** Each claim predicts numbers, "
        "and trainings over several seeds, which you can run again, decide by one rule:"
    )
    counts = Counter(kinds.values())
    verdicts = [kind for kind in VERDICTS if counts[kind]]
    st.html(legend(verdicts))
    words: dict[str, str] = {ALL: f"all {len(kinds)}"}
    words |= {kind: f"{KINDS[kind]} {counts[kind]}" for kind in verdicts}
    key, current = f"filter-{state.epoch}", state.link.verdict

    def choose() -> None:
        chosen = st.session_state[key]
        state.change(verdict=None if chosen == ALL else chosen)

    st.pills(
        "Show the claims whose verdict is", [ALL, *verdicts], format_func=words.__getitem__, key=key, required=True,
        default=current if current in verdicts else ALL, on_change=choose,
    )  # fmt: skip


def _list(state: ClaimsState, kinds: Mapping[str, Kind]) -> None:
    shown = [claim for claim in CLAIMS.values() if state.link.verdict in (None, kinds[claim.name])]
    if len(shown) < len(CLAIMS):
        with st.container(horizontal=True, vertical_alignment="center", key="filtered"):
            word = KINDS[cast("Kind", state.link.verdict)]
            st.caption(f"{len(shown) or 'None'} of {len(CLAIMS)} claims: {word}.", width="content")
            st.button("Show all", key="show-all", type="tertiary", on_click=state.show_all)
    if not shown:
        return
    with st.container(key="claims-list"):
        columns = [column.container(gap=None) for column in st.columns(2, gap="large")]
    for group, title in GROUPS.items():
        claims = [claim for claim in shown if claim.group == group]
        if claims:
            with columns[0 if group in LEFT else 1]:
                st.markdown(f"**{title}**")
                for claim in claims:
                    _row(state, claim)
                st.space("small")


def _row(state: ClaimsState, claim: Claim) -> None:
    verdict = shipped_verdict(claim.name)
    with st.container(key=f"claim-row-{claim.name}", gap="xxsmall"):
        with st.container(
            horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", gap="xxsmall"
        ):
            st.button(
                plain(claim.title), key=f"open-{claim.name}", type="tertiary", on_click=state.change,
                kwargs={"claim": claim.name},
            )  # fmt: skip
            st.html(mark(verdict), width="content")
        effect = _effect(claim, verdict) if verdict.seeds else "Open it to measure it yourself."
        st.html(f'<p class="bnviz-effect">{html.escape(effect)}</p>')
        own = measuring().of(claim)
        if own is not None and own.judged:
            here = mark(claim.judge(own.judged))
            st.html(f'<p class="bnviz-effect">Measured here, new {which(own.seeds)}: {here}</p>')


def _effect(claim: Claim, verdict: Verdict) -> str:
    """The effect that tells the verdict, and of several predictions and premises how many came true."""
    effect = verdict.findings[verdict.main].brief
    predictions, premises = (claim.outcomes(verdict, *roles) for roles in (("test", "counter"), ("premise",)))
    told = [_borne_out(predictions)] if verdict.kind in ("conditional", "unsupported") and len(predictions) > 1 else []
    if premises.count("borne out") < len(premises):
        told.append(f"of its premises {_borne_out(premises)}")
    return f"{effect} ({'; '.join(told)})" if told else effect


def _borne_out(outcomes: Sequence[str]) -> str:
    return f"{outcomes.count('borne out')} of {len(outcomes)} borne out"
