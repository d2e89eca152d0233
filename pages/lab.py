"""The lab: twin networks train live, with and without batch normalization."""

from bnviz.ui import lab

lab.show()
