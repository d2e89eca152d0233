"""Recordings: a network's training played back, one's own or one that ships."""

from bnviz.ui import recordings

recordings.show()
