"""Documented figures kept true: the marks in a Markdown text, and the figures that follow them.

    <!-- kerasaudit: zoo:lenet5 params -->61,706

`page` finds comments and tables in a text, `mark` reads what a comment asks for, `written` reads
the figure as it stands and writes another in the same form, `document` judges and mends.
"""

from __future__ import annotations
