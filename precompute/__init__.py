"""Images -> model -> parts: the offline stage. Knows no Streamlit."""

__version__ = "0.2.0"
"""Of the project; CITATION.cff and the changelog's first release name the same."""
