"""What edits of the model do to its captions."""
