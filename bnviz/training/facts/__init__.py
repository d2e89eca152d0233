"""Statements about batch normalization put to real layers and data: each function gives one number, from 0 or 1 off."""
