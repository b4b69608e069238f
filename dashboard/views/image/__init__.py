"""One picture, layer by layer and head by head."""
