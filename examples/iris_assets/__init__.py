"""Iris: a data-engineering job that feeds a data-science job."""
