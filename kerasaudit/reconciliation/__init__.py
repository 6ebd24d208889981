"""Derived × observed × claimed: the audit and its findings."""
