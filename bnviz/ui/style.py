"""What all pages' looks share beyond the theme in `.streamlit/config.toml`."""

STYLE = """
<style>
[data-testid="stMainBlockContainer"] { padding: 0.5rem 1.5rem 1rem; }
[data-testid="stSidebarUserContent"] { padding-top: 0; }
[data-testid="stHeader"] { background: transparent; pointer-events: none; }
[data-testid="stHeader"] button { pointer-events: auto; }
.st-key-bnviz-pages { gap: 0.25rem; margin-bottom: -0.4rem; }
.st-key-bnviz-pages a { padding: 0.15rem 0.6rem; }
.st-key-bnviz-opened { gap: 0.5rem; margin: -0.7rem 0 -0.9rem; }
.stApp:has([data-testid="stExpandSidebarButton"]) .st-key-bnviz-pages { padding-left: 2.2rem; }
</style>
"""

# Two curves that come apart, drawn here: a named icon would be fetched from the internet.
ICON = """
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" fill="none" stroke-width="4" stroke-linecap="round">
  <path d="M3 28C9 28 8 5 29 5" stroke="#0072B2"/>
  <path d="M3 28C17 28 20 20 29 17" stroke="#D55E00" stroke-dasharray="5 6"/>
</svg>
"""
