"""Pairs -> better pairs: recaption, check, publish, and the command line."""
