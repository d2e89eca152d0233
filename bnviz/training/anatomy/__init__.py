"""One batch normalization layer, taken apart number by number with the code that trains the networks."""
