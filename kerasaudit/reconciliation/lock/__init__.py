"""Locks: what a model was when someone last agreed to it, kept beside the code and compared with.

`content` is what a lock holds, `file` how it is written, `naming` which file is whose, `drift`
where a model parts from its lock, and `folder` the locks together: which are orphans, and how all
of them are written anew.
"""
