"""The demo captioner and its picture book, and how both were made."""
