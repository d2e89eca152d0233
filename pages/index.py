"""Declares the pages; this script runs before each of them."""

import streamlit as st

# Two curves that come apart, drawn here: a named icon would be fetched from the internet.
ICON = """
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" fill="none" stroke-width="4" stroke-linecap="round">
  <path d="M3 28C9 28 8 5 29 5" stroke="#0072B2"/>
  <path d="M3 28C17 28 20 20 29 17" stroke="#D55E00" stroke-dasharray="5 6"/>
</svg>
"""

st.set_page_config(layout="wide", initial_sidebar_state="auto")
lab = st.Page("lab.py", title="bnviz: batch normalization, live", default=True)
page = st.navigation([lab], position="hidden")
st.set_page_config(page_icon=ICON)
page.run()
