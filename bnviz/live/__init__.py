"""The stage's server side: which runs live, who trains them, and how their history reaches the browser.

The page keeps the history and asks over its WebSocket with its own cursor; the answer holds everything newer, packed.
So back-pressure is free, nothing is lost, and a page that does not ask does not train.
"""
