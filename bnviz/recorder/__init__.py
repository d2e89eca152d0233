"""Watch somebody's own PyTorch model while it trains: statistics come out, nothing changes, nothing stays behind.

`bnviz.record(model, path)` is the way in. This room computes what one captured step was like; where it goes is somebody
else's: a `Sink` is handed in, so that neither the file's format nor the disk is known here.
"""
