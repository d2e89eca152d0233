"""An effect in words: its number, its interval, and what is missing."""

from __future__ import annotations

import math
from dataclasses import replace

from bnviz.studies.rules import FEWEST, Estimate

ROUNDING = 1e-12  # what is smaller is what float64's rounding leaves of 0
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def sentence(says: str, estimate: Estimate, unit: str) -> str:
    """Return a sentence around {effect}; with {higher} it says a difference's direction as "higher" or "lower"."""
    if "{higher}" not in says:
        return says.format(effect=said(estimate, unit))
    lower = estimate.value < 0
    size = replace(estimate, value=-estimate.value, low=-estimate.high, high=-estimate.low) if lower else estimate
    return says.format(effect=said(size, unit).replace("+", ""), higher="lower" if lower else "higher")


def in_few_words(says: str, estimate: Estimate, unit: str) -> str:
    """Return the same sentence with its number alone, without the interval."""
    number = replace(estimate, low=estimate.value, high=estimate.value, bound="")
    if estimate.bound:
        return says.format(effect=f"{estimate.bound} {said(number, unit)}")
    return sentence(says, number, unit)


def said(estimate: Estimate, unit: str) -> str:
    """Return an effect in words, with its interval where it has two ends."""
    if math.isnan(estimate.value):
        return "(not known)" if estimate.missing else "(not known yet)"
    ends = (estimate.value, estimate.low, estimate.high)
    if 0 < max(map(abs, ends)) < ROUNDING:
        return f"{f'0 {unit}'.strip()}, to rounding"
    value, low, high = (digits(end, unit) for end in ends)
    words = f"{value} {unit}".strip()
    if estimate.pairs < FEWEST:
        few = f"{estimate.pairs} seed{'s' * (estimate.pairs > 1)}: too few for an interval"
        return f"{estimate.bound} {words} ({few})".strip()
    if estimate.bound:
        limit = low if estimate.bound == "at least" else high
        return f"{estimate.bound} {words} (with 95 % confidence {estimate.bound} {limit})"
    if low == high:
        return words
    return f"{words} (95 % interval {low} to {high})"


def left_out(estimate: Estimate) -> str:
    """Return a sentence about the pairs that gave no number, where there are any."""
    if not estimate.missing:
        return ""
    if estimate.beyond:
        return " Both networks go beyond what was tried, so that nothing compares them."
    alone = ", in one network alone: that decides nothing" if estimate.lopsided else ""
    return f" {estimate.missing} of {estimate.missing + estimate.pairs} seeds gave no number{alone}."


def digits(value: float, unit: str) -> str:
    """Return three digits, and as many as tell a number from 1; points of 100 with sign and one decimal."""
    if unit == "points":
        return f"{100 * value:+z.1f}"
    value = 100 * value if unit == "%" else value
    if 1000 <= abs(value) < 1e9:
        return f"{float(f'{value:.3g}'):,.0f}"
    text = f"{value:.3g}"
    if text == "1" and abs(value - 1) > ROUNDING:
        return f"{value:.{math.ceil(-math.log10(abs(value - 1)))}f}"
    return powers(text)


def powers(text: str) -> str:
    """Return a number as it is written by hand where Python writes an "e"."""
    factor, _, power = text.partition("e")
    if not power:
        return text
    ten = f"10{str(int(power)).translate(SUPERSCRIPTS)}"
    return ten if factor == "1" else f"{factor} · {ten}"
