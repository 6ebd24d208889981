"""The chain rule, path by path: every product of local derivatives from the loss to one element.

A model is taken apart into stages (`chain`), each of which says which of its input's positions feed
a position of its output, and with which derivative (`layers/`, one family a file). Paths are
counted before they are listed (`flow`), and named as on paper (`notation`, `formula`);
`explanation` is the result.
"""
