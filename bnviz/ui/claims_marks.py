"""A verdict's mark: a word, a shape and a colour, so that no one of them is the only cue."""

from __future__ import annotations

import html
from collections.abc import Iterable
from urllib.parse import quote

from bnviz.studies.rule_words import MEANINGS
from bnviz.studies.rules import FEWEST
from bnviz.studies.study import KINDS, Finding, Kind, Verdict

# Drawn as masks, as Streamlit takes pictures out of a page's HTML: what is white here is left out.
SHAPES: dict[str, str] = {
    "supported": '<circle cx="8" cy="8" r="7" fill="#000"/><path d="M4.6 8.3l2.4 2.4 4.5-5" stroke="#fff"/>',
    "conditional": '<circle cx="8" cy="8" r="6.2"/><path d="M8 1.8a6.2 6.2 0 0 1 0 12.4z" fill="#000"/>',
    "unsupported": '<circle cx="8" cy="8" r="6.2"/><path d="M4.8 8h6.4"/>',
    "missed": '<circle cx="8" cy="8" r="6.2"/><path d="M5.6 5.6l4.8 4.8M10.4 5.6l-4.8 4.8"/>',
    "refuted": '<rect x="1" y="1" width="14" height="14" rx="3" fill="#000"/>'
    '<path d="M5 5l6 6M11 5l-6 6" stroke="#fff"/>',
    "slip": '<path d="M2.2 13.8l.8-3.4L11 2.4l2.6 2.6-8 8z"/><path d="M9.4 4l2.6 2.6"/>',
    "open": '<circle cx="8" cy="8" r="6.2" stroke-dasharray="2.2 2.6"/>',
}
OUTCOMES = {
    "borne out": "supported", "contradicted": "refuted", "not borne out": "missed", "undecided": "unsupported",
    "open": "open",
}  # fmt: skip


def _picture(shape: str) -> str:
    """A shape as an address that CSS takes for a mask by its light."""
    group = (
        f'<g fill="none" stroke="#000" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round">{shape}</g>'
    )
    inverse = f'<filter id="i"><feColorMatrix values="{INVERSE}"/></filter><g filter="url(#i)">{group}</g>'
    return f"data:image/svg+xml,{quote(f'<svg xmlns={SVG!r} viewBox={BOX!r}>{inverse}</svg>')}"


SVG, BOX = "http://www.w3.org/2000/svg", "0 0 16 16"
INVERSE = "0 0 0 0 0  0 0 0 0 0  0 0 0 0 0  -1 0 0 1 0"  # opaque where it is black, clear where it is white or empty
RULES = "\n".join(
    f'.bnviz-mark.is-{kind}::before {{ mask-image: url("{_picture(shape)}"); }}' for kind, shape in SHAPES.items()
)
STYLE = f"""
<style>
.bnviz-mark {{ display: inline-flex; align-items: center; gap: 0.4rem; font-weight: 600; font-size: 0.875rem;
  line-height: 1.25; white-space: nowrap; }}
.bnviz-mark::before {{ content: ""; flex: none; width: 1.1em; height: 1.1em; background: currentColor;
  mask-size: contain; mask-repeat: no-repeat; }}
{RULES}
.bnviz-mark.is-large {{ font-size: 1.15rem; }}
.bnviz-mark.is-supported {{ color: light-dark(#00755a, #45d1a4); }}
.bnviz-mark.is-conditional {{ color: light-dark(#1f6fb2, #6cc0f0); }}
.bnviz-mark.is-unsupported {{ color: light-dark(#5b6472, #b4bcc8); }}
.bnviz-mark.is-missed {{ color: light-dark(#7d5a00, #e0b95c); }}
.bnviz-mark.is-refuted {{ color: light-dark(#b34700, #ff9a57); }}
.bnviz-mark.is-slip {{ color: light-dark(#94478a, #eba3ce); }}
.bnviz-mark.is-open {{ color: light-dark(#5b6472, #b4bcc8); font-weight: 400; }}
.bnviz-verdict {{ display: flex; flex-wrap: wrap; align-items: center; gap: 0.2rem 0.8rem; margin: 0; }}
.bnviz-legend {{ display: flex; flex-wrap: wrap; gap: 0.25rem 1.4rem; margin: 0; font-size: 0.875rem; }}
.bnviz-legend .bnviz-mark {{ margin-right: 0.4rem; vertical-align: -0.15em; }}
.bnviz-found {{ margin: 0; }} .bnviz-found .bnviz-mark {{ margin-right: 0.6rem; vertical-align: -0.1em; }}
.st-key-claims-list [data-testid="stMarkdownContainer"] p strong {{ font-size: 1.05rem; }}
[class*="st-key-claim-row-"] {{ padding: 0.35rem 0 0.45rem; border-top: 1px solid light-dark(#e3e8ee, #2a333f); }}
[class*="st-key-claim-row-"] button {{ min-height: 0; padding: 0; white-space: normal; }}
[class*="st-key-claim-row-"] button * {{ text-align: left; white-space: normal; overflow: visible; }}
[class*="st-key-claim-row-"] button p {{ font-weight: 600; }}
.bnviz-effect {{ margin: 0; font-size: 0.875rem; line-height: 1.35; color: light-dark(#59636f, #a9b2bf); }}
</style>
"""


def mark(verdict: Verdict, *, large: bool = False) -> str:
    """Return a verdict's mark as HTML."""
    return _mark(verdict.kind + " is-large" * large, verdict.title)


def legend(kinds: Iterable[Kind]) -> str:
    """Return what verdicts mean as HTML, each behind its mark."""
    items = (f"<span>{_mark(kind, KINDS[kind])}{html.escape(MEANINGS[kind])}</span>" for kind in kinds)
    return f'<p class="bnviz-legend">{"".join(items)}</p>'


def _mark(look: str, word: str) -> str:
    return f'<span class="bnviz-mark is-{look}">{html.escape(word)}</span>'


def outcome_mark(finding: Finding) -> str:
    """Return an experiment's outcome as a mark; nothing where nothing was predicted."""
    if not finding.outcome:
        return ""
    word: str = finding.outcome
    if word == "open":
        word = "too few seeds" if finding.seeds < FEWEST else "nothing decided"
    return _mark(OUTCOMES[finding.outcome], word)
