"""Asking: the command line. One file per command; the only room that prints."""
