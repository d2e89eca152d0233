"""Claims: what people say about batch normalization, and what the measurements say."""

from bnviz.ui import claims

claims.show()
