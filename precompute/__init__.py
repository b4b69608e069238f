"""Images -> model -> parts: the offline stage. Knows no Streamlit."""
