"""A model file by its URL: only the parts of it that are asked for are fetched, each once.

`fsspec` opens the URL. It and the packages of the protocols are extras, imported when one is
needed. What is fetched is the URL that the user gave, or where its server redirects to: no URL is
ever taken out of a file. `address.py` says what is a URL, `source.py` reads one: it takes long to
import, so this package imports neither.
"""
