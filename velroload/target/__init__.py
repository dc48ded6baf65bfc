"""The reference target: a small, real HTTP service to put under load.

It checks passwords and tokens for real and keeps its own count of what it was asked, so that a run
can be held against the truth. It stands beside the house: of it, it imports only errors and units.
`velroload.target.process` starts it as a child process and costs only the standard library.
"""
