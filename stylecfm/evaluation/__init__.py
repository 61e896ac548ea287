"""Metrics, baselines, a style classifier, and reports."""
