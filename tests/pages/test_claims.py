"""The claims page: the list with its verdicts, one claim with its evidence, measuring again; on made-up rows."""

from __future__ import annotations

import html
import re
from types import SimpleNamespace
from urllib.parse import parse_qs

import pytest

from bnviz.figures.theme import SYMBOLS
from bnviz.sharing.link import decode
from bnviz.studies import study as studies
from bnviz.studies.catalogue import CLAIMS
from bnviz.studies.claim import GROUPS
from bnviz.studies.rule_words import MEANINGS
from bnviz.ui import claims_evidence, claims_lab, claims_measure, claims_own, claims_picture
from tests.pages.studies import StandIn, as_result, figures, links, open_page, press, words
from tests.studies.made_up import rows
from tests.ui.lab import problems, run

NAME = "faster"
CLAIM = CLAIMS[NAME]
TRUE = {one.key: True for one in CLAIM.experiments}
FALSE = dict.fromkeys(TRUE, False)


@pytest.fixture(autouse=True)
def shelf(monkeypatch):
    """What is shipped: nothing but what a test puts there."""
    held = {}
    monkeypatch.setattr(claims_evidence, "shipped", lambda name: [as_result(row) for row in held.get(name, ())])
    for cache in (claims_evidence.shipped_rows, claims_evidence._verdict):
        cache.cache_clear()
    yield held
    for cache in (claims_evidence.shipped_rows, claims_evidence._verdict):
        cache.cache_clear()


@pytest.fixture
def service(monkeypatch):
    stand_in = StandIn()
    monkeypatch.setattr(claims_own, "SERVICE", stand_in)
    return stand_in


def text(page) -> str:
    """The page's words as they are read."""
    return html.unescape(re.sub(r"<[^>]*>|\\(?=[!-/:-@\[-`{-~])", "", words(page)))


def test_the_list_has_every_claim_under_its_group_and_says_where_nothing_is_measured(service):
    page = open_page("claims")
    said = text(page)
    assert all(title in said for title in GROUPS.values())
    assert {button.label.replace("\\", "") for button in page.button} == {claim.title for claim in CLAIMS.values()}
    assert said.count(studies.KINDS["open"]) >= len(CLAIMS)


@pytest.mark.parametrize(
    ("truth", "kind"), [(TRUE, "supported"), (FALSE, "refuted"), (TRUE | {"sigmoid": False}, "conditional")]
)
def test_the_verdict_on_the_page_is_what_the_rule_makes_of_the_rows(shelf, service, truth, kind):
    shelf[NAME] = rows(CLAIM, truth)
    assert CLAIM.judge(shelf[NAME]).kind == kind
    said = text(open_page("claims", claim=NAME))
    assert f"The verdict {studies.KINDS[kind]}" in said
    assert CLAIM.judge(shelf[NAME]).sentence in said
    assert f'class="bnviz-mark is-{kind}' in words(open_page("claims"))


def test_a_claim_shows_what_is_said_what_it_needs_its_experiments_and_sources(shelf, service):
    shelf[NAME] = rows(CLAIM, TRUE)
    page = open_page("claims", claim=NAME)
    said = text(page)
    for part in (CLAIM.said, CLAIM.needs, CLAIM.note, CLAIM.rule, "bnviz 9.9", *(s.url for s in CLAIM.sources)):
        assert part in said
    for experiment in CLAIM.experiments:
        assert experiment.words in said
        assert experiment.predicted in said
    assert len(figures(page)) == len(CLAIM.experiments)


@pytest.mark.parametrize("name", CLAIMS)
def test_every_claim_can_be_opened_measured_or_not_and_its_links_lead_to_its_networks(name, shelf, service):
    claim = CLAIMS[name]
    page = open_page("claims", claim=name)
    assert figures(page) == {}
    assert "No results of this claim come with this version" in text(page)
    shelf[name] = rows(claim, {})
    claims_evidence.shipped_rows.cache_clear()
    page = run(page)
    assert len(figures(page)) == len(claim.experiments)
    configs = {arm.trial.config.replace(seed=0) for arm in claim.arms}
    for label, _, query in links(page):
        if "the lab" in label:
            found = {arm.replace(seed=0) for arm in decode(parse_qs(query)).arms}
            assert found & configs, label
    assert not re.search("[“”„]", text(page)), "a quotation without its source"


@pytest.mark.parametrize("name", CLAIMS)
def test_a_link_to_the_lab_opens_what_was_measured_or_says_what_stands_beside_it(name):
    for experiment in CLAIMS[name].experiments:
        label, link = claims_lab.experiment_links(experiment, [])
        measured = {arm.trial.config.replace(seed=0) for arm in experiment.arms}
        opened = {config.replace(seed=0) for config in link.arms}
        if "dense layers instead" in label:
            assert experiment.shows == "convolutional_accuracy"
        elif len(measured) == 1:
            assert measured < opened
            assert f"its twin {link.names[-1]}" in label
            assert link.names[-1] == ("with BN" if measured.pop().normalization == "none" else "without BN")
        else:
            assert opened <= measured
            assert "twin" not in label


@pytest.mark.parametrize("name", CLAIMS)
def test_a_network_with_batch_normalization_has_its_colour_and_no_two_look_alike(name):
    lab = {"none": 0, "batch": 1}  # the places of the two networks in the lab, whose colours go by place
    for experiment in CLAIMS[name].experiments:
        shown = claims_evidence.looks([strip.arm for strip in claims_evidence.strips(experiment)])
        if not experiment.sweep:
            assert len({look.shape for look in shown}) == len(shown) or len(shown) > len(SYMBOLS)
        for strip, look in zip(claims_evidence.strips(experiment), shown, strict=True):
            assert look.colour == lab.get(strip.arm.trial.config.normalization, look.colour)
            assert (look.colour in lab.values()) == (strip.arm.trial.config.normalization in lab)


def test_the_gap_of_both_networks_is_drawn_and_said(shelf):
    claim = CLAIMS["cannot-overfit"]
    made = rows(claim, dict.fromkeys((one.key for one in claim.experiments), False))
    for row in made:
        row["measures"] = {"train_accuracy": 1.0, "accuracy": 0.7, "test_loss": 1.0}
        if row["trial"].config.normalization == "none":
            row["measures"]["accuracy"] = 0.6

    (finding, *_), experiment = claim.judge(made).findings, claim.experiments[0]
    strips = claims_evidence._dots(experiment, made, log=False)

    assert "Without BN it is 40.0 points higher." in finding.sentence
    assert {strip.name: strip.values[0] for strip in strips} == pytest.approx({"with BN": 30, "without BN": 40})


def test_two_measures_of_one_network_are_called_what_they_are():
    experiment = next(one for one in CLAIMS["population-statistics"].experiments if one.key == "small")

    found = {strip.name: strip.measure for strip in claims_evidence.strips(experiment)}

    assert found == {"batch 4: eval mode": "accuracy", "batch 4: train mode": "train_mode_accuracy"}


def test_premises_are_counted_apart_from_what_the_claim_predicts(shelf, service):
    claim = CLAIMS["because-of-shift"]
    roles = {one.key: one.role == "premise" for one in claim.experiments if one.prediction}
    shelf[claim.name] = rows(claim, roles)
    said = text(open_page("claims", claim=claim.name))
    assert "6 seeds; the prediction is contradicted; of 3 premises 3 borne out." in said
    assert "It is presupposed: Noisy BN drifts clearly more than no BN." in said


def test_an_effect_beside_the_predicted_range_is_marked_as_not_borne_out(shelf, service):
    claim = CLAIMS["because-of-shift"]
    made = rows(claim, {one.key: True for one in claim.experiments if one.prediction})
    for row in made:
        if "steps_to_90" in row["measures"]:
            row["measures"]["steps_to_90"] = 40.0
    shelf[claim.name] = made
    page = open_page("claims", claim=claim.name)
    assert 'is-missed">not borne out<' in words(page)
    assert "The verdict not supported" in text(page)


def test_opening_and_leaving_a_claim_is_in_the_address(service):
    page = press(open_page("claims"), f"open-{NAME}")
    assert page.query_params == {"claim": NAME}
    assert press(page, "all-claims").query_params == {}


def test_the_list_is_filtered_by_verdict(shelf, service):
    shelf[NAME] = rows(CLAIM, FALSE)
    page = open_page("claims", verdict="refuted")
    assert [button.key for button in page.button] == ["show-all", f"open-{NAME}"]
    assert f"1 of {len(CLAIMS)} claims: refuted." in text(page)
    (pills,) = page.button_group
    assert (pills.label, pills.value) == ("Show the claims whose verdict is", "refuted")
    page = press(page, "show-all")
    assert page.query_params == {}
    assert len(page.button) == len(CLAIMS)
    (pills,) = page.button_group
    assert pills.value == "all"
    assert f"all {len(CLAIMS)}" in [option.content for option in pills.proto.options]
    assert f"None of {len(CLAIMS)} claims: a slip of the pen." in text(open_page("claims", verdict="slip"))


@pytest.mark.parametrize(
    "query",
    [{"claim": "nothing"}, {"claim": "../x"}, {"verdict": "<b>"}, {"clam": NAME}, {"claim": "x" * 20_000}],
    ids=["unknown", "path", "markup", "key", "long"],
)
def test_a_link_that_cannot_be_read_is_said_and_the_list_is_there(query, service):
    page = open_page("claims", **query)
    (problem,) = problems(page)
    assert problem.startswith("This link can't be read: ")
    assert len(page.button) == len(CLAIMS)


def test_measuring_again_shows_the_queue_the_progress_and_the_verdict_that_agrees(shelf, service):
    shelf[NAME] = rows(CLAIM, TRUE)
    page = press(open_page("claims", claim=NAME), "measure")
    assert "Place 2 in the queue; 50 trainings." in text(page)
    coming = rows(CLAIM, TRUE, range(5))
    service.deliver(coming[:7], failed=1, startup=1.0, seconds_left=42.0)
    said = text(run(page))
    assert "7 of 50 trainings done, 1 failed, about 40 s left." in said
    assert "Measured here" not in said, "no verdict before the end"
    legends = {trace.get("name") for one in figures(page).values() for trace in one["figure"]["data"]}
    assert any(str(name).startswith("measured here") for name in legends), "rows are drawn as they come"
    service.deliver(coming, "done")
    said = text(run(page))
    assert "The runs here agree with the shipped verdict" in said
    assert page.button(key="measure") is not None
    assert "The verdict" not in said
    assert re.search("Shipped supported(.|\n)*Measured here supported", said)


def test_measuring_again_takes_seeds_that_nobody_has_measured_and_says_so(shelf, service):
    shelf[NAME] = rows(CLAIM, TRUE, range(6))
    page = open_page("claims", claim=NAME)
    assert "50 trainings on this server, with seeds 6 to 10: about" in text(page)
    assert "What is shipped has seeds 0 to 5" in text(page)
    page = press(page, "measure")
    assert (service.order_.first, service.order_.seeds) == (6, 5)
    assert "Seeds 6 to 10." in text(page)
    service.deliver(rows(CLAIM, TRUE, range(6, 11)), "done")
    page = run(page)
    assert "new seeds 6 to 10; of" in text(page)
    assert "with seeds 11 to 15: about" in text(page), "once more is not the same again"


def test_where_nothing_is_shipped_the_first_seeds_are_measured(service):
    page = open_page("claims", claim=NAME)
    assert "50 trainings on this server, with seeds 0 to 4" in text(page)
    assert "What is shipped" not in text(page)


def go(page, name, **query):
    """Follow a link to a page."""
    page.switch_page(f"{name}.py")
    for key in list(page.query_params):
        del page.query_params[key]
    for key, value in query.items():
        page.query_params[key] = value
    return run(page)


def test_an_order_is_followed_on_every_page_of_studies_until_it_ends(shelf, service):
    shelf[NAME] = rows(CLAIM, TRUE)
    page = press(open_page("claims", claim=NAME), "measure")
    service.deliver(rows(CLAIM, TRUE, range(6, 11))[:7], startup=1.0)
    for file, query in (("claims", {}), ("claims", {"claim": "supervised"}), ("maps", {})):
        page = go(page, file, **query)
        assert f"{CLAIM.title}**: 7 of 50 trainings done" in text(page), query
        assert ("Show it", "claims", f"claim={NAME}") in links(page)
    service.deliver(rows(CLAIM, TRUE, range(6, 11)), "done")
    page = go(go(page, "maps"), "claims")
    assert "Measured here, new seeds 6 to 10: supported" in text(page)


def test_an_order_that_ends_elsewhere_is_news_until_it_is_seen(shelf, service, monkeypatch):
    mine, drawn = claims_own.Measuring(), []
    monkeypatch.setattr(claims_measure, "measuring", lambda: mine)
    monkeypatch.setattr(claims_measure, "_bar", lambda own, words, label: drawn.append((own.study.name, words, label)))
    monkeypatch.setattr(claims_measure.st, "rerun", lambda: drawn.append("again"))
    monkeypatch.setattr(claims_measure.st, "fragment", lambda draw, run_every: lambda: (service.end(), draw()))
    mine.start(CLAIM, 5)
    service.deliver(rows(CLAIM, TRUE, range(3)))
    service.end = lambda: service.deliver(rows(CLAIM, TRUE, range(5)), "done")
    claims_measure.elsewhere()
    assert drawn == ["again"]
    claims_measure.elsewhere()
    assert drawn[1:] == [(NAME, "measured here, 50 of 50 trainings.", "See what came")]
    service.end = lambda: None
    claims_measure.watched(CLAIM, lambda own: None)
    claims_measure.elsewhere()
    assert len(drawn) == 2


@pytest.mark.parametrize("query", [{}, {"claim": NAME}, {"claim": "supervised"}], ids=str)
def test_pages_ask_again_while_something_runs_and_never_when_nothing_does(query, service, monkeypatch):
    paces = []
    fragment = claims_measure.st.fragment
    monkeypatch.setattr(
        claims_measure.st, "fragment", lambda draw, run_every: paces.append(run_every) or fragment(draw)
    )
    page = open_page("claims", **query)
    assert {None, *paces} == {None}
    mine = page.session_state["measuring"]
    mine.start(CLAIM, 5)
    for deliver, pace in (
        (lambda: None, claims_own.WAITING_EVERY),
        (lambda: service.deliver(rows(CLAIM, TRUE, range(3))), claims_own.EVERY),
        (lambda: service.deliver(rows(CLAIM, TRUE, range(5)), "done"), None),
    ):
        deliver()
        paces.clear()
        page = run(page)
        assert {None, *paces} == {None, pace}


def test_rows_are_kept_for_the_tab_that_measured_them_and_nobody_else(service, monkeypatch):
    session = {}
    monkeypatch.setattr(claims_own.st, "session_state", session)
    monkeypatch.setattr(claims_own, "_remember", lambda **told: session.update(told=told["data"]["token"]))
    claims_own.remember()
    assert session["told"] == "", "nothing is kept of who has measured nothing"
    claims_own.measuring().start(CLAIM, 5)
    service.deliver(rows(CLAIM, TRUE, range(3)))
    claims_own.measuring().look()
    claims_own.remember()
    token, mine = session["told"], session["measuring"]
    assert len(token) >= 32
    for said, found in ((None, False), ("x" * 32, False), (["a"], False), (token, True)):
        session.clear()
        session["own"] = {"token": said}
        claims_own._take_up()
        assert (claims_own.measuring() is mine) == found


def test_kept_rows_are_bounded_and_forgotten_after_a_time(monkeypatch):
    shelves, now = claims_own.Shelves(), [0.0]
    monkeypatch.setattr(claims_own, "time", SimpleNamespace(monotonic=lambda: now[0]))
    many = [claims_own.Measuring() for _ in range(claims_own.MAX_SHELVES + 3)]
    for one in many:
        shelves.keep(one)
    assert [shelves.find(one.session) is one for one in many] == [False] * 3 + [True] * claims_own.MAX_SHELVES
    now[0] = claims_own.KEPT_FOR - 1
    shelves.keep(many[5])
    now[0] = claims_own.KEPT_FOR + 1
    assert [one for one in many if shelves.find(one.session)] == [many[5]]
    shelves.keep(many[0])
    assert len(shelves._held) == 2


def test_a_figure_is_drawn_again_only_where_a_row_of_its_experiment_has_come(shelf, service, monkeypatch):
    drawn, draw = [], claims_picture.experiment_figure
    monkeypatch.setattr(
        claims_picture, "experiment_figure", lambda one, *rows: drawn.append(one.key) or draw(one, *rows)
    )
    shelf[NAME] = rows(CLAIM, TRUE)
    page = press(open_page("claims", claim=NAME), "measure")
    service.deliver([])
    run(page)
    assert sorted(drawn) == sorted(one.key for one in CLAIM.experiments)
    drawn.clear()
    (first, *_), coming = CLAIM.experiments, rows(CLAIM, TRUE, range(6, 7))
    keys = {arm.seeded(6).key for arm in first.arms}
    service.deliver([row for row in coming if row["key"] in keys])
    page = run(run(page))
    assert drawn == [first.key]
    legends = {trace.get("name") for one in figures(page).values() for trace in one["figure"]["data"]}
    assert any(str(name).startswith("measured here") for name in legends)


def test_runs_that_disagree_with_what_is_shipped_are_said_to(shelf, service):
    shelf[NAME] = rows(CLAIM, TRUE)
    page = press(open_page("claims", claim=NAME), "measure")
    service.deliver(rows(CLAIM, FALSE, range(5)), "done")
    said = text(run(page))
    assert "The runs here disagree." in said
    assert "The shipped verdict is: supported. From the runs here it is: refuted." in said


def test_too_few_seeds_give_no_verdict_and_that_is_said(shelf, service):
    shelf[NAME] = rows(CLAIM, TRUE)
    page = open_page("claims", claim=NAME)
    page.number_input[0].set_value(4)
    page = press(run(page), "measure")
    service.deliver(rows(CLAIM, TRUE, range(4)), "done")
    said = text(run(page))
    assert "Too few seeds for a verdict (4 of 5)." in said
    assert "Measured here too few seeds for a verdict (4 of 5)" in said
    assert "not measured yet" not in said
    assert "(4 seeds: too few for an interval)" in said
    assert "nan" not in said


def test_cancelling_keeps_the_seeds_that_are_complete_and_the_others_are_measured_next(shelf, service):
    shelf[NAME] = rows(CLAIM, TRUE, range(6))
    page = press(open_page("claims", claim=NAME), "measure")
    service.deliver(two_and_a_part())
    page = press(run(page), "cancel-measuring")
    said = text(page)
    assert "Cancelled after 24 of 50 trainings: seeds 6 to 7 are complete, and seed 8 comes next." in said
    assert "Measured here too few seeds for a verdict (2 of 5)" in said
    assert "new seeds 6 to 7; of" in said
    assert "(2 seeds: too few for an interval)" in said
    assert "3 seeds" not in said
    legends = {trace.get("name") for one in figures(page).values() for trace in one["figure"]["data"]}
    assert "measured here, 2 seeds" in legends
    assert "measured here, 3 seeds" not in legends
    assert press(page, "measure").session_state["measuring"].of(CLAIM).asked == range(8, 13)
    assert "new seeds 6 to 7: too few seeds" in text(cancelled_list(shelf, service))


def cancelled_list(shelf, service):
    """The list of claims, after two of five seeds and a part of the third."""
    page = press(open_page("claims", claim=NAME), "measure")
    service.deliver(two_and_a_part(), "cancelled")
    return go(run(page), "claims")


def two_and_a_part():
    """The rows of two seeds, and some of a third's."""
    return sorted(rows(CLAIM, TRUE, range(6, 9)), key=lambda row: row["seed"])[:24]


def test_cancelling_before_a_seed_is_complete_leaves_the_page_as_it_was(shelf, service):
    shelf[NAME] = rows(CLAIM, TRUE, range(6))
    page = open_page("claims", claim=NAME)
    before = figures(page)
    page = press(page, "measure")
    service.deliver(rows(CLAIM, TRUE, range(6, 7))[:4])
    page = press(run(page), "cancel-measuring")
    said = text(page)
    assert "Cancelled after 4 of 50 trainings: no seed is complete, and seed 6 comes next." in said
    assert "The verdict supported" in said
    assert "Measured here" not in said
    assert "too few" not in said
    assert figures(page) == before
    assert "with seeds 6 to 10" in said


def test_an_order_of_which_every_training_failed_gives_no_verdict(shelf, service):
    shelf[NAME] = rows(CLAIM, TRUE, range(6))
    page = press(open_page("claims", claim=NAME), "measure")
    coming = rows(CLAIM, TRUE, range(6, 11))
    service.deliver(coming, "done", failed=len(coming))
    said = text(run(page))
    assert "50 of 50 trainings failed: no good" in said
    assert "Measured here" not in said


def test_the_list_says_what_each_of_its_verdicts_means_and_no_other(shelf, service):
    shelf[NAME] = rows(CLAIM, TRUE)
    said = words(open_page("claims"))
    assert not re.search("[“”„]", said), "a quotation without its source"
    for kind, meaning in MEANINGS.items():
        shown = f'<span class="bnviz-mark is-{kind}">{studies.KINDS[kind]}</span>{meaning}' in html.unescape(said)
        assert shown == (kind in ("supported", "open")), kind
    assert set(MEANINGS) == set(studies.KINDS) - {"measured"}


def test_the_list_gives_the_number_without_batch_normalization_beside_the_one_with_it(shelf, service):
    claim = CLAIMS["vanishing-gradients"]
    shelf[claim.name] = rows(claim, {})
    finding = claim.judge(shelf[claim.name]).findings[0]
    assert "Without BN it is" in finding.brief
    assert "interval" not in finding.brief
    assert finding.brief in text(open_page("claims"))


def test_commands_are_those_of_a_checkout_and_of_the_image(shelf, service, monkeypatch):
    shelf[NAME] = rows(CLAIM, TRUE)
    for measures, command, typed in (
        ("1", f"study {NAME} --check", f"study {NAME} --check"),
        ("0", f"study {NAME}", f"study {NAME} --out /tmp/studies"),
    ):
        monkeypatch.setenv("BNVIZ_STUDY_WORKERS", measures)
        (said,) = (
            one for one in open_page("claims", claim=NAME).caption if f"`python -m bnviz {command}`" in one.value
        )
        assert f"`docker run --rm bnviz python -m bnviz {typed}`" in said.help


def test_a_study_that_the_server_forgot_is_said_to_have_ended(service):
    page = press(open_page("claims", claim=NAME), "measure")
    service.order_ = None
    assert "Nobody looked for 90 seconds" in text(run(page))


def test_what_the_server_refuses_is_said_and_another_study_waits_for_the_first(service):
    service.refuses = "20 studies wait already: try again in some minutes."
    page = press(open_page("claims", claim=NAME), "measure")
    assert problems(page) == [service.refuses]
    service.refuses = ""
    page = press(page, "measure")
    page.query_params["claim"] = "supervised"
    page = run(page)
    assert page.button(key="measure").disabled
    assert f"{CLAIM.title}** is being measured" in text(page)
    page = press(page, "cancel-elsewhere")
    assert not run(page).button(key="measure").disabled


def test_where_the_server_measures_nothing_it_says_so(service, monkeypatch):
    monkeypatch.setenv("BNVIZ_STUDY_WORKERS", "0")
    page = open_page("claims", claim=NAME)
    assert "Measuring is switched off on this server" in text(page)
    assert not [button for button in page.button if button.key == "measure"]
