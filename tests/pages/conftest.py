"""The pages are opened as the lab is."""

from __future__ import annotations

from tests.ui.conftest import _components_found_once

__all__ = ["_components_found_once"]
