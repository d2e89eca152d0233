"""Declares the pages; this script runs before each of them."""

import streamlit as st

LAB = st.Page("lab.py", title="bnviz: batch normalization, live", icon=":material/show_chart:", default=True)

st.set_page_config(layout="wide", initial_sidebar_state="auto")
st.navigation([LAB], position="hidden").run()
