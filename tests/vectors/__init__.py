"""Token cases that every language's verifier runs, and what makes, runs and compares them."""
