"""The app: Streamlit's pages and, beside them, the live stage's stream. `streamlit run app.py` starts it."""

from __future__ import annotations

import gc
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import streamlit as st

sys.path.insert(0, str(Path(__file__).parent))  # bnviz is found from any working directory

from bnviz.live.routes import routes, warm_up


@asynccontextmanager
async def lifespan(_app: Any) -> AsyncIterator[dict[str, Any]]:
    """Import what training needs while the first page is drawn, then keep imported modules out of collections."""
    warm_up(then=lambda: (gc.collect(), gc.freeze()))
    yield {}


app = st.App("pages/index.py", routes=routes(), lifespan=lifespan)
