"""One user's iteration, sent for real and shown whole: `velroload try`."""
