"""The gradients of Keras's layers, one family a file, named as in `derivation/rules/`."""
