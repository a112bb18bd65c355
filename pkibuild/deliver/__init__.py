"""Bringing what is built to where it is used."""
