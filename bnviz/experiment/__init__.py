"""WHAT is asked and what came out: plain data, standard library and numpy only."""
