"""Declares the pages; this script runs before each of them."""

import streamlit as st

from bnviz.ui.navigation import navigation
from bnviz.ui.style import ICON, STYLE
from bnviz.ui.turns import PAGES

with PAGES.turn():
    st.set_page_config(layout="wide", initial_sidebar_state="auto")
    lab = st.Page("lab.py", title="bnviz: batch normalization, live", default=True)
    anatomy = st.Page("anatomy.py", title="bnviz: one batch-norm layer, number by number", url_path="anatomy")
    recordings = st.Page("recordings.py", title="bnviz: recordings", url_path="recordings")
    claims = st.Page("claims.py", title="bnviz: claims, and what the measurements say", url_path="claims")
    maps = st.Page("maps.py", title="bnviz: maps of what trains", url_path="maps")
    page = st.navigation([lab, anatomy, claims, maps, recordings], position="hidden")
    st.set_page_config(page_icon=ICON)
    st.html(STYLE)
    LINKS = [
        (lab, "Lab", "lab"),
        (anatomy, "Anatomy", "anatomy_state"),
        (claims, "Claims", "claims"),
        (maps, "Maps", "maps"),
        (recordings, "Recordings", "recordings"),
    ]
    with navigation(LINKS):
        page.run()
