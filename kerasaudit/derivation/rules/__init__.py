"""The built-in rules, one layer family a file. Every module here is loaded at the first look-up."""
