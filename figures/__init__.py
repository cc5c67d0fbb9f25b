"""Figures, tables and the report, drawn from stored result tables."""
