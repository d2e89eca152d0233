"""What goes wrong with a study before or around its trainings; a training that fails is a row, not an error."""

from __future__ import annotations


class StudyError(ValueError):
    """A study can't be run or its results can't be read; the text says why, and what to do."""
