"""Anatomy: one batch-norm layer, number by number."""

from bnviz.ui import anatomy

anatomy.show()
