"""The app: Streamlit's pages and, beside them, the live stage's stream. `streamlit run app.py` starts it."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import streamlit as st

sys.path.insert(0, str(Path(__file__).parent))  # bnviz is found from any working directory

from bnviz.experiment.fields import ConfigError
from bnviz.live.limits import allow_files, limits
from bnviz.live.routes import routes, warm_up
from bnviz.live.shell import pages
from bnviz.studies.errors import StudyError
from bnviz.studies.service import workers
from bnviz.ui.claims_evidence import weigh_all
from bnviz.ui.environment import unknown
from bnviz.ui.streamlit_guard import guard
from bnviz.ui.takeaway import MAKERS
from bnviz.ui.turns import PAGES

guard()
allow_files()
for warning in unknown(os.environ):
    logging.getLogger("bnviz").warning("bnviz: %s", warning)
try:  # what the environment sets: what is wrong is said now, in one line, and not to a visitor
    limits(), workers()
except (ConfigError, StudyError) as error:
    sys.exit(f"bnviz: {error}")


@asynccontextmanager
async def lifespan(_app: Any) -> AsyncIterator[dict[str, Any]]:
    """Import and weigh what pages need while the first is drawn, then keep imported modules out of collections."""
    PAGES.loop = asyncio.get_running_loop()
    warm_up(then=lambda: (weigh_all(), gc.collect(), gc.freeze()))
    yield {}


base = f"/{st.get_option('server.baseUrlPath').strip('/')}".rstrip("/")
names = [path.stem for path in Path(__file__).with_name("pages").glob("*.py")]
app = st.App("pages/index.py", routes=[*routes(makers=MAKERS, base=base), *pages(names, base)], lifespan=lifespan)
