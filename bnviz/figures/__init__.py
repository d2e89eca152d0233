"""History in, go.Figure out: the page's charts for keeping. The only room with Plotly; never fetches or displays.

Modules are named after the quantities that they draw; `charts.FIGURES` lists all of them in the page's order.
"""
