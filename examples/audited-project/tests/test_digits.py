"""What the project promises of its model beside being right."""

DIGITS = "models/digits.py::digits"


def test_size(audit_model):
    audit_model(DIGITS).matches(params=5258, layers={"conv_2": 1168}).within(max_macs="250k")
