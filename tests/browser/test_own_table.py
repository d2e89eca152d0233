"""What a person does with a table of their own, in a real Chromium."""

from __future__ import annotations

import pytest

from tests.browser.driver import at
from tests.browser.test_takeaway import saved
from tests.own_tables import blobs, iris

pytestmark = pytest.mark.browser
SIDE, MAIN = "[data-testid=stSidebar] input[type=file]", "[data-testid=stMain] input[type=file]"


def drop(lab, where: str, name: str, data: bytes) -> None:
    lab.page.set_input_files(where, [{"name": name, "mimeType": "text/csv", "buffer": data}])


def ask(lab) -> None:
    """Choose a table of one's own as the data."""
    lab.page.get_by_text("Data", exact=True).first.click()
    lab.choose("Data", "your own table (CSV)")
    lab.page.wait_for_selector("[data-testid=stSidebar] [data-testid=stFileUploader]")


def test_a_dropped_table_trains_a_bad_one_changes_nothing_and_its_link_asks_for_it(lab, labs):
    ask(lab)
    drop(lab, SIDE, "iris.csv", iris())
    assert lab.wait_query("table", "iris").startswith("iris.csv~150x4x3x50~5c~")
    lab.wait("bnvizStats.generation === 1 && bnvizStats.shown === 0")
    lab.pause_at(150)
    lab.wait("parseFloat(document.querySelector('[data-bnviz=\"accuracy-readout-1\"]').textContent) > 60")
    lab.wait_query("until", "150")
    numbers, address, sockets = lab.numbers(), lab.page.url, lab.stats()["sockets"]

    drop(lab, SIDE, "bad.csv", iris().replace(b"4.9", b"four", 1))
    alerts = [lab.page.get_by_test_id(place).get_by_test_id("stAlert") for place in ("stSidebar", "stMain")]
    for alert in alerts:
        alert.get_by_text("row 3, column 'sepal length': 'four' is not a number").wait_for()
    assert alerts[0].inner_text() == alerts[1].inner_text()
    place = alerts[1].bounding_box()
    assert 0 < place["y"] < place["y"] + place["height"] < 200, "above the charts, to be seen without scrolling"
    assert (lab.shown, lab.numbers(), lab.page.url) == (150, numbers, address), "what there was stays"
    assert lab.stats()["sockets"] == sockets, "the charts are moved, and not made anew"
    lab.page.close()

    again = labs()
    again.page.goto(address)
    again.page.get_by_text("which is not on this server").wait_for()
    assert again.page.locator(at("play")).count() == 0
    drop(again, MAIN, "iris.csv", iris())
    again.wait_usable()
    again.click("play")
    again.wait("!bnvizStats.playing && bnvizStats.shown === 150")
    assert again.numbers() == numbers, "the same table under the same link gives the same numbers"


def uploaded(lab, name: str, data: bytes) -> None:
    """Drop a file and wait until the server has it, and no longer."""
    with lab.page.expect_response(lambda answer: "upload_file" in answer.url and answer.request.method == "PUT"):
        drop(lab, SIDE, name, data)


def test_files_that_are_dropped_one_right_after_the_other_leave_the_field_and_the_last_one_counts(lab):
    ask(lab)
    bad = iris().replace(b"4.9", b"four", 1)
    uploaded(lab, "one.csv", bad)
    uploaded(lab, "two.csv", bad)
    beside = lab.page.get_by_test_id("stSidebar").get_by_test_id("stAlert")
    beside.get_by_text("two.csv can't be trained on").wait_for()
    assert lab.page.locator(SIDE).count() == 1
    uploaded(lab, "three.csv", iris())
    lab.wait_query("table", "^three.csv")
    uploaded(lab, "four.csv", blobs())
    lab.wait_query("table", "^four.csv~120x3x2")
    beside.wait_for(state="detached")
    lab.page.get_by_test_id("stSidebar").get_by_text("120 rows, 3 number columns, 2 classes").wait_for()
    assert lab.page.locator(SIDE).count() == 1
    lab.wait_usable()
    # A run that is replaced before the page has reached it is a connection that is given up
    lab.complaints = [text for text in lab.complaints if "closed before the connection is established" not in text]


def test_who_chooses_a_table_of_their_own_is_told_what_to_drop_above_the_charts(lab):
    ask(lab)
    main = lab.page.get_by_test_id("stMain")
    main.get_by_text("Drop a file to train on your own table").wait_for()
    field = main.get_by_test_id("stFileUploader").bounding_box()
    assert field["y"] + field["height"] < 900
    assert lab.page.locator(at("play")).count() == 1, "the networks go on with what they have"
    drop(lab, MAIN, "iris.csv", iris())
    lab.wait_query("table", "iris")
    main.get_by_test_id("stFileUploader").wait_for(state="detached")
    lab.wait("bnvizStats.generation === 1 && bnvizStats.shown === 0")


def test_two_columns_are_seen_as_a_plane_and_the_script_says_the_files_name(lab):
    ask(lab)
    drop(lab, SIDE, "plane.csv", blobs(features=2, classes=3))
    lab.wait_query("table", "plane")
    lab.page.wait_for_selector(at("chart-picture"))
    lab.pause_at(20)
    lab.wait("/\\d/.test(document.querySelector('[data-bnviz=\"summary-picture\"]').textContent)")
    lab.wait(
        """(() => {
          const canvas = document.querySelector('[data-bnviz="chart-picture"] canvas');
          const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
          const seen = new Set();
          for (let i = 0; i < pixels.length; i += 16) seen.add(pixels.slice(i, i + 3).join());
          return seen.size > 30;
        })()"""
    )
    script = saved(lab, "take-menu", "take-pytorch-0").read_text()
    assert 'TABLE = "plane.csv"' in script
