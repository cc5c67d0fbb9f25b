"""Monte Carlo studies on FAISS."""
