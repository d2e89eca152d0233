"""Declares the pages; this script runs before each of them."""

import streamlit as st

from bnviz.ui.navigation import navigation
from bnviz.ui.style import ICON, STYLE

st.set_page_config(layout="wide", initial_sidebar_state="auto")
lab = st.Page("lab.py", title="bnviz: batch normalization, live", default=True)
anatomy = st.Page("anatomy.py", title="bnviz: one batch-norm layer, number by number", url_path="anatomy")
page = st.navigation([lab, anatomy], position="hidden")
st.set_page_config(page_icon=ICON)
st.html(STYLE)
with navigation(lab, anatomy):
    page.run()
