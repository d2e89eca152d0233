"""Maps: where networks train, over two fields of a configuration."""

from bnviz.ui import maps

maps.show()
