"""Two Keras layers (`layers`), and the rules by which kerasaudit derives them (`rules`)."""
