"""Two runs, or two conditions, image by image: what differs, and where."""
