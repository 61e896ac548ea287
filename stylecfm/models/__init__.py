"""Velocity networks and their parts."""
